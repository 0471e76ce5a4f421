"""Orders and trades."""

from sandbox.engine import NO_SUCH_ORDER
from sandbox.envelope import Reply, Request, success, success_rows
from sandbox.exchange import Exchange
from sandbox.refusal import Refusal
from sandbox.rules import VARIETIES, parse_modify, parse_place


def place(exchange: Exchange, request: Request) -> Reply:
    """POST /orders/{variety}"""
    exchange.limits.check_minute()
    exchange.engine.count_request()
    form = request.form()
    order = parse_place(request.parts[0], form, exchange.universe)
    if form.get("autoslice", "").lower() in {"true", "1"}:
        if order.variety != "regular":
            raise Refusal("Autoslice is available for regular orders only.")
        return success(exchange.engine.varieties.place_sliced(order))
    return success({"order_id": exchange.engine.place(order)})


def modify(exchange: Exchange, request: Request) -> Reply:
    """PUT /orders/{variety}/{order_id}"""
    _check_variety(exchange, request)
    return success({"order_id": exchange.engine.modify(request.parts[1], parse_modify(request.form()))})


def cancel(exchange: Exchange, request: Request) -> Reply:
    """DELETE /orders/{variety}/{order_id}"""
    _check_variety(exchange, request)
    return success({"order_id": exchange.engine.cancel(request.parts[1])})


def orders(exchange: Exchange, request: Request) -> Reply:
    """GET /orders"""
    del request
    return success_rows([order.rows[-1] for order in exchange.engine.orders.values()])


def order_history(exchange: Exchange, request: Request) -> Reply:
    """GET /orders/{order_id}"""
    return success_rows(exchange.engine.find(request.parts[0]).rows)


def trades(exchange: Exchange, request: Request) -> Reply:
    """GET /trades"""
    del request
    return success_rows(exchange.engine.trade_rows())


def order_trades(exchange: Exchange, request: Request) -> Reply:
    """GET /orders/{order_id}/trades"""
    return success_rows([trade.encoded for trade in exchange.engine.find(request.parts[0]).trades])


def _check_variety(exchange: Exchange, request: Request) -> None:
    """The variety in the path is the order's own."""
    variety, order_id = request.parts
    if variety not in VARIETIES:
        raise Refusal("Invalid `variety`.")
    if exchange.engine.find(order_id).variety != variety:
        raise Refusal(NO_SUCH_ORDER, "OrderException", 404)
