"""An order as the broker keeps it, and its rows on the wire: the order book's, the history's and the postback's.

Prices are 1/10,000 rupee inside and rupees on the wire. quantity = filled + pending + cancelled, always.
"""

import hashlib

import msgspec

from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE, to_rupees
from sandbox.trading_days import text_of

BUY, SELL = 1, -1

PUT_RECEIVED = "PUT ORDER REQ RECEIVED"
AMO_RECEIVED = "AMO REQ RECEIVED"
VALIDATION_PENDING = "VALIDATION PENDING"
OPEN_PENDING = "OPEN PENDING"
OPEN = "OPEN"
TRIGGER_PENDING = "TRIGGER PENDING"
MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
MODIFY_PENDING = "MODIFY PENDING"
MODIFIED = "MODIFIED"
CANCEL_PENDING = "CANCEL PENDING"
COMPLETE = "COMPLETE"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"
UPDATE = "UPDATE"

TERMINAL = frozenset({COMPLETE, CANCELLED, REJECTED})

_encode = msgspec.json.Encoder().encode
_APP_ID = 1


class Trade(msgspec.Struct, frozen=True):
    """One execution."""

    trade_id: str
    quantity: int
    price: int
    time_ns: int
    encoded: bytes


class Iceberg(msgspec.Struct, frozen=True):
    """Which leg of an iceberg an order is: `leg` of `legs`, of `total` shares in all."""

    leg: int
    legs: int
    leg_quantity: int
    total: int
    remaining: int

    def row(self) -> dict[str, int]:
        """The `meta.iceberg` of the order's row."""
        return {
            "leg": self.leg,
            "legs": self.legs,
            "leg_quantity": self.leg_quantity,
            "total_quantity": self.total,
            "remaining_quantity": self.remaining,
        }


class Order:
    """One order; `rows` is its encoded history, oldest first, the last being its row in the order book.

    status is what the rows show. `call` says that it waits in a call auction; `working` that the exchange has it in its
    book (it stays there while a modification or cancellation is on its way, so a fill can win that race); `triggered`
    that a stop order's trigger has been reached.
    """

    __slots__ = (
        "auction_number",
        "book_key",
        "call",
        "cancelled",
        "claimed",
        "claimed_quantity",
        "cover_leg",
        "cover_trigger",
        "disclosed_quantity",
        "exchange_ns",
        "exchange_order_id",
        "exchange_update_ns",
        "expires_ns",
        "extra_quantity",
        "fill_value",
        "filled",
        "guid",
        "iceberg",
        "instrument",
        "limit",
        "market_protection",
        "modifications",
        "next_print",
        "order_id",
        "order_type",
        "parent_order_id",
        "placed_by",
        "placed_ns",
        "price",
        "product",
        "quantity",
        "queue_ahead",
        "reserved",
        "rows",
        "side",
        "square_off",
        "status",
        "status_message",
        "status_message_raw",
        "sweeping",
        "tag",
        "tags",
        "trades",
        "trigger_price",
        "triggered",
        "validity",
        "validity_ttl",
        "variety",
        "working",
    )

    def __init__(
        self,
        *,
        order_id: str,
        guid: str,
        instrument: Instrument,
        side: int,
        quantity: int,
        product: str,
        order_type: str,
        price: int,
        trigger_price: int,
        validity: str,
        validity_ttl: int,
        disclosed_quantity: int,
        market_protection: float,
        tag: str | None,
        placed_ns: int,
        placed_by: str,
        square_off: bool = False,
        variety: str = "regular",
        parent_order_id: str | None = None,
        auction_number: str | None = None,
        iceberg: Iceberg | None = None,
        cover_trigger: int = 0,
    ) -> None:
        self.order_id = order_id
        self.guid = guid
        self.instrument = instrument
        self.book_key = (instrument.exchange, instrument.tradingsymbol, product)
        self.side = side
        self.quantity = quantity
        self.product = product
        self.variety = variety
        self.parent_order_id = parent_order_id
        self.auction_number = auction_number
        self.iceberg = iceberg
        self.cover_trigger = cover_trigger
        self.cover_leg: Order | None = None
        self.call = False
        self.claimed = 0
        self.claimed_quantity = 0
        self.order_type = order_type
        self.price = price
        self.trigger_price = trigger_price
        self.limit = price
        self.validity = validity
        self.validity_ttl = validity_ttl
        self.expires_ns = 0
        self.disclosed_quantity = disclosed_quantity
        self.market_protection = market_protection
        self.tag = tag
        self.tags = [tag] if tag else []
        self.placed_ns = placed_ns
        self.placed_by = placed_by
        self.square_off = square_off
        self.status = PUT_RECEIVED if variety != "amo" else AMO_RECEIVED
        self.status_message: str | None = None
        self.status_message_raw: str | None = None
        self.exchange_order_id: str | None = None
        self.exchange_ns: int | None = None
        self.exchange_update_ns: int | None = None
        self.filled = 0
        self.cancelled = 0
        self.fill_value = 0
        self.modifications = 0
        self.working = False
        self.triggered = not order_type.startswith("SL")
        self.sweeping = False
        self.queue_ahead = 0
        self.next_print = 0
        self.reserved = 0
        self.extra_quantity = 0
        self.trades: list[Trade] = []
        self.rows: list[bytes] = []

    @property
    def pending(self) -> int:
        """What is neither filled nor cancelled."""
        return self.quantity - self.filled - self.cancelled

    @property
    def done(self) -> bool:
        """Whether the status is terminal."""
        return self.status in TERMINAL

    def average_price(self) -> float:
        """Rupees, to the fourth decimal; 0 before any fill."""
        if self.filled == 0:
            return 0.0
        return round(self.fill_value / self.filled / UNITS_PER_RUPEE, 4)

    def record(self) -> bytes:
        """Append the present state to the history; returns the encoded row."""
        row = _encode(self._row())
        self.rows.append(row)
        return row

    def record_status(self, status: str) -> None:
        """Turn to a status and append it to the history."""
        self.status = status
        self.record()

    def postback(self, api_secret: str, status: str) -> bytes:
        """The payload of a postback or socket update; `status` may be UPDATE where the row says OPEN."""
        row = self._row()
        stamp = str(row["order_timestamp"])
        body: dict[str, object] = {
            "user_id": self.placed_by,
            "unfilled_quantity": self.pending,
            "app_id": _APP_ID,
            "checksum": hashlib.sha256((self.order_id + stamp + api_secret).encode()).hexdigest(),
        }
        row["status"] = status
        for name in _POSTBACK_FIELDS:
            body[name] = row[name]
        return _encode(body)

    def _row(self) -> dict[str, object]:
        return {
            "placed_by": self.placed_by,
            "order_id": self.order_id,
            "exchange_order_id": self.exchange_order_id,
            "parent_order_id": self.parent_order_id,
            "status": self.status,
            "status_message": self.status_message,
            "status_message_raw": self.status_message_raw,
            "order_timestamp": text_of(self.placed_ns),
            "exchange_update_timestamp": _text(self.exchange_update_ns),
            "exchange_timestamp": _text(self.exchange_ns),
            "variety": self.variety,
            "modified": False,
            "exchange": self.instrument.exchange,
            "tradingsymbol": self.instrument.tradingsymbol,
            "instrument_token": self.instrument.token,
            "order_type": self.order_type,
            "transaction_type": "BUY" if self.side == BUY else "SELL",
            "validity": self.validity,
            "validity_ttl": self.validity_ttl,
            "product": self.product,
            "quantity": self.quantity,
            "disclosed_quantity": self.disclosed_quantity,
            "price": to_rupees(self.price),
            "trigger_price": to_rupees(self.trigger_price),
            "average_price": self.average_price(),
            "filled_quantity": self.filled,
            # As in Kite's rows: of a rejected order nothing is pending, nor was anything cancelled.
            "pending_quantity": 0 if self.status == REJECTED else self.pending,
            "cancelled_quantity": self.cancelled,
            "market_protection": self.market_protection,
            "meta": {} if self.iceberg is None else {"iceberg": self.iceberg.row()},
            "tag": self.tag,
            "tags": self.tags or None,
            "guid": self.guid,
            **({} if self.auction_number is None else {"auction_number": self.auction_number}),
        }


# The mock postback's keys after its first four; it has no tags and no `modified`.
_POSTBACK_FIELDS = [
    "placed_by",
    "order_id",
    "exchange_order_id",
    "parent_order_id",
    "status",
    "status_message",
    "status_message_raw",
    "order_timestamp",
    "exchange_update_timestamp",
    "exchange_timestamp",
    "variety",
    "exchange",
    "tradingsymbol",
    "instrument_token",
    "order_type",
    "transaction_type",
    "validity",
    "product",
    "quantity",
    "disclosed_quantity",
    "price",
    "trigger_price",
    "average_price",
    "filled_quantity",
    "pending_quantity",
    "cancelled_quantity",
    "market_protection",
    "meta",
    "tag",
    "guid",
]


def trade_of(order: Order, trade_id: str, quantity: int, price: int, now_ns: int) -> Trade:
    """A trade and its row on the wire."""
    stamp = text_of(now_ns)
    encoded = _encode(
        {
            "trade_id": trade_id,
            "order_id": order.order_id,
            "exchange": order.instrument.exchange,
            "tradingsymbol": order.instrument.tradingsymbol,
            "instrument_token": order.instrument.token,
            "product": order.product,
            "average_price": to_rupees(price),
            "quantity": quantity,
            "exchange_order_id": order.exchange_order_id,
            "transaction_type": "BUY" if order.side == BUY else "SELL",
            "fill_timestamp": stamp,
            "order_timestamp": text_of(order.placed_ns)[11:],
            "exchange_timestamp": stamp,
        }
    )
    return Trade(trade_id, quantity, price, now_ns, encoded)


def _text(now_ns: int | None) -> str | None:
    return None if now_ns is None else text_of(now_ns)
