"""A strategy without a mind: it asks for what a test puts into its hands, one thing at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from domain.messages.market import PriceChanged
from domain.strategy.asks import Ask
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View

Wish = Callable[[View, PriceChanged], IntentDraft | Ask]

WISHES: dict[str, deque[Wish]] = {}
"""By the key of the one instrument that the strategy trades."""


class Scripted(EventStrategy, frozen=True):
    """See the module."""

    def needs(self) -> Needs:
        """Prices and time."""
        return Needs(bars=False, prices=True, timer=True)

    def on_timer(self, view: View) -> Sequence[IntentDraft | Ask]:
        """The next wish, once there is a price."""
        one = view.instruments[0]
        waiting, price = WISHES.setdefault(one.key, deque()), view.price(one.token)
        return [waiting.popleft()(view, price)] if waiting and price is not None else ()
