"""Bars on which a rule is asked and nothing happens: gone through without the machinery of orders.

A bar is quiet where no order is open and none is made, no level of the position is reached, the day goes on, and the
loss limit is not. All that such a bar does is remembered: the rule's state and targets, the best price, the highest
result. The first bar that is not quiet is left to the engine from its opening on; a rule is a pure function, so that it
may be asked about that bar once more. `EventEngine(stepwise=True)` does without, and tests hold both to one result.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from domain.strategy.exits import better
from domain.strategy.reads import reads_field
from domain.strategy.rows import ENDS_KEPT
from domain.strategy.rule import Book, Targets
from domain.strategy.sizing import FixedQuantity
from domain.values import E4, RUPEE, Nanos
from research.fills import Inside
from research.tape import Chunk, Tape

if TYPE_CHECKING:
    from domain.strategy.adapter import Memory
    from domain.strategy.runner import StrategyRunner
    from research.settings import RunSettings

_NO_BAR: Final = -1
_AT_A_TIME: Final = 256
"""Bars that are laid out at once, most of them for nothing where an order comes soon."""
NOTHING: Final[E4] = -(1 << 62)
"""Lower than every result."""


class Standing(Struct, frozen=True):
    """The account as the bars before have left it. Money in 1/10,000 rupee.

    held       signed units
    settled    the day's result without what is held
    value      signed units times multiplier: what a price step of 1 changes
    """

    held: int
    settled: E4
    value: int


class Passed(Struct):
    """What quiet bars leave behind. end: the first bar that was not passed; highest: of the results."""

    end: int
    highest: E4 = NOTHING


class QuietBars:
    """One rule on one instrument."""

    def __init__(
        self, tape: Tape, runner: StrategyRunner, memory: Memory, settings: RunSettings, decide_from: Nanos
    ) -> None:
        self._tape = tape
        self._runner = runner
        self._memory = memory
        self._token = tape.candles.instrument.token
        self._interval = tape.candles.interval
        self._tick = tape.candles.instrument.tick_size
        self._inside = settings.fill.inside
        self._loss_max = settings.limits.daily_loss_max
        self._decide_from = decide_from
        self._one_size = isinstance(settings.sizing, FixedQuantity) and not settings.capital
        self._ages = reads_field(memory.rule.decide, 2, "bars_held")

    @property
    def forgetful(self) -> bool:
        """The rule keeps no state: bars on which nothing may be ordered leave no trace."""
        return not self._memory.has_state

    @property
    def watching(self) -> bool:
        """What is held, or may be, has a price at which it is to be left."""
        return self._memory.leg(self._token).targets.watched

    @property
    def reversing(self) -> bool:
        """A change of sides has its second step before it."""
        return self._memory.leg(self._token).reversing

    def run(self, first: int, stop: int, stands: Standing) -> Passed:
        """Bars of [first, stop), which are of one day; as far as they are quiet."""
        passed = Passed(first)
        while passed.end < stop:
            chunk = self._tape.chunk(passed.end)
            end = min(stop, chunk.first + len(chunk.closes), passed.end + _AT_A_TIME)
            if self._decides(chunk, passed.end):
                self._decide(passed, end, stands, chunk)
                if passed.end < end:
                    break
            elif stands.held or self._memory.has_state:
                break
            else:
                self._learn(passed, end, chunk)
        return passed

    def skip(self, end: int) -> None:
        """The bars before that one go by without any decision: the day's are over."""
        self._leave(end, 0)

    def _decides(self, chunk: Chunk, index: int) -> bool:
        if index < self._runner.warm_up:
            return False
        return not self._decide_from or chunk.start(index - chunk.first) + self._interval >= self._decide_from

    def _learn(self, passed: Passed, end: int, chunk: Chunk) -> None:
        """Up to the first bar that is decided on."""
        while passed.end < end and not self._decides(chunk, passed.end):
            passed.end += 1
        self._leave(passed.end, 0)

    def _decide(self, passed: Passed, end: int, stands: Standing, chunk: Chunk) -> None:
        leg = self._memory.leg(self._token)
        decide, parameters = self._memory.rule.decide, self._memory.parameters
        new_book: Any = partial(tuple.__new__, Book)
        held, settled, value, lowest = stands.held, stands.settled, stands.value, -self._loss_max
        begin, stop = passed.end - chunk.first, end - chunk.first
        opened = self._runner.ledger.opened(self._token) if held else 0
        entry = self._runner.ledger.entry(self._token) / RUPEE if held else 0.0
        age = self._age(passed.end, opened) if held and self._ages else 0
        size = self._runner.units(self._token, chunk.closes[begin]) if self._one_size else _NO_BAR
        book: Book = new_book((held, 0, size, entry, 0))
        same_book = size != _NO_BAR and not age
        highest, state, targets, best = passed.highest, leg.state, leg.targets, leg.best
        watched = held != 0 and targets.watched
        answered, at, result, rows = _NO_BAR, begin, 0, chunk.rows
        before = rows[begin]
        for row, close, ready, session in zip(  # noqa: B905 - the first ends where the bars do
            rows[begin + 1 : stop + 1], chunk.closes[begin:stop], chunk.ready[begin:stop], chunk.sessions[begin:stop]
        ):
            coming = best
            if held:
                if watched:
                    coming = self._best(chunk, at, held, best, targets)
                    if coming < 0:
                        break
                result = settled + value * close
                if result <= lowest:
                    break
            if ready:
                if not same_book:
                    units = size if size != _NO_BAR else self._runner.units(self._token, close)
                    book = new_book((held, 0, units, entry, min(age + at - begin, ENDS_KEPT) if age else 0))
                wished, after = decide(row, before, book, session, state, parameters)
                if wished.quantity != held:
                    break
                state, targets, answered = after, wished, at
                watched = held != 0 and wished.watched  # its levels hold from the next bar on
            if held and result > highest:
                highest = result
            best = coming
            before = row
            at += 1
        if at > begin:
            passed.end, passed.highest = chunk.first + at, highest
            leg.state, leg.best = state, best
            if answered != _NO_BAR:
                leg.targets, leg.rebuilt, leg.reversing = targets, False, False
                leg.event, leg.reference = chunk.start(answered), chunk.closes[answered]
            self._leave(passed.end, at - begin)

    def _leave(self, end: int, decisions: int) -> None:
        """Runner, rows and leg stand after the bar before `end`. decisions: bars that were decided on, 0 for none."""
        start = self._tape.candles.start.item(end - 1)
        leg = self._memory.leg(self._token)
        leg.end, leg.live = start + self._interval, decisions > 0
        self._tape.seek(end - 1)
        self._runner.passed(self._token, start, decisions)

    def _age(self, index: int, opened: Nanos) -> int:
        """Bars closed since the position was opened, that one included."""
        ends = self._tape.candles.start[max(index + 1 - ENDS_KEPT, 0) : index + 1] + self._interval
        return int((ends > opened).sum())

    def _best(self, chunk: Chunk, at: int, held: int, best: float, targets: Targets) -> float:
        """The best price after the bar where it reaches no level for certain; -1 where it may."""
        close = chunk.closes[at]
        if self._inside is Inside.CLOSE:
            worst, most = close, close
            seen = better(held, close / RUPEE, best)
        else:
            opened, high, low = chunk.bars[at]
            # The way through a bar stops a tick short of a good extreme where targets must be passed.
            short = self._tick if self._inside is Inside.PESSIMISTIC else 0
            if held > 0:
                worst, most = low, high
                good = max(high - short, opened, close)
            else:
                worst, most = high, low
                good = min(low + short, opened, close)
            seen = better(held, good / RUPEE, best)
        sign = 1 if held > 0 else -1
        if targets.stop > 0 and sign * (worst / RUPEE - targets.stop) <= 0:
            return -1.0
        if targets.trail > 0 and sign * (seen - worst / RUPEE) >= targets.trail:
            return -1.0
        if targets.target > 0 and sign * (most / RUPEE - targets.target) >= 0:
            return -1.0
        return seen
