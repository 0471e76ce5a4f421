"""Mutual funds, to look at only (kite-facts 2.8): placing has been disabled for years, and is refused.

The account holds one fund, bought by a running plan; it is apart from the exchange's books.
"""

import gzip
from collections.abc import Callable
from datetime import date, timedelta

from sandbox.auth import USER_ID
from sandbox.envelope import CSV_TYPE, Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.refusal import Refusal
from sandbox.trading_days import previous_trading_day

_HEADER = (
    "tradingsymbol,amc,name,purchase_allowed,redemption_allowed,minimum_purchase_amount,purchase_amount_multiplier,"
    "minimum_additional_purchase_amount,minimum_redemption_quantity,redemption_quantity_multiplier,dividend_type,"
    "scheme_type,plan,settlement_type,last_price,last_price_date"
)
# ISIN, house, name, least purchase, dividend, scheme, settlement, NAV: invented funds
_FUNDS = (
    (
        "INF0SB0A1011",
        "SANDBOXMUTUALFUND_MF",
        "Sandbox Equity Fund - Direct Plan",
        500.0,
        "growth",
        "equity",
        "T3",
        84.27,
    ),
    ("INF0SB0A1029", "SANDBOXMUTUALFUND_MF", "Sandbox Tax Saver - Direct Plan", 500.0, "growth", "elss", "T3", 132.045),
    (
        "INF0SB0A1037",
        "SANDBOXMUTUALFUND_MF",
        "Sandbox Liquid Fund - Direct Plan",
        5000.0,
        "payout",
        "debt",
        "T1",
        1011.3,
    ),
)
_HELD, _HELD_NAME, _NAV = _FUNDS[0][0], _FUNDS[0][2], _FUNDS[0][7]
_UNITS_EACH, _PAID = 12.5, 80.0
_SIP_ID = "846479755969168"
_FOLIO = "1016000123"
NOT_PLACED = "Mutual fund orders cannot be placed over the API."


def instruments(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/instruments"""
    dated = _yesterday(exchange)
    lines = [_HEADER]
    for isin, house, name, least, dividend, scheme, settlement, nav in _FUNDS:
        least_more = min(least, 1000.0)
        numbers = f"1,1,{least},1.0,{least_more},0.001,0.001"
        lines.append(f"{isin},{house},{name},{numbers},{dividend},{scheme},direct,{settlement},{nav},{dated}")
    dump = ("\n".join(lines) + "\n").encode()
    if "gzip" in (request.header(b"accept-encoding") or ""):
        return Reply(gzip.compress(dump, 6, mtime=0), 200, CSV_TYPE, ((b"content-encoding", b"gzip"),))
    return Reply(dump, 200, CSV_TYPE)


def orders(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/orders"""
    del request
    return success(_orders(exchange))


def order(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/orders/{order_id}"""
    return success(_found(_orders(exchange), "order_id", request.parts[0]))


def sips(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/sips"""
    del request
    return success([_sip(exchange)])


def sip(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/sips/{sip_id}"""
    return success(_found([_sip(exchange)], "sip_id", request.parts[0]))


def holdings(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/holdings"""
    del request
    units = 2 * _UNITS_EACH
    return success(
        [
            {
                "folio": _FOLIO,
                "fund": _HELD_NAME,
                "tradingsymbol": _HELD,
                "average_price": _PAID,
                "last_price": _NAV,
                "last_price_date": str(_yesterday(exchange)),
                "pledged_quantity": 0,
                "pnl": round(units * (_NAV - _PAID), 4),
                "quantity": units,
            }
        ]
    )


def holding(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/holdings/{isin}: the purchases behind it."""
    if request.parts[0] != _HELD:
        raise Refusal("Holding not found.", "GeneralException", 404)
    names = ("fund", "tradingsymbol", "average_price", "variety", "exchange_timestamp", "amount", "folio", "quantity")
    return success([{name: row[name] for name in names} for row in _orders(exchange)])


def allotments(exchange: Exchange, request: Request) -> Reply:
    """GET /mf/allotments: ISINs with at least one allotment."""
    del exchange, request
    return success([_HELD])


def refuse(exchange: Exchange, request: Request) -> Reply:
    """Every write: what it names must exist, and then it is refused."""
    known: dict[str, Callable[[Exchange], list[dict[str, object]]]] = {
        "orders": _orders,
        "sips": lambda one: [_sip(one)],
    }
    if request.parts:
        kind = request.path.strip("/").split("/")[1]
        _found(known[kind](exchange), "order_id" if kind == "orders" else "sip_id", request.parts[0])
    raise Refusal(NOT_PLACED, "PermissionException", 403)


def _found(rows: list[dict[str, object]], key: str, value: str) -> dict[str, object]:
    for row in rows:
        if row[key] == value:
            return row
    raise Refusal(f"Couldn't find that `{key}`.", "GeneralException", 404)


def _orders(exchange: Exchange) -> list[dict[str, object]]:
    """The two instalments so far, newest first, a week apart."""
    rows: list[dict[str, object]] = []
    for number in (2, 1):
        day = _instalment(exchange, number)
        rows.append(
            {
                "status": "COMPLETE",
                "purchase_type": "FRESH" if number == 1 else "ADDITIONAL",
                "folio": _FOLIO,
                "order_timestamp": f"{day} 08:33:07",
                "average_price": _PAID,
                "exchange_order_id": f"25465712{number}",
                "last_price": _NAV,
                "tradingsymbol": _HELD,
                "settlement_id": f"212206{number}",
                "transaction_type": "BUY",
                "order_id": f"271989e0-a64e-4cf3-b4e4-00000000000{number}",
                "amount": _UNITS_EACH * _PAID,
                "tag": None,
                "placed_by": USER_ID,
                "exchange_timestamp": str(day),
                "variety": "sip",
                "last_price_date": str(_yesterday(exchange)),
                "status_message": "",
                "fund": _HELD_NAME,
                "quantity": _UNITS_EACH,
            }
        )
    return rows


def _sip(exchange: Exchange) -> dict[str, object]:
    last = _instalment(exchange, 2)
    return {
        "sip_id": _SIP_ID,
        "status": "ACTIVE",
        "sip_reg_num": None,
        "created": f"{_instalment(exchange, 1)} 08:30:00",
        "dividend_type": "growth",
        "frequency": "weekly",
        "fund": _HELD_NAME,
        "fund_source": "pool",
        "instalment_amount": _UNITS_EACH * _PAID,
        "instalment_day": 0,
        "instalments": -1,
        "last_instalment": f"{last} 08:33:07",
        "next_instalment": str(last + timedelta(days=7)),
        "completed_instalments": 2,
        "pending_instalments": -1,
        "sip_type": "sip",
        "step_up": {},
        "tag": None,
        "tradingsymbol": _HELD,
        "transaction_type": "BUY",
        "trigger_price": 0,
    }


def _instalment(exchange: Exchange, number: int) -> date:
    return _yesterday(exchange) - timedelta(days=7 * (2 - number))


def _yesterday(exchange: Exchange) -> date:
    return previous_trading_day(exchange.engine.day)
