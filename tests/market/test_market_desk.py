"""The market desk: bars in order and without holes, whatever the feed and the history do."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.bars import Bar
from domain.market.desk import DeskMessage, DeskSettings, MarketDesk
from domain.market.series import SeriesMessage, SeriesSettings, warm_up_start
from domain.messages.market import BarsBackfilled, BarsClosed, LoadHistory, PriceChanged, PricesChanged, TickBatch
from domain.values import SECOND
from tests.market.making import (
    CLOSES,
    DAY,
    INFY,
    OPENS,
    SBIN,
    OneDay,
    Packet,
    Print,
    aggregates,
    answer,
    batch,
    packets,
    rows,
)

M = TypeVar("M")
QUICK = DeskSettings(series=SeriesSettings(deadline_seconds=10, retry_seconds=1, answer_seconds=4))
MINUTE_BARS = 60


def a_desk(warm: int = 0, *, wanted: dict[tuple[int, int], int] | None = None) -> MarketDesk:
    return MarketDesk(wanted or {(INFY, 60): warm}, (), OneDay(), QUICK)


def of(kind: type[M], messages: Sequence[DeskMessage]) -> list[M]:
    return [each for each in messages if isinstance(each, kind)]


def live(messages: Sequence[DeskMessage]) -> list[Bar]:
    return [bar for each in of(BarsClosed, messages) for bar in each.bars]


def a_market(seed: int, seconds: int, start: int = 0) -> list[Print]:
    draw = random.Random(seed)
    price = 100_000
    made = []
    for second in range(start, start + seconds):
        if draw.random() < 0.6:
            price += draw.choice([-50, 0, 50])
            made.append(Print(second, price, draw.randint(1, 500)))
    return made


def at(second: int) -> int:
    return (OPENS + second) * SECOND


def test_bars_come_before_the_price_that_closed_them() -> None:
    desk = a_desk()
    desk.begin(at(0), 0)

    told = desk.ticks(batch(packets([Print(0, 1_000, 1), Print(61, 1_010, 1)])), 0)

    assert [type(each) for each in told] == [BarsClosed, PricesChanged]


def test_bars_that_end_together_are_one_message() -> None:
    desk = a_desk(wanted={(SBIN, 60): 0, (INFY, 60): 0, (INFY, 300): 0})
    desk.begin(at(0), 0)
    both = [each for token in (INFY, SBIN) for each in packets([Print(0, 1_000, 1), Print(300, 1_010, 1)], token)]

    [closed] = of(BarsClosed, desk.ticks(batch(both), 0))

    assert [(bar.token, bar.interval_seconds, bar.start) for bar in closed.bars] == [
        (SBIN, 60, at(0)),
        (INFY, 60, at(0)),
        (INFY, 300, at(0)),
    ]
    assert closed.received_time == at(300)


class AlwaysLooking(MarketDesk):
    """Looks at every open bar at every tick and every stroke of the clock."""

    def _close_until(self, second: int, mono: int) -> list[SeriesMessage]:
        self._late_end = True
        return super()._close_until(second, mono)


@given(st.data())
def test_no_bar_closes_later_than_if_every_one_were_looked_at_all_the_time(data: st.DataObject) -> None:
    """Frames of any instruments in any order, silent ones, late ones, over the end of the session, and the clock."""
    wanted = {(INFY, 60): 0, (INFY, 300): 0, (SBIN, 60): 0, (SBIN, 900): 0, (SBIN, 86_400): 0}
    desks = [kind(wanted, (), OneDay(), QUICK) for kind in (MarketDesk, AlwaysLooking)]
    second = data.draw(st.sampled_from([-30, 0, 270, 880, CLOSES - OPENS - 400]))
    volumes = {INFY: 0, SBIN: 0}
    for desk in desks:
        desk.begin(at(second), 0)
    for _ in range(data.draw(st.integers(1, 25))):
        second += data.draw(st.integers(0, 90))
        if data.draw(st.booleans()):
            said = [desk.clock(at(second - 2), at(second), 0) for desk in desks]
        else:
            frame = []
            for token in data.draw(st.lists(st.sampled_from([INFY, SBIN]), min_size=1, max_size=3)):
                volumes[token] += data.draw(st.integers(0, 1))
                late = data.draw(st.sampled_from([0, 0, 1, 3, 70]))
                older = data.draw(st.sampled_from([0, 0, 2, 65, 400]))
                exchange = OPENS + second - late
                frame.append(Packet(token, 1_000 + second, 1, volumes[token], exchange - older, exchange))
            received = TickBatch(1, rows(frame), at(second))
            said = [desk.ticks(received, 0) for desk in desks]
        assert said[0] == said[1]
    assert desks[0].counts() == desks[1].counts()


def test_only_the_newest_price_of_a_frame_is_told() -> None:
    desk = a_desk()
    desk.begin(at(0), 0)

    [told] = of(PricesChanged, desk.ticks(batch(packets([Print(0, 1_000, 1), Print(1, 1_010, 2)])), 0))

    assert told.prices == {INFY: PriceChanged(INFY, 1_010, 510, 1_510, 3, at(1), told.prices[INFY].received_time)}


def test_the_prices_of_a_frame_are_one_message_and_a_newer_one_keeps_what_an_older_says_of_others() -> None:
    desk = MarketDesk({(INFY, 60): 0}, (SBIN,), OneDay(), QUICK)
    desk.begin(at(0), 0)
    both = [*packets([Print(0, 1_000, 1)]), *packets([Print(0, 700, 1)], SBIN)]

    [first] = of(PricesChanged, desk.ticks(batch(both), 0))
    [second] = of(PricesChanged, desk.ticks(batch(packets([Print(1, 1_010, 2)])), 0))
    [none] = [of(PricesChanged, desk.ticks(batch(packets([Print(1, 0, 2)], token=999)), 0))]

    assert list(first.prices) == [INFY, SBIN]
    assert second.after(first).prices == {INFY: second.prices[INFY], SBIN: first.prices[SBIN]}
    assert none == []


def test_the_warm_up_is_asked_for_at_the_start_and_told_before_any_live_bar() -> None:
    desk = a_desk(warm=100)
    yesterday = [
        msgspec.structs.replace(bar, start=bar.start - 86_400 * SECOND) for bar in aggregates(a_market(1, 9_000))
    ]
    [command] = desk.begin(at(0), 0)
    assert isinstance(command, LoadHistory)

    prints = a_market(2, 200)
    before = desk.ticks(batch(packets(prints)), 0)
    told = desk.loaded(answer(command, yesterday), at(200), 1)

    assert live(before) == []
    assert command == LoadHistory(INFY, 60, at(-86_400), at(0))
    assert [type(each) for each in told] == [BarsBackfilled, BarsClosed]
    assert of(BarsBackfilled, told)[0].bars == tuple(msgspec.structs.replace(bar, backfilled=True) for bar in yesterday)
    assert live(told) == aggregates(prints)[:3]


def test_a_start_in_mid_bar_is_repaired_from_history_before_decisions_go_on() -> None:
    desk = a_desk(warm=10)
    prints = a_market(3, 400)
    whole = aggregates(prints)
    sent = packets(prints)
    joined = [each for each in sent if each.traded >= OPENS + 90]
    commands = of(LoadHistory, desk.begin(at(90), 0))
    told: list[DeskMessage] = [*desk.loaded(answer(commands[0], whole), at(90), 0)]

    for packet in joined:
        news = desk.ticks(batch([packet]), 0)
        for command in of(LoadHistory, news):
            commands.append(command)
            news += desk.loaded(answer(command, whole), packet.exchange * SECOND, 0)
        told += news

    assert [(each.start, each.end) for each in commands[1:]] == [(at(60), at(120))]
    assert [bar.start for each in of(BarsBackfilled, told) for bar in each.bars][-2:] == [at(0), at(60)]
    assert live(told) == whole[2:-1]


def test_after_a_gap_the_series_has_every_bar_once_and_in_order() -> None:
    desk = a_desk()
    prints = a_market(4, 900)
    whole = aggregates(prints)
    desk.begin(at(0), 0)
    told: list[DeskMessage] = []
    epoch = 1

    for packet in packets(prints):
        second = packet.traded - OPENS
        if 130 <= second < 400:
            desk.disconnected(2)
            epoch = 3
            continue
        news = desk.ticks(batch([packet], epoch), 0)
        for command in of(LoadHistory, news):
            news += desk.loaded(answer(command, whole), packet.exchange * SECOND, 0)
        told += news

    seen = [bar for each in told for bar in _bars(each)]
    assert [bar.start for bar in seen] == [bar.start for bar in whole[:-1]]
    assert [msgspec.structs.replace(bar, backfilled=False) for bar in seen] == whole[:-1]
    assert [bar.start for bar in seen if bar.backfilled] == [at(60 * minute) for minute in range(2, 7)]


def _bars(message: DeskMessage) -> tuple[Bar, ...]:
    return message.bars if isinstance(message, BarsClosed | BarsBackfilled) else ()


@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 1_500), st.integers(1, 300)), max_size=4),
    st.lists(st.sampled_from(["now", "late", "error", "lost"]), min_size=1, max_size=6),
    st.integers(0, 200),
)
def test_gaps_and_a_bad_history_never_break_the_order(
    seed: int, gaps: list[tuple[int, int]], fates: list[str], first: int
) -> None:
    """Whatever is lost and however history answers: starts strictly rise, and a bar told as complete is true."""
    prints = a_market(seed, 1_800)
    whole = {bar.start: bar for bar in aggregates(prints)}
    desk = a_desk(warm=5)
    told: list[DeskMessage] = desk.begin(at(first), 0)
    epoch, mono, turn = 1, 0, 0
    due: list[tuple[int, LoadHistory]] = []
    pending = of(LoadHistory, told)

    for packet in packets(prints):
        second = packet.traded - OPENS
        mono = second * SECOND // 10
        if second < first:
            continue
        if any(start <= second < start + length for start, length in gaps):
            if epoch % 2:
                epoch += 1
                desk.disconnected(epoch)
            continue
        epoch += 1 - epoch % 2
        news = desk.ticks(batch([packet], epoch), mono)
        news += desk.clock(at(second - 20), at(second), mono)
        pending += of(LoadHistory, news)
        for command in pending:
            fate = fates[turn % len(fates)]
            turn += 1
            if fate == "late":
                due.append((second + 60, command))
            elif fate != "lost":
                error = "no answer" if fate == "error" else ""
                known = [bar for bar in whole.values() if bar.end <= at(second)]
                news += desk.loaded(answer(command, known, error), at(second), mono)
        pending = [each for each in of(LoadHistory, news) if each not in pending]
        for when, command in [each for each in due if each[0] <= second]:
            due.remove((when, command))
            known = [bar for bar in whole.values() if bar.end <= at(second)]
            news += desk.loaded(answer(command, known), at(second), mono)
        told += news

    bars = [bar for each in told for bar in _bars(each)]
    starts = [bar.start for bar in bars]
    assert starts == sorted(set(starts))
    for bar in bars:
        if bar.complete:
            assert msgspec.structs.replace(bar, backfilled=False) == whole[bar.start]


def test_history_that_never_comes_costs_marked_bars_and_no_more() -> None:
    desk = a_desk()
    prints = a_market(5, 600)
    sent = packets(prints)
    desk.begin(at(0), 0)
    told = desk.ticks(batch([each for each in sent if each.traded < OPENS + 130]), 0)
    desk.connected(2)
    told += desk.ticks(batch([each for each in sent if each.traded >= OPENS + 200], epoch=2), 0)
    asking = of(LoadHistory, told)
    for mono in range(1, 9):
        for command in asking:
            told += desk.loaded(answer(command, (), "the broker does not answer"), at(600), mono * SECOND)
        news = desk.clock(at(590), at(600), mono * SECOND)
        asking = of(LoadHistory, news)
        told += news
    asked = len(of(LoadHistory, told))

    told += desk.clock(at(600), at(700), 11 * SECOND)

    assert asked > 1
    assert desk.counts().given_up == 1
    assert [(bar.start, bar.complete) for bar in live(told)] == [(at(0), True), (at(60), True)] + [
        (at(60 * minute), False) for minute in (2, 3, 4, 5, 6, 7, 8, 9)
    ]


def test_history_that_lags_behind_the_market_is_asked_again() -> None:
    desk = a_desk()
    prints = a_market(6, 300)
    whole = aggregates(prints)
    sent = packets(prints)
    desk.begin(at(70), 0)
    told = desk.ticks(batch([each for each in sent if each.traded >= OPENS + 70]), 0)
    [command] = of(LoadHistory, told)

    told = desk.loaded(answer(command, ()), at(300), 0)
    told += desk.clock(at(280), at(300), 2 * SECOND)
    [again] = of(LoadHistory, told)
    told += desk.loaded(answer(again, whole), at(300), 2 * SECOND)

    assert again == command == LoadHistory(INFY, 60, at(60), at(120))
    assert [bar.start for each in of(BarsBackfilled, told) for bar in each.bars] == [at(60)]
    assert live(told) == whole[2:4]


def test_a_second_gap_while_the_first_is_being_repaired() -> None:
    desk = a_desk()
    prints = a_market(8, 420)
    whole = aggregates(prints)
    desk.begin(at(0), 0)
    told: list[DeskMessage] = []
    for epoch, (start, end) in enumerate([(0, 70), (100, 130), (160, 420)], 1):
        part = [each for each in packets(prints) if start <= each.traded - OPENS < end]
        told += [message for each in part for message in desk.ticks(batch([each], epoch), 0)]
    [first] = of(LoadHistory, told)

    told += desk.loaded(answer(first, whole), at(420), 0)
    [_, second] = of(LoadHistory, told)
    told += desk.loaded(answer(second, whole), at(420), 0)

    assert [(each.start, each.end) for each in (first, second)] == [(at(60), at(120)), (at(120), at(180))]
    assert [bar.start for each in told for bar in _bars(each)] == [bar.start for bar in whole[:-1]]
    assert all(bar.complete for each in told for bar in _bars(each))


def test_a_silent_instrument_closes_when_the_others_have_moved_on() -> None:
    desk = a_desk(wanted={(INFY, 60): 0, (SBIN, 60): 0})
    desk.begin(at(0), 0)
    desk.ticks(batch([*packets([Print(0, 1_000, 1)]), *packets([Print(0, 500, 1)], SBIN)]), 0)

    moved = packets([Print(0, 500, 1), Print(60, 500, 1)], SBIN)[1:]
    at_the_end = live(desk.ticks(batch(moved), 0))
    moved = packets([Print(0, 500, 1), Print(60, 500, 1), Print(61, 500, 1)], SBIN)[2:]
    past_it = live(desk.ticks(batch(moved), 0))

    assert [bar.token for bar in at_the_end] == [SBIN]  # a packet of 09:15:59 may still be on its way for the other
    assert [bar.token for bar in past_it] == [INFY]


def test_the_clock_closes_bars_when_nothing_trades_at_all() -> None:
    desk = a_desk()
    desk.begin(at(0), 0)
    desk.ticks(batch(packets([Print(0, 1_000, 1)])), 0)

    assert live(desk.clock(at(59), at(70), 0)) == []
    assert live(desk.clock(at(60), at(71), 0)) == aggregates([Print(0, 1_000, 1)])


def test_what_is_bad_is_counted_and_has_no_effect() -> None:
    desk = a_desk()
    desk.begin(at(0), 0)
    desk.connected(5)
    good = packets([Print(0, 1_000, 1)])[0]
    frames = [
        batch([good], epoch=4),
        batch([good._replace(token=1)], epoch=5),
        batch([good._replace(price=0)], epoch=5),
        msgspec.structs.replace(batch([good._replace(exchange=OPENS + 9_999)], epoch=5), received_time=at(1)),
        batch([good._replace(exchange=0, traded=0), good], epoch=5),
    ]

    told = [each for frame in frames for each in desk.ticks(frame, 0)]

    counts = desk.counts()
    assert (counts.stale, counts.unknown, counts.bad, counts.untimed, counts.prints) == (1, 1, 2, 1, 1)
    assert len(of(PricesChanged, told)) == 1


def test_a_strategy_that_starts_again_is_answered_from_memory() -> None:
    desk = a_desk(warm=4)
    prints = a_market(7, 600)
    whole = aggregates(prints)
    [command] = of(LoadHistory, desk.begin(at(0), 0))
    assert desk.remembered(INFY, 60) is None
    desk.loaded(answer(command, ()), at(0), 0)
    desk.ticks(batch(packets(prints)), 0)

    remembered = desk.remembered(INFY, 60)

    assert remembered is not None
    assert [bar.start for bar in remembered.bars] == [bar.start for bar in whole[5:9]]
    assert all(bar.backfilled for bar in remembered.bars)


def test_the_next_day_starts_over() -> None:
    desk = a_desk()
    desk.begin(at(0), 0)
    desk.ticks(batch(packets([Print(0, 1_000, 10), Print(65, 1_000, 10)])), 0)
    told = desk.clock(at(86_000), at(86_000), 0)
    next_day = [Packet(INFY, 1_200, 3, 3, OPENS + 86_400, OPENS + 86_400)]

    told += desk.ticks(batch(next_day), 0)
    told += desk.clock(at(86_460), at(86_460), 0)
    [command] = of(LoadHistory, told)
    told += desk.loaded(answer(command, ()), at(86_460), 0)

    assert (command.start, command.end) == (at(120), at(86_400))
    assert [(bar.start, bar.volume, bar.complete) for bar in live(told)] == [
        (at(60), 10, True),
        (at(86_400), 3, True),
    ]


def test_a_warm_up_reaches_back_over_sessions() -> None:
    sessions = [DAY, *[type(DAY)(DAY.opens - 86_400 * n, DAY.closes - 86_400 * n) for n in range(1, 9)]]

    assert warm_up_start(sessions, 60, 10, at(1_200)) == at(0)
    assert warm_up_start(sessions, 60, 100, at(1_200)) == at(-86_400)
    assert warm_up_start(sessions, 60, 700, at(0)) == at(-3 * 86_400)
    assert warm_up_start(sessions, 60, 99_999, at(0)) == at(-8 * 86_400)
