"""The report is put together from snapshot, journal and the day's facts, and its JSON says exactly that."""

import json
import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.journal import JournalEvent, JournalRecord, SendingClaimed
from domain.report.books import read_books
from domain.report.document import as_json
from domain.report.eod import EodReport, EquityPoint, build, drawdown
from domain.report.orders import OrderFacts
from domain.values import RUPEE, Side
from tests.report.sample_day import (
    INFY,
    a_trade,
    accepted,
    an_intent,
    at,
    day_facts,
    journal,
    order_facts,
    snapshot,
    stated_books,
)

GOLDEN = Path(__file__).with_name("golden") / "eod.json"
REWRITE = "PATANG_REWRITE_GOLDEN"


def the_report() -> EodReport:
    return build(
        snapshot(), order_facts(), day_facts(), ("ma_cross", "rsi_reversion", "idle"), read_books(stated_books())
    )


def test_the_json_is_the_golden_one() -> None:
    """`PATANG_REWRITE_GOLDEN=1 pytest tests/report` writes it anew, for review."""
    body = as_json(the_report())
    if os.environ.get(REWRITE):
        GOLDEN.write_bytes(body)

    assert body.decode() == GOLDEN.read_text(encoding="utf-8")


def test_the_books_identity_holds_in_the_json_to_the_last_digit() -> None:
    stated = json.loads(as_json(the_report()), parse_float=Decimal)

    made = stated["realised"] + stated["unrealised"] - stated["charges"]
    assert stated["cash"] + stated["positions_value"] == stated["opening_cash"] + made
    assert stated["balanced"] is True
    exact = stated["exact"]
    made = exact["realised"] + exact["unrealised"] - exact["charges"]
    assert exact["cash"] + exact["positions_value"] == exact["opening_cash"] + made


def test_rupees_and_exact_integers_are_the_same_figures() -> None:
    stated = json.loads(as_json(the_report()), parse_float=Decimal)

    for name, amount in stated["exact"].items():
        if isinstance(amount, int):
            assert stated[name] * RUPEE == amount


def test_money_has_two_decimals_and_four_where_two_would_lose_something() -> None:
    text = as_json(build(replace(snapshot(), realised=12_345_678), order_facts(), day_facts())).decode()

    assert '"realised": 1234.5678,' in text
    assert '"opening_cash": 1000000.00,' in text


@pytest.mark.parametrize("field", ["cash", "positions_value", "opening_cash", "realised", "unrealised", "charges"])
def test_one_unit_amiss_anywhere_is_not_balanced(field: str) -> None:
    books = snapshot()
    amiss = replace(books, **{field: getattr(books, field) + 1})

    assert build(books, order_facts(), day_facts()).balanced
    assert not build(amiss, order_facts(), day_facts()).balanced


def test_every_strategy_has_a_row_also_the_idle_one_and_trades_made_by_hand() -> None:
    rows = {row.strategy: row for row in the_report().per_strategy}

    assert list(rows) == ["ma_cross", "rsi_reversion", "idle", "(by hand)"]
    assert (rows["ma_cross"].orders, rows["ma_cross"].trades, rows["ma_cross"].round_trips) == (2, 3, 1)
    assert (rows["idle"].orders, rows["idle"].net) == (0, 0)
    assert rows["(by hand)"].trades == 2
    assert sum(row.net for row in rows.values()) == the_report().net


def test_slippage_is_what_fills_cost_beyond_the_price_decided_at() -> None:
    report = the_report()

    # 50 INFY bought 0.20 dearer; 20 SBIN bought back 0.05 dearer; everything else at its price.
    assert report.slippage == 50 * 2_000 + 20 * 500
    assert [row.slippage for row in report.order_list if row.slippage] == [100_000, 10_000]


@pytest.mark.parametrize(
    ("side", "fill", "expected"),
    [(Side.BUY, 1_010, 50), (Side.BUY, 990, -50), (Side.SELL, 990, 50), (Side.SELL, 1_010, -50)],
)
def test_a_dearer_buy_and_a_cheaper_sale_are_paid_away(side: Side, fill: int, expected: int) -> None:
    facts = OrderFacts()
    events: list[JournalEvent] = [
        accepted("T1", an_intent("ma_cross", INFY, side, 5, 1_000, at("10:00"))),
        SendingClaimed("T1", at("10:00")),
        a_trade("1", "O1", "T1", "ma_cross", INFY, side, 5, fill, at("10:00")),
    ]
    for seq, event in enumerate(events, start=1):
        facts.apply(JournalRecord(seq, event))

    assert facts.slippage() == facts.rows()[0].slippage == expected


def test_orders_are_counted_where_they_reached_the_broker_and_states_where_they_ended() -> None:
    report = the_report()

    assert report.orders == 7  # five of ours and two made by hand; neither the refused nor the expired one
    assert dict(report.order_states) == {"rejected": 1, "expired": 1, "complete": 5}
    assert report.trades == 9


def test_open_positions_are_those_with_a_quantity() -> None:
    assert [view.instrument for view in the_report().open_positions] == ["NSE:SBIN"]


def test_the_curve_ends_with_the_books() -> None:
    report = the_report()

    assert report.equity_curve[-1] == EquityPoint(snapshot().time, report.equity)
    assert [point.time for point in report.equity_curve] == sorted({point.time for point in report.equity_curve})


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([], 0), ([5], 0), ([1, 2, 3], 0), ([3, 1, 2], 2), ([1, 5, 4, 6, 2, 7], 4), ([-1, -9], 8)],
)
def test_drawdown_is_the_largest_fall_from_an_earlier_peak(curve: list[int], expected: int) -> None:
    assert drawdown([EquityPoint(index, equity) for index, equity in enumerate(curve)]) == expected


def test_another_day_starts_the_orders_afresh_and_the_same_day_said_again_does_not() -> None:
    facts = order_facts()
    again = journal()[0].event

    facts.apply(JournalRecord(facts.seq + 1, again))
    assert len(facts.trades) == 9

    facts.apply(JournalRecord(facts.seq + 1, replace(again, day="2026-11-23")))
    assert (len(facts.trades), facts.rows(), facts.day_seq) == (0, (), facts.seq)


@given(st.lists(st.integers(0, len(journal()) - 1), max_size=60))
def test_records_told_again_change_nothing(repeats: list[int]) -> None:
    records = journal()
    facts = OrderFacts()
    for index, record in enumerate(records):
        facts.apply(record)
        for repeat in repeats:
            if repeat <= index:
                assert not facts.apply(records[repeat])

    assert (facts.trades, facts.rows(), facts.seq) == (order_facts().trades, order_facts().rows(), len(records))
