"""Orders and trades."""

from sandbox.envelope import Reply, Request, success, success_rows
from sandbox.exchange import Exchange
from sandbox.refusal import Refusal
from sandbox.rules import parse_modify, parse_place


def place(exchange: Exchange, request: Request) -> Reply:
    """POST /orders/{variety}"""
    exchange.limits.check_minute()
    exchange.engine.count_request()
    form = request.form()
    if form.get("autoslice", "").lower() in {"true", "1"}:
        raise Refusal("The sandbox does not slice orders: slice them yourself.")
    order = parse_place(request.parts[0], form, exchange.universe)
    return success({"order_id": exchange.engine.place(order)})


def modify(exchange: Exchange, request: Request) -> Reply:
    """PUT /orders/{variety}/{order_id}"""
    _known_variety(request)
    return success({"order_id": exchange.engine.modify(request.parts[1], parse_modify(request.form()))})


def cancel(exchange: Exchange, request: Request) -> Reply:
    """DELETE /orders/{variety}/{order_id}"""
    _known_variety(request)
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


def _known_variety(request: Request) -> None:
    if request.parts[0] != "regular":
        raise Refusal(f"Invalid `variety`: the sandbox takes regular orders only, found {request.parts[0][:20]!r}.")
