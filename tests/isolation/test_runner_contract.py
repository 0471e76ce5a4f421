"""A runner is a runner: the same stream makes the same decisions in a thread and in a process of its own."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from typing import Self

import msgspec
import pytest
from msgspec.structs import replace

from actors.runtime import Failure
from adapters.isolation.runner import FOLDED_AT_ONCE, IsolatedRunner
from adapters.isolation.wire import Begin, encode, heard_by_child
from domain.errors import CalendarUnknown
from domain.market.buckets import Hours
from domain.messages.configuration import StrategyTerms
from domain.messages.journal import DayOpened, JournalEvent
from domain.messages.market import BarsBackfilled
from domain.messages.orders import OrderIntent
from domain.risk.sizing import FixedQuantity, FixedValue, Kelly, PercentOfEquity
from domain.strategies.ma_crossover import MaCrossover
from domain.strategy.runner import RunnerSettings, Strategy
from domain.strategy.running import Runner, in_thread
from domain.values import SECOND, Instrument, InstrumentKind, Nanos, Product
from tests.isolation.minds import Busybody
from tests.market.making import INFY, OneDay
from tests.strategy.playing import SETTINGS, SHARE, a_bar, a_price, at, filled
from tests.strategy.rules import SlowDigits

MANAGED = replace(SETTINGS, managed_exits=True)


class Both:
    """The two runners, told the same; each answer is compared."""

    def __init__(
        self, strategy: Strategy, settings: RunnerSettings = SETTINGS, instruments: tuple[Instrument, ...] = (SHARE,)
    ) -> None:
        terms = StrategyTerms(strategy, instruments, settings)
        self.asked: list[list[tuple[int, Nanos]]] = [[], []]
        here, there = (self._noting(number) for number in range(2))
        self.runners: tuple[Runner, Runner] = (in_thread("it", terms, here), IsolatedRunner("it", terms, there))
        self.compared = 0

    def _noting(self, number: int) -> Callable[[int, Nanos], Hours]:
        def today(token: int, instant: Nanos) -> Hours:
            self.asked[number].append((token, instant))
            if instant < at(-40 * 86_400):
                raise CalendarUnknown("no table for that year")
            return OneDay().today(token, instant)

        return today

    def set(self, quiet_until: Nanos, *, enabled: bool) -> None:
        for each in self.runners:
            each.quiet_until, each.enabled = quiet_until, enabled

    def tell(self, what: str, *told: object) -> list[OrderIntent]:
        """Call it on both; the intents."""
        one, other = (getattr(each, what)(*told) for each in self.runners)
        moves, asked = self.runners[1].moves(), self.runners[1].take_asked()
        assert (one, self.runners[0].moves(), self.runners[0].take_asked()) == (other, moves, asked)
        for name in ("warming", "decided", "lapsed", "timed", "series", "quiet_until", "enabled"):
            assert getattr(self.runners[0], name) == getattr(self.runners[1], name), name
        self.compared += len(one or ()) + len(moves) + len(asked)
        return one or []

    def stand(self) -> None:
        assert self.runners[0].standing() == self.runners[1].standing()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self.runners:
            each.close()


def play(both: Both, seed: int, minutes: int = 60) -> None:
    """A day's beginning as the seed has it: bars, prices, fills in part, refusals, changes of settings."""
    draw = random.Random(seed)
    others: list[JournalEvent] = [
        each for bar in range(3) for each in filled(replace(an_intent(bar), strategy="another", intent_id=f"a{bar}"))
    ]
    journal: list[JournalEvent] = [DayOpened("2026-11-20", 0, at(0)), *others]
    history = tuple(a_bar(minute, 100, backfilled=True) for minute in range(-20, 0))
    both.tell("price", a_price(1, 100), at(1))
    both.tell("backfilled", BarsBackfilled(INFY, 60, history), at(2))
    version = 3
    for minute in range(minutes):
        end = at(60 * minute + 60)
        rupees = 100 + draw.randint(0, 9)
        bar = a_bar(minute, rupees, complete=draw.random() < 0.9)
        intents = both.tell("bar", bar, end)
        for second in range(1, draw.randint(2, 6)):
            price, now = a_price(60 * minute + 60 + second, rupees), end + second * SECOND
            intents += both.tell("price", price, now)
            intents += both.tell("timer", now)
        for intent in intents:
            events = filled(intent, draw.randint(1, intent.quantity), end)
            fate = draw.random()
            if fate < 0.2:
                both.tell("refused", intent.intent_id)
                continue
            journal += events
            for event in events[: 3 if fate < 0.3 else 5] + others[:1]:
                both.tell("journaled", event, end + 10 * SECOND)
        whim = draw.random()
        if whim < 0.1:
            version += 1
            settings = replace(both_settings(both), config_version=version, intent_valid_seconds=20 + whim * 100)
            both.tell("reconfigure", settings)
        elif whim < 0.2:
            both.set(end + draw.randint(0, 90) * SECOND, enabled=draw.random() < 0.7)
        both.stand()
    both.tell("square_off", [INFY], at(60 * minutes + 1))
    both.tell("bar", a_bar(minutes, 101), at(60 * minutes + 60))
    both.stand()


def both_settings(both: Both) -> RunnerSettings:
    settings = both.runners[0]._settings  # type: ignore[attr-defined] # the runner in the thread has them
    assert isinstance(settings, RunnerSettings)
    return settings


def an_intent(number: int) -> OrderIntent:
    [intent] = in_thread_intents(number)
    return intent


def in_thread_intents(number: int) -> Sequence[OrderIntent]:
    runner = in_thread("it", StrategyTerms(Busybody(), (SHARE,), MANAGED), OneDay().today)
    runner.backfilled(
        BarsBackfilled(INFY, 60, (a_bar(-2, 100, backfilled=True), a_bar(-1, 100, backfilled=True))), at(0)
    )
    return runner.bar(a_bar(number, 101), at(60 * number + 60))


@pytest.mark.parametrize(
    ("strategy", "settings", "seed", "least"),
    [
        (Busybody(), MANAGED, 1, 20),
        (Busybody(watches=False), MANAGED, 2, 20),
        (SlowDigits(stop=0.5, trail=0.3), MANAGED, 3, 5),
        pytest.param(MaCrossover(fast=3, slow=5), SETTINGS, 4, 0, marks=pytest.mark.long("isolation")),
    ],
    ids=["everything", "no prices", "rule", "crossover"],
)
def test_the_same_stream_makes_the_same_of_it(
    strategy: Strategy, settings: RunnerSettings, seed: int, least: int
) -> None:
    """`least`: so many intents, moves and requests must have been among what was compared."""
    with Both(strategy, settings) as both:
        play(both, seed)

        assert both.compared > least


def test_a_journal_from_before_is_folded_in_few_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what of it is another's, which does not travel at all."""
    said: list[object] = []
    say = IsolatedRunner._say

    def noting(runner: IsolatedRunner, message: object) -> None:
        said.append(message)
        say(runner, message)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(IsolatedRunner, "_say", noting)
    base = an_intent(0)
    mine = [replace(base, intent_id=f"it:{number}") for number in range(FOLDED_AT_ONCE // 2)]
    others = [replace(base, intent_id=f"other:{number}", strategy="other") for number in range(2_000)]
    events = [event for intent in (*mine, *others) for event in filled(intent)]
    with Both(Busybody(), MANAGED) as both:
        for event in events:
            for runner in both.runners:
                runner.fold(event)
        both.stand()

        assert both.runners[1].standing().held == {INFY: base.quantity * len(mine)}
        assert len(said) <= 6  # the first word, whole batches, the looks


def test_a_session_is_asked_for_once_a_day_and_an_unknown_one_raises_as_it_would_here() -> None:
    other = replace(SHARE, token=2, symbol="SBIN")
    with Both(Busybody(), MANAGED, (SHARE, other)) as both:
        days = tuple(a_bar(day * 1_440 + minute, 100, backfilled=True) for day in (-2, -1) for minute in range(9))
        for token in (INFY, 2):
            bars = tuple(replace(bar, token=token) for bar in days)
            both.tell("backfilled", BarsBackfilled(token, 60, bars), at(0))
            for minute in range(3):
                both.tell("bar", a_bar(minute, 101, token=token), at(60 * minute + 60))
        assert len(both.asked[1]) == 3

    with Both(Busybody(), MANAGED) as both:
        early = -50 * 1_440
        days = tuple(a_bar(early - minute, 100, backfilled=True) for minute in range(9))
        both.tell("backfilled", BarsBackfilled(INFY, 60, days), at(60 * early))
        reasons = []
        for each in both.runners:
            with pytest.raises(Exception, match="no table") as caught:
                each.bar(a_bar(early + 1, 100), at(60 * early + 120))
            reasons.append(Failure.of(caught.value).reason)

        assert reasons == ["domain.errors.CalendarUnknown: no table for that year"] * 2


def test_every_kind_of_instrument_and_sizing_arrives_as_it_was() -> None:
    contract = Instrument(
        7, "NFO", "NIFTY26NOV25000CE", InstrumentKind.CALL, 500, lot_size=75, name="NIFTY", strike=250_000_000,
        expiry=dt.date(2026, 11, 26), freeze_quantity=1_800,
    )  # fmt: skip
    for sizing in (FixedQuantity(3), FixedValue(10**12), PercentOfEquity(2.5), Kelly(0.6, 1.5)):
        settings = replace(SETTINGS, sizing=sizing, product=Product.NRML, capital=10**15)
        begin = Begin("it", "a:B", msgspec.Raw(msgspec.msgpack.encode(Busybody(keep=9))), (contract, SHARE), settings)

        assert heard_by_child(encode(begin)) == begin
