"""Tax on exercise in the note, what comes out of holdings, and who bears the note's charges."""

import datetime as dt
import itertools
import random

import pytest

from domain.costs import ChargeKind, Exercise, NoteBuilder
from domain.costs.note import Line
from domain.errors import RatesUnknown
from domain.values import RUPEE, Product, Side, e4
from tests.domain.builders import DAY, a_chargeable

CALL = "NFO:NIFTY26N2425000CE"


def an_exercise(value: str, instrument: str = CALL, strategy: str = "s1", day: dt.date = DAY) -> Exercise:
    return Exercise(day, instrument, ChargeKind.EQUITY_OPTION, Product.NRML, strategy, e4(value))


def test_an_exercise_bears_tax_on_its_intrinsic_value_to_the_rupee_and_nothing_else() -> None:
    builder = NoteBuilder(DAY)

    builder.exercise(an_exercise("10000"))  # 0.15 %

    assert builder.note().stt == 15 * RUPEE
    assert builder.note().total == 15 * RUPEE
    assert builder.by_strategy() == {"s1": 15 * RUPEE}


def test_exercises_of_one_instrument_are_summed_before_they_are_rounded() -> None:
    one, two = NoteBuilder(DAY), NoteBuilder(DAY)
    for builder, other in ((one, CALL), (two, "NFO:NIFTY26N2424900CE")):
        builder.exercise(an_exercise("300"))
        builder.exercise(an_exercise("300", instrument=other, strategy="s2"))

    assert one.note().stt == RUPEE, "0.45 and 0.45"
    assert two.note().stt == 0


def test_an_exercise_is_not_summed_with_sales() -> None:
    builder = NoteBuilder(DAY)
    builder.exercise(an_exercise("300"))
    builder.add(
        a_chargeable(
            instrument=CALL, exchange="NFO", kind=ChargeKind.EQUITY_OPTION, product=Product.NRML, side=Side.SELL,
            quantity=3, price=100 * RUPEE,
        )
    )  # fmt: skip

    assert builder.note().stt == 0, "0.45 each, rounded apart"


@pytest.mark.parametrize(
    ("exercise", "error", "says"),
    [
        (
            an_exercise("5", day=dt.date(2026, 11, 19)),
            ValueError,
            "2026-11-19 does not belong on the note of 2026-11-20",
        ),
        (an_exercise("0"), ValueError, "without value is not exercised"),
        (Exercise(DAY, "MCX:X", ChargeKind.COMMODITY_OPTION, Product.NRML, "", 1), RatesUnknown, "commodity option"),
    ],
)
def test_what_is_no_exercise_is_refused_and_changes_nothing(
    exercise: Exercise, error: type[Exception], says: str
) -> None:
    builder = NoteBuilder(DAY)

    with pytest.raises(error, match=says):
        builder.exercise(exercise)

    assert builder.state() == NoteBuilder(DAY).state()


def test_a_note_with_exercises_goes_on_where_its_snapshot_was_taken() -> None:
    builder = NoteBuilder(DAY)
    builder.exercise(an_exercise("1234.56"))
    builder.exercise(an_exercise("99", strategy="s2"))
    builder.add(a_chargeable(side=Side.SELL, quantity=77))

    again = NoteBuilder.restore(builder.state())

    assert again.state() == builder.state()
    assert again.note() == builder.note()
    assert again.allocate() == builder.allocate()
    assert again.tax_by_line() == builder.tax_by_line()


def test_the_tax_is_shared_by_what_each_line_owes_and_adds_up() -> None:
    rng = random.Random(7)
    builder = NoteBuilder(DAY)
    for number in range(300):
        builder.add(
            a_chargeable(
                order_id=str(number), strategy=rng.choice("abc"), side=rng.choice(list(Side)),
                instrument=rng.choice(["NSE:INFY", "NSE:SBIN"]), quantity=rng.randint(1, 500),
            )
        )  # fmt: skip

    shares = builder.tax_by_line()

    assert sum(shares.values()) == builder.note().stt
    assert all(share > 0 for share in shares.values())


def test_who_only_buys_intraday_bears_no_tax() -> None:
    builder = NoteBuilder(DAY)
    builder.add(a_chargeable(order_id="1", strategy="buyer", quantity=100))
    builder.add(a_chargeable(order_id="2", strategy="seller", quantity=100, side=Side.SELL))

    seller: Line = ("seller", "NSE:INFY", Product.MIS)
    assert builder.tax_by_line() == {seller: 25 * RUPEE}


@pytest.mark.parametrize("told", list(itertools.permutations(range(4))))
def test_what_comes_out_of_holdings_goes_by_the_time_of_the_executions(told: tuple[int, ...]) -> None:
    """Seed 20597: a sale was told of before the purchase that it closed, and the depository charge stayed for the day."""
    delivery = {"kind": ChargeKind.EQUITY_DELIVERY, "product": Product.CNC}
    made = [
        a_chargeable(**delivery, time=1, trade_id="1"),
        a_chargeable(**delivery, time=2, trade_id="2", side=Side.SELL, order_id="o2"),
        a_chargeable(**delivery, time=3, trade_id="3", order_id="o3"),
        a_chargeable(**delivery, time=4, trade_id="4", side=Side.SELL, order_id="o4"),
    ]
    builder = NoteBuilder(DAY)
    for number in told:
        builder = NoteBuilder.restore(builder.state())
        builder.add(made[number])
    assert builder.note().dp == 0
    builder.add(a_chargeable(**delivery, time=5, trade_id="5", side=Side.SELL, order_id="o5"))
    builder.add(a_chargeable(**delivery, time=6, trade_id="6", order_id="o6"))
    assert builder.note().dp > 0, "sold out of holdings, and bought back later: it stays"
