"""Alert routes, and what happens when an alert strikes."""

from urllib.parse import urlencode

import msgspec

from sandbox.alerts import Alert, BasketItem, read_basket
from sandbox.auth import USER_ID
from sandbox.envelope import Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.instruments import Instrument
from sandbox.refusal import Refusal
from sandbox.routes_market import quote
from sandbox.routes_orders import place
from sandbox.trading_days import text_of

NO_TIME = "0001-01-01 00:00:00"
_PAGE_MAX = 500


def create(exchange: Exchange, request: Request) -> Reply:
    """POST /alerts"""
    return success(exchange.alerts.create(request.form(), exchange.clock.now_ns()).row(USER_ID))


def alerts(exchange: Exchange, request: Request) -> Reply:
    """GET /alerts, filtered by status, in pages where they are asked for."""
    rows = [alert.row(USER_ID) for alert in exchange.alerts.listed(request.one("status"))]
    if request.one("page") or request.one("page_size"):
        page, size = _count(request, "page", 1, 10**6), _count(request, "page_size", _PAGE_MAX, _PAGE_MAX)
        rows = rows[(page - 1) * size : page * size]
    return success(rows)


def alert(exchange: Exchange, request: Request) -> Reply:
    """GET /alerts/{uuid}"""
    return success(exchange.alerts.find(request.parts[0]).row(USER_ID))


def modify(exchange: Exchange, request: Request) -> Reply:
    """PUT /alerts/{uuid}"""
    changed = exchange.alerts.modify(request.parts[0], request.form(), exchange.clock.now_ns())
    return success(changed.row(USER_ID))


def delete(exchange: Exchange, request: Request) -> Reply:
    """DELETE /alerts?uuid=…, repeatable. Go's client sends none, so none is nothing to do."""
    exchange.alerts.delete([value for name, value in request.query if name == "uuid"], exchange.clock.now_ns())
    return success(None)


def history(exchange: Exchange, request: Request) -> Reply:
    """GET /alerts/{uuid}/history, newest first."""
    return success(exchange.alerts.find(request.parts[0]).history[::-1])


def look(exchange: Exchange) -> None:
    """Let the alerts look at the prices of now."""

    def price(instrument: Instrument) -> int:
        return exchange.engine.quote(instrument).last_price

    def struck(one: Alert) -> dict[str, object]:
        return _strike(exchange, one)

    exchange.alerts.look(price, exchange.clock.now_ns(), struck)


def _strike(exchange: Exchange, one: Alert) -> dict[str, object]:
    """Place an `ato` alert's orders; the history's entry."""
    condition = one.condition
    sides = [condition.left, *([condition.right] if isinstance(condition.right, Instrument) else [])]
    return {
        "uuid": one.uuid,
        "type": one.fields["type"],
        "meta": [_meta(exchange, side) for side in sides],
        "condition": condition.text,
        "created_at": text_of(exchange.clock.now_ns()),
        "order_meta": None
        if one.basket is None
        else [_order(exchange, item) for item in read_basket(one.basket).items],
    }


def _meta(exchange: Exchange, instrument: Instrument) -> dict[str, object]:
    """What an instrument's quote said."""
    reply = quote(exchange, Request("GET", "/quote", (), [("i", instrument.key)], {}, b""))
    row = msgspec.json.decode(reply.body)["data"][instrument.key]
    zeros = dict.fromkeys(
        (
            "last_quantity",
            "buy_quantity",
            "sell_quantity",
            "volume",
            "volume_tick",
            "average_price",
            "oi",
            "oi_day_high",
            "oi_day_low",
            "lower_circuit_limit",
            "upper_circuit_limit",
        ),
        0,
    )
    return {
        **zeros,
        **{name: value for name, value in row.items() if name != "depth"},
        "last_trade_time": row.get("last_trade_time") or NO_TIME,
        "exchange": "INDICES" if instrument.is_index else instrument.exchange,
        "tradingsymbol": instrument.tradingsymbol,
    }


def _order(exchange: Exchange, item: BasketItem) -> dict[str, object]:
    """One order of a basket, through the door that every order comes through."""
    form = {"exchange": item.exchange, "tradingsymbol": item.tradingsymbol}
    for name, raw in item.params.items():
        value = msgspec.json.decode(raw)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            form[name] = str(value)
    variety = form.pop("variety", "") or "regular"
    body = urlencode(form).encode()
    try:
        reply = place(exchange, Request("POST", f"/orders/{variety}", (variety,), [], {}, body))
    except Refusal as refusal:
        return {"order_id": None, "error": refusal.message, "error_type": refusal.error_type}
    data: dict[str, object] = msgspec.json.decode(reply.body)["data"]
    return data


def _count(request: Request, name: str, default: int, most: int) -> int:
    text = request.one(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 8 and 1 <= int(text) <= most):
        raise Refusal(f"Invalid `{name}`.")
    return int(text)
