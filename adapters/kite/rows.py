"""Kite's rows as Structs: the fields that we use, under Kite's names. A field that may be absent or null has a default.

Decoders are lax about numbers (`"17"` and `1.0` are read as integers: the documentation types some ids as strings) and
ignore what they do not know.
"""

from __future__ import annotations

from msgspec import Struct


class OrderRow(Struct):
    """A row of GET /orders, an order update or a postback (kite-facts 2.2, 6)."""

    order_id: str
    status: str
    exchange: str
    tradingsymbol: str
    transaction_type: str
    product: str
    quantity: int
    filled_quantity: int = 0
    pending_quantity: int = 0
    cancelled_quantity: int = 0
    average_price: float = 0.0
    variety: str = "regular"
    parent_order_id: str | None = None
    status_message: str | None = None
    order_timestamp: str | None = None
    exchange_timestamp: str | None = None
    exchange_update_timestamp: str | None = None
    placed_by: str | None = None
    tag: str | None = None
    tags: list[str] | None = None
    order_type: str = ""
    price: float = 0.0
    trigger_price: float = 0.0
    meta: object = None


class TradeRow(Struct):
    """A row of GET /trades. Its order_timestamp has no date, so it is left alone."""

    trade_id: str
    order_id: str
    exchange: str
    tradingsymbol: str
    transaction_type: str
    product: str
    quantity: int
    average_price: float
    fill_timestamp: str | None = None
    exchange_timestamp: str | None = None


class PositionRow(Struct):
    """A row of GET /portfolio/positions."""

    exchange: str
    tradingsymbol: str
    product: str
    quantity: int
    overnight_quantity: int = 0
    multiplier: float = 1.0
    last_price: float = 0.0
    buy_quantity: int = 0
    buy_value: float = 0.0
    sell_quantity: int = 0
    sell_value: float = 0.0


class PositionsData(Struct):
    """GET /portfolio/positions."""

    net: list[PositionRow]


class HoldingRow(Struct):
    """A row of GET /portfolio/holdings."""

    exchange: str
    tradingsymbol: str
    quantity: int
    t1_quantity: int = 0
    used_quantity: int = 0
    average_price: float = 0.0


class AvailableFunds(Struct):
    """`available` of a margin segment."""

    cash: float = 0.0
    live_balance: float = 0.0
    opening_balance: float = 0.0
    collateral: float = 0.0


class FundsData(Struct):
    """GET /user/margins/equity."""

    available: AvailableFunds
    enabled: bool = True
    net: float = 0.0


class ProfileData(Struct):
    """GET /user/profile."""

    user_id: str


class TokenData(Struct):
    """POST /session/token. Has no useful repr: it holds a secret."""

    access_token: str
    user_id: str = ""
    login_time: str | None = None

    def __repr__(self) -> str:
        """Without the token."""
        return f"TokenData(user_id={self.user_id!r})"


class PlacedData(Struct):
    """The reply to placing or cancelling an order."""

    order_id: str


class TriggerData(Struct):
    """The reply to placing, modifying or deleting a GTT."""

    trigger_id: int


class GttConditionRow(Struct):
    """`condition` of a GTT."""

    exchange: str
    tradingsymbol: str
    trigger_values: list[float]
    last_price: float = 0.0


class GttOrderResult(Struct):
    """`order_result` of a leg that fired."""

    status: str = ""
    order_id: str | None = None
    rejection_reason: str | None = None


class GttResultRow(Struct):
    """`result` of a leg."""

    order_result: GttOrderResult | None = None


class GttOrderRow(Struct):
    """A leg of a GTT."""

    transaction_type: str
    product: str
    quantity: int
    price: float
    result: GttResultRow | None = None


class GttRow(Struct):
    """A row of GET /gtt/triggers (kite-facts 2.6)."""

    id: int
    status: str
    condition: GttConditionRow
    orders: list[GttOrderRow]
    created_at: str | None = None
    updated_at: str | None = None


class CandlesData(Struct):
    """GET /instruments/historical: [stamp, open, high, low, close, volume]."""

    candles: list[tuple[str, float, float, float, float, int]]
