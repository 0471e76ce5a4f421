"""What the reporter remembers beside the journal, over crashes, restarts and days."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    PositionView,
    StrategyFrozen,
    TradingState,
    TradingStateChanged,
)
from domain.messages.market import FeedConnected, FeedDisconnected
from domain.messages.orders import DenyReason
from domain.report.memory import EQUITY_POINTS_MAX, EVENTS_MAX, DayMemory
from domain.values import MINUTE, SECOND, Product
from tests.report.sample_day import DAY, at, snapshot


def in_infy(quantity: int, last_price: int) -> PositionView:
    return PositionView("ma", "NSE:INFY", 1, Product.MIS, quantity, 0, 0, last_price, 0, 0, 0)


def a_memory(run: str = "run 1") -> DayMemory:
    memory = DayMemory()
    memory.begin_run(run, at("09:10"))
    memory.open(DAY, 1, at("09:10"))
    return memory


def test_the_first_connection_of_each_process_is_no_reconnect() -> None:
    memory = a_memory()
    for epoch in (1, 2, 3):
        memory.witness(FeedConnected(epoch, at("09:15")), at("09:15"))
    assert memory.reconnects == 2

    memory.begin_run("run 2", at("11:00"))
    memory.witness(FeedConnected(1, at("11:00")), at("11:00"))
    assert memory.reconnects == 2

    memory.witness(FeedConnected(2, at("11:05")), at("11:05"))
    assert memory.reconnects == 3


def test_a_reporter_that_comes_up_again_in_the_same_process_is_no_new_run() -> None:
    memory = a_memory()

    memory.begin_run("run 1", at("10:00"))
    assert memory.runs == 1

    memory.begin_run("run 2", at("11:00"))
    assert memory.runs == 2
    assert [event.kind for event in memory.events] == ["start"]


def test_another_day_forgets_the_former_and_the_same_day_said_again_does_not() -> None:
    memory = a_memory()
    memory.restarted(at("10:00"), "market", "KeyError: 1")
    memory.deny("halted")
    memory.sample(snapshot())

    memory.open(DAY, 7, at("12:00"))
    assert (memory.restarts, memory.day_seq, len(memory.equity_curve)) == (1, 1, 1)

    memory.open("2026-11-23", 40, at("09:10", "2026-11-23"))
    assert (memory.restarts, memory.day_seq, memory.runs) == (0, 40, 1)
    assert (memory.events, memory.equity_curve, memory.denied) == ([], [], {})


def test_what_happened_is_told_by_kind() -> None:
    memory, now = a_memory(), at("10:00")
    messages = [
        FeedDisconnected(1, "closed by peer", login_needed=False, received_time=now),
        TradingStateChanged(TradingState.HALTED, "daily loss", "limit", now),
        StrategyFrozen("ma_cross", "failed too often", now),
        JobDue(JobKind.DRILL_DROP_FEED, "", now, now),
        JobDue(JobKind.SQUARE_OFF, "equity", now, now),
        Alert("critical", "disk", "full", now),
        Alert("info", "hello", "there", now),
    ]

    assert all(memory.witness(message, now) for message in messages)

    told = [(event.kind, event.name, event.text) for event in memory.facts("sandbox", now).events]
    assert told == [
        ("disconnect", "feed", "closed by peer"),
        ("state", "HALTED", "daily loss (limit)"),
        ("frozen", "ma_cross", "failed too often"),
        ("drill", "drop_feed", ""),
        ("job", "square_off", "equity"),
        ("alert", "disk", "full"),
    ]
    assert memory.alerts == 2


def test_what_does_not_concern_the_day_is_not_taken() -> None:
    assert not a_memory().witness(DenyReason.HALTED, at("10:00"))


def test_the_curve_has_one_point_per_minute_of_the_day() -> None:
    memory = a_memory()

    taken = [
        memory.sample(replace(snapshot(), time=at("10:00") + second * SECOND)) for second in (0, 20, 59, 60, 61, 120)
    ]

    assert taken == [True, False, False, True, False, True]
    assert not memory.sample(replace(snapshot(), day="2026-11-19"))


def test_a_curve_that_grows_too_long_is_thinned_and_goes_on() -> None:
    memory = a_memory()
    start = at("00:00")
    for minute in range(EQUITY_POINTS_MAX + 500):
        memory.sample(replace(snapshot(), time=start + minute * MINUTE))

    times = [point.time for point in memory.equity_curve]
    assert len(times) <= EQUITY_POINTS_MAX
    assert times[0] == start
    assert times[-1] >= start + (EQUITY_POINTS_MAX + 498) * MINUTE
    assert times == sorted(times)


def test_too_many_events_are_counted_instead_of_kept() -> None:
    memory = a_memory()
    for _ in range(EVENTS_MAX + 5):
        memory.restarted(at("10:00"), "market", "again")

    facts = memory.facts("sandbox", at("15:45"))
    assert facts.restarts == EVENTS_MAX + 5
    assert len(facts.events) == EVENTS_MAX + 1
    assert facts.events[-1].text == "5 more events are in the log"


@given(
    st.lists(st.sampled_from(["connect", "restart", "deny", "sample", "run"]), max_size=30),
    st.integers(0, 30),
)
def test_kept_and_read_again_it_goes_on_as_if_nothing_had_been(happenings: list[str], cut: int) -> None:
    def live(memory: DayMemory, what: str, index: int) -> None:
        now = at("09:15") + index * MINUTE
        match what:
            case "connect":
                memory.connected(now)
            case "restart":
                memory.restarted(now, "market", "why")
            case "deny":
                memory.deny("halted")
            case "sample":
                memory.sample(replace(snapshot(), time=now))
            case _:
                memory.begin_run(f"run {index}", now)

    whole, parted = a_memory(), a_memory()
    for index, what in enumerate(happenings):
        live(whole, what, index)
        if index == cut:
            parted = DayMemory.decode(parted.encode())
        live(parted, what, index)

    assert parted == whole


def test_the_prices_of_what_is_held_are_kept_by_the_minute_and_thinned_with_the_curve() -> None:
    memory = a_memory()
    held = replace(snapshot(), positions=(in_infy(5, 1_000_000),))
    memory.sample(replace(held, time=at("10:00")))
    memory.sample(replace(snapshot(), time=at("10:01"), positions=(in_infy(0, 1_100_000),)))
    memory.sample(replace(held, time=at("10:02")))

    assert memory.price_samples == {"NSE:INFY": [(at("10:00"), 1_000_000), (at("10:02"), 1_000_000)]}
    assert DayMemory.decode(memory.encode()).price_samples == memory.price_samples
    ((name, points),) = memory.facts("sandbox", at("15:45")).price_samples
    assert (name, len(points)) == ("NSE:INFY", 2)

    memory.open("2026-11-23", 9, at("09:00"))
    assert memory.price_samples == {}
