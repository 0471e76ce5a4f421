"""An order update of the socket to our typed value, against json.loads and bare msgspec."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from adapters.clock import SystemMarketClock
from adapters.kite.rows import OrderRow
from adapters.kite.ticker import KiteFeed
from adapters.kite.tokens import TokenHolder
from benchmarks._figures import judged, plain
from benchmarks._orders import UPDATE
from benchmarks._side_by_side import Goal, Measured, in_turns
from benchmarks._system import no_log


class _Typed(msgspec.Struct):
    type: str
    data: OrderRow


_typed: Final = msgspec.json.Decoder(_Typed)


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds an update. Ours ends in the value that the order supervisor is told: times and prices translated."""
    feed = KiteFeed("ws://127.0.0.1:9", "key", TokenHolder(), SystemMarketClock(), log=no_log)
    try:
        assert feed.decode_text(UPDATE) is not None, "the sample is an order update"
        measured = in_turns(
            {
                "json.loads": lambda: json.loads(UPDATE),
                "bare msgspec": lambda: _typed.decode(UPDATE),
                "ours": lambda: feed.decode_text(UPDATE),
            },
            quick=quick,
        )
    finally:
        feed.close()
    return {
        "to the typed row": _within(measured["bare msgspec"]),
        "to our value, translated": _within(measured["ours"]),
        "json.loads alone": plain(measured["json.loads"].seconds * 1e6, "µs"),
    }


def _within(measured: Measured) -> object:
    return judged(measured.seconds * 1e6, "µs", Goal(at_most=3))
