"""Strategies that misbehave or watch, named by tests' configurations."""

from __future__ import annotations

from collections.abc import Sequence

from domain.bars import Bar
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.values import SECOND, Side

SEEN: dict[tuple[int, int], list[Bar]] = {}
"""What `Watcher` was told: (token, start of the bar) -> every version of it, in order."""


class AlwaysRaises(EventStrategy, frozen=True):
    """Buys, again where that comes to nothing, and once it holds fails at everything it is told, after a restart too."""

    def needs(self) -> Needs:
        """Prices and time."""
        return Needs(bars=False, prices=True, timer=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """Buy while flat, fail ever after."""
        return self._act(view, price.token)

    def on_timer(self, view: View) -> Sequence[IntentDraft]:
        """As on_price."""
        return [draft for each in view.instruments for draft in self._act(view, each.token)]

    def _act(self, view: View, token: int) -> Sequence[IntentDraft]:
        if view.quantity(token):
            raise RuntimeError("this strategy fails at every message")
        price = view.price(token)
        if price is None or view.busy(token):
            return ()
        second = view.now // SECOND
        return [IntentDraft(token, Side.BUY, 2, second, reference_price=price.last_price, leg="only", reason="a test")]


class Watcher(EventStrategy, frozen=True):
    """Gives no orders: notes every bar in `SEEN`."""

    def on_history(self, view: View, bar: Bar) -> None:
        """Backfilled, incomplete or late bars."""
        SEEN.setdefault((bar.token, bar.start), []).append(bar)

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """Live complete bars."""
        SEEN.setdefault((bar.token, bar.start), []).append(bar)
        return ()
