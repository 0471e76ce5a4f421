"""The exchange's books: read strictly, compared figure by figure."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.report.books import TOTAL, Difference, compare, read_books, since
from domain.report.eod import build
from tests.report.sample_day import CHARGES, day_facts, order_facts, snapshot, stated_books

Change = Callable[[dict[str, Any]], object]


def differences(change: Change) -> list[Difference]:
    stated: dict[str, Any] = stated_books()
    change(stated)
    return list(compare(snapshot(), order_facts(), read_books(stated)))


def test_equal_books_have_no_difference() -> None:
    assert differences(lambda stated: None) == []
    assert build(snapshot(), order_facts(), day_facts(), (), read_books(stated_books())).books_agree is True


def test_without_the_exchange_s_books_nothing_is_claimed() -> None:
    report = build(snapshot(), order_facts(), day_facts())

    assert report.books_agree is None
    assert report.sandbox_books is None


CASES: Mapping[str, tuple[Change, list[Difference]]] = {
    "a paisa of cash": (
        lambda stated: stated.update(cash=968215.84),
        [Difference("cash", "", "968215.85", "968215.84")],
    ),
    "a component, at the same total": (
        lambda stated: stated["charges"].update(stt=60.0, gst=21.94),
        [Difference("charges", "gst", "20.94", "21.94"), Difference("charges", "stt", "61.00", "60.00")],
    ),
    "a component that we do not know": (
        lambda stated: stated["charges"].update(square_off=59.0, total=266.25),
        [Difference("charges", "total", "207.25", "266.25"), Difference("charges", "square_off", "0.00", "59.00")],
    ),
    "a position's quantity": (
        lambda stated: stated["positions"][0].update(quantity=39),
        [Difference("position", "NSE:SBIN MIS", "40", "39")],
    ),
    "a position that we do not have": (
        lambda stated: stated["positions"].append({**stated["positions"][0], "tradingsymbol": "TCS", "quantity": -1}),
        [Difference("position", "NSE:TCS MIS", "0", "-1")],
    ),
    "a position that the exchange does not have": (
        lambda stated: stated["positions"].clear(),
        [Difference("position", "NSE:SBIN MIS", "40", "0")],
    ),
    "a trade": (lambda stated: stated.update(trades=10), [Difference("trades", "", "9", "10")]),
    "an order": (lambda stated: stated.update(orders=8), [Difference("orders", "", "7", "8")]),
    "opening cash": (
        lambda stated: stated.update(opening_cash=1e6 + 1),
        [Difference("opening_cash", "", "1000000.00", "1000001.00")],
    ),
    "marks of another instant are no difference": (
        lambda stated: stated.update(positions_value=1.0, unrealised=2.0),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_figure_that_differs_is_named_with_both_sides(case: str) -> None:
    change, expected = CASES[case]

    assert differences(change) == expected


def test_realised_profit_is_compared_when_flat_alone() -> None:
    flat = replace(snapshot(), positions=(), realised=100)
    stated: dict[str, Any] = stated_books()
    stated["positions"] = []

    found = compare(flat, order_facts(), read_books(stated))

    assert [each.name for each in found] == ["realised"]
    assert differences(lambda stated: stated.update(realised=0)) == []


REFUSED: Mapping[str, tuple[Change, str]] = {
    "no charges": (lambda stated: stated.pop("charges"), "charges must be a table with a total"),
    "no total": (lambda stated: stated["charges"].pop("total"), "total must be a number of rupees, found None"),
    "no list": (lambda stated: stated.update(positions=None), "positions must be a list of tables"),
    "a word for cash": (lambda stated: stated.update(cash="much"), "cash must be a number of rupees, found 'much'"),
    "true for cash": (lambda stated: stated.update(cash=True), "cash must be a number of rupees, found True"),
    "too fine": (lambda stated: stated.update(cash=1.00001), "cash: 1.00001 rupees is finer than 1/10,000 rupee"),
    "not finite": (lambda stated: stated.update(cash=float("inf")), "cash must be a number of rupees, found inf"),
    "half a trade": (lambda stated: stated.update(trades=1.5), "trades must be a whole number, found 1.5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_books_that_cannot_be_read_are_refused_in_one_line(case: str) -> None:
    change, text = REFUSED[case]

    with pytest.raises(ValueError, match=r"^the exchange's books: ") as caught:
        differences(change)

    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.integers(-(10**14), 10**14))
def test_figures_survive_json_floats(amount: int) -> None:
    # 10^14 of 1/10,000 rupee is ten billion rupees: 15 digits, which a JSON float still carries.
    stated: dict[str, Any] = stated_books()
    for value in (amount / 10_000, Decimal(amount) / 10_000):
        stated["cash"] = value
        assert read_books(stated).cash == amount


def test_every_component_is_read() -> None:
    assert read_books(stated_books()).charge_components == CHARGES


def rupees_of(amount: object) -> Decimal:
    return Decimal(str(amount))


def test_books_of_many_days_are_read_as_those_of_the_day() -> None:
    """The exchange adds up since its account was opened; a day's report is of the day."""
    stated: dict[str, Any] = stated_books()
    flat = [{**row, "quantity": 0} for row in stated["positions"]]
    morning: dict[str, Any] = {**stated, "positions": flat}
    evening = {
        **morning,
        "cash": rupees_of(morning["cash"]) + Decimal("12.5"),
        "realised": rupees_of(morning["realised"]) + 20,
        "charges": {
            name: rupees_of(amount) + (Decimal("7.5") if name == TOTAL else 0)
            for name, amount in morning["charges"].items()
        },
        "orders": morning["orders"] + 3,
        "trades": morning["trades"] + 4,
    }

    found = since(morning, evening)

    assert found is not None
    day = read_books(found)
    assert (day.opening_cash, day.cash - day.opening_cash) == (read_books(morning).cash, 125_000)
    assert (day.realised, day.charges, day.orders, day.trades) == (200_000, 75_000, 3, 4)
    assert set(dict(day.charge_components).values()) == {0}


def test_where_something_was_carried_the_day_cannot_be_told_from_the_sums() -> None:
    stated: dict[str, Any] = stated_books()
    held = [{**row, "quantity": 5} for row in stated["positions"]]

    assert since({**stated, "positions": held}, stated) is None
