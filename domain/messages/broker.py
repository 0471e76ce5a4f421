"""What is said to the broker and what it answers, in our words."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.values import E4, Nanos, OrderKind, Product, Side, Validity, Variety


class BrokerStatus(Enum):
    """The broker's order status, reduced to what matters. Unknown words are IN_FLIGHT."""

    IN_FLIGHT = "IN_FLIGHT"
    OPEN = "OPEN"
    TRIGGER_PENDING = "TRIGGER_PENDING"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def terminal(self) -> bool:
        """No further change may come (late fills apart)."""
        return self in (BrokerStatus.COMPLETE, BrokerStatus.CANCELLED, BrokerStatus.REJECTED)


class PlaceOrder(Struct, frozen=True, tag=True):
    """Command: one order, complete, for one POST under one tag.

    market_protection  percent in 1/100 (200 = 2 %), or -1 for the broker's automatic band; used for market kinds
    trigger_price      of a stop; of a cover order, the trigger of its second leg
    ttl_minutes        with validity TTL
    iceberg_legs       with variety ICEBERG: 2 to 50 parts, one of them in the market at a time
    """

    tag: str
    exchange: str
    symbol: str
    side: Side
    quantity: int
    product: Product
    kind: OrderKind
    price: E4 = 0
    trigger_price: E4 = 0
    validity: Validity = Validity.DAY
    variety: Variety = Variety.REGULAR
    market_protection: int = -1
    ttl_minutes: int = 0
    disclosed_quantity: int = 0
    iceberg_legs: int = 0

    @property
    def iceberg_quantity(self) -> int:
        """Units of each part of an iceberg but the last, which is no larger; 0 for other orders."""
        return -(-self.quantity // self.iceberg_legs) if self.iceberg_legs else 0


class Change(Struct, frozen=True):
    """What a modification makes of an order, in absolute values; 0 or None: as it is.

    quantity           the total, what has filled included
    market_protection  as of PlaceOrder; used where the kind becomes a market one
    """

    quantity: int = 0
    price: E4 = 0
    trigger_price: E4 = 0
    kind: OrderKind | None = None
    market_protection: int = -1


class Accepted(Struct, frozen=True, tag=True):
    """The broker's OMS took the order; execution is another matter."""

    order_id: str


class Rejected(Struct, frozen=True, tag=True):
    """The broker proved that it refused: nothing rests, nothing will.

    person       every like request is refused until a person changes something (static address, plan, authorisation)
    turned_away  for the session or the rate, without a look at what was asked: it says nothing against that
    """

    code: int
    text: str
    person: bool = False
    turned_away: bool = False


class Unresolved(Struct, frozen=True, tag=True):
    """Nothing is proved: go and look."""

    text: str
    login_needed: bool = False


class NotSent(Struct, frozen=True, tag=True):
    """We know that no request began (gate, pacing deadline, no session)."""

    text: str


PostOutcome = Accepted | Rejected | Unresolved | NotSent
CancelOutcome = Accepted | Rejected | Unresolved | NotSent
ModifyOutcome = Accepted | Rejected | Unresolved | NotSent
"""Accepted: the request was taken; the order's row tells what came of it."""


class BrokerOrder(Struct, frozen=True, tag=True):
    """One order as the broker shows it: a row of the order book, a socket update or a postback. Cumulative.

    tags           every tag the broker shows for it
    average_price  meaningful when COMPLETE only; compare with tolerance, never book
    status_word    the broker's own word
    event_time     exchange time if known, else the broker's
    kind           as the broker shows it: a protected market order is shown as a LIMIT; None: not shown
    price, trigger_price  as they stand now, modifications included
    iceberg_total  units of the whole iceberg that this row is a part of; 0: it is none
    placed_by      the user, or whoever at the broker placed it; empty: not said
    """

    order_id: str
    tags: tuple[str, ...]
    status: BrokerStatus
    status_word: str
    exchange: str
    symbol: str
    side: Side
    product: Product
    quantity: int
    filled: int
    pending: int
    cancelled: int
    average_price: E4
    text: str
    event_time: Nanos
    received_time: Nanos
    variety: str = "regular"
    parent_order_id: str = ""
    kind: OrderKind | None = None
    price: E4 = 0
    trigger_price: E4 = 0
    iceberg_total: int = 0
    placed_by: str = ""


class BrokerTrade(Struct, frozen=True, tag=True):
    """One execution as the broker booked it."""

    trade_id: str
    order_id: str
    exchange: str
    symbol: str
    side: Side
    product: Product
    quantity: int
    price: E4
    event_time: Nanos


class BrokerPosition(Struct, frozen=True, tag=True):
    """A net position row. Values include the multiplier."""

    exchange: str
    symbol: str
    product: Product
    quantity: int
    overnight_quantity: int
    buy_quantity: int
    buy_value: E4
    sell_quantity: int
    sell_value: E4
    last_price: E4
    multiplier: int = 1


class BrokerHolding(Struct, frozen=True, tag=True):
    """A delivery holding: sellable = quantity + t1_quantity - used_quantity."""

    exchange: str
    symbol: str
    quantity: int
    t1_quantity: int
    used_quantity: int
    average_price: E4


class Funds(Struct, frozen=True, tag=True):
    """Funds of the equity segment. `cash` is the opening figure, `live_balance` what is left."""

    cash: E4
    live_balance: E4
    opening_balance: E4
    collateral: E4


class DayLimits(Struct, frozen=True, tag=True):
    """The exchange's lowest and highest price of the day for one `EXCHANGE:SYMBOL`."""

    instrument: str
    lowest: E4
    highest: E4


class ExecutedOrder(Struct, frozen=True, tag=True):
    """One executed order as the broker is asked to price it.

    value  quantity x price over its trades, without the multiplier: the average is value / quantity
    """

    order_id: str
    exchange: str
    symbol: str
    side: Side
    product: Product
    kind: OrderKind
    quantity: int
    value: E4
    variety: Variety = Variety.REGULAR


class OrderCosts(Struct, frozen=True, tag=True):
    """What the broker says that an order costs, each component rounded to 1/10,000 rupee."""

    order_id: str
    brokerage: E4
    tax: E4
    exchange: E4
    sebi: E4
    gst: E4
    stamp: E4
    total: E4


class SessionFacts(Struct, frozen=True, tag=True):
    """An open session. The token itself never travels in a message.

    expires  06:00 IST after the login
    """

    user_id: str
    opened: Nanos
    expires: Nanos
