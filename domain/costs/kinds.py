"""What a trade is to the tariff: the segment and the way it is held decide every rate."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from domain.errors import PatangError
from domain.values import Instrument, InstrumentKind, Product


class ChargeKind(Enum):
    """A column of the tariff (kite-facts 7.1)."""

    __hash__ = object.__hash__  # as of the words of domain/values

    EQUITY_DELIVERY = "equity delivery"
    EQUITY_INTRADAY = "equity intraday"
    EQUITY_FUTURE = "equity future"
    EQUITY_OPTION = "equity option"
    CURRENCY_FUTURE = "currency future"
    CURRENCY_OPTION = "currency option"
    COMMODITY_FUTURE = "commodity future"
    COMMODITY_OPTION = "commodity option"


class UnknownInstrument(PatangError):
    """A trade's instrument is neither in the day's list nor of a form that tells what it is: it cannot be accounted."""


_DERIVATIVES: Final[dict[str, tuple[ChargeKind, ChargeKind]]] = {
    "NFO": (ChargeKind.EQUITY_FUTURE, ChargeKind.EQUITY_OPTION),
    "BFO": (ChargeKind.EQUITY_FUTURE, ChargeKind.EQUITY_OPTION),
    "CDS": (ChargeKind.CURRENCY_FUTURE, ChargeKind.CURRENCY_OPTION),
    "BCD": (ChargeKind.CURRENCY_FUTURE, ChargeKind.CURRENCY_OPTION),
    "MCX": (ChargeKind.COMMODITY_FUTURE, ChargeKind.COMMODITY_OPTION),
}
"""Future and option column of each derivatives exchange."""

_CASH: Final = frozenset({"NSE", "BSE"})
_UNIT_IS_UNIT: Final = _CASH | {"NFO", "BFO"}
_FUTURE_SYMBOL: Final = re.compile(r"\wFUT$")
_OPTION_SYMBOL: Final = re.compile(r"\d(CE|PE)$")


def charge_kind(instrument: Instrument, product: Product) -> ChargeKind:
    """The tariff's column for a trade in the instrument under the product. Raises UnknownInstrument for an index."""
    match instrument.kind:
        case InstrumentKind.EQUITY if instrument.exchange in _CASH:
            return _equity(product)
        case InstrumentKind.FUTURE if instrument.exchange in _DERIVATIVES:
            return _DERIVATIVES[instrument.exchange][0]
        case InstrumentKind.CALL | InstrumentKind.PUT if instrument.exchange in _DERIVATIVES:
            return _DERIVATIVES[instrument.exchange][1]
        case _:
            raise UnknownInstrument(f"{instrument.key}: no tariff for {instrument.kind.value} on {instrument.exchange}")


def charge_kind_of_symbol(key: str, product: Product) -> ChargeKind:
    """The column for a trade whose instrument is not in the day's list, from `EXCHANGE:SYMBOL` alone.

    Only where a unit is a unit (multiplier 1): the cash market and equity derivatives. Raises UnknownInstrument
    elsewhere, since a guessed multiplier would falsify the books.
    """
    exchange, _, symbol = key.partition(":")
    kind = kind_by_name(exchange, symbol, product) if exchange in _UNIT_IS_UNIT else None
    if kind is None:
        raise UnknownInstrument(f"{key} is not in the list of instruments: its multiplier and tariff are not known")
    return kind


def kind_by_name(exchange: str, symbol: str, product: Product) -> ChargeKind | None:
    """The column that the names tell, of any segment; None for a name of no known form."""
    if exchange in _CASH:
        return _equity(product) if symbol else None
    if exchange not in _DERIVATIVES:
        return None
    future, option = _DERIVATIVES[exchange]
    if _FUTURE_SYMBOL.search(symbol):
        return future
    return option if _OPTION_SYMBOL.search(symbol) else None


def _equity(product: Product) -> ChargeKind:
    return ChargeKind.EQUITY_INTRADAY if product is Product.MIS else ChargeKind.EQUITY_DELIVERY
