"""The tariff against worked values, and the contract note's rounding."""

import pytest

from sandbox.charges import BUY, SELL, ExecutedOrder, note_charges, order_charges

RUPEE = 10_000
# turnover, brokerage, tax, exchange, sebi, gst, stamp, total: kite-facts 7.1
WORKED = [
    ("NSE", "CNC", BUY, 15_000, 0, 15, 0.4605, 0.015, 0.08559, 2.25, 17.81109),
    ("NSE", "MIS", BUY, 20_000, 6, 0, 0.614, 0.02, 1.19412, 0.6, 8.42812),
    ("NSE", "MIS", SELL, 100_000, 20, 25, 3.07, 0.1, 4.1706, 0, 52.3406),
    ("NFO", "NRML", SELL, 1_625_000, 20, 812.5, 29.7375, 1.625, 9.24525, 0, 873.10775),
]


@pytest.mark.parametrize(
    ("exchange", "product", "side", "turnover", "brokerage", "tax", "charge", "sebi", "gst", "stamp", "total"), WORKED
)
def test_worked_values(
    exchange: str,
    product: str,
    side: int,
    turnover: int,
    brokerage: float,
    tax: float,
    charge: float,
    sebi: float,
    gst: float,
    stamp: float,
    total: float,
) -> None:
    """Equal to the worked table but for GST, which leaves the IPFT out: at most 0.0003 on the largest."""
    one = order_charges(exchange, product, side, turnover * RUPEE)

    parts = [float(part) / RUPEE for part in (one.brokerage, one.tax, one.exchange, one.sebi, one.gst, one.stamp)]
    assert parts == pytest.approx([brokerage, tax, charge, sebi, gst, stamp], abs=3e-4)
    assert float(one.total) / RUPEE == pytest.approx(total, abs=3e-4)


def executed(
    turnover_rupees: str, side: int = BUY, product: str = "MIS", symbol: str = "INFY", square_off: bool = False
) -> ExecutedOrder:
    turnover = round(float(turnover_rupees) * RUPEE)
    return ExecutedOrder("NSE", symbol, product, side, turnover, square_off)


def test_brokerage_is_capped_per_order_and_not_per_trade() -> None:
    note = note_charges([executed("100000"), executed("100000")])

    assert note.brokerage == 40 * RUPEE


def test_components_are_rounded_once_over_the_note() -> None:
    # SEBI: 0.003 and 0.003 are 0.006, which rounds to 0.01; each alone would round to 0.
    note = note_charges([executed("3000"), executed("3000")])

    assert note.sebi == 100


def test_stt_is_rounded_for_each_symbol_kind_and_side() -> None:
    # 0.025 % of 1,600 is 0.40: two orders of one symbol make 0.80 and round to 1; of two symbols 0.40 each round to 0.
    same = note_charges([executed("1600", SELL), executed("1600", SELL)])
    different = note_charges([executed("1600", SELL), executed("1600", SELL, symbol="SBIN")])

    assert (same.stt, different.stt) == (RUPEE, 0)


def test_stamp_duty_is_the_buyers_and_rounds_half_up_to_the_rupee() -> None:
    # 0.003 % of 50,000 is 1.50
    note = note_charges([executed("50000"), executed("50000", SELL)])

    assert note.stamp == 2 * RUPEE


def test_gst_leaves_the_investor_protection_fund_out() -> None:
    # a hundred crores: 18 % of (20 + 30,699 + 1,000); the fund's 1 rupee would add 18 paise
    note = note_charges([executed("1000000000")])

    assert note.exchange == 30_700 * RUPEE
    assert note.gst == round(0.18 * 31_719 * RUPEE)


def test_square_off_and_depository_charges_stand_alone() -> None:
    note = note_charges([executed("1000", SELL, square_off=True)], holdings_sold=2)

    assert (note.square_off, note.dp) == (59 * RUPEE, 2 * 153_400)
    assert note.total == sum(getattr(note, name) for name in note.__struct_fields__)


def test_each_exchange_has_its_own_note() -> None:
    bse = ExecutedOrder("BSE", "INFY", "MIS", BUY, 3000 * RUPEE)

    # 0.003 rounds to nothing on each note
    assert note_charges([executed("3000"), bse]).sebi == 0
