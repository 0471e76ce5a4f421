"""Shorter views of the holdings, and their authorisation at the depository (kite-facts 2.3)."""

from typing import Any

import msgspec

from sandbox.envelope import HTML_TYPE, Reply, Request, parse_query, success
from sandbox.exchange import Exchange
from sandbox.refusal import Refusal
from sandbox.routes_account import holdings


def summary(exchange: Exchange, request: Request) -> Reply:
    """GET /portfolio/holdings/summary"""
    rows = _rows(exchange, request)
    invested = sum(_held(row) * row["average_price"] for row in rows)
    value = sum(_held(row) * row["last_price"] for row in rows)
    today = sum(_held(row) * row["day_change"] for row in rows)
    before = value - today
    return success(
        {
            "total_pnl": value - invested,
            "total_pnl_percent": (value - invested) / invested * 100 if invested else 0,
            "today_pnl": today,
            "today_pnl_percent": today / before * 100 if before else 0,
            "invested_amount": invested,
            "current_value": value,
        }
    )


def compact(exchange: Exchange, request: Request) -> Reply:
    """GET /portfolio/holdings/compact"""
    names = ("exchange", "tradingsymbol", "instrument_token", "t1_quantity", "quantity")
    return success([{name: row[name] for name in names} for row in _rows(exchange, request)])


def authorise(exchange: Exchange, request: Request) -> Reply:
    """POST /portfolio/holdings/authorise: a request id; with isin and quantity repeated pairwise, those alone."""
    known = {row["isin"] for row in _rows(exchange, request)}
    fields = parse_query(request.body)
    isins = [value for name, value in fields if name == "isin"]
    quantities = [value for name, value in fields if name == "quantity"]
    if len(isins) != len(quantities) or not all(_positive(text) for text in quantities):
        raise Refusal("Invalid `quantity`.")
    if not set(isins) <= known:
        raise Refusal("Invalid `isin`.")
    wanted = {isin: round(float(text)) for isin, text in zip(isins, quantities, strict=True)}
    return success({"request_id": exchange.portfolio.ask_authorisation(wanted)})


def authorise_page(exchange: Exchange, request: Request) -> Reply:
    """GET /connect/portfolio/authorise/holdings/{api_key}/{request_id}: the user's consent, given by opening it"""
    if not exchange.portfolio.authorise(request.parts[1], exchange.clock.now_ns()):
        raise Refusal("Invalid `request_id`.")
    return Reply(b"<!doctype html><title>Kite sandbox</title><p>Authorised until 17:30 today.</p>", 200, HTML_TYPE)


def _rows(exchange: Exchange, request: Request) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = msgspec.json.decode(holdings(exchange, request).body)["data"]
    return rows


def _held(row: dict[str, Any]) -> float:
    return float(row["quantity"] + row["t1_quantity"])


def _positive(text: str) -> bool:
    try:
        return 0 < float(text) < 10**9
    except ValueError:
        return False
