"""What the paper exchange holds: orders, trades, lines carried over a night, and what it knows of an instrument."""

from __future__ import annotations

from msgspec import Struct

from domain.costs import ChargeKind
from domain.messages.broker import BrokerOrder, BrokerStatus, BrokerTrade
from domain.values import E4, Nanos, OrderKind, Product, Side, Validity

Level = tuple[E4, int]
"""(price, quantity on offer)."""


class Quote(Struct, frozen=True):
    """The newest packet of one instrument. Best levels first; empty where the mode carries no depth.

    number    counts the instrument's packets: what was taken from one packet's depth is there again in the next
    """

    last_price: E4
    volume: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    received: Nanos
    number: int


class PaperOrder(Struct, frozen=True):
    """One order and where it stands. A market order is a limit at its protection price, as at the broker.

    limit       the worst price it fills at
    trigger     0, or the price that a stop waits for
    aggressor   it reached into the book when it arrived, so it fills at what is offered, not at its own limit
    arrived     whether it has met a fresh book yet
    protection  of a market order, 1/100 percent or -1; a stop needs it when it is triggered
    premium     an option: bought with its whole price
    """

    order_id: str
    tag: str
    exchange: str
    symbol: str
    token: int
    side: Side
    product: Product
    kind: OrderKind
    validity: Validity
    variety: str
    quantity: int
    limit: E4
    trigger: E4
    status: BrokerStatus
    placed: Nanos
    updated: Nanos
    multiplier: int = 1
    filled: int = 0
    value: E4 = 0
    cancelled: int = 0
    aggressor: bool = False
    arrived: bool = False
    text: str = ""
    protected: bool = False
    protection: int = -1
    premium: bool = False

    @property
    def pending(self) -> int:
        """Units that may still fill."""
        return self.quantity - self.filled - self.cancelled

    @property
    def live(self) -> bool:
        """Whether anything may still happen to it."""
        return not self.status.terminal

    @property
    def tags(self) -> tuple[str, ...]:
        """As the broker shows them."""
        return (*((self.tag,) if self.tag else ()), *(("mktp",) if self.protected else ()))

    @property
    def word(self) -> str:
        """The broker's own word for the status."""
        return "TRIGGER PENDING" if self.status is BrokerStatus.TRIGGER_PENDING else self.status.value

    def shown(self, received: Nanos) -> BrokerOrder:
        """As a row of the order book."""
        return BrokerOrder(
            order_id=self.order_id,
            tags=self.tags,
            status=self.status,
            status_word=self.word,
            exchange=self.exchange,
            symbol=self.symbol,
            side=self.side,
            product=self.product,
            quantity=self.quantity,
            filled=self.filled,
            pending=0 if self.status.terminal else self.pending,
            cancelled=self.cancelled,
            average_price=self.value // self.filled if self.filled else 0,
            text=self.text,
            event_time=self.updated,
            received_time=received,
            variety=self.variety,
            kind=OrderKind.LIMIT if self.kind is OrderKind.MARKET else self.kind,
            price=self.limit,
            trigger_price=self.trigger,
        )


class Carried(Struct, frozen=True):
    """A line that was open when the day began: signed units and what they cost."""

    exchange: str
    symbol: str
    product: Product
    quantity: int
    value: E4
    multiplier: int = 1
    premium: bool = False


class Day(Struct, frozen=True):
    """One day of the paper account.

    date         ISO
    opening      cash at its beginning
    carried      positions from before
    holdings     shares bought for delivery on earlier days
    """

    date: str
    opening: E4
    carried: tuple[Carried, ...] = ()
    holdings: tuple[Carried, ...] = ()


class Kept(Struct, frozen=True):
    """A trade with what the books and the next morning's charges need of its instrument."""

    trade: BrokerTrade
    multiplier: int
    charge: ChargeKind
    premium: bool = False
