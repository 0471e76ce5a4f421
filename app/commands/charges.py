"""`charges`: what orders cost, by the dated tables."""

from __future__ import annotations

import datetime as dt
import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from adapters.clock import SystemMarketClock
from adapters.report.charges_note import tables
from adapters.report.tables import show
from app.options import Json
from app.output import DONE, UsageError, print_json
from domain.costs.basket import BadOrder, basket_note, read_basket, reply
from domain.errors import RatesUnknown

Source = Annotated[
    str,
    Parameter(
        name="FILE",
        help="JSON list of executed orders in the shape of Kite's /charges/orders request; - reads standard input.",
        allow_leading_hyphen=True,
    ),
]
On = Annotated[str | None, Parameter(name="--on", help="Day YYYY-MM-DD whose rates apply; today if not given.")]


def run(file: Source, /, *, on: On = None, as_json: Json = False) -> int:
    """Charges of each order, unrounded, and the contract note; --json: the shape of Kite's reply, per order alone."""
    day = _day(on)
    name = "standard input" if file == "-" else file
    try:
        orders = read_basket(_decoded(_text(file, name), name))
    except BadOrder as error:
        raise UsageError(f"{name}: {error}") from None
    try:
        if as_json:
            print_json([reply(order, day) for order in orders])
        else:
            show(tables(orders, basket_note(orders, day)))
    except RatesUnknown as error:
        raise UsageError(str(error) if on is None else f"--on: {error}") from None
    return DONE


def _day(on: str | None) -> dt.date:
    if on is None:
        return SystemMarketClock().date
    try:
        day = dt.date.fromisoformat(on)
    except ValueError:
        day = None
    # Python reads more forms than one day has names for people.
    if day is None or day.isoformat() != on:
        raise UsageError(f"--on: found {on!r}; allowed: a day YYYY-MM-DD")
    return day


def _text(file: str, name: str) -> str:
    try:
        body = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return body.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{name}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name}: is not UTF-8 text") from None


def _decoded(text: str, name: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_table)
    except json.JSONDecodeError as error:
        raise UsageError(f"{name}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from None
    except RecursionError:
        raise UsageError(f"{name}: is nested too deeply to be a list of orders") from None
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _no_number(word: str) -> object:
    raise ValueError(f"found {word}, which is no number in JSON")


def _table(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table: dict[str, object] = {}
    for key, value in pairs:
        if key in table:
            raise ValueError(f"found the key {key!r} twice in one order")
        table[key] = value
    return table
