"""A backtest as one JSON document: money in rupees with all decimals, times in IST."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from domain.values import E4, RUPEE, Nanos, ist
from research.backtest import Backtest, figures
from research.data.load import Loaded
from research.records import DENIALS, REASONS, Outcome


def document(done: Backtest, loaded: Sequence[Loaded], page: Path | None) -> dict[str, Any]:
    """The document."""
    keys = done.instruments
    run = done.run
    return {
        "strategy": done.strategy,
        "parameters": done.parameters,
        "engine": done.engine,
        "why_engine": done.why_engine,
        "data": {
            "fingerprint": done.fingerprint,
            "instruments": keys,
            "files": [{"path": str(each.path), "found": each.report} for each in loaded],
            "from": _time(done.first),
            "to": _time(done.last),
        },
        "bars": done.bars,
        "opening_cash": _rupees(done.opening_cash),
        "final_equity": _rupees(run.final_equity),
        "charges": _rupees(run.charges),
        "metrics": figures(done),
        "orders": [
            {
                "number": number,
                "time": _time(order.time),
                "instrument": keys[order.where],
                "side": "BUY" if order.signed > 0 else "SELL",
                "quantity": abs(order.signed),
                "reduce_only": order.reduce_only,
                "reason": REASONS[order.reason],
                "outcome": Outcome(order.outcome).name.lower(),
                "denied": DENIALS[order.denial - 1].name if order.denial else None,
            }
            for number, order in enumerate(run.orders)
        ],
        "fills": [
            {
                "order": fill.order,
                "time": _time(fill.time),
                "instrument": keys[fill.where],
                "side": "BUY" if fill.signed > 0 else "SELL",
                "quantity": abs(fill.signed),
                "price": _rupees(fill.price),
            }
            for fill in run.fills
        ],
        "trades": [
            {
                "instrument": trip.instrument,
                "side": trip.side.value,
                "quantity": trip.quantity,
                "opened": _time(trip.opened),
                "closed": _time(trip.closed),
                "gross": _rupees(trip.gross),
            }
            for trip in done.trips
        ],
        "days": [
            {
                "day": day.isoformat(),
                "cash": _rupees(row.cash),
                "equity": _rupees(row.equity),
                "charges": _rupees(row.charges),
            }
            for day, row in zip(done.days, run.days, strict=True)
        ],
        "seconds": done.seconds,
        "page": None if page is None else str(page),
    }


def _rupees(amount: E4) -> Decimal:
    return Decimal(amount) / RUPEE


def _time(instant: Nanos) -> str:
    return ist(instant).isoformat()
