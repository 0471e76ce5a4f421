"""Short straddle with stops, wings bought first: sells the day's fear, with a known worst case.

Idea: options near the money cost more than what the day usually moves; who sells a call and a put earns the rest.
Weakness: many small gains, and on the day of a large move one loss that takes them all back. The wings bound it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta

from domain.messages.market import PriceChanged
from domain.strategy.chain import Chain
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, View
from domain.values import E4, SECOND, Instrument, Side

ENTRY_MINUTES = 15
"""Minutes from `enter_minute` on in which it may still be entered: a late start is no morning's fear."""


class ShortStraddle(EventStrategy, frozen=True):
    """Sells the call and the put whose prices are nearest to each other; buys a wing beyond each of them before.

    Its instruments are the options of one underlying and expiry.

    underlying     as the instruments name it
    enter_minute   minutes after the open
    leave_minutes  minutes before the end at which everything is left
    wing           distance of the wings from the strike, as a share of it
    stop           rise of a sold option's price at which that one is bought back, as a share
    """

    underlying: str = "NIFTY"
    enter_minute: Annotated[int, Meta(ge=1, le=300)] = 5
    leave_minutes: Annotated[int, Meta(ge=5, le=300)] = 25
    wing: Annotated[float, Meta(gt=0, le=0.2)] = 0.02
    stop: Annotated[float, Meta(gt=0, le=5)] = 0.3

    def needs(self) -> Needs:
        """Prices and time."""
        return Needs(bars=False, prices=True, timer=True)

    def remember(self) -> object:
        """What was planned today."""
        return _Plan()

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """A sold option that rose too far is bought back. (Everything else waits for the clock, and for all prices.)"""
        if view.quantity(price.token) >= 0 or view.busy(price.token):
            return ()
        option = view.instrument(price.token)
        return _leave(view, [option], "stop") if self._is_stopped(view, option) else ()

    def on_timer(self, view: View) -> Sequence[IntentDraft]:
        """Time to enter, or to leave."""
        return self._step(view)

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft]:
        """Wings bought: the straddle may be sold."""
        return self._step(view)

    def _step(self, view: View) -> Sequence[IntentDraft]:
        plan = view.memory
        assert isinstance(plan, _Plan)
        first = view.instruments[0]
        session = view.session(first.token, view.now)
        if session is None or any(view.busy(each.token) for each in view.instruments):
            return ()  # one step at a time: the next one when this one's orders are over
        opens = view.hours(first.token, view.now).opens
        plan.begin(opens)
        shorts = [each for each in view.instruments if view.quantity(each.token) < 0]
        longs = [each for each in view.instruments if view.quantity(each.token) > 0]
        if session.minutes_left <= self.leave_minutes:
            plan.over = True
            return _leave(view, shorts or longs, "end")
        stopped = [each for each in shorts if self._is_stopped(view, each)]
        if stopped:
            return _leave(view, stopped, "stop")
        if not plan.wings:
            # Held without a plan: bought or sold before a crash. Sold options keep their stops; wings alone are left.
            late = session.minutes_open >= self.enter_minute + ENTRY_MINUTES
            if shorts or longs or plan.over or late or session.minutes_open < self.enter_minute:
                return () if shorts else _leave(view, longs, "alone")
            return self._buy_wings(view, plan, opens)
        if plan.sold:
            return () if shorts else _leave(view, longs, "alone")
        if len(longs) < len(plan.wings):
            plan.over, plan.sold = True, True  # a wing was refused: nothing is sold without it
            return _leave(view, longs, "alone")
        plan.sold = True
        event = (opens + self.enter_minute * 60) * SECOND
        return [
            IntentDraft(each.token, Side.SELL, view.quantity(wing.token), event, _last(view, each), "sell",
                        reason="straddle")
            for each, wing in zip(plan.middle, plan.wings, strict=True)
        ]  # fmt: skip

    def _buy_wings(self, view: View, plan: _Plan, opens: int) -> Sequence[IntentDraft]:
        chain = view.chain(self.underlying)
        strike = None if chain is None else _at_the_money(view, chain)
        if chain is None or strike is None:
            return ()
        above = [each for each in chain.strikes if each >= strike * (1 + self.wing)]
        below = [each for each in chain.strikes if each <= strike * (1 - self.wing)]
        if not above or not below:
            plan.over = True
            return ()
        wings = (chain.calls[min(above)], chain.puts[max(below)])
        if any(view.price(each.token) is None for each in wings):
            return ()
        middle = (chain.calls[strike], chain.puts[strike])
        # The same units of all four, as many as the sizing gives for the dearer of the sold ones.
        units = min(view.size(each.token, _last(view, each)) for each in (*middle, *wings))
        if units == 0:
            plan.over = True
            return ()
        plan.wings, plan.middle, plan.over = wings, middle, True
        event = (opens + self.enter_minute * 60) * SECOND
        return [
            IntentDraft(each.token, Side.BUY, units, event, _last(view, each), "wing", reason="wing")
            for each in wings
        ]  # fmt: skip

    def _is_stopped(self, view: View, option: Instrument) -> bool:
        entry = view.entry(option.token) * 10_000
        return entry > 0 and _last(view, option) >= entry * (1 + self.stop)


class _Plan:
    """Today's: wings and sold options (call, put), and whether an entry is over with."""

    def __init__(self) -> None:
        self.opens = 0
        self.wings: tuple[Instrument, ...] = ()
        self.middle: tuple[Instrument, ...] = ()
        self.sold = False
        self.over = False

    def begin(self, opens: int) -> None:
        """Another session begins with nothing planned."""
        if opens != self.opens:
            self.opens, self.wings, self.middle, self.sold, self.over = opens, (), (), False, False


def _at_the_money(view: View, chain: Chain) -> E4 | None:
    """The strike whose call and put have the nearest prices; None before both are known anywhere."""
    known = {
        strike: abs(_last(view, chain.calls[strike]) - _last(view, chain.puts[strike]))
        for strike in chain.strikes
        if _last(view, chain.calls[strike]) and _last(view, chain.puts[strike])
    }
    return min(known, key=lambda strike: (known[strike], strike)) if known else None


def _leave(view: View, options: Iterable[Instrument], leg: str) -> list[IntentDraft]:
    drafts = []
    for each in options:
        held, price = view.quantity(each.token), view.price(each.token)
        if price is None:
            continue
        side = Side.SELL if held > 0 else Side.BUY
        event = price.event_time
        drafts.append(
            IntentDraft(each.token, side, abs(held), event, price.last_price, leg, reduce_only=True, reason=leg)
        )
    return drafts


def _last(view: View, option: Instrument) -> E4:
    price = view.price(option.token)
    return 0 if price is None else price.last_price
