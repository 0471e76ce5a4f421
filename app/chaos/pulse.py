"""The strategy that trades in the simulation: many small decisions that crowd the limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from domain.bars import Bar
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, View
from domain.values import SECOND, Side


class CrowdingPulse(EventStrategy, frozen=True):
    """Every period: opens when flat, then adds, waits or closes by turns. All change the way every eight periods.

    period_seconds  market seconds between decisions in one instrument
    quantity        units per entry
    turn            shifts the turns, so that several strategies do not move as one
    """

    period_seconds: Annotated[int, Meta(ge=1)] = 4
    quantity: Annotated[int, Meta(ge=1)] = 10
    turn: int = 0

    def needs(self) -> Needs:
        """Prices, and bars with a warm-up, so that all of market data is at work."""
        return Needs(bars=True, warm_up_bars=2, prices=True)

    def remember(self) -> object:
        """The last period decided on, by instrument."""
        return {}

    def on_history(self, view: View, bar: Bar) -> None:
        """Nothing is learnt."""

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """A period may be over."""
        return self._beat(view, price.token)

    def on_fill(self, view: View, fill: Fill) -> Sequence[IntentDraft]:
        """As on_price: what was under way may be over."""
        return self._beat(view, fill.token)

    def _beat(self, view: View, token: int) -> Sequence[IntentDraft]:
        beats = view.memory
        assert isinstance(beats, dict), "what `remember` made"
        number = view.now // (self.period_seconds * SECOND)
        price = view.price(token)
        if price is None or beats.get(token) == number or view.busy(token) or view.session(token, view.now) is None:
            return ()
        beats[token] = number
        held = view.quantity(token)
        turn = (number + self.turn) % 4
        if held != 0 and turn == 2:
            return ()
        closing = held != 0 and turn == 3
        side = (Side.SELL if held > 0 else Side.BUY) if closing else (Side.BUY if number // 8 % 2 == 0 else Side.SELL)
        if not closing and held * side.sign < 0:
            closing = True  # the way has changed: out first
        return [
            IntentDraft(
                token,
                side,
                abs(held) if closing else self.quantity,
                event=number * self.period_seconds * SECOND,
                reference_price=price.last_price,
                leg="beat",
                reduce_only=closing,
                reason="pulse",
            )
        ]


class GuardedPulse(EventStrategy, frozen=True):
    """Opens when flat and leaves the rest to others, but that it leaves by itself in every sixth period.

    period_seconds  market seconds between decisions
    shorts          whether every other time it opens short
    """

    period_seconds: Annotated[int, Meta(ge=1)] = 4
    quantity: Annotated[int, Meta(ge=1)] = 10
    shorts: bool = True

    def needs(self) -> Needs:
        """Prices."""
        return Needs(bars=False, prices=True)

    def remember(self) -> object:
        """The last period decided on."""
        return {}

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """A period may be over."""
        beats = view.memory
        assert isinstance(beats, dict), "what `remember` made"
        token, number = price.token, view.now // (self.period_seconds * SECOND)
        if beats.get(token) == number or view.busy(token) or view.session(token, view.now) is None:
            return ()
        beats[token] = number
        held = view.quantity(token)
        if held and number % 6 != 5:
            return ()
        opens = Side.SELL if self.shorts and number // 8 % 2 else Side.BUY
        return [
            IntentDraft(
                token,
                (Side.SELL if held > 0 else Side.BUY) if held else opens,
                abs(held) or self.quantity,
                event=number * self.period_seconds * SECOND,
                reference_price=price.last_price,
                leg="beat",
                reduce_only=bool(held),
                reason="pulse",
            )
        ]
