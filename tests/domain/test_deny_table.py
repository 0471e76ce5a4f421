"""A row per DenyReason: denied just beyond, allowed just within."""

import pytest

from domain.messages.control import TradingState
from domain.messages.orders import Denied, DenyReason
from domain.risk import Approval
from domain.risk.checks import CHECKS, MODIFY_CHECKS
from domain.values import RUPEE
from tests.domain import deny_rows, deny_rows_exposure, deny_rows_orders, deny_rows_results
from tests.domain.builders import NOW, an_intent, some_facts, some_limits
from tests.domain.deny_rows import EXIT, LIMIT, LONG_10, PENDING_10, UNRESOLVED, Case, intent, limits

R = DenyReason

TABLE = [*deny_rows.ROWS, *deny_rows_orders.ROWS, *deny_rows_exposure.ROWS, *deny_rows_results.ROWS]


@pytest.mark.parametrize(
    ("reason", "beyond", "within"), TABLE, ids=[f"{row[0].name}-{n}" for n, row in enumerate(TABLE)]
)
def test_denied_just_beyond_and_allowed_just_within(reason: DenyReason, beyond: Case, within: Case) -> None:
    denied = beyond.verdict()

    assert isinstance(denied, Denied)
    assert (denied.reason, denied.intent_id, denied.strategy) == (
        reason,
        beyond.intent.intent_id,
        beyond.intent.strategy,
    )
    assert denied.text, "a refusal has its figures"
    assert isinstance(within.verdict(), Approval)


def test_every_reason_has_a_row_and_a_check_in_the_order_of_the_enumeration() -> None:
    of_modifications = [R.NO_OPEN_ORDER, R.MODIFICATIONS]  # test_deny_modifications.py has their rows

    assert {row[0] for row in TABLE} == set(DenyReason) - set(of_modifications)
    assert [reason for reason, _ in CHECKS] + of_modifications == list(DenyReason)
    assert [reason for reason, _ in MODIFY_CHECKS][:2] == of_modifications


def test_the_first_reason_in_order_is_the_one_given() -> None:
    everything_wrong = Case(
        intent=an_intent(quantity=-1, valid_until=NOW),
        facts=some_facts(state=TradingState.HALTED, instrument=None, price=0, available_cash=0),
    )

    denied = everything_wrong.verdict()

    assert isinstance(denied, Denied)
    assert denied.reason is R.HALTED


def test_an_approval_says_what_margin_to_hold() -> None:
    assert intent(quantity=3).verdict() == Approval(margin=600 * RUPEE)
    assert intent(quantity=3, price=1010 * RUPEE, **LIMIT).verdict() == Approval(margin=606 * RUPEE)
    assert Case(intent=an_intent(**EXIT), events=(LONG_10,)).verdict() == Approval(margin=0)


@pytest.mark.parametrize("name", [TradingState.STARTING, TradingState.REDUCING, TradingState.HALTED])
def test_an_exit_passes_whatever_keeps_positions_small(name: TradingState) -> None:
    nothing_allowed = some_limits(
        max_quantity_per_order=0,
        max_value_per_order=0,
        orders_per_second=0,
        orders_per_minute=0,
        orders_per_day=0,
        max_position_quantity=0,
        max_position_value_per_instrument=0,
        gross_exposure_max=0,
        daily_loss_max=0,
        allowed_products=(),
    )
    case = Case(
        intent=an_intent(**EXIT),
        limits=nothing_allowed,
        facts=some_facts(state=name, price=0, mis_cutoff=NOW - 1, available_cash=-1, day_pnl=-1),
        events=(LONG_10, PENDING_10, UNRESOLVED),
        prepare=lambda book: book.freeze("s1", "lost too much"),
    )

    assert case.verdict() == Approval(margin=0)


def test_zero_allows_nothing() -> None:
    for limit in (
        "max_quantity_per_order",
        "max_value_per_order",
        "orders_per_second",
        "orders_per_minute",
        "orders_per_day",
        "max_position_quantity",
        "max_position_value_per_instrument",
        "gross_exposure_max",
        "daily_loss_max",
    ):
        assert isinstance(limits(**{limit: 0}).verdict(), Denied), limit
