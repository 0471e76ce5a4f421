"""Limits with a fraction hold to the last unit: what reaches them exactly passes or is refused as the words say."""

from __future__ import annotations

from typing import Any

import pytest

from domain.messages.orders import Denied, DenyReason
from domain.risk import check
from domain.risk.facts import StrategyStands
from domain.values import MINUTE, RUPEE, SECOND, OrderKind
from tests.domain.builders import INFY, NOW, a_risk_book, an_intent, some_facts, some_limits

R = DenyReason
LIMIT = {"kind": OrderKind.LIMIT}


def lost(ago: int) -> StrategyStands:
    return StrategyStands(losses=8, last_loss=NOW - ago)


# reason, limits, intent, facts that pass, facts that do not. The order is worth Rs 10,000 at Rs 1,000.
TABLE: list[tuple[DenyReason, dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    (
        R.CONCENTRATION,
        {"concentration_max_percent": 33.3, "margin_percent_mis": 1},
        {"quantity": 333},
        {"available_cash": 1_000_000 * RUPEE},
        {"available_cash": 1_000_000 * RUPEE - 1},
    ),
    (
        R.INSUFFICIENT_MARGIN,
        {"margin_percent_mis": 37, "margin_buffer_percent": 7.5},
        {},
        {"available_cash": 4_000 * RUPEE},
        {"available_cash": 4_000 * RUPEE - 11},
    ),
    (
        R.COOL_DOWN,
        {"losses_in_a_row": 8, "cool_down_minutes": 0.1},
        {},
        {"strategy": lost(MINUTE // 10)},
        {"strategy": lost(MINUTE // 10 - 1)},
    ),
    (
        R.PROFIT_GIVEBACK,
        {"profit_lock_from": 1_000 * RUPEE, "profit_giveback_percent": 10.5},
        {},
        {"day_peak": 1_000 * RUPEE, "day_pnl": 895 * RUPEE + 1},
        {"day_peak": 1_000 * RUPEE, "day_pnl": 895 * RUPEE},
    ),
    (
        R.STALE_FEED,
        {"stale_feed_seconds": 1.1},
        {},
        {"feed_lost": NOW - 11 * SECOND // 10},
        {"feed_lost": NOW - 11 * SECOND // 10 - 1},
    ),
    (
        R.PRICE_BAND,
        {"price_band_percent": 0.1},
        {**LIMIT, "price": 1_001 * RUPEE},
        {"price": 1_000 * RUPEE},
        {"price": 1_000 * RUPEE - 500},
    ),
    (
        R.CIRCUIT,
        {"circuit_margin_percent": 0.5, "price_band_percent": 100},
        {**LIMIT, "price": 995 * RUPEE},
        {"circuit": (500 * RUPEE, 1_000 * RUPEE)},
        {"circuit": (500 * RUPEE, 1_000 * RUPEE - 1)},
    ),
    (
        R.MARKET_PROTECTION,
        {"market_protection_max_percent": 2.5},
        {},
        {"market_protection": 250},
        {"market_protection": 251},
    ),
]


@pytest.mark.parametrize(("reason", "limits", "terms", "passes", "fails"), TABLE, ids=[row[0].name for row in TABLE])
def test_to_the_last_unit(
    reason: DenyReason, limits: dict[str, Any], terms: dict[str, Any], passes: dict[str, Any], fails: dict[str, Any]
) -> None:
    intent, book = an_intent(instrument=INFY.key, **terms), a_risk_book()

    assert not isinstance(check(intent, book, some_limits(**limits), some_facts(**passes)), Denied)
    denied = check(intent, book, some_limits(**limits), some_facts(**fails))
    assert isinstance(denied, Denied)
    assert denied.reason is reason


def test_a_repetition_is_one_until_its_seconds_are_over() -> None:
    book, limits = a_risk_book(), some_limits(repeat_seconds=1.1)
    book.hold(an_intent("s1:first"), 0, NOW)
    for ago, denied in ((11 * SECOND // 10 - 1, True), (11 * SECOND // 10, False)):
        facts = some_facts(now=NOW + ago)
        verdict = check(an_intent("s1:second", valid_until=NOW + MINUTE), book, limits, facts)
        assert (isinstance(verdict, Denied) and verdict.reason is R.REPEATED_INTENT) is denied
