"""The sandbox's own doors, always open and without a token: the clock and the books."""

import msgspec

from sandbox.charges import Charges
from sandbox.envelope import Reply, Request, plain
from sandbox.exchange import Exchange
from sandbox.money import to_rupees
from sandbox.refusal import Refusal
from sandbox.trading_days import NS, day_of, iso_of

_ADVANCE_SECONDS_MAX = 40 * 86_400


class ClockCommand(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /_sandbox/clock; fields are applied in this order."""

    mode: str | None = None
    rate: float | None = None
    hold: bool = False
    release: bool = False
    advance_seconds: float | None = None


_decode_command = msgspec.json.Decoder(ClockCommand).decode


def clock(exchange: Exchange, request: Request) -> Reply:
    """GET /_sandbox/clock"""
    del request
    now = exchange.clock.now_ns()
    return plain(
        {
            "now_ns": now,
            "now": iso_of(now),
            "date": day_of(now).isoformat(),
            "rate": exchange.clock.rate,
            "mode": exchange.clock.mode,
            "held": exchange.clock.held,
            "instance": exchange.instance,
        }
    )


def set_clock(exchange: Exchange, request: Request) -> Reply:
    """POST /_sandbox/clock"""
    try:
        command = _decode_command(request.body)
        if command.mode is not None and command.mode not in {"real", "stepped"}:
            raise ValueError(f"mode: real or stepped, found {command.mode!r}")
        if command.mode is not None:
            exchange.clock.set_rate(1.0 if command.mode == "real" else 0.0)
        if command.rate is not None:
            exchange.clock.set_rate(command.rate)
        if command.hold:
            exchange.clock.hold()
        if command.release:
            exchange.clock.release()
        if command.advance_seconds is not None:
            if not 0 <= command.advance_seconds <= _ADVANCE_SECONDS_MAX:
                raise ValueError(f"advance_seconds: 0 to {_ADVANCE_SECONDS_MAX}, found {command.advance_seconds}")
            exchange.clock.advance(round(command.advance_seconds * NS))
    except (msgspec.DecodeError, ValueError) as error:
        raise Refusal(f"Invalid clock command: {error}") from None
    exchange.engine.run_to(exchange.clock.now_ns())
    return clock(exchange, request)


def books(exchange: Exchange, request: Request) -> Reply:
    """GET /_sandbox/books"""
    del request
    exchange.engine.run_to(exchange.clock.now_ns())
    ledger = exchange.ledger
    totals = ledger.totals(exchange.engine.last_price)
    rows = [
        {
            "exchange": key[0],
            "tradingsymbol": key[1],
            "product": key[2],
            "quantity": account.quantity,
            "buy_value": to_rupees(account.buy_value),
            "sell_value": to_rupees(account.sell_value),
            "last_price": to_rupees(exchange.engine.quote(exchange.universe.ever[f"{key[0]}:{key[1]}"]).last_price),
            "multiplier": exchange.universe.ever[f"{key[0]}:{key[1]}"].multiplier,
        }
        for key, account in ledger.accounts.items()
    ]
    charges = {name: to_rupees(getattr(totals.charges, name)) for name in Charges.__struct_fields__}
    return plain(
        {
            "opening_cash": to_rupees(totals.opening_cash),
            "cash": to_rupees(totals.cash),
            "positions_value": to_rupees(totals.positions_value),
            "realised": to_rupees(totals.realised),
            "unrealised": to_rupees(totals.unrealised),
            "charges": {"total": to_rupees(totals.charges.total), **charges},
            "positions": rows,
            "orders": exchange.engine.orders_ever,
            "trades": ledger.trades,
            "unit": "INR",
        }
    )
