"""A RuleStrategy as an EventStrategy: rows from bars, targets into drafts.

One order at a time in an instrument. A target on the other side is reached in two steps: the exit, reduce-only; then,
when that is over and the decision is still fresh, the entry.

Over history a rule is asked too, where it has a state or holds something, and nothing is ordered: so its state and its
stops are after a crash what they were.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from domain.bars import Bar
from domain.exits.values import ExitLevels
from domain.indicators.declaration import warm_up_bars
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, View
from domain.strategy.exits import better, exit_reason, levels
from domain.strategy.rule import Book, NoState, Row, RuleStrategy, Targets, legs_type, parameters_of
from domain.values import E4, RUPEE, SECOND, Nanos, Side


class Leg:
    """What the rule remembers of one instrument.

    rebuilt  its targets come from history: they hold only for a position on their side
    end      end of the bar that its newest row is of
    live     that bar could be decided on
    managed  somebody else watches its levels
    """

    __slots__ = ("best", "end", "event", "live", "managed", "rebuilt", "reference", "reversing", "state", "targets")

    def __init__(self, state: object, *, managed: bool) -> None:
        self.state = state
        self.managed = managed
        self.targets = Targets(0)
        self.event: Nanos = 0
        self.reference: E4 = 0
        self.reversing = False
        self.rebuilt = False
        self.best = 0.0
        self.end: Nanos = 0
        self.live = False


class RuleEvents(EventStrategy, frozen=True):
    """The adapter. Nothing but the rule decides.

    managed  somebody else watches stop, target and trail
    """

    rule: RuleStrategy
    managed: bool = False

    def needs(self) -> Needs:
        """Bars, warmed up as the indicators ask; prices for stops and targets."""
        declared = dict(self.rule.indicators())
        warm_up = warm_up_bars(declared)
        rebuilds = self.rule.state_bars if warm_up or not isinstance(self.rule.initial(), NoState) else 0
        return Needs(bars=True, warm_up_bars=warm_up, prices=True, indicators=declared, history_bars=rebuilds)

    def remember(self) -> object:
        """A leg per instrument, made as it is first seen."""
        return Memory(self.rule, managed=self.managed)

    def on_history(self, view: View, bar: Bar) -> None:
        """Indicators, and what was to be remembered."""
        if bar.interval_seconds == view.interval_seconds:
            self._closed(view, bar, live=False)

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """Decide, where every value is there."""
        return self._closed(view, bar, live=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """Leave at stop, trail or target."""
        if self.managed:
            return ()
        leg = _leg(view, price.token)
        held = view.quantity(price.token)
        if held == 0:
            leg.best = 0.0
            return ()
        targets = leg.targets
        if not targets.watched or view.busy(price.token):
            return ()
        if leg.rebuilt and (targets.quantity > 0) != (held > 0):
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

    def wished(self, view: View, token: int) -> ExitLevels | None:
        """Where the last decision wants what is held to be left; None where it wants none of it."""
        leg = _leg(view, token)
        return None if leg.targets.quantity == 0 else _exit_levels(leg.targets)

    def levels(self, view: View, token: int) -> Sequence[E4]:
        """Stop, trail and target of what is held."""
        leg = _leg(view, token)
        return levels(view.quantity(token), leg.best, leg.targets, view.instrument(token).tick_size)

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft]:
        """Second step of a change of sides."""
        if fill.quantity != 0:
            return ()
        leg = _leg(view, fill.token)
        leg.best = 0.0  # the next position has a best price of its own, however soon it comes
        if not leg.reversing or view.busy(fill.token):
            return ()
        leg.reversing = False
        # The decision was made when its bar ended.
        return _steer(view, fill.token, leg) if view.fresh(leg.event + view.interval_seconds * SECOND) else ()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _closed(self, view: View, bar: Bar, *, live: bool) -> Sequence[IntentDraft]:
        token, end, memory = bar.token, bar.end, _memory(view)
        leg = memory.leg(token)
        leg.end, leg.live = end, live
        if self.rule.legs:
            return self._together(view, bar)
        row, before = view.row(token), view.before(token)
        session = view.session(token, end)
        if session is None or row is None or before is None or not view.ready(token):
            return ()
        if not live and not (view.warm(token) and (memory.has_state or view.quantity(token))):
            return ()
        book = _book(view, leg, bar) if live else _book_then(view, leg, bar)
        wanted, leg.state = self.rule.decide(row, before, book, session, leg.state, memory.parameters)
        return _take(view, leg, bar, wanted, book.quantity)

    def _together(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """One decision on all legs, when each has its bar of this interval."""
        memory = _memory(view)
        tokens = [each.token for each in view.instruments]
        legs = [_leg(view, token) for token in tokens]
        if any(leg.end != bar.end for leg in legs):
            return ()
        rows = [view.row(token) for token in tokens]
        before, memory.before = memory.before, [row for row in rows if row is not None]
        session = view.session(tokens[0], bar.end)
        bars = [newest for newest in map(view.newest, tokens) if newest is not None]
        finite = len(before) == len(legs) and all(map(math.isfinite, itertools.chain(*before, *memory.before)))
        if session is None or not finite:
            return ()
        live = all(leg.live for leg in legs)
        known = all(map(view.warm, tokens)) and (memory.has_state or any(map(view.quantity, tokens)))
        if not live and not known:
            return ()
        look = _book if live else _book_then
        books = [look(view, leg, each) for leg, each in zip(legs, bars, strict=True)]
        by_leg = legs_type(self.rule.legs)
        wanted, memory.state = self.rule.decide(
            by_leg(*rows), by_leg(*before), by_leg(*books), session, memory.state, memory.parameters
        )
        drafts: list[IntentDraft] = []
        for leg, each, target, book in zip(legs, bars, wanted, books, strict=True):
            leg.live = live
            drafts.extend(_take(view, leg, each, target, book.quantity))
        return drafts


class Memory:
    """Legs by token; of rules with legs also the rows of the last decision, and the state."""

    def __init__(self, rule: RuleStrategy, *, managed: bool) -> None:
        self.rule = rule
        self.managed = managed
        self.parameters = parameters_of(rule)
        self.legs: dict[int, Leg] = {}
        self.before: list[Row] = []
        self.state: object = rule.initial()
        self.has_state = not isinstance(self.state, NoState)

    def leg(self, token: int) -> Leg:
        """The instrument's, made as it is first asked for."""
        leg = self.legs.get(token)
        if leg is None:
            leg = self.legs[token] = Leg(self.rule.initial(), managed=self.managed)
        return leg


def _memory(view: View) -> Memory:
    memory = view.memory
    if not isinstance(memory, Memory):
        raise TypeError(f"the view remembers a {type(memory).__name__}, not what a rule made")
    return memory


def _leg(view: View, token: int) -> Leg:
    return _memory(view).leg(token)


def _book(view: View, leg: Leg, bar: Bar) -> Book:
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
        bars_held=view.bars_since(bar.token, opened) if held and opened else 0,
    )


def _book_then(view: View, leg: Leg, bar: Bar) -> Book:
    """The book as it was when a bar of history closed, and the best price since entry by such bars."""
    then = view.held_at(bar.token, bar.end)
    if then.quantity == 0:
        leg.best = 0.0
    else:
        leg.best = better(then.quantity, then.entry / RUPEE, leg.best)
        if bar.start >= then.opened:
            leg.best = better(then.quantity, (bar.high if then.quantity > 0 else bar.low) / RUPEE, leg.best)
    return Book(
        quantity=then.quantity,
        pending=0,
        size=view.size(bar.token, bar.close),
        entry=then.entry / RUPEE,
        bars_held=view.bars_since(bar.token, then.opened) if then.quantity else 0,
    )


def _take(view: View, leg: Leg, bar: Bar, wanted: Targets, held: int) -> Sequence[IntentDraft]:
    """Targets in force from here on. Of history only what protects a position, or what opened it."""
    if leg.live:
        leg.targets, leg.rebuilt = wanted, False
        leg.event, leg.reference, leg.reversing = bar.start, bar.close, False
        return _steer(view, bar.token, leg)
    if held == 0 or (wanted.quantity and (wanted.quantity > 0) == (held > 0)):
        leg.targets, leg.rebuilt = wanted, True
    return ()


def _steer(view: View, token: int, leg: Leg) -> Sequence[IntentDraft]:
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
    wished = _exit_levels(leg.targets) if leg.managed else ExitLevels()
    return [IntentDraft(token, side, units, leg.event, leg.reference, leg="entry", reason="entry", levels=wished)]


def _exit_levels(targets: Targets) -> ExitLevels:
    """Rupees as 1/10,000 rupee; whoever watches puts them on the tick."""
    return ExitLevels(round(targets.stop * RUPEE), round(targets.target * RUPEE), round(targets.trail * RUPEE))


def _exit(token: int, held: int, units: int, leg: Leg, reason: str) -> IntentDraft:
    side = Side.SELL if held > 0 else Side.BUY
    return IntentDraft(token, side, units, leg.event, leg.reference, leg=reason, reduce_only=True, reason=reason)
