"""The report as a JSON document.

Money is a JSON number of rupees with two decimals, four where two would lose something, written digit by digit from
integers: never through a float. `exact` repeats the figures of the books as integers of 1/10,000 rupee, for programs
that want to add them up. Times are ISO 8601 with the IST offset.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Final

import msgspec

from domain.messages.control import PositionView
from domain.messages.journal import TradeBooked
from domain.parity import DayParity
from domain.quality import STATIONS, together
from domain.report.books import TOTAL, Difference, ExchangeBooks
from domain.report.eod import EXTERNAL, DayEvent, EodReport, StrategyRow
from domain.report.note import NoteCheck
from domain.report.orders import OrderRow
from domain.values import E4, Nanos, ist, rupees

Value = object
"""Whatever msgspec can encode."""

EXACT: Final = ("opening_cash", "cash", "positions_value", "realised", "unrealised", "charges", "net", "turnover")


def as_json(report: EodReport) -> bytes:
    """The whole report, indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(document(report)), indent=2) + b"\n"


def document(report: EodReport) -> dict[str, Value]:
    """The report as plain values in the order in which a reader wants them."""
    return {
        "date": report.date,
        "env": report.env,
        "strategies": report.strategies,
        "opening_cash": _money(report.opening_cash),
        "cash": _money(report.cash),
        "positions_value": _money(report.positions_value),
        "realised": _money(report.realised),
        "unrealised": _money(report.unrealised),
        "charges": _money(report.charges),
        "net": _money(report.net),
        "balanced": report.balanced,
        "books_agree": report.books_agree,
        "differences": [_difference(each) for each in report.differences],
        "broker_note": None if report.note is None else _note(report.note),
        "charge_components": _amounts(report.charge_components),
        "turnover": _money(report.turnover),
        "slippage": _money(report.slippage),
        "execution": _execution(report),
        "parity": None if report.parity is None else _parity(report.parity),
        "drawdown_max": _money(report.drawdown_max),
        "round_trips": report.round_trips,
        "orders": report.orders,
        "trades": report.trades,
        "order_states": dict(report.order_states),
        "denied": dict(report.denied),
        "open_positions": [_position(each) for each in report.open_positions],
        "per_strategy": [_strategy(each) for each in report.per_strategy],
        "restarts": report.restarts,
        "reconnects": report.reconnects,
        "runs": report.runs,
        "alerts": report.alerts,
        "started": _time(report.started),
        "finished": _time(report.finished),
        "seq": report.seq,
        "exact": _exact(report),
        "sandbox_books": None if report.sandbox_books is None else _books(report.sandbox_books),
        "events": [_event(each) for each in report.events],
        "equity_curve": [[_time(point.time), _money(point.equity)] for point in report.equity_curve],
        "price_samples": {
            name: [[_time(at), _money(price)] for at, price in points] for name, points in report.price_samples
        },
        "order_list": [_order(each) for each in report.order_list],
        "trade_list": [_trade(each) for each in report.trade_list],
    }


def _exact(report: EodReport) -> dict[str, Value]:
    figures: dict[str, Value] = {"unit": "1/10000 rupee"}
    figures |= {name: getattr(report, name) for name in EXACT}
    return figures | {"charge_components": dict(report.charge_components)}


def _books(books: ExchangeBooks) -> dict[str, Value]:
    return {
        "opening_cash": _money(books.opening_cash),
        "cash": _money(books.cash),
        "positions_value": _money(books.positions_value),
        "realised": _money(books.realised),
        "unrealised": _money(books.unrealised),
        "charges": {TOTAL: _money(books.charges), **_amounts(books.charge_components)},
        "positions": [
            {
                "instrument": row.instrument,
                "product": row.product,
                "quantity": row.quantity,
                "buy_value": _money(row.buy_value),
                "sell_value": _money(row.sell_value),
                "last_price": _money(row.last_price),
            }
            for row in books.positions
        ],
        "orders": books.orders,
        "trades": books.trades,
    }


def _strategy(row: StrategyRow) -> dict[str, Value]:
    return {
        "strategy": row.strategy,
        "realised": _money(row.realised),
        "unrealised": _money(row.unrealised),
        "charges": _money(row.charges),
        "net": _money(row.net),
        "round_trips": row.round_trips,
        "orders": row.orders,
        "trades": row.trades,
        "turnover": _money(row.turnover),
        "slippage": _money(row.slippage),
    }


def _position(view: PositionView) -> dict[str, Value]:
    return {
        "strategy": view.strategy or EXTERNAL,
        "instrument": view.instrument,
        "product": view.product.value,
        "quantity": view.quantity,
        "cost": _money(view.cost),
        "last_price": _money(view.last_price),
        "unrealised": _money(view.unrealised),
        "realised": _money(view.realised),
        "charges": _money(view.charges),
    }


def _order(row: OrderRow) -> dict[str, Value]:
    return {
        "time": _time(row.time),
        "tag": row.tag,
        "order_id": row.order_id,
        "strategy": row.strategy,
        "instrument": row.instrument,
        "side": row.side.value,
        "quantity": row.quantity,
        "filled": row.filled,
        "value": _money(row.value),
        "reference_price": _money(row.reference),
        "slippage": _money(row.slippage),
        "slippage_bps": _points(row.quality.slippage_bps),
        "arrival_bps": _points(row.quality.arrival_bps),
        "times": {name: _moment(getattr(row.quality, name)) for name in STATIONS},
        "state": row.state.name.lower(),
        "reason": row.reason,
        "text": row.text,
    }


def _trade(trade: TradeBooked) -> dict[str, Value]:
    return {
        "time": _time(trade.event_time),
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "tag": trade.tag,
        "strategy": trade.strategy or EXTERNAL,
        "instrument": trade.instrument,
        "side": trade.side.value,
        "product": trade.product.value,
        "quantity": trade.quantity,
        "price": _money(trade.price),
    }


def _event(event: DayEvent) -> dict[str, Value]:
    return {"time": _time(event.time), "kind": event.kind, "name": event.name, "text": event.text}


def _note(note: NoteCheck) -> Value:
    return {
        "orders": note.orders,
        "ours": _money(note.ours),
        "brokers": _money(note.theirs),
        "agrees": note.agrees,
        "differences": [_difference(each) for each in note.differences],
    }


def _parity(parity: DayParity) -> Value:
    """`less_than_backtest` and its causes above 0: the day made less."""
    return {
        "line": parity.line,
        "why_not": parity.why_not,
        "signals_matched": parity.matched,
        "signals_missed": parity.missed,
        "signals_added": parity.added,
        "less_than_backtest": _money(parity.total),
        "causes": _amounts(parity.parts),
        "left_out": dict(parity.left_out),
    }


def _difference(found: Difference) -> dict[str, Value]:
    return {"name": found.name, "subject": found.subject, "ours": found.ours, "theirs": found.theirs}


def _amounts(amounts: Iterable[tuple[str, E4]]) -> dict[str, Value]:
    return {name: _money(amount) for name, amount in amounts}


def _money(amount: E4) -> msgspec.Raw:
    return msgspec.Raw(rupees(amount).encode())


def _execution(report: EodReport) -> dict[str, Value]:
    """Market milliseconds; in the sandbox they run with its clock."""
    all_of_it = together(row.quality for row in report.order_list)
    return {
        "orders_filled": all_of_it.filled,
        "slippage_bps": _points(all_of_it.slippage_bps),
        "arrival_bps": _points(all_of_it.arrival_bps),
        "decided_to_sent_ms": _milliseconds(all_of_it.decided_to_sent),
        "sent_to_acknowledged_ms": _milliseconds(all_of_it.sent_to_acknowledged),
        "decided_to_filled_ms": _milliseconds(all_of_it.decided_to_filled),
    }


def _milliseconds(span: Nanos | None) -> Value:
    return None if span is None else span // 1_000_000


def _points(bps: Fraction | None) -> Value:
    return None if bps is None else msgspec.Raw(f"{float(bps):.4f}".encode())


def _moment(instant: Nanos) -> str | None:
    return ist(instant).isoformat(timespec="milliseconds") if instant else None


def _time(instant: Nanos) -> str:
    return ist(instant).isoformat(timespec="seconds")
