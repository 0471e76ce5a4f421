"""The way of one order in the event engine: the risk gate's checks, the pretend exchange, the books, and the strategy.

Everything that is done to an order here is done by the domain's own code; what is pretended is the exchange alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from domain.messages.broker import PlaceOrder
from domain.messages.control import TradingState
from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    JournalEvent,
    JournalRecord,
    OrderClosed,
    OrderRejected,
    OrderState,
    TradeBooked,
)
from domain.messages.orders import Denied, OrderIntent
from domain.risk import MarketFacts, RiskBook, check, flatten_intents
from domain.strategy.runner import StrategyRunner
from domain.values import E4, Instrument, Nanos
from research.account import Account
from research.exchange import Exchange, Execution, Resting
from research.fills import draw
from research.hours import NEVER
from research.records import FillRow, OrderRow, Outcome, denial_number, reason_number
from research.settings import STRATEGY, RunSettings

_REFUSAL: Final = 1
"""Salt of the draws that decide on refusals."""
_ACTIVE: Final = TradingState.ACTIVE
_HALTED: Final = TradingState.HALTED
_OPEN: Final = int(Outcome.OPEN)
_COMPLETE: Final = OrderState.COMPLETE

Today = tuple[tuple[Nanos, Nanos] | None, Nanos | None]
"""(hours, MIS cut-off) of an instrument on the day."""


class OrderDesk:
    """See the module.

    halted        the loss limit was reached today: only exits pass
    day_peak      the day's highest result so far
    peak          the highest worth since ever
    stirred       something was booked since this was last set to False
    went_flat     instruments whose position has ended; whoever has used that takes them out
    """

    def __init__(
        self, settings: RunSettings, runner: StrategyRunner, instruments: Sequence[Instrument], valid: Nanos
    ) -> None:
        self.orders: list[OrderRow] = []
        self.fills: list[FillRow] = []
        self.halted = False
        self.day_peak: E4 = 0
        self.peak: E4 = settings.cash
        self.stirred = True
        self.went_flat: set[int] = set()
        self._settings = settings
        self._limits = settings.limits
        self._refused = settings.fill.refused
        self._valid = valid
        self._runner = runner
        self._instruments = {each.token: each for each in instruments}
        self._where = {each.token: at for at, each in enumerate(instruments)}
        # What a file of candles does not say is not held against it.
        self._expiring = {each.token: 1_000 if each.expiry is None else None for each in instruments}
        self._risk = RiskBook({each.key: each for each in instruments})
        self.account = Account(settings.cash, settings.product, settings.charges, self._instruments)
        self.exchange = Exchange(settings.fill)
        self._queue: deque[tuple[OrderIntent, Execution | None]] = deque()
        self._prices: dict[int, tuple[E4, Nanos]] = {}
        self._today: Mapping[int, Today] = {}
        self._seq = 0

    # -- the world -----------------------------------------------------------------------------------------------------

    def open_day(self, day: str, first: Nanos, number: int, today: Mapping[int, Today]) -> None:
        """A new day: its date, first instant and number, and what orders of each instrument are judged by."""
        self.account.open_day(number)
        self.stirred = True
        self.halted = False
        self.day_peak = 0
        self._today = today
        self._fold(DayOpened(day, self.account.cash, first))

    def mark(self, token: int, price: E4, now: Nanos) -> None:
        """The newest price."""
        self._prices[token] = price, now
        self._risk.mark(token, price)
        self.account.mark(token, price)

    @property
    def newest(self) -> Nanos:
        """When the newest price came."""
        return max(received for _, received in self._prices.values())

    def reaches(self, result: E4, worth: E4) -> None:
        """The day's result, and the account's worth, as they stand: their highest are remembered."""
        self.day_peak = max(self.day_peak, result)
        self.peak = max(self.peak, worth)

    # -- orders --------------------------------------------------------------------------------------------------------

    def submit_all(self, intents: Sequence[OrderIntent], now: Nanos, execution: Execution | None = None) -> None:
        """Judge these, and whatever follows from their fills. execution: where in the running bar they were made."""
        for intent in intents:
            self._queue.append((intent, execution))
        self._work_off(now)

    def flatten(self, tokens: Iterable[int], now: Nanos, why: str) -> None:
        """Leave what is held in these instruments; entries that rest there are withdrawn."""
        wanted = tuple(tokens)
        self._risk.expire_holds(now)
        for resting in self.exchange.withdraw([self._where[token] for token in wanted]):
            self.cancel(resting, now)
        prices = {token: price for token, (price, _) in self._prices.items()}
        for intent in flatten_intents(self._risk, wanted, now, now + self._valid, prices, why):
            self._submit(intent, now, None)

    def execute(self, done: Execution, now: Nanos) -> None:
        """Book one execution, tell of it, and judge what the strategy answers."""
        resting = done.resting
        assert resting is not None
        intent, quantity, price = resting.intent, done.quantity, done.price
        resting.filled += quantity
        when = done.time or now
        side = intent.side
        trade = TradeBooked(
            f"{resting.number}-{resting.filled}",
            resting.order_id,
            intent.intent_id,
            STRATEGY,
            intent.token,
            intent.instrument,
            side,
            intent.product,
            quantity,
            price,
            when,
            when,
            intent.reduce_only,
        )
        self.fills.append(FillRow(resting.number, when, resting.where, side.sign * quantity, price))
        if not self.account.book(trade):
            self.went_flat.add(intent.token)
        self.stirred = True
        self._tell(trade, when)
        self._work_off(when)
        if resting.filled == intent.quantity:
            self._finish(resting, Outcome.FILLED, _COMPLETE, when)

    def cancel(self, resting: Resting, now: Nanos) -> None:
        """It is taken away."""
        self._finish(resting, Outcome.CANCELLED, OrderState.CANCELLED, now)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _work_off(self, now: Nanos) -> None:
        while self._queue:
            intent, execution = self._queue.popleft()
            self._submit(intent, now, execution)

    def _submit(self, intent: OrderIntent, now: Nanos, execution: Execution | None) -> None:
        verdict = check(intent, self._risk, self._limits, self._facts(intent.token, now))
        number, where = len(self.orders), self._where[intent.token]
        signed, reason = intent.side.sign * intent.quantity, reason_number(intent.reason)
        row = OrderRow(now, where, signed, intent.reduce_only, reason, _OPEN, 0)
        if isinstance(verdict, Denied):
            self.orders.append(_with(row, Outcome.DENIED, denial_number(verdict.reason)))
            self._runner.refused(intent.intent_id)
            return
        self.orders.append(row)
        self._risk.hold(intent, verdict.margin, now)
        instrument = self._instruments[intent.token]
        order = PlaceOrder(
            intent.intent_id,
            instrument.exchange,
            instrument.symbol,
            intent.side,
            intent.quantity,
            intent.product,
            intent.kind,
            intent.price,
            intent.trigger_price,
        )
        # What the strategy answers to this waits until the order is on its way.
        self._tell(IntentAccepted(intent.intent_id, intent, order, 0, verdict.margin, now), now)
        order_id = str(number)
        if self._refused and draw(self._settings.fill.seed, number, _REFUSAL, 1_000_000) < self._refused:
            self.orders[number] = _with(row, Outcome.REJECTED, 0)
            self._tell(OrderRejected(intent.intent_id, order_id, STRATEGY, "refused (drawn)", now), now)
            self._work_off(now)
            return
        resting = Resting(number, order_id, intent, where, instrument, now)
        inside = execution if execution is not None and execution.where == where else None
        for done in self.exchange.place(resting, inside):
            self.execute(done, now)

    def _finish(self, resting: Resting, outcome: Outcome, state: OrderState, now: Nanos) -> None:
        self.orders[resting.number] = _with(self.orders[resting.number], outcome, 0)
        tag, order_id = resting.intent.intent_id, resting.order_id
        self._tell(OrderClosed(tag, order_id, STRATEGY, state, resting.filled, "", now), now)
        self._work_off(now)

    def _tell(self, event: JournalEvent, now: Nanos) -> None:
        """One event to whoever folds the journal; what the strategy answers is queued."""
        self._fold(event)
        for intent in self._runner.journaled(event, now):
            self._queue.append((intent, None))

    def _fold(self, event: JournalEvent) -> None:
        self._seq += 1
        self._risk.apply(JournalRecord(self._seq, event))

    def _facts(self, token: int, now: Nanos) -> MarketFacts:
        price, received = self._prices.get(token, (0, 0))
        hours, cutoff = self._today.get(token, (None, None))
        account = self.account
        worth = account.worth
        result = account.result(worth)
        return MarketFacts(
            now=now,
            state=_HALTED if self.halted else _ACTIVE,
            instrument=self._instruments[token],
            price=price,
            price_received=received,
            hours=hours,
            mis_cutoff=cutoff,
            available_cash=worth,
            day_pnl=result,
            sessions_to_expiry=self._expiring[token],
            strategy=account.stands(result),
            day_peak=self.day_peak,
            drawdown=max(self.peak - worth, 0),
        )


def today_of(hours: tuple[Nanos, Nanos], cutoff: Nanos | None, *, sessions: bool) -> Today:
    """What an instrument's orders are judged by on a day; without sessions the market never closes."""
    if not sessions:
        return (0, NEVER), cutoff
    return (hours if hours[1] > hours[0] else None), cutoff


def _with(row: OrderRow, outcome: Outcome, denial: int) -> OrderRow:
    return OrderRow(row.time, row.where, row.signed, row.reduce_only, row.reason, int(outcome), denial)
