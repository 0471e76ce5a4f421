"""The table of routes: method, path, rate bucket, whether a token is needed, handler."""

from collections.abc import Callable, Iterator

from msgspec import Struct

from sandbox import routes_account as account
from sandbox import routes_alerts as alerts
from sandbox import routes_control as control
from sandbox import routes_costs as costs
from sandbox import routes_gtt as gtt
from sandbox import routes_holdings as holdings
from sandbox import routes_market as market
from sandbox import routes_mf as mf
from sandbox import routes_orders as orders
from sandbox.envelope import Reply, Request
from sandbox.exchange import Exchange
from sandbox.limits import Bucket

Handler = Callable[[Exchange, Request], Reply]
Prepare = Callable[[Exchange, Request], Iterator[None]]
"""Work done in small steps before the handler runs, with other requests and ticks in between."""


class Route(Struct, frozen=True):
    """One route; `*` in the path is a variable part."""

    method: str
    path: tuple[str, ...]
    bucket: Bucket
    handler: Handler
    token: bool = True
    prepare: Prepare | None = None


def _route(
    method: str,
    path: str,
    bucket: Bucket,
    handler: Handler,
    *,
    token: bool = True,
    prepare: Prepare | None = None,
) -> Route:
    return Route(method, tuple(path.strip("/").split("/")), bucket, handler, token, prepare)


# Fixed parts come before variable ones: the first match wins.
ROUTES = (
    _route("GET", "/_sandbox/clock", "free", control.clock, token=False),
    _route("POST", "/_sandbox/clock", "free", control.set_clock, token=False),
    _route("GET", "/_sandbox/books", "free", control.books, token=False),
    _route("GET", "/connect/login", "free", account.login_page, token=False),
    _route("POST", "/connect/login", "free", account.log_in, token=False),
    _route("POST", "/session/token", "other", account.make_session, token=False),
    _route("DELETE", "/session/token", "other", account.end_session, token=False),
    _route("POST", "/session/refresh_token", "other", account.renew_session, token=False),
    _route("GET", "/user/profile", "other", account.profile),
    _route("GET", "/user/profile/full", "other", account.full_profile),
    _route("GET", "/user/margins", "other", account.margins),
    _route("GET", "/user/margins/*", "other", account.margins),
    _route("GET", "/portfolio/positions", "other", account.positions),
    _route("PUT", "/portfolio/positions", "other", account.convert_position),
    _route("GET", "/portfolio/holdings", "other", account.holdings),
    _route("GET", "/portfolio/holdings/auctions", "other", account.auctions),
    _route("GET", "/portfolio/holdings/summary", "other", holdings.summary),
    _route("GET", "/portfolio/holdings/compact", "other", holdings.compact),
    _route("POST", "/portfolio/holdings/authorise", "other", holdings.authorise),
    _route("GET", "/connect/portfolio/authorise/holdings/*/*", "free", holdings.authorise_page, token=False),
    _route("GET", "/alerts", "other", alerts.alerts),
    _route("POST", "/alerts", "other", alerts.create),
    _route("DELETE", "/alerts", "other", alerts.delete),
    _route("GET", "/alerts/*", "other", alerts.alert),
    _route("PUT", "/alerts/*", "other", alerts.modify),
    _route("GET", "/alerts/*/history", "other", alerts.history),
    _route("GET", "/mf/orders", "other", mf.orders),
    _route("POST", "/mf/orders", "other", mf.refuse),
    _route("GET", "/mf/orders/*", "other", mf.order),
    _route("DELETE", "/mf/orders/*", "other", mf.refuse),
    _route("GET", "/mf/sips", "other", mf.sips),
    _route("POST", "/mf/sips", "other", mf.refuse),
    _route("GET", "/mf/sips/*", "other", mf.sip),
    _route("PUT", "/mf/sips/*", "other", mf.refuse),
    _route("DELETE", "/mf/sips/*", "other", mf.refuse),
    _route("GET", "/mf/holdings", "other", mf.holdings),
    _route("GET", "/mf/holdings/*", "other", mf.holding),
    _route("GET", "/mf/allotments", "other", mf.allotments),
    _route("GET", "/mf/instruments", "other", mf.instruments),
    _route("GET", "/orders", "other", orders.orders),
    _route("GET", "/orders/*", "other", orders.order_history),
    _route("GET", "/orders/*/trades", "other", orders.order_trades),
    _route("GET", "/trades", "other", orders.trades),
    _route("POST", "/orders/*", "orders", orders.place),
    _route("PUT", "/orders/*/*", "orders", orders.modify),
    _route("DELETE", "/orders/*/*", "orders", orders.cancel),
    _route("GET", "/quote", "quote", market.quote, prepare=market.prepare_quotes),
    _route("GET", "/quote/ohlc", "quote", market.ohlc, prepare=market.prepare_quotes),
    _route("GET", "/quote/ltp", "quote", market.ltp, prepare=market.prepare_quotes),
    _route("GET", "/instruments/historical/*/*", "historical", market.historical, prepare=market.prepare_history),
    _route("GET", "/instruments/trigger_range/*", "other", gtt.trigger_range),
    _route("GET", "/gtt/triggers", "other", gtt.triggers),
    _route("POST", "/gtt/triggers", "other", gtt.place_trigger),
    _route("GET", "/gtt/triggers/*", "other", gtt.trigger),
    _route("PUT", "/gtt/triggers/*", "other", gtt.modify_trigger),
    _route("DELETE", "/gtt/triggers/*", "other", gtt.delete_trigger),
    _route("GET", "/instruments", "other", market.instruments),
    _route("GET", "/instruments/*", "other", market.instruments),
    _route("POST", "/margins/orders", "other", costs.order_margins),
    _route("POST", "/margins/basket", "other", costs.basket_margins),
    _route("POST", "/charges/orders", "other", costs.contract_note),
)


def find(method: str, path: str) -> tuple[Route | None, tuple[str, ...], bool]:
    """(route, variable parts, whether the path exists under another method)."""
    parts = tuple(path.strip("/").split("/"))
    elsewhere = False
    for route in ROUTES:
        if len(route.path) != len(parts):
            continue
        if all(want in ("*", got) for want, got in zip(route.path, parts, strict=True)):
            if route.method == method:
                return route, tuple(got for want, got in zip(route.path, parts, strict=True) if want == "*"), True
            elsewhere = True
    return None, (), elsewhere
