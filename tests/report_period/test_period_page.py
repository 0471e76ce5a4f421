"""The period's page and tables: whole, well-formed, escaped, without network; the golden figures; the CSV files."""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.report.period_charts import Curve, curves, excursions, histogram, nice_ticks, spark
from adapters.report.period_page import render
from adapters.report.period_text import percent, ratio, span
from adapters.report.period_writer import write_csv, write_period
from domain.messages.journal import JournalEvent
from domain.report.eod import EquityPoint
from domain.report.period import BenchmarkCloses, NothingToReport, PeriodReport, build_period
from domain.report.period_days import StoredDay
from domain.report.period_document import as_json
from domain.report.period_figures import distribution
from domain.report.period_trips import Samples
from domain.values import MINUTE, RUPEE, Product
from tests.report.test_eod_page import Outline
from tests.report_period.journals import Trades, at, day_of, opened, results

GOLDEN = Path(__file__).with_name("golden") / "period.json"
REWRITE = "PATANG_REWRITE_GOLDEN"
FIRST, LAST = day_of("2026-09-28"), day_of("2026-11-20")


def business_days() -> list[dt.date]:
    span_of_days = (LAST - FIRST).days + 1
    return [day for day in (FIRST + dt.timedelta(days=n) for n in range(span_of_days)) if day.weekday() < 5]


def a_journal() -> tuple[list[JournalEvent], dict[str, StoredDay]]:
    """Eight weeks: two strategies within the day, one that holds shares, an option, a trade by hand."""
    trade = Trades()
    events: list[JournalEvent] = []
    stored: dict[str, StoredDay] = {}
    for n, each in enumerate(business_days()):
        day = each.isoformat()
        events.append(opened(day, 1_000_000 - 3_000 * (n // 5)))
        move = (n * 7 % 11) - 4
        events += [
            trade(day, "10:00", 100, 1000, "NSE:INFY", strategy="ma_cross"),
            trade(day, "10:30", -100, 1000 + move, "NSE:INFY", strategy="ma_cross"),
        ]
        if n % 3 == 0:
            events += [
                trade(day, "11:00", -50, 3000, "NSE:TCS", strategy="rsi"),
                trade(day, "11:45", 50, 3000 + (n % 4 - 2) * 9, "NSE:TCS", strategy="rsi"),
            ]
        if n % 10 == 2:
            events.append(trade(day, "12:00", 30, 800 + n, "NSE:SBIN", Product.CNC, "swing"))
        if n == 33:
            events.append(trade(day, "12:00", -45, 850, "NSE:SBIN", Product.CNC, "swing"))
        if n in (14, 16):
            side = 1 if n == 16 else -1
            events.append(trade(day, "13:00", 65 * side, 150 - n, "NFO:NIFTY26N2425000CE", Product.NRML, ""))
        start = at(day, "10:00")
        curve = tuple(EquityPoint(start + k * MINUTE, (1_000_000 + k * move) * RUPEE) for k in range(30))
        price = {"NSE:INFY": tuple((start + k * 5 * MINUTE, (1000 + k * move // 4) * RUPEE) for k in range(7))}
        stored[day] = StoredDay((("NSE:SBIN", (810 + n) * RUPEE),), Samples(curve, price if n % 2 else {}))
    return events, stored


def a_benchmark() -> BenchmarkCloses:
    days = [FIRST - dt.timedelta(days=3), *business_days()]
    return BenchmarkCloses("NIFTY 50", tuple((day, 25_000.0 + 60 * (n % 7) + 8 * n) for n, day in enumerate(days)))


DAYS = results(*a_journal())


def a_report(**changes: Any) -> PeriodReport:
    asked: dict[str, Any] = {"start": FIRST, "end": LAST, "env": "sandbox", "benchmark": a_benchmark()} | changes
    return build_period(DAYS, **asked)


REPORT = a_report()


def text_of(report: PeriodReport) -> str:
    return " ".join(" ".join(Outline(render(report)).text).split())


def test_the_json_is_the_golden_one() -> None:
    """`PATANG_REWRITE_GOLDEN=1 pytest tests/report_period` writes it anew, for review."""
    body = as_json(REPORT)
    if os.environ.get(REWRITE):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_bytes(body)

    assert rounded(json.loads(body)) == rounded(json.loads(GOLDEN.read_text(encoding="utf-8")))


def rounded(value: Any) -> Any:
    """Floats to nine digits: the last ones are the processor's."""
    match value:
        case float():
            return float(f"{value:.9g}")
        case dict():
            return {key: rounded(each) for key, each in value.items()}
        case list():
            return [rounded(each) for each in value]
        case _:
            return value


def test_the_sums_of_the_report_agree_with_each_other() -> None:
    document = json.loads(as_json(REPORT))

    for key in ("gross", "charges", "net", "turnover", "trades"):
        assert sum(day[key] for day in document["days"]) == pytest.approx(document[key], abs=1e-6)
        assert sum(each[key] for each in document["strategies"]) == pytest.approx(document[key], abs=1e-6)
    assert sum(document["charge_components"].values()) == pytest.approx(document["charges"], abs=1e-6)
    assert sum(month["net"] for month in document["months"]) == pytest.approx(document["net"], abs=1e-6)
    assert sum(bucket["count"] for bucket in document["distribution"]) == document["round_trips"]["count"]
    assert document["round_trips"]["count"] == len(document["trip_list"])


def test_the_page_is_well_formed_and_says_what_the_period_was() -> None:
    text = text_of(REPORT)

    for said in (
        "28 Sep 2026 – 20 Nov 2026", "trading days", "Sharpe", "Sortino", "Calmar", "Profit factor", "Expectancy", "Tail ratio",
        "Expected shortfall", "NIFTY 50", "Alpha", "Best and worst days", "Tax sheet", "speculative business",
        "short-term gains", "Open at the end", "(by hand)", "ma cross",
    ):  # fmt: skip
        assert said in text


def test_the_page_needs_no_network_and_no_script() -> None:
    page = render(REPORT)

    assert "default-src 'none'" in page
    assert not re.search(r"https?://|src=|<script|<link|@import|url\((?!#)", page)
    assert len(page) < 200_000


def test_what_others_wrote_is_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    report = replace(
        REPORT,
        env=hostile,
        strategy=hostile,
        notes=(hostile,),
        trips=tuple(replace(trip, strategy=hostile, instrument=hostile) for trip in REPORT.trips),
        strategies=tuple(replace(each, strategy=hostile) for each in REPORT.strategies),
        components=((hostile, 5),),
        benchmark=None if REPORT.benchmark is None else replace(REPORT.benchmark, name=hostile),
    )

    page = render(report)

    assert "<script" not in page
    Outline(page)


def test_one_strategy_alone_has_its_own_figures_and_no_tax_sheet() -> None:
    alone = a_report(strategy="rsi")
    (beside,) = [each for each in REPORT.strategies if each.strategy == "rsi"]

    assert (alone.net, alone.charges, alone.trades) == (beside.net, beside.charges, beside.trades)
    assert {trip.strategy for trip in alone.trips} == {"rsi"}
    assert alone.tax is None and alone.strategies == ()
    assert "Tax sheet" not in text_of(alone)


def test_a_strategys_idle_days_count_as_days_of_its_series() -> None:
    alone = a_report(strategy="rsi")

    assert len(alone.days) > sum(day.trades > 0 for day in alone.days)
    assert alone.days[0].trades and alone.days[-1].trades


def test_one_day_alone_has_a_page_and_few_figures() -> None:
    report = a_report(start=LAST, end=LAST, benchmark=None)
    text = text_of(report)

    assert report.figures.volatility is None
    assert report.rolling == ()
    assert "20 Nov 2026 – 20 Nov 2026" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"start": dt.date(2025, 1, 1), "end": dt.date(2025, 1, 31)}, "no trading day from 2025-01-01 to 2025-01-31 is stored: the journal has 2026-09-28 to 2026-11-20"),
        ({"strategy": "nobody"}, "strategy 'nobody' did nothing from 2026-09-28 to 2026-11-20; known: (by hand), ma_cross, rsi, swing"),
    ],
)  # fmt: skip
def test_a_period_without_anything_is_refused_in_words(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(NothingToReport) as refused:
        a_report(**changes)

    assert str(refused.value) == says


def test_a_benchmark_that_lacks_a_day_is_refused_by_name() -> None:
    closes = a_benchmark().closes

    with pytest.raises(ValueError, match="NIFTY 50 has no close of 2026-11-20"):
        a_report(benchmark=BenchmarkCloses("NIFTY 50", closes[:-1]))
    with pytest.raises(ValueError, match="NIFTY 50 has no close before 2026-09-28"):
        a_report(benchmark=BenchmarkCloses("NIFTY 50", closes[1:]))


def test_an_account_beside_itself_has_beta_one_and_no_alpha() -> None:
    level, closes = 100.0, [(FIRST - dt.timedelta(days=3), 100.0)]
    for day in REPORT.days:
        level *= 1 + (day.share or 0.0)
        closes.append((day.day, level))

    beside = a_report(benchmark=BenchmarkCloses("itself", tuple(closes))).benchmark

    assert beside is not None
    assert beside.beta == pytest.approx(1)
    assert beside.alpha == pytest.approx(0, abs=1e-9)
    assert beside.r_squared == pytest.approx(1)


# -- files -----------------------------------------------------------------------------------------------------------


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_files_have_the_reports_rows(tmp_path: Path) -> None:
    days, trips, lots = write_csv(tmp_path / "out.csv", REPORT)

    assert (trips.name, lots.name) == ("out-trips.csv", "out-lots.csv")
    document = json.loads(as_json(REPORT))
    assert REPORT.tax is not None
    assert [len(read_csv(path)) for path in (days, trips, lots)] == [len(REPORT.days), len(REPORT.trips), len(REPORT.tax.lots)]  # fmt: skip
    assert [float(row["net"]) for row in read_csv(days)] == [day["net"] for day in document["days"]]
    assert read_csv(trips)[0]["strategy"] == "ma_cross"
    assert {row["head"] for row in read_csv(lots)} == {"intraday", "options", "short_term"}


def test_a_name_that_a_spreadsheet_would_take_for_a_formula_is_told_apart(tmp_path: Path) -> None:
    report = replace(REPORT, trips=tuple(replace(trip, strategy="=1+1") for trip in REPORT.trips))

    _, trips, _ = write_csv(tmp_path / "out.csv", report)

    assert {row["strategy"] for row in read_csv(trips)} == {"'=1+1"}
    assert all(float(row["gross"]) <= 0 or row["gross"] for row in read_csv(trips)), "amounts stay numbers"


def test_the_writer_leaves_two_whole_files_in_a_folder_of_the_period(tmp_path: Path) -> None:
    html_path, json_path = write_period(tmp_path, replace(REPORT, strategy="../../etc"))

    assert html_path.parent == tmp_path / "period" / "sandbox_2026-09-28_2026-11-20_..-..-etc"
    assert sorted(path.name for path in html_path.parent.iterdir()) == ["period.html", "period.json"]
    assert json.loads(json_path.read_bytes())["trading_days"] == len(REPORT.days)


# -- pictures --------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40))
def test_curves_stay_in_their_box(values: list[float]) -> None:
    days = [FIRST + dt.timedelta(days=n) for n in range(len(values))]

    drawn = curves("x", days, [Curve("one", "own", values)], "{:g}".format)

    for line in re.findall(r'points="([^"]+)"', drawn):
        pairs = [tuple(float(part) for part in pair.split(",")) for pair in line.split()]
        assert all(0 <= x <= 1000 and -0.1 <= y <= 300.1 for x, y in pairs)
    Outline(drawn)


def test_a_curve_is_interrupted_where_it_is_not_known_and_absent_where_it_never_is() -> None:
    days = [FIRST + dt.timedelta(days=n) for n in range(5)]

    gap = curves("x", days, [Curve("one", "own", [1.0, 2.0, None, 3.0, 4.0])], "{:g}".format)

    assert gap.count("<polyline") == 2
    assert curves("x", days, [Curve("one", "own", [None] * 5)], "{:g}".format) == ""
    assert curves("x", days[:1], [Curve("one", "own", [1.0])], "{:g}".format) == ""


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_ticks_are_few_and_around_the_values(one: float, two: float) -> None:
    low, high = min(0.0, one, two), max(0.0, one, two)

    ticks = nice_ticks(low, high)

    hair = (high - low) * 1e-6 + 1e-9
    assert ticks[0] <= low + hair and high <= ticks[-1] + hair
    assert 0.0 in ticks
    assert 2 <= len(ticks) <= 8


def test_every_trip_is_in_one_bucket_and_zero_is_an_edge() -> None:
    buckets = distribution(REPORT.trips)

    assert sum(bucket.count for bucket in buckets) == len(REPORT.trips)
    assert all(bucket.low * bucket.high >= 0 for bucket in buckets)
    assert len(buckets) <= 16
    assert distribution([]) == ()
    assert histogram(buckets).count("<i ") == len(buckets)


def test_dots_stand_for_sampled_trips() -> None:
    known = [trip for trip in REPORT.trips if trip.adverse is not None]

    assert 10 < len(known) < len(REPORT.trips)
    assert excursions(REPORT.trips).count('class="dot ') == len(known)
    assert excursions(known[:7]) == ""
    assert spark([1.0]) == ""


def test_shares_ratios_and_spans_for_people() -> None:
    assert (percent(0.0123), percent(-0.5), percent(0.0), percent(-0.000001), percent(None)) == ("+1.23 %", "−50.00 %", "0.00 %", "0.00 %", "–")  # fmt: skip
    assert percent(1e9) == "over +100,000 %"
    assert (ratio(-1.234), ratio(None)) == ("−1.23", "–")
    assert (span(5 * MINUTE), span(125 * MINUTE), span(3000 * MINUTE), span(None)) == ("5 min", "2 h 05 min", "2 d 2 h", "–")  # fmt: skip
