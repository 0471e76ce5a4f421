"""How much of each limit is used, and when one is said to be near."""

from __future__ import annotations

from typing import Any

import pytest

from domain.messages.journal import JournalEvent
from domain.messages.limits import LimitUse, Unit
from domain.messages.orders import Denied, DenyReason
from domain.risk import check
from domain.risk.facts import StrategyStands
from domain.risk.limits import RiskLimits
from domain.risk.usage import Crossings, limits_used
from domain.values import MINUTE, RUPEE, SECOND
from tests.domain.builders import INFY, a_risk_book, accepted, an_intent, buy, sell, some_facts, some_limits

LAKH = 100_000 * RUPEE


def uses(*events: JournalEvent, **more: Any) -> dict[tuple[str, str], tuple[int, int]]:
    limits = some_limits(**more.pop("limits", {}))
    stands = more.pop("stands", {})
    book = a_risk_book(*events)
    book.mark(INFY.token, 1000 * RUPEE)
    found = limits_used(book, limits, some_facts(**more), stands)
    assert len({(use.key, use.subject) for use in found}) == len(found), "each once"
    return {(use.key, use.subject): (use.used, use.limit) for use in found}


def test_every_limit_that_fills_up_is_there_under_its_own_key() -> None:
    found = uses(
        buy(10, 1000),
        accepted(an_intent("s1:2"), "tag1", margin=2_000 * RUPEE),
        day_peak=9 * LAKH,
        limits={"profit_lock_from": LAKH},
        stands={"s1": StrategyStands(day_pnl=-5, trades=2, losses=3, last_loss=1)},
    )
    bounds_one_order = {
        "max_quantity_per_order",
        "max_value_per_order",
        "slices_max",
        "exits_reserved_share",
        "repeat_seconds",
        "modifications_per_order",  # of an order that was changed
        "cool_down_minutes",
        "profit_lock_from",
        "stale_price_seconds",
        "stale_feed_seconds",
        "price_band_percent",
        "circuit_margin_percent",
        "market_protection_max_percent",
        "expiry_day_cutoff",
        "physical_settlement_sessions",
        "index_underlyings",
        "margin_percent_mis",
        "margin_percent_cnc",
        "margin_percent_nrml",
        "margin_percent_mtf",
        "margin_percent_short_option",
        "allowed_products",
        "allowed_exchanges",
        "banned",
    }

    assert {key for key, _ in found} == set(RiskLimits.__struct_fields__) - bounds_one_order


@pytest.mark.parametrize(
    ("key", "subject", "used"),
    [
        ("gross_exposure_max", "", 20_000 * RUPEE),
        ("net_exposure_max", "", 20_000 * RUPEE),
        ("strategy_exposure_max", "s1", 20_000 * RUPEE),
        ("product_exposure_max", "MIS", 20_000 * RUPEE),
        ("segment_exposure_max", "NSE", 20_000 * RUPEE),
        ("underlying_exposure_max", "INFY", 20_000 * RUPEE),
        ("concentration_max_percent", "INFY", 20_000 * RUPEE),
        ("max_position_quantity", INFY.key, 20),
        ("max_position_value_per_instrument", INFY.key, 20_000 * RUPEE),
        ("open_orders", "", 1),
        ("open_orders_per_strategy", "s1", 1),
        ("open_orders_per_instrument", INFY.key, 1),
        ("orders_per_second", "", 1),
        ("orders_per_day", "", 1),
        ("strategy_orders_per_day", "s1", 1),
        ("margin_buffer_percent", "", 4_000 * RUPEE),
    ],
)
def test_an_open_entry_counts_as_filled(key: str, subject: str, used: int) -> None:
    found = uses(
        buy(10, 1000), accepted(an_intent("s1:2"), "tag1", margin=2_000 * RUPEE), stands={"s1": StrategyStands()}
    )

    assert found[key, subject][0] == used


def test_results_count_as_losses_alone() -> None:
    winning = uses(day_pnl=LAKH, day_peak=LAKH)
    losing = uses(day_pnl=-LAKH, day_peak=LAKH, drawdown=3 * LAKH)

    assert [winning[key, ""][0] for key in ("daily_loss_max", "day_drawdown_max", "drawdown_max")] == [0, 0, 0]
    assert [losing[key, ""][0] for key in ("daily_loss_max", "day_drawdown_max", "drawdown_max")] == [
        LAKH,
        2 * LAKH,
        3 * LAKH,
    ]


def test_a_limit_that_is_full_denies_the_next_order() -> None:
    limits = some_limits(gross_exposure_max=20_000 * RUPEE)
    book = a_risk_book(buy(10, 1000), accepted(an_intent("s1:2"), "tag1", margin=2_000 * RUPEE))
    book.mark(INFY.token, 1000 * RUPEE)
    [full] = [use for use in limits_used(book, limits, some_facts(), {}) if use.key == "gross_exposure_max"]
    assert full.share == 1

    verdict = check(an_intent("s1:3", quantity=1), book, limits, some_facts())

    assert isinstance(verdict, Denied)
    assert verdict.reason is DenyReason.GROSS_EXPOSURE


def test_what_is_flat_uses_nothing_of_an_instrument() -> None:
    found = uses(buy(10, 1000), sell(10, 1000, trade_id="t2"))

    assert not [subject for key, subject in found if subject == INFY.key]


def use(used: int, limit: int = 100, subject: str = "") -> LimitUse:
    return LimitUse("orders_per_day", "orders today", subject, used, limit, Unit.COUNT)


def test_a_limit_is_near_once_until_it_has_left_for_a_minute() -> None:
    crossings = Crossings(80)
    looks = [
        (0, 79, False),
        (1, 80, True),
        (2, 100, False),
        (3, 79, False),
        (100, 71, False),  # not left yet: within ten of what counts as near
        (101, 85, False),
        (102, 70, False),  # left
        (160, 80, False),  # not for a minute
        (161, 70, False),
        (220, 70, False),
        (221, 80, True),
    ]
    assert [bool(crossings.look([use(used)], at * SECOND)) for at, used, _ in looks] == [said for *_, said in looks]


def test_every_subject_is_near_by_itself_and_one_that_is_gone_has_left() -> None:
    crossings = Crossings(80)
    assert [each.subject for each in crossings.look([use(90, subject="a"), use(10, subject="b")], 0)] == ["a"]
    assert [each.subject for each in crossings.look([use(90, subject="a"), use(90, subject="b")], 1)] == ["b"]
    assert crossings.look([], MINUTE + 1) == []
    assert [each.subject for each in crossings.look([use(90, subject="a")], MINUTE + 2)] == ["a"]


def test_a_limit_of_nothing_is_near_when_something_uses_it() -> None:
    crossings = Crossings(80)

    assert crossings.look([use(0, 0)], 0) == []
    assert len(crossings.look([use(1, 0)], 1)) == 1
    assert use(1, 0).share == 1


def test_figures_say_the_unit() -> None:
    money = LimitUse("gross_exposure_max", "gross exposure", "", 81 * RUPEE, 100 * RUPEE, Unit.RUPEES)

    assert (money.title, money.figures) == ("gross exposure", "81.00 of 100.00 rupees (81 %)")
    assert (use(8, 10, "NSE:INFY").title, use(8, 10).figures) == ("orders today NSE:INFY", "8 of 10 (80 %)")
