"""Between Kite's rows and our values. The only file that knows both vocabularies."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Final

from adapters.kite import money
from adapters.kite.rows import FundsData, HoldingRow, OrderRow, PositionRow, TradeRow
from domain.messages.broker import (
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerStatus,
    BrokerTrade,
    Change,
    Funds,
    PlaceOrder,
)
from domain.values import IST, SECOND, Nanos, OrderKind, Product, Side, Validity, Variety, nanos, rupees

STATUSES: Final[dict[str, BrokerStatus]] = {
    "PUT ORDER REQ RECEIVED": BrokerStatus.IN_FLIGHT,
    "AMO REQ RECEIVED": BrokerStatus.IN_FLIGHT,
    "VALIDATION PENDING": BrokerStatus.IN_FLIGHT,
    "OPEN PENDING": BrokerStatus.IN_FLIGHT,
    "OPEN": BrokerStatus.OPEN,
    "TRIGGER PENDING": BrokerStatus.TRIGGER_PENDING,
    "MODIFY VALIDATION PENDING": BrokerStatus.IN_FLIGHT,
    "MODIFY PENDING": BrokerStatus.IN_FLIGHT,
    "MODIFIED": BrokerStatus.IN_FLIGHT,
    "CANCEL VALIDATION PENDING": BrokerStatus.IN_FLIGHT,
    "CANCEL PENDING": BrokerStatus.IN_FLIGHT,
    "NOT CANCELLED": BrokerStatus.IN_FLIGHT,
    "UPDATE": BrokerStatus.IN_FLIGHT,
    "COMPLETE": BrokerStatus.COMPLETE,
    "CANCELLED": BrokerStatus.CANCELLED,
    "CANCELLED AMO": BrokerStatus.CANCELLED,
    "LAPSED": BrokerStatus.CANCELLED,
    "REJECTED": BrokerStatus.REJECTED,
}
"""kite-facts 3.1. The documents call their list non-exhaustive: any other word is in flight, and told once."""

PRODUCTS: Final[dict[str, Product]] = {
    "MIS": Product.MIS,
    "CNC": Product.CNC,
    "NRML": Product.NRML,
    "MTF": Product.MTF,
    # Cover and bracket orders are intraday; Patang places none, but someone may by hand on the same account.
    "CO": Product.MIS,
    "BO": Product.MIS,
}

ORDER_KINDS: Final[dict[OrderKind, str]] = {
    OrderKind.MARKET: "MARKET",
    OrderKind.LIMIT: "LIMIT",
    OrderKind.STOP_LIMIT: "SL",
    OrderKind.STOP_MARKET: "SL-M",
}

KINDS_SHOWN: Final[dict[str, OrderKind]] = {word: kind for kind, word in ORDER_KINDS.items()}

_TAG: Final = re.compile(r"[A-Za-z0-9]{1,20}")


_EPOCH_IN_INDIA: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC).astimezone(IST).replace(tzinfo=None)
"""India's time has had one offset since: between its own readings there is nothing else to add."""


class Untranslatable(ValueError):
    """A row, or an order, that has no counterpart on the other side. One line, says which field."""


class StatusWords:
    """The status table, remembering which unknown words were told already."""

    def __init__(self, tell_unknown: Callable[[str], None]) -> None:
        self._tell_unknown = tell_unknown
        self._told: set[str] = set()

    def status(self, word: str) -> BrokerStatus:
        """Our status for Kite's word; an unknown one is IN_FLIGHT and told once."""
        found = STATUSES.get(word)
        if found is None:
            if word not in self._told and len(self._told) < 100:
                self._told.add(word)
                self._tell_unknown(word)
            return BrokerStatus.IN_FLIGHT
        return found


def instant(text: str | None) -> Nanos:
    """Kite's time as nanoseconds UTC: without a zone it is Indian time. None and empty are 0.

    Raises Untranslatable for anything else, and for years before 1971 (Kite writes `0001-01-01` for never: that is 0).
    """
    if not text:
        return 0
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise Untranslatable(f"{text[:40]!r} is not a time of the form YYYY-MM-DD HH:MM:SS") from None
    if moment.year < 1971:
        return 0
    if moment.tzinfo is not None:
        return nanos(moment)
    since = moment - _EPOCH_IN_INDIA
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds * 1_000


def stamp(instant_ns: Nanos) -> str:
    """The instant as Kite's query parameters want it: `YYYY-MM-DD HH:MM:SS`, Indian time, fractions cut."""
    moment = dt.datetime.fromtimestamp(instant_ns // 1_000_000_000, IST)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def order(row: OrderRow, words: StatusWords, received: Nanos) -> BrokerOrder:
    """A row of the order book, or an order update, as our value. Raises Untranslatable."""
    return BrokerOrder(
        order_id=row.order_id,
        tags=_tags(row.tag, row.tags),
        status=words.status(row.status),
        status_word=row.status,
        exchange=row.exchange,
        symbol=row.tradingsymbol,
        side=side(row.transaction_type),
        product=product(row.product),
        quantity=row.quantity,
        filled=row.filled_quantity,
        pending=row.pending_quantity,
        cancelled=row.cancelled_quantity,
        average_price=money.nearest(row.average_price),
        text=row.status_message or "",
        event_time=instant(row.exchange_update_timestamp or row.exchange_timestamp or row.order_timestamp),
        received_time=received,
        variety=row.variety,
        parent_order_id=row.parent_order_id or "",
        kind=KINDS_SHOWN.get(row.order_type),
        price=money.nearest(row.price),
        trigger_price=money.nearest(row.trigger_price),
        iceberg_total=_iceberg_total(row.meta),
        placed_by=row.placed_by or "",
    )


def trade(row: TradeRow) -> BrokerTrade:
    """One execution. Raises Untranslatable where the price is finer than 1/10,000 rupee: it would be booked wrong."""
    try:
        price = money.exact(row.average_price)
    except ValueError as error:
        raise Untranslatable(f"trade {row.trade_id}: {error}") from None
    return BrokerTrade(
        trade_id=row.trade_id,
        order_id=row.order_id,
        exchange=row.exchange,
        symbol=row.tradingsymbol,
        side=side(row.transaction_type),
        product=product(row.product),
        quantity=row.quantity,
        price=price,
        event_time=instant(row.fill_timestamp or row.exchange_timestamp),
    )


def position(row: PositionRow) -> BrokerPosition:
    """A net position. Values are sums of floats on the broker's side: rounded half to even."""
    if not row.multiplier.is_integer() or row.multiplier < 1:
        raise Untranslatable(f"position {row.exchange}:{row.tradingsymbol}: multiplier {row.multiplier!r} is not whole")
    return BrokerPosition(
        exchange=row.exchange,
        symbol=row.tradingsymbol,
        product=product(row.product),
        quantity=row.quantity,
        overnight_quantity=row.overnight_quantity,
        buy_quantity=row.buy_quantity,
        buy_value=money.nearest(row.buy_value),
        sell_quantity=row.sell_quantity,
        sell_value=money.nearest(row.sell_value),
        last_price=money.nearest(row.last_price),
        multiplier=int(row.multiplier),
    )


def holding(row: HoldingRow) -> BrokerHolding:
    """A delivery holding. The average is the broker's: rounded half to even."""
    return BrokerHolding(
        exchange=row.exchange,
        symbol=row.tradingsymbol,
        quantity=row.quantity,
        t1_quantity=row.t1_quantity,
        used_quantity=row.used_quantity,
        average_price=money.nearest(row.average_price),
    )


def funds(data: FundsData) -> Funds:
    """Funds of the equity segment, rounded half to even."""
    available = data.available
    return Funds(
        cash=money.nearest(available.cash),
        live_balance=money.nearest(available.live_balance),
        opening_balance=money.nearest(available.opening_balance),
        collateral=money.nearest(available.collateral),
    )


def place_form(order: PlaceOrder) -> dict[str, str]:
    """The form of POST /orders/{variety}. Raises Untranslatable for an order that may not be sent as it stands."""
    if not _TAG.fullmatch(order.tag):
        raise Untranslatable(f"the tag {order.tag!r} is not 1 to 20 letters and digits")
    if order.quantity <= 0:
        raise Untranslatable(f"the quantity {order.quantity} is not positive")
    if order.validity is Validity.TTL and order.ttl_minutes <= 0:
        raise Untranslatable("an order that lives for minutes (TTL) has no number of minutes here")
    if order.variety is Variety.ICEBERG and order.iceberg_legs <= 1:
        raise Untranslatable("an iceberg has no number of legs here")
    form = {
        "exchange": order.exchange,
        "tradingsymbol": order.symbol,
        "transaction_type": order.side.value,
        "quantity": str(order.quantity),
        "product": order.product.value,
        "order_type": ORDER_KINDS[order.kind],
        "validity": order.validity.value,
        "tag": order.tag,
    }
    if order.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        form["price"] = _positive("price", order.price)
    if order.kind in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET) or order.variety is Variety.COVER:
        form["trigger_price"] = _positive("trigger price", order.trigger_price)
    if order.kind in (OrderKind.MARKET, OrderKind.STOP_MARKET):
        form["market_protection"] = money.percent(order.market_protection)
    if order.validity is Validity.TTL:
        form["validity_ttl"] = str(order.ttl_minutes)
    if order.disclosed_quantity:
        form["disclosed_quantity"] = str(order.disclosed_quantity)
    if order.variety is Variety.ICEBERG:
        form |= {"iceberg_legs": str(order.iceberg_legs), "iceberg_quantity": str(order.iceberg_quantity)}
    return form


def modify_form(change: Change) -> dict[str, str]:
    """The form of PUT /orders/{variety}/{order_id}: what changes, nothing else (kite-facts 3.5).

    Raises Untranslatable for a change of nothing.
    """
    form = {}
    if change.kind is not None:
        form["order_type"] = ORDER_KINDS[change.kind]
        if change.kind in (OrderKind.MARKET, OrderKind.STOP_MARKET):
            form["market_protection"] = money.percent(change.market_protection)
    if change.quantity:
        form["quantity"] = str(change.quantity)
    if change.price:
        form["price"] = _positive("price", change.price)
    if change.trigger_price:
        form["trigger_price"] = _positive("trigger price", change.trigger_price)
    if not form:
        raise Untranslatable("a modification that changes nothing")
    return form


def _tags(tag: str | None, tags: list[str] | None) -> tuple[str, ...]:
    if not tags:
        return (tag,) if tag else ()
    return tuple(dict.fromkeys(each for each in (tag, *tags) if each))


def _iceberg_total(meta: object) -> int:
    if not meta:
        return 0
    iceberg = meta.get("iceberg") if isinstance(meta, dict) else None
    total = iceberg.get("total_quantity") if isinstance(iceberg, dict) else None
    return total if isinstance(total, int) else 0


def _positive(name: str, price: int) -> str:
    if price <= 0:
        raise Untranslatable(f"the {name} {rupees(price)} is not positive")
    return rupees(price)


def side(word: str) -> Side:
    """BUY or SELL. Raises Untranslatable."""
    if word == "BUY":
        return Side.BUY
    if word == "SELL":
        return Side.SELL
    raise Untranslatable(f"transaction_type {word[:20]!r} is neither BUY nor SELL")


def product(word: str) -> Product:
    """The product of that name. Raises Untranslatable."""
    found = PRODUCTS.get(word)
    if found is None:
        raise Untranslatable(f"product {word[:20]!r} is not known")
    return found
