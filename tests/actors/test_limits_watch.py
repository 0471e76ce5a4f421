"""The gate tells how much of its limits is used, and calls a person when one comes near: once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from actors.routes import Routes, Topology
from domain.messages.control import Alert
from domain.messages.limits import LimitsUsed
from domain.values import RUPEE
from tests.actors.stage import Stage
from tests.actors.test_risk_gate_actor import Desk
from tests.domain.builders import day_opened, some_limits

LIMITS = some_limits(stale_price_seconds=300, gross_exposure_max=12_000 * RUPEE, repeat_seconds=0.001)


@pytest.fixture
def desk(stage: Stage) -> Desk:
    stage.journal.commit([day_opened()])
    stage.routes = Routes(replace(stage.routes.topology, published=True))
    desk = Desk(stage, limits=LIMITS, warn_at_percent=80)
    assert desk._look
    return desk.active()


def look(desk: Desk) -> list[Alert]:
    """A second later: what is said."""
    before = len(desk.context.of(Alert))
    desk.stage.passes(1)
    desk.look()
    return desk.context.of(Alert)[before:]


def gross(desk: Desk) -> int:
    [use] = [use for use in desk.context.of(LimitsUsed)[-1].uses if use.key == "gross_exposure_max"]
    return use.used


def test_the_gates_own_figures_are_told_once_a_second(desk: Desk) -> None:
    look(desk)
    assert gross(desk) == 0
    desk.entry("s1:1")
    desk.look()
    assert len(desk.context.of(LimitsUsed)) == 1, "not more often"
    look(desk)

    assert gross(desk) == 10_000 * RUPEE
    assert {told.to for told in desk.context.told if isinstance(told.message, LimitsUsed)} == {"publisher"}


def test_a_limit_that_comes_near_is_an_event_and_an_alert_once(desk: Desk) -> None:
    assert look(desk) == []
    desk.entry("s1:1")

    [alert] = look(desk)
    assert (alert.level, alert.name) == ("warning", "risk.limit_near")
    assert alert.text == "gross exposure: 10000.00 of 12000.00 rupees (83 %)"
    [keys] = [keys for _, name, keys in desk.context.logged if name == "risk.limit_near"]
    assert (keys["key"], keys["subject"], keys["used"], keys["limit"]) == (
        "gross_exposure_max",
        "",
        10_000 * RUPEE,
        12_000 * RUPEE,
    )
    assert look(desk) == []


def test_nobody_is_told_where_nobody_wants_to_know(stage: Stage) -> None:
    stage.journal.commit([day_opened()])
    assert not Topology((), {}).published
    desk = Desk(stage, limits=LIMITS)
    assert desk._look
    desk.active().entry("s1:1")

    assert look(desk) == []
    assert desk.context.of(LimitsUsed) == []
