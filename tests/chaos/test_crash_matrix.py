"""Any actor may fail at any state of an order: it comes back, and who has nothing to do with it does not notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.routes import ORDERS, PORTFOLIO, RISK, gateway_entry, strategy_name
from app.chaos.matrix import Blow, MatrixWorld, Output, spared_by, strike_all
from app.chaos.scripted import quantile
from app.chaos.world import play
from domain.messages.journal import OrderState
from domain.values import SECOND

OWN, OTHERS = strategy_name("s1"), (strategy_name("s2"), strategy_name("s3"))


@pytest.mark.parametrize("state", list(OrderState))
def test_whoever_fails_as_an_order_comes_to_a_state_comes_back_and_the_books_agree(state: OrderState) -> None:
    """All actors and more seeds: `python run.py chaos --matrix`."""
    shared = (ORDERS, RISK, gateway_entry(0), gateway_entry(1))[list(OrderState).index(state) % 4]

    for struck in strike_all(state, 1, (shared, OWN)):
        assert not struck.violations, f"{struck.blow}: {struck.violations[0]}"
        assert not struck.changed, f"{struck.blow}: {struck.changed} told something else"
        assert 0 < struck.up <= struck.back


def test_strategies_that_are_spared_told_something_and_the_one_that_is_not_told_something_else() -> None:
    without, hit = _told(Blow(OrderState.COMPLETE, 1))
    told, _ = _told(Blow(OrderState.COMPLETE, 1, OWN, "hang"))
    late = {name: [at for at, _ in said if at > hit] for name, said in without.items()}

    assert all(len(late[name]) > 3 for name in OTHERS)
    assert {name: told[name] for name in OTHERS} == {name: without[name] for name in OTHERS}
    assert told[OWN] != without[OWN]


def test_a_strategy_alone_or_nobody_is_concerned_where_the_fault_is_not_on_the_common_way() -> None:
    everybody = (OWN, *OTHERS)

    assert spared_by(Blow(OrderState.INTENT, 1, OWN, "crash"), everybody, OWN) == OTHERS
    assert spared_by(Blow(OrderState.INTENT, 1, PORTFOLIO, "hang"), everybody, OWN) == everybody
    assert spared_by(Blow(OrderState.INTENT, 1, PORTFOLIO, "kill"), everybody, OWN) == ()
    assert spared_by(Blow(OrderState.QUARANTINED, 1, OTHERS[0], "crash"), everybody, OWN) == OTHERS[1:]
    assert spared_by(Blow(OrderState.INTENT, 1, RISK, "crash"), everybody, OWN) == ()


def test_an_actor_without_a_heartbeat_is_left_to_its_hang() -> None:
    (struck,) = strike_all(OrderState.ACKNOWLEDGED, 1, ("session",), ("hang",))

    assert not struck.violations
    assert struck.up == pytest.approx(20.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 3), (0.99, 5), (0.2, 1), (1.0, 5), (0.01, 1)])
def test_quantiles_are_values_that_were_seen(share: float, value: int) -> None:
    assert quantile([5, 1, 4, 2, 3], share) == value


def _told(blow: Blow) -> tuple[dict[str, Output], int]:
    """What each strategy told until half a minute after the blow; and when that was."""
    worlds: list[MatrixWorld] = []

    def make(folder: Path) -> MatrixWorld:
        worlds.append(MatrixWorld(blow, folder))
        return worlds[0]

    assert not play(make).violations
    return worlds[0].until(worlds[0].hit_at + 30 * SECOND), worlds[0].hit_at
