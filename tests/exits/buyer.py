"""A strategy for tests: opens one position in each of its instruments when the hour has come, and never leaves."""

from __future__ import annotations

from collections.abc import Sequence

from domain.exits.values import ExitLevels
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.values import MINUTE, Side


class Buyer(EventStrategy, frozen=True):
    """Opens at the first price so many minutes after the session's open; once, since it never enters again.

    short        opens short
    leave_after  leaves by itself so many minutes after the open; 0: never
    stop         in rupees, told with the entry; 0: as configured
    """

    minute: int = 1
    short: bool = False
    leave_after: int = 0
    stop: float = 0.0

    def needs(self) -> Needs:
        """Prices."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """In once; out where that was wanted."""
        session = view.session(price.token, view.now)
        if session is None or view.busy(price.token):
            return ()
        held = view.quantity(price.token)
        if held and self.leave_after and session.minutes_open >= self.leave_after:
            side = Side.SELL if held > 0 else Side.BUY
            return [
                IntentDraft(price.token, side, abs(held), view.now // MINUTE, price.last_price, "out", reduce_only=True)
            ]
        if held or session.minutes_open < self.minute:
            return ()
        side = Side.SELL if self.short else Side.BUY
        units = view.size(price.token, price.last_price)
        levels = ExitLevels(stop=round(self.stop * 10_000))
        # One decision for ever, in every life of the process: asked for again it is known, and not ordered.
        return [IntentDraft(price.token, side, units, 0, price.last_price, "in", levels=levels)]
