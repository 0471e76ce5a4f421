"""A RuleStrategy as an EventStrategy: rows from bars, targets into drafts.

One order at a time in an instrument. A target on the other side is reached in two steps: the exit, reduce-only; then,
when that is over and the decision is still fresh, the entry.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

from domain.bars import Bar
from domain.indicators.declaration import Indicator, warm_up_bars
from domain.indicators.handles import Running, columns_of
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, View
from domain.strategy.exits import better, exit_reason, levels
from domain.strategy.rule import Book, Row, RuleStrategy, Targets, parameters_of, row_type
from domain.values import E4, RUPEE, SECOND, Nanos, Side

_DAY = 86_400 * SECOND
_IST = 19_800 * SECOND
_ENDS_KEPT = 4_096


class _Leg:
    """What the rule remembers of one instrument."""

    __slots__ = (
        "_anchored",
        "_day",
        "_ends",
        "_row",
        "_running",
        "before",
        "best",
        "event",
        "reference",
        "reversing",
        "state",
        "targets",
    )

    def __init__(self, declared: dict[str, Indicator], state: object) -> None:
        self._running = [Running(each) for each in declared.values()]
        self._anchored = [
            run for run, each in zip(self._running, declared.values(), strict=True) if each.anchor == "session"
        ]
        self._row = row_type(tuple(declared))
        self._day = -1
        self._ends: deque[Nanos] = deque(maxlen=_ENDS_KEPT)
        self.before: Row | None = None
        self.state = state
        self.targets = Targets(0)
        self.event: Nanos = 0
        self.reference: E4 = 0
        self.reversing = False
        self.best = 0.0

    def push(self, bar: Bar) -> Row:
        """One closed bar in, its row out; NaN where an indicator is not ready."""
        day = (bar.start + _IST) // _DAY
        if day != self._day:
            self._day = day
            for run in self._anchored:
                run.reset()
        columns = columns_of(bar)
        self._ends.append(bar.end)
        return self._row(*columns, *[run.update(columns) for run in self._running])

    def bars_since(self, opened: Nanos) -> int:
        """Bars closed after that instant."""
        count = 0
        for end in reversed(self._ends):
            if end <= opened:
                break
            count += 1
        return count


class RuleEvents(EventStrategy, frozen=True):
    """The adapter. Nothing but the rule decides."""

    rule: RuleStrategy

    def needs(self) -> Needs:
        """Bars, warmed up as the indicators ask; prices for stops and targets."""
        return Needs(bars=True, warm_up_bars=warm_up_bars(self.rule.indicators()), prices=True)

    def remember(self) -> object:
        """A leg per instrument, made as it is first seen."""
        return _Memory(self.rule)

    def on_history(self, view: View, bar: Bar) -> None:
        """Indicators alone."""
        leg = _leg(view, bar.token)
        leg.before = leg.push(bar)

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """Decide, where every value is there."""
        leg = _leg(view, bar.token)
        before, row = leg.before, leg.push(bar)
        leg.before = row
        session = view.session(bar.token, bar.end)
        if before is None or session is None or not all(map(math.isfinite, (*before, *row))):
            return ()
        parameters = _memory(view).parameters
        leg.targets, leg.state = self.rule.decide(row, before, _book(view, leg, bar), session, leg.state, parameters)
        leg.event, leg.reference, leg.reversing = bar.start, bar.close, False
        return _steer(view, bar.token, leg)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """Leave at stop, trail or target."""
        leg = _leg(view, price.token)
        held = view.quantity(price.token)
        if held == 0:
            leg.best = 0.0
            return ()
        targets = leg.targets
        if not (targets.stop or targets.target or targets.trail) or view.busy(price.token):
            return ()
        if price.event_time == leg.event:
            return ()  # this second's exit was refused: once a second is often enough
        last = price.last_price / RUPEE
        leg.best = better(held, last, leg.best)
        reason = exit_reason(held, last, leg.best, targets)
        if not reason:
            return ()
        # The targets stay in force: an exit that is refused is tried again.
        leg.event, leg.reference, leg.reversing = price.event_time, price.last_price, False
        return [_exit(price.token, held, abs(held), leg, reason)]

    def levels(self, view: View, token: int) -> Sequence[E4]:
        """Stop, trail and target of what is held."""
        leg = _leg(view, token)
        return levels(view.quantity(token), leg.best, leg.targets, view.instrument(token).tick_size)

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft]:
        """Second step of a change of sides."""
        leg = _leg(view, fill.token)
        if fill.quantity == 0:
            leg.best = 0.0  # the next position has a best price of its own, however soon it comes
        if not leg.reversing or fill.quantity != 0 or view.busy(fill.token):
            return ()
        leg.reversing = False
        # The decision was made when its bar ended.
        return _steer(view, fill.token, leg) if view.fresh(leg.event + view.interval_seconds * SECOND) else ()


class _Memory:
    """Legs by token."""

    def __init__(self, rule: RuleStrategy) -> None:
        self.rule = rule
        self.parameters = parameters_of(rule)
        self.declared = dict(rule.indicators())
        self.legs: dict[int, _Leg] = {}


def _memory(view: View) -> _Memory:
    memory = view.memory
    if not isinstance(memory, _Memory):
        raise TypeError(f"the view remembers a {type(memory).__name__}, not what a rule made")
    return memory


def _leg(view: View, token: int) -> _Leg:
    memory = _memory(view)
    leg = memory.legs.get(token)
    if leg is None:
        leg = memory.legs[token] = _Leg(memory.declared, memory.rule.initial())
    return leg


def _book(view: View, leg: _Leg, bar: Bar) -> Book:
    held = view.quantity(bar.token)
    opened = view.opened(bar.token)
    entry = 0.0
    if held:
        # Until the trades are booked the price of the decision stands in for theirs.
        entry = view.entry(bar.token) or leg.reference / RUPEE or bar.close / RUPEE
    return Book(
        quantity=held,
        pending=view.pending(bar.token),
        size=view.size(bar.token, bar.close),
        entry=entry,
        bars_held=leg.bars_since(opened) if held and opened else 0,
    )


def _steer(view: View, token: int, leg: _Leg) -> Sequence[IntentDraft]:
    """The next order on the way from what is held to what is wanted."""
    if view.busy(token):
        return ()
    held, wanted = view.quantity(token), leg.targets.quantity
    if wanted == held:
        return ()
    if held and (wanted == 0 or (wanted > 0) != (held > 0)):
        leg.reversing = wanted != 0
        return [_exit(token, held, abs(held), leg, "exit")]
    if abs(wanted) < abs(held):
        return [_exit(token, held, abs(held) - abs(wanted), leg, "exit")]
    side = Side.BUY if wanted > held else Side.SELL
    units = abs(wanted - held)
    return [IntentDraft(token, side, units, leg.event, leg.reference, leg="entry", reason="entry")]


def _exit(token: int, held: int, units: int, leg: _Leg, reason: str) -> IntentDraft:
    side = Side.SELL if held > 0 else Side.BUY
    return IntentDraft(token, side, units, leg.event, leg.reference, leg=reason, reduce_only=True, reason=reason)
