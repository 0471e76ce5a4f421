"""The page: whole, well-formed, escaped, without network; and the writer's promise of whole files."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.report import EodWriter, read_json, report_paths
from adapters.report.chart import _ticks, equity_chart
from adapters.report.page import CAUSE_NAMES, CHARGE_NAMES, ROWS_MAX, render
from adapters.report.text import inr, long_date, percent, short, signed
from domain.costs import COMPONENTS
from domain.parity import CAUSES, DayParity
from domain.report.books import Difference, read_books
from domain.report.document import as_json
from domain.report.eod import DayEvent, EodReport, EquityPoint, build
from domain.values import MINUTE, RUPEE
from tests.report.sample_day import DAY, OPENING, PARITY, at, day_facts, order_facts, snapshot, stated_books

VOID = {"meta", "line", "rect", "path", "polyline", "br"}


class Outline(HTMLParser):
    """Checks that every element is closed in order, and collects the text by element."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def the_report(points: int = 200) -> EodReport:
    return build(snapshot(), order_facts(), day_facts(points), ("ma_cross",), read_books(stated_books()))


def text_of(report: EodReport) -> str:
    return " ".join(" ".join(Outline(render(report)).text).split())


def test_the_page_is_well_formed_and_says_what_the_day_was() -> None:
    text = text_of(the_report())

    for said in (
        "Friday, 20 November 2026",
        "+665.85",
        "Books add up",
        "Equal to the exchange's books",
        "10,00,000.00",
    ):
        assert said in text
    assert "1 open position" in text


def test_the_page_needs_no_network_and_no_script() -> None:
    page = render(the_report())

    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|<script|<link|@import|url\((?!#)", page)
    assert len(page) < 100_000


def test_the_day_in_the_backtester_has_a_card_a_reason_or_none() -> None:
    def text(parity: DayParity | None) -> str:
        return " ".join(Outline(render(replace(the_report(), parity=parity))).text)

    card = text(PARITY)
    assert "signals: 7 matched, 1 missed, 2 added" in card
    assert [CAUSE_NAMES[cause] in card for cause in CAUSES] == [True] * len(CAUSES)
    assert all(amount in card for amount in ("66.10", "12.50", "6.25", "1.25", "50.10"))
    assert "idle is left out: it decides on prices" in card
    assert "not compared with a backtest: <no> candles" in text(DayParity(DAY, why_not="<no> candles"))
    assert "in the backtester" not in text(None)


def test_every_charge_has_a_name_for_people() -> None:
    assert set(CHARGE_NAMES) == set(COMPONENTS)


def test_what_others_wrote_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    report = replace(
        the_report(),
        env=hostile,
        date=hostile,
        events=(DayEvent(at("11:00"), "drill", hostile, hostile),),
        differences=(Difference(hostile, hostile, hostile, hostile),),
        per_strategy=tuple(replace(row, strategy=hostile) for row in the_report().per_strategy),
        order_list=tuple(replace(row, text=hostile, reason=hostile) for row in the_report().order_list),
        charge_components=((hostile, 5),),
        order_states=((hostile, 1),),
        denied=((hostile, 1),),
    )

    page = render(report)

    assert "<script" not in page
    Outline(page)


def test_a_day_without_anything_still_has_a_page() -> None:
    empty = replace(
        snapshot(), cash=OPENING, positions_value=0, realised=0, unrealised=0, charges=0, turnover=0, round_trips=0,
        positions=(), charge_components=(),
    )  # fmt: skip
    facts = replace(day_facts(), events=(), equity_curve=(), denied=())
    text = text_of(build(empty, type(order_facts())(), facts))

    assert "Flat at the end" in text
    assert "0.00" in text


def test_books_that_differ_or_do_not_add_up_are_said_loudly() -> None:
    report = replace(
        the_report(), balanced=False, books_agree=False, differences=(Difference("cash", "", "968215.85", "968215.84"),)
    )

    text = text_of(report)

    assert "Books do not add up" in text
    assert "Differs from the exchange's books" in text
    assert "968215.84" in text
    assert "≠" in text


def test_long_lists_are_cut_and_say_so() -> None:
    rows = the_report().order_list
    report = replace(the_report(), order_list=rows * (ROWS_MAX // len(rows) + 1))

    assert f"{len(report.order_list) - ROWS_MAX} more are in eod.json" in text_of(report)


def test_the_curve_stays_in_its_box_and_marks_the_drills() -> None:
    events = (DayEvent(at("11:00"), "drill", "drop_feed", ""), DayEvent(at("12:00"), "alert", "x", ""))
    points = [EquityPoint(at("09:15") + index * MINUTE, OPENING + (index - 100) * RUPEE) for index in range(300)]

    drawn = equity_chart(points, OPENING, events)

    line = re.search(r'points="([^"]+)"', drawn)
    assert line is not None
    pairs = [tuple(float(part) for part in pair.split(",")) for pair in line[1].split()]
    assert all(0 <= x <= 1000 and 0 <= y <= 300 for x, y in pairs)
    assert [x for x, _ in pairs] == sorted(x for x, _ in pairs)
    assert pairs[0][1] > pairs[-1][1]  # a rising curve: y grows downwards
    assert drawn.count('class="mark') == 1
    assert equity_chart(points[:1], OPENING, events) == ""


@given(st.integers(-(10**13), 10**13), st.integers(-(10**13), 10**13))
def test_axis_ticks_are_few_round_and_around_the_data(one: int, two: int) -> None:
    low, high = min(0, one, two), max(0, one, two)

    ticks = _ticks(low, high)

    assert ticks[0] <= low and high <= ticks[-1]
    assert 0 in ticks
    assert 2 <= len(ticks) <= 7
    assert len({after - before for before, after in itertools.pairwise(ticks)}) == 1


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (0, "0.00"),
        (1, "0.0001"),
        (100, "0.01"),
        (-5_000_000, "−500.00"),
        (9_999_900, "999.99"),
        (10_000_000, "1,000.00"),
        (-1_234_567_800, "−1,23,456.78"),
        (1_000_000_000_000, "10,00,00,000.00"),
    ],
)
def test_rupees_are_grouped_as_in_india(amount: int, expected: str) -> None:
    assert inr(amount) == expected


def test_signs_shares_and_dates_for_people() -> None:
    assert (signed(100), signed(0), signed(-100)) == ("+0.01", "0.00", "−0.01")
    assert (percent(1, 100), percent(-1, 3), percent(5, 0)) == ("+1.00 %", "−33.33 %", "–")
    assert (short(15_000_000), short(-2_500_000_000), short(0)) == ("+1.5k", "−2.5L", "0")
    assert (long_date(DAY), long_date("soon")) == ("Friday, 20 November 2026", "soon")


def test_the_writer_leaves_two_whole_files_and_nothing_else(tmp_path: Path) -> None:
    report = the_report()

    EodWriter(tmp_path).write(report)
    written = EodWriter(tmp_path).write(report)

    assert (written.html_path, written.json_path) == tuple(str(path) for path in report_paths(tmp_path, DAY))
    assert sorted(path.name for path in (tmp_path / DAY).iterdir()) == ["eod.html", "eod.json"]
    assert read_json(tmp_path, DAY) == as_json(report)
    assert read_json(tmp_path, "2026-11-19") is None


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    EodWriter(tmp_path).write(the_report())
    before = read_json(tmp_path, DAY)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        EodWriter(tmp_path).write(replace(the_report(), restarts=99))

    assert read_json(tmp_path, DAY) == before
    assert sorted(path.name for path in (tmp_path / DAY).iterdir()) == ["eod.html", "eod.json"]
