"""One open order, and one line of what is held and what it could come to."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Final

from msgspec import Struct

from domain.messages.orders import OrderIntent
from domain.values import E4, Nanos, OrderKind, Product, Side

LineKey = tuple[str, int, Product]
"""(strategy, token, product). The strategy is empty for what was traded outside."""


Stated = Callable[[str, Product, Side, int], E4 | None]
"""The broker's margin for so many units of an `EXCHANGE:SYMBOL`, held long (BUY) or short (SELL); None: not known."""


def nothing_stated(_instrument: str, _product: Product, _side: Side, _units: int) -> E4 | None:
    """The broker has said nothing."""
    return None


class Standing(Enum):
    """HELD: approved, not journaled yet. LIVE: journaled and not final. UNRESOLVED: nothing is proved of it."""

    HELD = "held"
    LIVE = "live"
    UNRESOLVED = "unresolved"


_HELD: Final = Standing.HELD


class OpenOrder(Struct, frozen=True):
    """One order that may still trade.

    reference_price  what the decision was made at; values the order until the market gives a price
    margin_held  for the whole quantity; released as it fills, and with the order
    seen         units that cumulative updates showed as filled
    booked       units whose trades are booked
    time         when it was held, then when it was journaled
    kind, price, trigger_price  as the intent has them, or its newest modification
    modifications  how often its terms were changed, or are about to be
    """

    intent_id: str
    tag: str
    strategy: str
    token: int
    instrument: str
    product: Product
    side: Side
    quantity: int
    reduce_only: bool
    reference_price: E4
    margin_held: E4
    valid_until: Nanos
    standing: Standing
    time: Nanos
    seen: int = 0
    booked: int = 0
    kind: OrderKind = OrderKind.MARKET
    price: E4 = 0
    trigger_price: E4 = 0
    modifications: int = 0

    @property
    def key(self) -> LineKey:
        """The line it belongs to."""
        return self.strategy, self.token, self.product

    @property
    def filled(self) -> int:
        """Units known to be filled, one way or the other."""
        return max(self.seen, self.booked)

    @property
    def remaining(self) -> int:
        """Units that may still fill."""
        left = self.quantity - (self.booked if self.booked > self.seen else self.seen)  # noqa: FURB136 - max() is six times this
        return left if left > 0 else 0  # noqa: FURB136 - as above

    @property
    def margin(self) -> E4:
        """Margin still held for what remains, rounded up; the position carries the rest."""
        return -(-self.margin_held * self.remaining // self.quantity)


class Exposure(Struct, frozen=True):
    """One line as it stands and as it could come to stand, in signed units.

    position  provisional
    buys, sells  units of open orders that may still fill
    opening_buys, opening_sells  those of them that are not reduce-only
    guarded   units that GTTs may still close
    """

    position: int = 0
    buys: int = 0
    sells: int = 0
    opening_buys: int = 0
    opening_sells: int = 0
    guarded: int = 0

    def worst(self, extra: int = 0) -> int:
        """The largest position, unsigned, that the line may reach; `extra` is one more order, signed."""
        low, high = self.ends(extra)
        return high if high > -low else -low  # noqa: FURB136 - as OpenOrder.remaining

    def ends(self, extra: int = 0) -> tuple[int, int]:
        """The lowest and the highest position, signed, that the line may reach."""
        low, high = self.position - self.sells, self.position + self.buys
        return (low + extra, high) if extra < 0 else (low, high + extra)

    def exits(self) -> int:
        """Units that may still be closed: the position less what open orders and GTTs may close already."""
        pending = self.sells if self.position > 0 else self.buys
        return max(abs(self.position) - pending - self.guarded, 0)


NO_EXPOSURE: Final = Exposure()
"""A line on which there is nothing."""


def open_order(intent: OrderIntent, margin: E4, time: Nanos, tag: str = "", standing: Standing = _HELD) -> OpenOrder:
    """The order that an approved intent is, or is to be: without a tag, it is not journaled yet."""
    return OpenOrder(
        intent.intent_id,
        tag,
        intent.strategy,
        intent.token,
        intent.instrument,
        intent.product,
        intent.side,
        intent.quantity,
        intent.reduce_only,
        intent.reference_price,
        margin,
        intent.valid_until,
        standing,
        time,
        0,
        0,
        intent.kind,
        intent.price,
        intent.trigger_price,
    )
