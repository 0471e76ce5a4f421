"""Every named difference is found within its interval and met by its policy: the whole tree in virtual time.

Something becomes different at the exchange at a moment between two looks; nothing is told. How long until the journal
names it is what the reconciler's own timers, at the intervals of the configuration, make of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace

from actors.risk import RiskGate
from actors.routes import RISK
from adapters.simulated.broker import SimBroker
from adapters.simulated.exchange import Exchange
from adapters.simulated.market import share
from adapters.store.journal import SqliteJournal
from app.chaos.process import Process
from app.chaos.scenario import cast_of, settings_of
from app.chaos.scripted import ScriptedWorld, script_plan
from app.chaos.world import play
from domain.messages.broker import BrokerHolding, BrokerOrder, BrokerPosition, Funds, PlaceOrder
from domain.messages.control import TradingState
from domain.messages.journal import DayOpened, DifferenceCleared, DifferenceFound, JournalRecord, TradeBooked
from domain.messages.orders import OrderIntent
from domain.reconcile.names import Difference, Policy
from domain.reconcile.policies import DEFAULT_POLICIES
from domain.strategy.event import EventStrategy, Needs
from domain.values import RUPEE, SECOND, OrderKind, Product, Side

ONE, TWO = share(1), share(2)
DAY = 24 * 3600 * SECOND
HOLDS_SECONDS = 20.0
"""When s1 buys 10 of ONE, virtual seconds. Something becomes different just after the look that follows: the worst time."""
SLACK_SECONDS = 2.0
"""For the ways to the broker and back."""


class Idle(EventStrategy, frozen=True):
    """Decides nothing."""

    def needs(self) -> Needs:
        """Prices, so that its instruments are subscribed."""
        return Needs(bars=False, prices=True)


class Lying(Exchange):
    """The exchange's model, but for what a row puts in place of its answers."""

    rows: Callable[[list[BrokerOrder]], list[BrokerOrder]] = staticmethod(lambda rows: rows)
    lines: Callable[[list[BrokerPosition]], list[BrokerPosition]] = staticmethod(lambda lines: lines)
    money: Callable[[Funds], Funds] = staticmethod(lambda money: money)
    looked: Callable[[], None] = staticmethod(lambda: None)
    shares: Sequence[BrokerHolding] = (BrokerHolding("NSE", TWO.symbol, 7, 0, 0, 100 * RUPEE),)

    def book(self) -> list[BrokerOrder]:
        """See Exchange."""
        return self.rows(super().book())

    def positions(self) -> list[BrokerPosition]:
        """See Exchange."""
        self.looked()
        return self.lines(super().positions())

    def funds(self) -> Funds:
        """See Exchange."""
        return self.money(super().funds())

    def by_hand(self, side: Side, quantity: int, tag: str = "", symbol: str = ONE.symbol) -> str:
        """A person's order."""
        order = PlaceOrder(tag, "NSE", symbol, side, quantity, Product.MIS, OrderKind.MARKET)
        return self.place(order)


class Story(ScriptedWorld):
    """s1 holds 10 of ONE from today and 7 of TWO from yesterday; then the row's difference comes about."""

    def __init__(self, row: Row, folder: Path) -> None:
        self.row = row
        self.found_after: list[float] = []
        self.cleared = 0
        self._differs_at = 0
        self.verdict: dict[str, object] = {}
        plan = script_plan(1)
        super().__init__(plan, folder, cast_of(plan, Idle(), ((ONE, TWO), (ONE,))))

    def _begin_process(self) -> Process:
        journal = SqliteJournal(self.disk.path, threading.Lock)
        yesterday = self.clock.now_ns() - DAY
        bought = TradeBooked(
            "T0", "O0", "", "s1", TWO.token, TWO.key, Side.BUY, Product.CNC, 7, 100 * RUPEE, yesterday, yesterday
        )
        journal.commit([DayOpened("2026-11-20", 1_000_000 * RUPEE, yesterday), bought])
        journal.close()
        return super()._begin_process()

    @property
    def lying(self) -> Lying:
        assert isinstance(self.exchange, Lying)
        return self.exchange

    def story(self) -> None:
        """See the class."""
        self.kernel.after(HOLDS_SECONDS, lambda: self.decide("holds", 10))
        self.lying.looked = self._looked

    def decide(self, number: str, quantity: int, **fields: object) -> None:
        """A decision of s1's, for the risk gate."""
        now = self.clock.now_ns()
        intent = OrderIntent(
            intent_id=f"s1:{number}",
            strategy="s1",
            token=ONE.token,
            instrument=ONE.key,
            side=Side.BUY,
            quantity=quantity,
            product=Product.MIS,
            kind=OrderKind.MARKET,
            reference_price=self.exchange.tape.price(ONE.token, now // SECOND),
            valid_until=now + 30 * SECOND,
            event_time=now,
            decided_time=now,
        )
        self._tell(replace(intent, **fields))

    def _tell(self, message: object) -> None:
        process = self.process
        process.do("test", lambda: process.tell(RISK, message))

    def recorded(self, record: JournalRecord) -> None:
        """When it was named."""
        match record.event:
            case DifferenceFound(name=name) if name == self.row.name.value:
                self.found_after.append((self.kernel.now - self._differs_at) / SECOND)
                self.kernel.after(1.0, lambda: self.process.do("look", self._look))
            case DifferenceFound(name=name):
                assert Difference(name) in self.row.brings, f"nobody made {record.event}"
            case DifferenceCleared(name=name) if name == self.row.name.value:
                self.cleared += 1

    def _look(self) -> None:
        risk = self.process.actors[RISK]
        assert isinstance(risk, RiskGate)
        book, state = risk._book, risk._standing.effective.state
        self.verdict = {
            Policy.FREEZE_INSTRUMENT.value: book.frozen_instrument(ONE.key) or book.frozen_instrument(TWO.key),
            Policy.FREEZE_STRATEGY.value: book.frozen("s1"),
            Policy.HALT.value: state is TradingState.HALTED,
        }

    def _looked(self) -> None:
        if not self._differs_at and self.kernel.now > HOLDS_SECONDS * SECOND:
            self._differs_at = self.kernel.now + SECOND
            self.kernel.after(1.0, self._differ)

    def _differ(self) -> None:
        self.row.comes(self)
        self.kernel.after(self.row.within + self.row.watched, self._end)

    def _end(self) -> None:
        self.kernel.stop()


class Row(Struct, frozen=True):
    """One name. comes: how; brings: what else is named with it.

    within   seconds by the configured intervals
    watched  for how many seconds more what follows is watched
    """

    name: Difference
    within: float
    comes: Callable[[Story], object]
    brings: tuple[Difference, ...] = ()
    watched: float = 15.0


def resting_order_vanishes(story: Story) -> None:
    """It rests for a while, and is in no book from then on."""
    story.script.order("unfilled")
    price = story.exchange.tape.price(ONE.token, story.clock.now_ns() // SECOND) - RUPEE
    story.decide("rests", 3, kind=OrderKind.LIMIT, price=price // 500 * 500)
    story.lying.rows = lambda rows: [row for row in rows if row.quantity != 3]


def told_of_nothing(story: Story) -> None:
    """All updates of the next order are lost."""
    story.script.order(*["update_lost"] * 8)
    story.decide("untold", 3)


def squared_off(story: Story) -> None:
    """Somebody at the broker sells what s1 holds."""
    order_id = story.lying.by_hand(Side.SELL, 10)
    story.lying.rows = lambda rows: [
        replace(row, placed_by="RMS") if row.order_id == order_id else replace(row, placed_by="SIM001") for row in rows
    ]


def lines(symbol: str, **fields: int) -> Callable[[Story], None]:
    """The broker's position in a symbol is another one, or is there at all."""
    fresh = BrokerPosition("NSE", symbol, Product.MIS, 0, 0, 0, 0, 0, 0, 100 * RUPEE)

    def come(story: Story) -> None:
        story.lying.lines = lambda rows: [
            *(row for row in rows if row.symbol != symbol),
            replace(next((row for row in rows if row.symbol == symbol), fresh), **fields),
        ]

    return come


BOOK, ACCOUNT, CONFIRM, GRACE, LATE = 10.0, 60.0, 2.0, 2.0, 120.0
ROWS = (
    Row(Difference.MISSED_FILL, BOOK + GRACE, told_of_nothing),
    Row(Difference.UNKNOWN_ORDER, BOOK, lambda s: s.lying.by_hand(Side.BUY, 2, "P" + "A" * 19)),
    Row(Difference.EXTERNAL_ORDER, BOOK, lambda s: s.lying.by_hand(Side.BUY, 2)),
    Row(Difference.MISSING_ORDER, LATE + 2 * BOOK, resting_order_vanishes),
    Row(Difference.BROKER_SQUARE_OFF, BOOK, squared_off),
    Row(
        Difference.EXTERNAL_POSITION,
        ACCOUNT + CONFIRM,
        lines(TWO.symbol, quantity=4, buy_quantity=4, buy_value=4),
        watched=ACCOUNT + CONFIRM,
    ),
    Row(
        Difference.EXTERNAL_SHORT,
        BOOK + ACCOUNT,
        lambda s: s.lying.by_hand(Side.SELL, 2),
        (Difference.EXTERNAL_ORDER,),
    ),
    Row(Difference.QUANTITY_DRIFT, ACCOUNT + CONFIRM, lines(ONE.symbol, quantity=15)),
    Row(Difference.PRICE_DRIFT, ACCOUNT + CONFIRM, lines(ONE.symbol, buy_value=1)),
    Row(Difference.HOLDING_DRIFT, ACCOUNT + CONFIRM, lambda s: setattr(s.lying, "shares", ())),
    Row(
        Difference.FUNDS_DRIFT,
        ACCOUNT + CONFIRM,
        lambda s: setattr(s.lying, "money", lambda m: replace(m, cash=m.cash - 1_000 * RUPEE)),
    ),
)


@pytest.fixture(autouse=True)
def lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The world's exchange can be made to answer otherwise."""
    monkeypatch.setattr("app.chaos.world.Exchange", Lying)
    monkeypatch.setattr(SimBroker, "holdings", lambda broker: broker._read(lambda: broker._exchange.shares))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.name.lower())
def test_a_difference_is_named_within_its_interval_and_its_policy_holds(row: Row) -> None:
    stories: list[Story] = []

    def make(folder: Path) -> Story:
        stories.append(Story(row, folder))
        return stories[0]

    result = play(make)
    (story,) = stories

    assert [each for each in result.violations if each.rule == "strand"] == []
    assert len(story.found_after) == 1, "named, and once"
    assert 0 < story.found_after[0] <= row.within + SLACK_SECONDS
    policy = DEFAULT_POLICIES[row.name]
    held = {name for name, holds in story.verdict.items() if holds}
    assert held == ({policy.value} if policy.value in story.verdict else set())
    # The freeze of a strategy withdraws what rests, which ends the order that was missing.
    assert bool(story.cleared) is (policy in (Policy.ADOPT, Policy.FREEZE_STRATEGY))


def test_every_name_has_its_row_and_the_intervals_are_those_of_the_configuration() -> None:
    assert {row.name for row in ROWS} == set(Difference)
    settings = settings_of(script_plan(1))
    assert settings.reconcile.policies.by_name() == DEFAULT_POLICIES
    assert (settings.orders.reconcile_seconds, settings.reconcile.positions_seconds) == (BOOK, ACCOUNT)
    assert (settings.reconcile.funds_seconds, settings.reconcile.confirm_seconds) == (ACCOUNT, CONFIRM)
    assert settings.reconcile.update_grace_seconds == GRACE
