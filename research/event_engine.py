"""The event engine: any strategy, bar by bar, through the very code that trades.

The runner that a strategy has live makes its intents; the risk gate's checks judge them; ledgers and charges are the
live books'. Only the exchange is pretended: see `research.exchange`. At one instant the order is: the day's square-off,
then bars that close (prices first, then the loss limit, then decisions), then bars that open (fills).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from domain.market.buckets import DAY_SECONDS, Hours
from domain.messages.broker import PlaceOrder
from domain.messages.control import TradingState
from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    JournalRecord,
    OrderClosed,
    OrderRejected,
    OrderState,
    TradeBooked,
)
from domain.messages.market import PriceChanged
from domain.messages.orders import Denied, OrderIntent
from domain.ports import Calendar
from domain.risk import MarketFacts, RiskBook, check, flatten_intents
from domain.risk.sizing import bars_needed
from domain.strategy.adapter import Memory, RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.runner import RunnerSettings, StrategyRunner
from domain.values import E4, SECOND, Nanos, Product
from research.account import Account
from research.data.candles import Candles
from research.data.days import DAY_NS, IST_NS, date_of, hours_of
from research.exchange import Exchange, Execution, Resting
from research.fills import Inside, draw
from research.hours import NEVER, cutoff_at, square_off_at
from research.order_of_bars import by_time, turns
from research.quiet import NOTHING, QuietBars, Standing
from research.records import DayRow, FillRow, OrderRow, Outcome, Run, denial_number, reason_number
from research.settings import STRATEGY, RunSettings
from research.tape import Tape

_REFUSAL: Final = 1
"""Salt of the draws that decide on refusals."""


class EventEngine:
    """One run. Make it, call `run` once.

    decide_from  before this instant bars are learnt from and nothing is decided
    stepwise     every bar of a rule goes the way that a live one goes, indicators carried forward, none known ahead
    """

    def __init__(
        self,
        strategy: RuleStrategy | EventStrategy,
        series: Sequence[Candles],
        settings: RunSettings,
        calendar: Calendar,
        decide_from: Nanos = 0,
        *,
        stepwise: bool = False,
    ) -> None:
        self._series = series
        self._settings = settings
        interval = series[0].interval_seconds
        self._sessions = settings.sessions and interval < DAY_SECONDS
        self._calendar = calendar if self._sessions else None
        self._instruments = {each.instrument.token: each.instrument for each in series}
        self._where = {each.instrument.token: at for at, each in enumerate(series)}
        valid = settings.intent_valid_seconds if self._sessions else float(NEVER // SECOND // 4)
        self._valid = int(valid * SECOND)
        self._strategy = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)
        tapes = {} if stepwise else self._tapes()
        self._runner = StrategyRunner(
            STRATEGY,
            self._strategy,
            [each.instrument for each in series],
            RunnerSettings(
                interval_seconds=interval,
                product=settings.product,
                sizing=settings.sizing,
                intent_valid_seconds=valid,
                capital=settings.capital,
            ),
            self._today,
            (lambda each: tapes[each.token]) if tapes else None,
        )
        self._quiet: QuietBars | None = None
        memory = self._runner.memory
        if len(tapes) == 1 and isinstance(memory, Memory):
            self._tape = tapes[series[0].instrument.token]
            self._quiet = QuietBars(self._tape, self._runner, memory, settings, decide_from)
        self._decide_from = decide_from
        self._is_rule = isinstance(self._strategy, RuleEvents)
        self._risk = RiskBook({each.key: each for each in self._instruments.values()})
        self._account = Account(settings.cash, settings.product, settings.charges, self._instruments)
        self._exchange = Exchange(settings.fill)
        self._queue: deque[tuple[OrderIntent, Execution | None]] = deque()
        self._orders: list[OrderRow] = []
        self._fills: list[FillRow] = []
        self._rows: list[DayRow] = []
        self._numbers: dict[str, int] = {}
        self._seq = 0
        self._day = -1
        self._hours: dict[str, tuple[Nanos, Nanos]] = {}
        self._cutoffs: dict[str, Nanos | None] = {}
        self._square_offs: list[tuple[Nanos, tuple[int, ...]]] = []
        self._flattening: set[int] = set()
        self._halted = False
        self._price: dict[int, tuple[E4, Nanos]] = {}
        self._day_peak = 0
        self._peak = settings.cash
        self._stale: set[int] = set()
        self._stirred = True

    # -- the past, in order --------------------------------------------------------------------------------------------

    def run(self) -> Run:
        """Run it all."""
        self._runner.quiet_until = self._decide_from
        self._runner.start_cold()
        if self._quiet is not None:
            self._run_one(self._quiet)
            return self._ended()
        for bars in by_time(self._series):
            self._advance(bars.time)
            if bars.closing:
                self._close(bars.rows, bars.time)
            else:
                self._open(bars.rows, bars.time)
        return self._ended()

    def _ended(self) -> Run:
        if self._day >= 0:
            self._end_day()
        return Run(tuple(self._orders), tuple(self._fills), tuple(self._rows), self._runner.decided)

    def _tapes(self) -> dict[int, Tape]:
        """Rows known ahead, for a rule whose size does not rest on the bars; empty where bars must go one by one."""
        strategy = self._strategy
        if not isinstance(strategy, RuleEvents) or bars_needed(self._settings.sizing):
            return {}
        for each in self._series:
            if not len(each) or int(each.close.min()) <= 0 or bool((np.diff(each.start) < each.interval).any()):
                return {}
        return {each.instrument.token: Tape(each, strategy.rule, self._calendar) for each in self._series}

    def _run_one(self, quiet: QuietBars) -> None:
        """One instrument: its bars one by one, but for those on which nothing happens."""
        candles, interval = self._series[0], self._series[0].interval
        starts = candles.start.tolist()
        index = 0
        while index < len(starts):
            index = self._pass_quiet(quiet, index)
            if index == len(starts):
                break
            rows, start = ((0, index),), starts[index]
            self._advance(start)
            self._open(rows, start)
            self._advance(start + interval)
            self._close(rows, start + interval)
            index += 1

    def _pass_quiet(self, quiet: QuietBars, index: int) -> int:
        """The first bar that is not quiet, from this one on."""
        candles, tape = self._series[0], self._tape
        token = candles.instrument.token
        first = int(candles.start[index])
        if (
            (first + IST_NS) // DAY_NS != self._day
            or self._stirred
            or self._exchange.resting
            or self._runner.ledger.busy(token)
        ):
            return index
        day = int(np.searchsorted(tape.days.first, index, side="right"))
        stop = int(tape.days.first[day])
        held = self._account.quantity(token)
        if self._runner.is_stopped(token, first):
            if held or not quiet.forgetful:
                return index
            quiet.skip(stop)
            end = stop
        else:
            if self._halted or self._flattening or quiet.reversing:
                return index
            if self._square_offs:
                due = self._square_offs[0][0]
                stop = min(stop, int(np.searchsorted(candles.start, due - candles.interval, side="left")))
            settled, multiplier = self._account.settled, candles.instrument.multiplier
            passed = quiet.run(index, stop, Standing(held, settled, held * multiplier))
            end = passed.end
            if passed.highest > NOTHING:
                self._day_peak = max(self._day_peak, passed.highest)
                self._peak = max(self._peak, self._account.cash - settled + passed.highest)
        if end > index:
            self._exchange.begin(0, candles, end - 1)
            self._exchange.at_close(0)
            self._mark(token, int(candles.close[end - 1]), int(candles.start[end - 1]) + candles.interval)
        return end

    def _advance(self, now: Nanos) -> None:
        """What is due before the bars of this instant."""
        while self._square_offs and self._square_offs[0][0] <= now:
            instant, tokens = self._square_offs.pop(0)
            self._square_off(tokens, instant)

    def _open(self, rows: Sequence[tuple[int, int]], now: Nanos) -> None:
        """Bars begin: a new day perhaps, fills at the open, then what happens inside them."""
        day = (now + IST_NS) // DAY_NS
        if day != self._day:
            if self._day >= 0:
                self._end_day()
            self._begin_day(day)
            self._advance(now)
        for where, index in rows:
            candles = self._series[where]
            self._exchange.begin(where, candles, index)
            self._mark(candles.instrument.token, int(candles.open[index]), now)
        for where, _ in rows:
            self._fill_at_open(where, now)
        if self._settings.fill.inside is not Inside.CLOSE:
            for where, index in rows:
                self._walk(where, index, now)

    def _close(self, rows: Sequence[tuple[int, int]], now: Nanos) -> None:
        """Bars end: prices, the loss limit, then decisions."""
        for where, index in rows:
            candles = self._series[where]
            token, price = candles.instrument.token, int(candles.close[index])
            self._mark(token, price, now)
            for done in self._exchange.at_close(where):
                self._execute(done, now)
            if self._settings.fill.inside is Inside.CLOSE and self._wants_price(token):
                self._tell_price(token, price, now, now, None)
        self._guard(now)
        for where, index in rows:
            bar = self._series[where].bar(index)
            self._submit_all(self._runner.bar(bar, now), now)
        if self._runner.needs.timer:
            self._submit_all(self._runner.timer(now), now)

    def _begin_day(self, day: int) -> None:
        self._day = day
        self._account.open_day(day)
        self._stirred = True
        self._halted = False
        self._day_peak = 0
        self._flattening.clear()
        self._cutoffs.clear()
        self._hours.clear()
        first = day * DAY_NS - IST_NS
        self._tell(DayOpened(date_of(day).isoformat(), self._account.cash, first), first)
        times: dict[Nanos, list[int]] = {}
        for token, each in self._instruments.items():
            opens, closes = hours_of(day, each.session, self._calendar)
            self._hours[each.session.value] = (opens, closes)
            self._cutoffs[each.session.value] = cutoff_at(day, each.session, self._settings, self._calendar)
            due = square_off_at(day, each.session, self._settings, self._calendar)
            if due != NEVER:
                times.setdefault(due, []).append(token)
        self._square_offs = [(due, tuple(tokens)) for due, tokens in sorted(times.items())]

    def _end_day(self) -> None:
        """Orders of the day lapse, what MIS has left is closed at the last price, and the day is written down."""
        if self._sessions:
            now = max(received for _, received in self._price.values())
            self._advance(NEVER)
            self._runner.square_off(tuple(self._instruments), now)
            if self._settings.product is Product.MIS:
                self._force(now)
            for resting in self._exchange.lapse():
                self._cancel(resting, now)
            if self._settings.product is Product.MIS and self._account.held:
                self._flattening.update(self._instruments)
                # The broker would have done it: whatever the hour, it is done within the session.
                self._flatten(min(closes for _, closes in self._hours.values()) - SECOND, "square-off")
                self._force(now)
        self._rows.append(self._account.row(self._day))

    def _force(self, now: Nanos) -> None:
        for where in range(len(self._series)):
            for done in self._exchange.by_force(where):
                self._execute(done, now)

    # -- inside a bar --------------------------------------------------------------------------------------------------

    def _fill_at_open(self, where: int, now: Nanos) -> None:
        # A fill may make the next order at the same instant (a change of sides): it meets the same open.
        while done := self._exchange.at_open(where):
            for each in done:
                self._execute(each, now)

    def _walk(self, where: int, index: int, start: Nanos) -> None:
        """Open, the extreme that hurts, the other one, close: prices as they come, and the levels between them."""
        candles = self._series[where]
        token = candles.instrument.token
        opened = int(candles.open[index])
        now = start
        for each in self._exchange.touched(where):
            self._execute(each, now)
        if not self._runner.needs.prices or not self._wants_price(token):
            return
        steps = 0

        def told(price: E4, end: E4) -> None:
            nonlocal steps
            steps += 1
            self._mark(token, price, now)
            self._tell_price(token, price, now, start + steps, Execution.inside(where, price, end))

        told(opened, opened)
        current = opened
        held, pessimistic = self._account.quantity(token), self._settings.fill.inside is Inside.PESSIMISTIC
        for turn in turns(candles, index, held, pessimistic=pessimistic):
            while True:
                between = [
                    level
                    for level in self._runner.levels(token, now)
                    if (current < level <= turn) or (turn <= level < current)
                ]
                if not between:
                    break
                current = min(between, key=lambda level, at=current: abs(level - at))  # type: ignore[misc]  # mypy does not see the default
                told(current, turn)
            if current != turn:
                told(turn, turn)
                current = turn

    def _wants_price(self, token: int) -> bool:
        """A rule that holds nothing has no use for prices, but for one that tells it so."""
        if not self._is_rule or self._account.quantity(token):
            return True
        if token in self._stale:
            if token not in self._flattening:
                self._stale.discard(token)
            return True
        return False

    # -- orders --------------------------------------------------------------------------------------------------------

    def _tell_price(self, token: int, price: E4, now: Nanos, event: Nanos, execution: Execution | None) -> None:
        if not self._runner.needs.prices:
            return
        changed = PriceChanged(token, price, price, price, 0, event, now)
        self._submit_all(self._runner.price(changed, now), now, execution)

    def _submit_all(self, intents: Sequence[OrderIntent], now: Nanos, execution: Execution | None = None) -> None:
        """Judge these, and whatever follows from their fills."""
        self._queue.extend((intent, execution) for intent in intents)
        while self._queue:
            intent, where = self._queue.popleft()
            self._submit(intent, now, where)

    def _submit(self, intent: OrderIntent, now: Nanos, execution: Execution | None) -> bool:
        verdict = check(intent, self._risk, self._settings.limits, self._facts(intent.token, now))
        number = len(self._orders)
        signed = intent.side.sign * intent.quantity
        where = self._where[intent.token]
        row = OrderRow(now, where, signed, intent.reduce_only, reason_number(intent.reason), int(Outcome.OPEN), 0)
        if isinstance(verdict, Denied):
            self._orders.append(_with(row, Outcome.DENIED, denial_number(verdict.reason)))
            self._runner.refused(intent.intent_id)
            return False
        self._orders.append(row)
        self._numbers[intent.intent_id] = number
        self._risk.hold(intent, verdict.margin, now)
        order = PlaceOrder(
            intent.intent_id,
            intent.instrument.partition(":")[0],
            intent.instrument.partition(":")[2],
            intent.side,
            intent.quantity,
            intent.product,
            intent.kind,
            intent.price,
            intent.trigger_price,
        )
        self._tell(IntentAccepted(intent.intent_id, intent, order, 0, verdict.margin, now), now)
        fill = self._settings.fill
        if fill.refused and draw(fill.seed, number, _REFUSAL, 1_000_000) < fill.refused:
            self._orders[number] = _with(row, Outcome.REJECTED, 0)
            self._tell(OrderRejected(intent.intent_id, str(number), STRATEGY, "refused (drawn)", now), now)
            return True
        resting = Resting(number, intent, where, self._instruments[intent.token], now)
        inside = execution if execution is not None and execution.where == where else None
        for done in self._exchange.place(resting, inside):
            self._execute(done, now)
        return True

    def _execute(self, done: Execution, now: Nanos) -> None:
        resting = done.resting
        assert resting is not None
        intent = resting.intent
        resting.filled += done.quantity
        when = done.time or now
        trade = TradeBooked(
            trade_id=f"{resting.number}-{resting.filled}",
            order_id=str(resting.number),
            tag=intent.intent_id,
            strategy=STRATEGY,
            token=intent.token,
            instrument=intent.instrument,
            side=intent.side,
            product=intent.product,
            quantity=done.quantity,
            price=done.price,
            event_time=when,
            booked_time=when,
            reduce_only=intent.reduce_only,
        )
        self._fills.append(FillRow(resting.number, when, resting.where, intent.side.sign * done.quantity, done.price))
        self._account.book(trade)
        self._stirred = True
        if self._account.quantity(intent.token) == 0:
            self._stale.add(intent.token)
        self._tell(trade, when)
        if resting.remaining == 0:
            self._finish(resting, Outcome.FILLED, OrderState.COMPLETE, when)

    def _cancel(self, resting: Resting, now: Nanos) -> None:
        self._finish(resting, Outcome.CANCELLED, OrderState.CANCELLED, now)

    def _finish(self, resting: Resting, outcome: Outcome, state: OrderState, now: Nanos) -> None:
        self._orders[resting.number] = _with(self._orders[resting.number], outcome, 0)
        number = str(resting.number)
        self._tell(OrderClosed(resting.intent.intent_id, number, STRATEGY, state, resting.filled, "", now), now)

    def _tell(self, event: JournalEvent, now: Nanos) -> None:
        """One event to whoever folds the journal; what the strategy answers is judged at once."""
        self._seq += 1
        self._risk.apply(JournalRecord(self._seq, event))
        if isinstance(event, DayOpened):
            return
        self._queue.extend((intent, None) for intent in self._runner.journaled(event, now))
        if isinstance(event, OrderClosed | OrderRejected | TradeBooked | IntentExpired):
            while self._queue:
                intent, execution = self._queue.popleft()
                self._submit(intent, now, execution)

    # -- the gate ------------------------------------------------------------------------------------------------------

    def _facts(self, token: int, now: Nanos) -> MarketFacts:
        instrument = self._instruments[token]
        price, received = self._price.get(token, (0, 0))
        hours = self._hours.get(instrument.session.value)
        return MarketFacts(
            now=now,
            state=TradingState.HALTED if self._halted else TradingState.ACTIVE,
            instrument=instrument,
            price=price,
            price_received=received,
            hours=(0, NEVER) if not self._sessions else hours if hours and hours[1] > hours[0] else None,
            mis_cutoff=self._cutoffs.get(instrument.session.value),
            available_cash=self._account.worth,
            day_pnl=self._account.day_pnl,
            # What a file of candles does not say is not held against it.
            sessions_to_expiry=1_000 if instrument.expiry is None else None,
            strategy=self._account.stands(),
            day_peak=self._day_peak,
            drawdown=max(self._peak - self._account.worth, 0),
        )

    def _guard(self, now: Nanos) -> None:
        """The day's loss limit, and what it or the square-off has still to close."""
        if not (self._account.held or self._stirred):
            return  # nothing can have changed
        self._stirred = False
        worth = self._account.worth
        result = self._account.result(worth)
        self._day_peak = max(self._day_peak, result)
        self._peak = max(self._peak, worth)
        if not self._halted and -result >= self._settings.limits.daily_loss_max:
            self._halted = True
            self._flattening.update(self._instruments)
            self._flatten(now, "loss")
        elif self._flattening:
            self._flatten(now, "square-off")

    def _square_off(self, tokens: tuple[int, ...], now: Nanos) -> None:
        self._flattening.update(tokens)
        self._runner.square_off(tokens, now)
        self._flatten(now, "square-off")

    def _flatten(self, now: Nanos, why: str) -> None:
        self._risk.expire_holds(now)
        for resting in self._exchange.withdraw(self._where[token] for token in self._flattening):
            self._cancel(resting, now)
        prices = {token: price for token, (price, _) in self._price.items()}
        for intent in flatten_intents(self._risk, tuple(self._flattening), now, now + self._valid, prices, why):
            self._submit(intent, now, None)

    def _mark(self, token: int, price: E4, now: Nanos) -> None:
        self._price[token] = (price, now)
        self._risk.mark(token, price)
        self._account.mark(token, price)

    def _today(self, token: int, instant: Nanos) -> Hours:
        session = self._instruments[token].session
        return Hours.of(hours_of((instant + IST_NS) // DAY_NS, session, self._calendar))


def _with(row: OrderRow, outcome: Outcome, denial: int) -> OrderRow:
    return OrderRow(row.time, row.where, row.signed, row.reduce_only, row.reason, int(outcome), denial)
