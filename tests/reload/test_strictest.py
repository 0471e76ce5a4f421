"""Which limits hold while they change: tightened at once, loosened for those who decided under them."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import fields, replace

from domain.messages.orders import Denied, DenyReason
from domain.risk.limits import RiskLimits
from domain.risk.strictest import LARGER, RiskTerms, VersionedLimits, strictest
from tests.domain.builders import some_limits
from tests.domain.deny_rows import Case
from tests.domain.test_deny_table import TABLE

NAMES = [field.name for field in fields(RiskLimits)]
NUMBERS = [name for name in NAMES if isinstance(getattr(RiskLimits(), name), int | float)]


def terms(**limits: object) -> RiskTerms:
    return RiskTerms(replace(some_limits(), **limits), intent_valid_seconds=30)


def test_what_is_larger_to_be_stricter_are_limits() -> None:
    assert set(NAMES) >= LARGER


@pytest.mark.parametrize("name", NUMBERS)
def test_each_number_is_taken_from_the_stricter_side(name: str) -> None:
    kind = type(getattr(RiskLimits(), name))
    low, high = replace(RiskLimits(), **{name: kind(1)}), replace(RiskLimits(), **{name: kind(2)})

    for both in (strictest(low, high), strictest(high, low)):
        assert getattr(both, name) == (2 if name in LARGER else 1)


def test_lists_allow_what_both_allow_and_ban_what_either_bans() -> None:
    one = replace(RiskLimits(), allowed_exchanges=("NSE", "NFO"), banned=("NSE:A",), expiry_day_cutoff=dt.time(14))
    other = replace(RiskLimits(), allowed_exchanges=("NFO", "BSE"), banned=("NSE:B",), expiry_day_cutoff=dt.time(15))

    both = strictest(one, other)

    assert (both.allowed_exchanges, set(both.banned)) == (("NFO",), {"NSE:A", "NSE:B"})
    assert both.expiry_day_cutoff == dt.time(14)


@pytest.mark.parametrize(("reason", "beyond", "_within"), TABLE)
def test_what_either_limits_deny_both_deny(reason: DenyReason, beyond: Case, _within: Case) -> None:
    """The deny table's own figures: limits that deny still do when they are joined with others that allow."""
    joined = replace(beyond, limits=strictest(some_limits(), beyond.limits))

    assert isinstance(joined.verdict(), Denied), reason


def test_a_tightened_limit_holds_at_once_for_every_version() -> None:
    known = VersionedLimits({1: terms(max_quantity_per_order=100)}, settled=1)

    known.prepare(2, terms(max_quantity_per_order=10))

    assert known.of(1).limits.max_quantity_per_order == 10
    assert known.current.limits.max_quantity_per_order == 10, "for the guards too, before it is settled"


def test_a_loosened_limit_holds_for_what_is_decided_under_it_and_for_guards_when_it_is_settled() -> None:
    known = VersionedLimits({1: terms(daily_loss_max=10)}, settled=1)

    known.prepare(2, terms(daily_loss_max=100))

    assert known.of(1).limits.daily_loss_max == 10
    assert known.of(2).limits.daily_loss_max == 100
    assert known.current.limits.daily_loss_max == 10
    known.settle(2)
    assert known.current.limits.daily_loss_max == 100
    assert known.of(1).limits.daily_loss_max == 10, "whoever decided under the first goes by it to its end"


def test_one_that_is_told_twice_or_late_changes_nothing() -> None:
    known = VersionedLimits({1: terms(), 2: terms(open_orders=5)}, settled=2)

    known.prepare(2, terms(open_orders=50))
    known.settle(1)
    known.settle(9)

    assert (known.settled, known.of(2).limits.open_orders) == (2, 5)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=90))
@settings(max_examples=30)
def test_an_intent_never_gets_anything_looser_than_what_it_was_decided_under(figures: list[int]) -> None:
    known = VersionedLimits({1: terms(open_orders=50)}, settled=1)
    for version, figure in enumerate(figures, start=2):
        known.prepare(version, terms(open_orders=figure))
        known.settle(version)

    for version, figure in enumerate([50, *figures], start=1):
        if version > len(figures) + 1 - 60:
            assert known.of(version).limits.open_orders == min([50, *figures][version - 1 :]), figure
