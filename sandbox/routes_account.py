"""Session, profile, funds, positions and holdings."""

import html
from urllib.parse import parse_qsl, urlencode

from sandbox.auth import API_KEY
from sandbox.envelope import HTML_TYPE, Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.instruments import Instrument
from sandbox.margins import margin_for
from sandbox.money import to_rupees
from sandbox.refusal import Refusal, order_refused
from sandbox.rules import PRODUCTS
from sandbox.trading_days import seconds_of, square_off_seconds

BUY, SELL = 1, -1

_LOGIN_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Kite sandbox login</title></head><body>
<h1>Kite sandbox</h1><p>{message}</p>
<form method="post" action="/connect/login">
<input type="hidden" name="api_key" value="{api_key}">
<input type="hidden" name="redirect_params" value="{redirect_params}">
<p><label>User ID <input name="user_id" autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password"></label></p>
<p><label>TOTP <input name="totp" inputmode="numeric"></label></p>
<p><button>Login</button></p>
</form></body></html>
"""


def login_page(exchange: Exchange, request: Request) -> Reply:
    """GET /connect/login"""
    del exchange
    fields = dict(request.query)
    if fields.get("api_key") != API_KEY:
        raise Refusal("Invalid `api_key`.")
    return _page(fields, "Public credentials: SB0001, sandbox, 000000.", 200)


def log_in(exchange: Exchange, request: Request) -> Reply:
    """POST /connect/login: back to the app's redirect URL with a request token."""
    form = {**dict(request.query), **request.form()}
    try:
        token = exchange.auth.log_in(form)
    except Refusal as refusal:
        if refusal.error_type != "UserException":
            raise
        return _page(form, refusal.message, refusal.status)
    answer = [("action", "login"), ("type", "login"), ("status", "success"), ("request_token", token)]
    answer += parse_qsl(form.get("redirect_params", ""), keep_blank_values=True, errors="replace")
    base = exchange.options.redirect_url
    target = base + ("&" if "?" in base else "?") + urlencode(answer)
    return Reply(b"", 302, HTML_TYPE, ((b"location", target.encode("ascii")),))


def make_session(exchange: Exchange, request: Request) -> Reply:
    """POST /session/token"""
    return success(exchange.auth.exchange(request.form()))


def end_session(exchange: Exchange, request: Request) -> Reply:
    """DELETE /session/token"""
    exchange.auth.revoke(dict(request.query))
    return success(True)


def renew_session(exchange: Exchange, request: Request) -> Reply:
    """POST /session/refresh_token"""
    return success(exchange.auth.renew(request.form()))


def profile(exchange: Exchange, request: Request) -> Reply:
    """GET /user/profile"""
    del request
    return success(exchange.auth.profile())


def full_profile(exchange: Exchange, request: Request) -> Reply:
    """GET /user/profile/full"""
    del request
    return success(exchange.auth.full_profile())


def margins(exchange: Exchange, request: Request) -> Reply:
    """GET /user/margins and /user/margins/{segment}"""
    segments = {"equity": _equity(exchange), "commodity": _commodity()}
    if not request.parts:
        return success(segments)
    segment = segments.get(request.parts[0])
    if segment is None:
        raise Refusal("Invalid `segment`.")
    return success(segment)


def positions(exchange: Exchange, request: Request) -> Reply:
    """GET /portfolio/positions"""
    del request
    net: list[dict[str, object]] = []
    day: list[dict[str, object]] = []
    for row in exchange.portfolio.positions.values():
        last = exchange.engine.quote(row.instrument).last_price
        net.append(row.row(last))
        if row.traded():
            day.append(row.row(last, day_only=True))
    return success({"net": net, "day": day})


def convert_position(exchange: Exchange, request: Request) -> Reply:
    """PUT /portfolio/positions"""
    form = request.form()
    instrument = exchange.universe.by_key.get(f"{form.get('exchange')}:{form.get('tradingsymbol')}")
    if instrument is None:
        raise Refusal("Invalid `tradingsymbol`.")
    side = {"BUY": BUY, "SELL": SELL}.get(form.get("transaction_type", ""))
    if side is None or form.get("position_type") not in {"day", "overnight"}:
        raise Refusal("Invalid `transaction_type` or `position_type`.")
    old, new = form.get("old_product", ""), form.get("new_product", "")
    quantity = form.get("quantity", "")
    if not (quantity.isascii() and quantity.isdigit() and 0 < int(quantity[:12]) < 10**9):
        raise Refusal("Invalid `quantity`.")
    for product in (old, new):
        kind = PRODUCTS.get(product)
        if kind is None or (kind != "both" and (kind == "derivative") != instrument.is_derivative):
            raise Refusal("Invalid `old_product` or `new_product`.")
    if old == new or (new in {"CNC", "MTF"} and side == SELL):
        raise order_refused("The position cannot be converted to this product.")
    _check_conversion(exchange, instrument, side * int(quantity), old, new)
    try:
        exchange.portfolio.convert(instrument, side, int(quantity), old, new)
    except ValueError:
        raise order_refused("The quantity to convert is more than the open quantity.") from None
    return success(True)


def _check_conversion(exchange: Exchange, instrument: Instrument, quantity: int, old: str, new: str) -> None:
    """No way into MIS once the broker has squared off, and none without the money."""
    now = exchange.clock.now_ns()
    late = seconds_of(now) >= square_off_seconds(instrument.session, exchange.engine.day)
    if new == "MIS" and late and "mis-cutoff" not in exchange.options.relaxed:
        raise order_refused("Positions cannot be converted to MIS now: the intraday square-off time has passed.")
    if instrument.is_derivative or "margin" in exchange.options.relaxed:
        return
    value = abs(quantity) * exchange.engine.quote(instrument).last_price
    more = margin_for(instrument, new, value).total - margin_for(instrument, old, value).total
    available = exchange.portfolio.available()
    if more > available:
        raise Refusal(
            f"Insufficient funds. Required margin is {to_rupees(more):.2f} but available margin is "
            f"{to_rupees(available):.2f}.",
            "MarginException",
        )


def holdings(exchange: Exchange, request: Request) -> Reply:
    """GET /portfolio/holdings"""
    del request
    rows = []
    for holding in exchange.portfolio.holdings.values():
        tape = exchange.engine.tape(holding.instrument)
        rows.append(holding.row(exchange.engine.quote(holding.instrument).last_price, tape.previous_close))
    return success(rows)


def auctions(exchange: Exchange, request: Request) -> Reply:
    """GET /portfolio/holdings/auctions: holdings that the exchange buys in today, while it does"""
    del request
    rows = []
    for holding, number in exchange.engine.calls.auctions():
        tape = exchange.engine.tape(holding.instrument)
        row = holding.row(exchange.engine.quote(holding.instrument).last_price, tape.previous_close)
        rows.append({**row, "auction_number": number})
    return success(rows)


def _page(fields: dict[str, str], message: str, status: int) -> Reply:
    page = _LOGIN_PAGE.format(
        message=html.escape(message),
        api_key=html.escape(fields.get("api_key", ""), quote=True),
        redirect_params=html.escape(fields.get("redirect_params", ""), quote=True),
    )
    return Reply(page.encode(), status, HTML_TYPE)


def _equity(exchange: Exchange) -> dict[str, object]:
    portfolio = exchange.portfolio
    used = portfolio.used_margin()
    realised = portfolio.realised_today()
    live = portfolio.available()
    cash = portfolio.day_cash
    unrealised = 0
    for key, row in portfolio.positions.items():
        if key[2] != "CNC" and row.quantity:
            last = exchange.engine.quote(row.instrument).last_price
            unrealised += exchange.ledger.accounts[key].unrealised(last * row.instrument.multiplier)
    delivery = sum(
        row.day_buy_value - row.day_sell_value for key, row in portfolio.positions.items() if key[2] == "CNC"
    )
    return {
        "enabled": True,
        "net": to_rupees(live),
        "available": {
            "adhoc_margin": 0,
            "cash": to_rupees(cash),
            "opening_balance": to_rupees(cash),
            "live_balance": to_rupees(live),
            "collateral": 0,
            "intraday_payin": 0,
        },
        "utilised": {
            "debits": to_rupees(cash - live),
            "exposure": to_rupees(used.exposure + used.var - delivery + portfolio.reserved),
            "m2m_realised": to_rupees(realised),
            "m2m_unrealised": to_rupees(unrealised),
            "option_premium": to_rupees(used.premium),
            "payout": 0,
            "span": to_rupees(used.span),
            "holding_sales": 0,
            "turnover": 0,
            "liquid_collateral": 0,
            "stock_collateral": 0,
            "delivery": to_rupees(delivery),
        },
    }


def _commodity() -> dict[str, object]:
    available = ("adhoc_margin", "cash", "opening_balance", "live_balance", "collateral", "intraday_payin")
    utilised = [
        "debits",
        "exposure",
        "m2m_realised",
        "m2m_unrealised",
        "option_premium",
        "payout",
        "span",
        "holding_sales",
        "turnover",
        "liquid_collateral",
        "stock_collateral",
        "delivery",
    ]
    return {
        "enabled": False,
        "net": 0,
        "available": dict.fromkeys(available, 0),
        "utilised": dict.fromkeys(utilised, 0),
    }
