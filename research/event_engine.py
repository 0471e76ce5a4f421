"""The event engine: any strategy, bar by bar, through the very code that trades.

The runner that a strategy has live makes its intents; the risk gate's checks judge them; ledgers and charges are the
live books'. Only the exchange is pretended: see `research.exchange`. At one instant the order is: the day's square-off,
then bars that close (prices first, then the loss limit, then decisions), then bars that open (fills).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from domain.bars import Bar
from domain.market.buckets import DAY_SECONDS, Hours
from domain.messages.market import PriceChanged
from domain.messages.orders import OrderIntent
from domain.ports import Calendar
from domain.risk.sizing import bars_needed
from domain.strategy.adapter import Memory, RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.runner import RunnerSettings, StrategyRunner
from domain.values import E4, SECOND, Nanos, Product
from research.data.candles import Candles
from research.data.days import DAY_NS, IST_NS, date_of, hours_of
from research.exchange import Execution
from research.fills import Inside
from research.hours import NEVER, cutoff_at, square_off_at
from research.order_desk import OrderDesk, today_of
from research.order_of_bars import by_time, turns
from research.quiet import NOTHING, QuietBars, Standing
from research.records import DayRow, Run
from research.settings import STRATEGY, RunSettings
from research.tape import Tape


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
        self._memory = memory if isinstance(memory, Memory) else None
        self._desk = OrderDesk(settings, self._runner, [each.instrument for each in series], self._valid)
        self._account = self._desk.account
        self._exchange = self._desk.exchange
        self._inside = settings.fill.inside
        self._rows: list[DayRow] = []
        self._bars: dict[int, tuple[int, Bar]] = {}  # by instrument: number and values of the bar that is looked at
        self._day = -1
        self._day_stop = 0  # of one instrument: number of the next day's first bar
        self._loud = -1  # and of the bar at which quiet ones ended
        self._hours: list[tuple[Nanos, Nanos]] = []
        self._square_offs: list[tuple[Nanos, tuple[int, ...]]] = []
        self._flattening: set[int] = set()

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
        return Run(tuple(self._desk.orders), tuple(self._desk.fills), tuple(self._rows), self._runner.decided)

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
            bars = self._settle(rows, start + interval)
            after = index if index == self._loud else self._pass_quiet(quiet, index, opened=True)
            if after == index:
                self._decide(bars, start + interval)
                after += 1
            index = after

    def _pass_quiet(self, quiet: QuietBars, index: int, *, opened: bool = False) -> int:
        """The first bar that is not quiet, from this one on. opened: nothing of it is left but its end."""
        candles, tape = self._series[0], self._tape
        token = candles.instrument.token
        first = candles.start.item(index)
        if (
            (first + IST_NS) // DAY_NS != self._day
            or self._desk.stirred
            or self._exchange.resting
            or self._runner.ledger.busy(token)
            or (opened and quiet.watching)
        ):
            return index
        if index >= self._day_stop:
            self._day_stop = int(tape.days.first[tape.days.first.searchsorted(index, side="right")])
        stop = self._day_stop
        held = self._account.quantity(token)
        if self._runner.is_stopped(token, first):
            if held or not quiet.forgetful:
                return index
            quiet.skip(stop)
            end = stop
        else:
            if self._desk.halted or self._flattening or quiet.reversing:
                return index
            if self._square_offs:
                due = self._square_offs[0][0]
                stop = min(stop, int(candles.start.searchsorted(due - candles.interval, side="left")))
            settled, multiplier = self._account.settled, candles.instrument.multiplier
            passed = quiet.run(index, stop, Standing(held, settled, held * multiplier))
            end = passed.end
            if end < stop:
                self._loud = end
            if passed.highest > NOTHING:
                self._desk.reaches(passed.highest, self._account.cash - settled + passed.highest)
        if end > index:
            bar = self._bar(0, end - 1)
            self._exchange.begin(0, bar, candles.instrument)
            self._exchange.at_close(0)
            self._desk.mark(token, bar.close, bar.end)
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
        bars = [(where, self._bar(where, index)) for where, index in rows]
        for where, bar in bars:
            self._exchange.begin(where, bar, self._series[where].instrument)
            self._desk.mark(bar.token, bar.open, now)
        for where, _ in rows:
            self._fill_at_open(where, now)
        if self._inside is not Inside.CLOSE:
            for where, bar in bars:
                self._walk(where, bar, now)

    def _close(self, rows: Sequence[tuple[int, int]], now: Nanos) -> None:
        """Bars end: prices, the loss limit, then decisions."""
        self._decide(self._settle(rows, now), now)

    def _settle(self, rows: Sequence[tuple[int, int]], now: Nanos) -> list[tuple[int, Bar]]:
        """Prices and the loss limit, as bars end."""
        bars = [(where, self._bar(where, index)) for where, index in rows]
        for where, bar in bars:
            self._desk.mark(bar.token, bar.close, now)
            for done in self._exchange.at_close(where):
                self._desk.execute(done, now)
            if self._inside is Inside.CLOSE and self._wants_price(bar.token):
                self._tell_price(bar.token, bar.close, now, now, None)
        self._guard(now)
        return bars

    def _decide(self, bars: Sequence[tuple[int, Bar]], now: Nanos) -> None:
        """Decisions on bars that have ended."""
        for _, bar in bars:
            self._submit_all(self._runner.bar(bar, now), now)
        if self._runner.needs.timer:
            self._submit_all(self._runner.timer(now), now)

    def _bar(self, where: int, index: int) -> Bar:
        """One bar; looked at when it opens and when it closes."""
        known = self._bars.get(where)
        if known is None or known[0] != index:
            known = self._bars[where] = index, self._series[where].bar(index)
        return known[1]

    def _begin_day(self, day: int) -> None:
        self._day = day
        self._flattening.clear()
        first = day * DAY_NS - IST_NS
        self._hours = []
        today = {}
        times: dict[Nanos, list[int]] = {}
        for token, each in self._instruments.items():
            hours = hours_of(day, each.session, self._calendar)
            self._hours.append(hours)
            cutoff = cutoff_at(day, each.session, self._settings, self._calendar)
            today[token] = today_of(hours, cutoff, sessions=self._sessions)
            due = square_off_at(day, each.session, self._settings, self._calendar)
            if due != NEVER:
                times.setdefault(due, []).append(token)
        self._square_offs = [(due, tuple(tokens)) for due, tokens in sorted(times.items())]
        self._desk.open_day(date_of(day).isoformat(), first, day, today)

    def _end_day(self) -> None:
        """Orders of the day lapse, what MIS has left is closed at the last price, and the day is written down."""
        if self._sessions:
            now = self._desk.newest
            self._advance(NEVER)
            self._runner.square_off(tuple(self._instruments), now)
            if self._settings.product is Product.MIS:
                self._force(now)
            for resting in self._exchange.lapse():
                self._desk.cancel(resting, now)
            if self._settings.product is Product.MIS and self._account.held:
                self._flattening.update(self._instruments)
                # The broker would have done it: whatever the hour, it is done within the session.
                self._flatten(min(closes for _, closes in self._hours) - SECOND, "square-off")
                self._force(now)
        self._rows.append(self._account.row(self._day))

    def _force(self, now: Nanos) -> None:
        for where in range(len(self._series)):
            for done in self._exchange.by_force(where):
                self._desk.execute(done, now)

    # -- inside a bar --------------------------------------------------------------------------------------------------

    def _fill_at_open(self, where: int, now: Nanos) -> None:
        # A fill may make the next order at the same instant (a change of sides): it meets the same open.
        while done := self._exchange.at_open(where):
            for each in done:
                self._desk.execute(each, now)

    def _walk(self, where: int, bar: Bar, start: Nanos) -> None:
        """Open, the extreme that hurts, the other one, close: prices as they come, and the levels between them."""
        token, opened, now = bar.token, bar.open, start
        for each in self._exchange.touched(where):
            self._desk.execute(each, now)
        if not self._runner.needs.prices:
            return
        if not self._wants_price(token):
            if self._account.quantity(token):
                self._desk.mark(token, bar.close, now)  # the last price of the way, for a square-off that comes next
            return
        steps = 0

        def told(price: E4, end: E4) -> None:
            nonlocal steps
            steps += 1
            self._desk.mark(token, price, now)
            self._tell_price(token, price, now, start + steps, Execution.inside(where, price, end))

        told(opened, opened)
        current = opened
        held, tick = self._account.quantity(token), self._series[where].instrument.tick_size
        for turn in turns(bar, held, tick if self._inside is Inside.PESSIMISTIC else 0):
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
        """A rule has use for prices where it watches what it holds, and for the one that tells it that it is flat."""
        if self._memory is None:
            return True
        if self._account.quantity(token):
            return self._memory.leg(token).targets.watched
        if token in self._desk.went_flat:
            if token not in self._flattening:
                self._desk.went_flat.discard(token)
            return True
        return False

    # -- orders --------------------------------------------------------------------------------------------------------

    def _tell_price(self, token: int, price: E4, now: Nanos, event: Nanos, execution: Execution | None) -> None:
        if not self._runner.needs.prices:
            return
        changed = PriceChanged(token, price, price, price, 0, event, now)
        self._submit_all(self._runner.price(changed, now), now, execution)

    def _submit_all(self, intents: Sequence[OrderIntent], now: Nanos, execution: Execution | None = None) -> None:
        if intents:
            self._desk.submit_all(intents, now, execution)

    # -- the day's limits ----------------------------------------------------------------------------------------------

    def _guard(self, now: Nanos) -> None:
        """The day's loss limit, and what it or the square-off has still to close."""
        desk = self._desk
        if not (self._account.held or desk.stirred):
            return  # nothing can have changed
        desk.stirred = False
        worth = self._account.worth
        result = self._account.result(worth)
        desk.reaches(result, worth)
        if not desk.halted and -result >= self._settings.limits.daily_loss_max:
            desk.halted = True
            self._flattening.update(self._instruments)
            self._flatten(now, "loss")
        elif self._flattening:
            self._flatten(now, "square-off")

    def _square_off(self, tokens: tuple[int, ...], now: Nanos) -> None:
        self._flattening.update(tokens)
        self._runner.square_off(tokens, now)
        self._flatten(now, "square-off")

    def _flatten(self, now: Nanos, why: str) -> None:
        self._desk.flatten(self._flattening, now, why)

    def _today(self, token: int, instant: Nanos) -> Hours:
        session = self._instruments[token].session
        return Hours.of(hours_of((instant + IST_NS) // DAY_NS, session, self._calendar))
