"""GTT triggers, and the trigger range of cover orders."""

from sandbox.envelope import Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.gtt import parse_gtt
from sandbox.money import to_rupees
from sandbox.refusal import Refusal
from sandbox.rules import BUY, SELL, cover_range

_IDS_MAX = 500


def triggers(exchange: Exchange, request: Request) -> Reply:
    """GET /gtt/triggers"""
    del request
    return success(exchange.engine.gtts.rows())


def trigger(exchange: Exchange, request: Request) -> Reply:
    """GET /gtt/triggers/{id}"""
    return success(exchange.engine.gtts.row(_number(request)))


def place_trigger(exchange: Exchange, request: Request) -> Reply:
    """POST /gtt/triggers"""
    wanted = parse_gtt(request.form(), exchange.universe.by_key)
    return success({"trigger_id": exchange.engine.gtts.place(wanted)})


def modify_trigger(exchange: Exchange, request: Request) -> Reply:
    """PUT /gtt/triggers/{id}"""
    wanted = parse_gtt(request.form(), exchange.universe.by_key)
    return success({"trigger_id": exchange.engine.gtts.modify(_number(request), wanted)})


def delete_trigger(exchange: Exchange, request: Request) -> Reply:
    """DELETE /gtt/triggers/{id}"""
    return success({"trigger_id": exchange.engine.gtts.delete(_number(request))})


def trigger_range(exchange: Exchange, request: Request) -> Reply:
    """GET /instruments/trigger_range/{buy|sell}: where a cover order's stop may lie"""
    side = {"buy": BUY, "sell": SELL}.get(request.parts[0].lower())
    if side is None:
        raise Refusal("Invalid `transaction_type`.")
    names = [value for name, value in request.query if name == "i"]
    if not names or len(names) > _IDS_MAX:
        raise Refusal("Missing or empty field `i`" if not names else "Too many instruments.")
    rows: dict[str, object] = {}
    for name in names:
        one = exchange.universe.find(name)
        if one is None or one.is_index:
            continue
        lower, upper = cover_range(one, side, exchange.engine.quote(one).last_price)
        rows[name] = {"instrument_token": one.token, "lower": to_rupees(lower), "upper": to_rupees(upper)}
    return success(rows)


def _number(request: Request) -> int:
    text = request.parts[0]
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise Refusal("Trigger not found.", "GeneralException", 404)
    return int(text)
