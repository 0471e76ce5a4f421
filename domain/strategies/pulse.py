"""Pulse: buys and sells by the clock. It has no opinion; it exists to give orders steadily in soak and kill tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.values import SECOND, Side


class Pulse(EventStrategy, frozen=True):
    """Every period of market time: buys when flat, sells what it holds otherwise. One order at a time per instrument.

    period_seconds  market seconds between orders in one instrument
    quantity        units per order; 0: as the configured sizing says
    """

    period_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 5
    quantity: Annotated[int, Meta(ge=0)] = 0

    def needs(self) -> Needs:
        """Prices and time; no bars, so no warm-up."""
        return Needs(bars=False, prices=True, timer=True)

    def remember(self) -> object:
        """The last period in which each instrument was ordered."""
        return {}

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """A chance to see that a period is over."""
        return self._beat(view, price.token)

    def on_timer(self, view: View) -> Sequence[IntentDraft]:
        """As on_price, for every instrument."""
        return [draft for each in view.instruments for draft in self._beat(view, each.token)]

    def _beat(self, view: View, token: int) -> Sequence[IntentDraft]:
        beats = view.memory
        if not isinstance(beats, dict):
            raise TypeError("the view remembers something that Pulse did not make")
        period = self.period_seconds * SECOND
        beat = view.now // period * period
        price = view.price(token)
        if price is None or beats.get(token) == beat or view.busy(token) or view.session(token, view.now) is None:
            return ()
        beats[token] = beat
        held = view.quantity(token)
        side = Side.SELL if held > 0 else Side.BUY
        units = abs(held) or self.quantity or view.size(token, price.last_price)
        if units == 0:
            return ()
        # The period, not the price, names the decision: after a restart the same beat is the same intent.
        return [
            IntentDraft(
                token,
                side,
                units,
                event=beat,
                reference_price=price.last_price,
                leg="beat",
                reduce_only=held != 0,
                reason="pulse",
            )
        ]
