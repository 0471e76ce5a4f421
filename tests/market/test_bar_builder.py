"""Bars from ticks: they equal the plain aggregates of the prints, whatever the feed does to the packets."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bars import Bar
from domain.market.bar_builder import BarBuilder
from domain.market.buckets import DAY_SECONDS, Hours, bar_end, bar_start, finished_until
from domain.values import SECOND
from tests.market.making import CLOSES, DAY, INFY, OPENS, Packet, Print, aggregates, feed, packets

SESSION_SECONDS = CLOSES - OPENS

a_print = st.builds(
    Print, second=st.integers(0, 1_200), price=st.integers(1_000, 30_000), quantity=st.integers(1, 10_000)
)
some_prints = st.lists(a_print, min_size=1, max_size=60).map(lambda each: sorted(each, key=lambda one: one.second))


def finish(builder: BarBuilder) -> list[Bar]:
    last = builder.close_until(CLOSES)
    return [] if last is None else [last]


@given(some_prints, st.sampled_from([60, 180, 300, 900, 3_600]))
def test_bars_are_the_aggregates_of_the_prints(prints: list[Print], interval: int) -> None:
    builder = BarBuilder(INFY, interval, DAY)

    bars = feed(builder, packets(prints)) + finish(builder)

    assert bars == aggregates(prints, interval=interval)


@given(some_prints, st.data())
def test_repeated_packets_count_once(prints: list[Print], data: st.DataObject) -> None:
    once = packets(prints)
    again = [each for packet in once for each in [packet] * data.draw(st.integers(1, 3))]
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, again) + finish(builder)

    assert bars == aggregates(prints)
    assert builder.repeated == len(again) - len(once)


@given(some_prints, some_prints)
def test_bars_partition_the_volume_and_never_go_back(prints: list[Print], strays: list[Print]) -> None:
    """Late packets are mixed in at random places: what closed is never touched, and nothing is counted twice."""
    sent = packets(prints)
    late = [packet._replace(volume=packet.volume // 2) for packet in packets(strays)]
    mixed = [each for pair in zip(sent, late, strict=False) for each in pair] + sent[len(late) :]
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, mixed) + finish(builder)

    assert all(one.end <= two.start for one, two in pairwise(bars))
    assert sum(bar.volume for bar in bars) <= max(packet.volume for packet in mixed)
    assert all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars)


@given(some_prints, some_prints)
def test_a_late_print_is_counted_and_left_out(prints: list[Print], after: list[Print]) -> None:
    builder = BarBuilder(INFY, 60, DAY)
    first = packets(prints)
    closed = feed(builder, first)
    last = builder.close_until(OPENS + prints[-1].second + 60)
    assert last is not None

    late = first[-1]._replace(price=1, volume=first[-1].volume + 7)
    feed(builder, [late])
    later = [each._replace(second=each.second + 2_000) for each in after]
    volume = late.volume
    rest = [each._replace(volume=each.volume + volume) for each in packets(later)]
    bars = [*closed, last, *feed(builder, rest), *finish(builder)]

    assert builder.late == 1
    assert bars == aggregates(prints) + aggregates(later)


def test_the_first_bar_after_a_start_in_mid_session_is_not_complete() -> None:
    prints = [Print(second, 1_000 + second, 10) for second in range(0, 300, 7)]
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, packets(prints)[5:]) + finish(builder)

    assert [bar.complete for bar in bars] == [False, True, True, True, True]
    assert bars[1:] == aggregates(prints)[1:]


def test_the_first_bar_of_a_session_that_was_waited_for_is_complete() -> None:
    prints = [Print(second, 1_000, 10) for second in (0, 30, 61)]
    yesterday = Packet(INFY, 990, 5, 123_456, OPENS - 64_000, OPENS - 60)
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, [yesterday, *packets(prints)]) + finish(builder)

    assert bars == aggregates(prints)


def test_a_start_right_at_the_first_print_misses_nothing() -> None:
    """The snapshot shows one print, and the day's volume is that print."""
    prints = [Print(0, 1_000, 10), Print(59, 1_010, 10), Print(60, 1_000, 3)]
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, packets(prints)) + finish(builder)

    assert bars == aggregates(prints)


def test_a_gap_marks_the_bars_that_it_touches() -> None:
    prints = [Print(second, 1_000 + second, 10) for second in range(0, 600, 5)]
    sent = packets(prints)
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, sent[:20])  # up to 95 s
    builder.gap()
    bars += feed(builder, sent[40:])  # from 200 s
    bars += finish(builder)

    whole = aggregates(prints)
    assert [bar.start for bar in bars if not bar.complete] == [whole[1].start, whole[3].start]
    assert [bar for bar in bars if bar.complete] == [whole[0], *whole[4:]]


def test_a_gap_in_which_nothing_traded_marks_nothing() -> None:
    prints = [Print(0, 1_000, 10), Print(10, 1_010, 10), Print(50, 990, 1), Print(70, 1_000, 2)]
    sent = packets(prints)
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, sent[:2])
    builder.gap()
    bars += feed(builder, [sent[1]._replace(exchange=OPENS + 40), *sent[2:]]) + finish(builder)

    assert bars == aggregates(prints)


def test_an_exchange_time_past_the_end_closes_the_bar_though_the_print_is_old() -> None:
    builder = BarBuilder(INFY, 60, DAY)
    sent = packets([Print(0, 1_000, 10), Print(59, 1_010, 10)])

    assert feed(builder, [sent[0]]) == []
    bars = feed(builder, [sent[1]._replace(exchange=OPENS + 60)])

    assert bars == aggregates([Print(0, 1_000, 10), Print(59, 1_010, 10)])


def test_the_last_bar_ends_with_the_session_though_its_interval_does_not() -> None:
    short = Hours(OPENS, OPENS + 375 * 60)
    builder = BarBuilder(INFY, 3_600, short)
    prints = [Print(374 * 60, 1_000, 10)]

    assert feed(builder, packets(prints)) == []
    assert builder.close_until(short.closes - 1) is None
    assert builder.close_until(short.closes) == aggregates(prints, interval=3_600)[0]


@pytest.mark.parametrize("second", [-1, SESSION_SECONDS, SESSION_SECONDS + 900])
def test_prints_outside_the_session_are_no_bars(second: int) -> None:
    builder = BarBuilder(INFY, 60, DAY)

    bars = feed(builder, packets([Print(second, 1_000, 10)])) + finish(builder)

    assert bars == []
    assert builder.outside == 1


def test_volume_before_the_open_belongs_to_no_bar() -> None:
    """The opening auction trades before 09:15; the day's running volume contains it."""
    builder = BarBuilder(INFY, 60, DAY)

    sent = packets([Print(-400, 1_000, 5_000), Print(3, 1_010, 10), Print(70, 1_000, 1)])
    bars = feed(builder, sent) + finish(builder)

    assert bars == aggregates([Print(3, 1_010, 10), Print(70, 1_000, 1)])


def test_an_index_has_bars_without_volume() -> None:
    builder = BarBuilder(256_265, 60, DAY)
    sent = [Packet(256_265, 24_000 + second, 0, 0, 0, OPENS + second) for second in range(-5, 130)]

    bars = feed(builder, sent) + finish(builder)

    assert [(bar.start // SECOND - OPENS, bar.open, bar.close, bar.volume, bar.complete) for bar in bars] == [
        (0, 24_000, 24_059, 0, True),
        (60, 24_060, 24_119, 0, True),
        (120, 24_120, 24_129, 0, True),
    ]


@pytest.mark.parametrize(
    ("interval", "second", "start", "end"),
    [
        (60, 0, 0, 60),
        (60, 59, 0, 60),
        (60, 60, 60, 120),
        (3_600, 3_599, 0, 3_600),
        (3_600, SESSION_SECONDS - 1, 18_000, 21_600),
        (DAY_SECONDS, 5, -33_300, 53_100),
    ],
)
def test_bars_are_laid_from_the_open(interval: int, second: int, start: int, end: int) -> None:
    assert bar_start(DAY, interval, OPENS + second) == OPENS + start
    assert bar_end(DAY, interval, OPENS + second) == OPENS + end


@pytest.mark.parametrize(
    ("second", "until"), [(-900, 0), (0, 0), (59, 0), (60, 60), (90, 60), (SESSION_SECONDS + 100, SESSION_SECONDS)]
)
def test_what_is_over_at_an_instant(second: int, until: int) -> None:
    assert finished_until(DAY, 60, OPENS + second) == OPENS + until
