"""The field's words as types: prices, sides, products, instruments.

Money and prices are integers of 1/10,000 rupee (`E4`), exact for every segment's tick. Quantities are integers of
units (shares; for derivatives units too, always a multiple of the lot). Times are integer nanoseconds UTC.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import Enum
from typing import Final, TypeAlias

from msgspec import Struct

E4: TypeAlias = int
"""Money or a price in 1/10,000 rupee."""

Nanos: TypeAlias = int
"""An instant: nanoseconds since 1970-01-01 UTC."""

RUPEE: Final[E4] = 10_000
PAISA: Final[E4] = 100
SECOND: Final[Nanos] = 1_000_000_000
MINUTE: Final[Nanos] = 60 * SECOND
IST: Final = dt.timezone(dt.timedelta(hours=5, minutes=30), "IST")
_IST_NANOS: Final[Nanos] = 330 * MINUTE
_DAY_NANOS: Final[Nanos] = 1_440 * MINUTE
_EPOCH_ORDINAL: Final = dt.date(1970, 1, 1).toordinal()


def e4(amount: str | int | Decimal) -> E4:
    """Rupees, as text, int or Decimal, as 1/10,000 rupee.

    Raises ValueError where the amount is not a number or is finer than 1/10,000 rupee: rounding a price silently
    would trade at another one.
    """
    try:
        scaled = Decimal(amount) * RUPEE
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not an amount in rupees") from None
    whole = scaled.to_integral_value(rounding=ROUND_HALF_EVEN)
    if whole != scaled:
        raise ValueError(f"{amount} rupees is finer than 1/10,000 rupee")
    return int(whole)


def rupees(amount: E4) -> str:
    """An amount as plain rupees with two decimals, or four where two would lose something: `-1234.50`."""
    sign, magnitude = ("-" if amount < 0 else ""), abs(amount)
    whole, fraction = divmod(magnitude, RUPEE)
    if fraction % PAISA:
        return f"{sign}{whole}.{fraction:04d}"
    return f"{sign}{whole}.{fraction // PAISA:02d}"


def ist(instant: Nanos) -> dt.datetime:
    """The instant as an aware datetime in Indian Standard Time (microseconds; finer digits are cut)."""
    seconds, rest = divmod(instant, SECOND)
    return dt.datetime.fromtimestamp(seconds, IST).replace(microsecond=rest // 1_000)


def ist_date(instant: Nanos) -> dt.date:
    """The Indian date of the instant."""
    return dt.date.fromordinal(_EPOCH_ORDINAL + (instant + _IST_NANOS) // _DAY_NANOS)


def nanos(moment: dt.datetime) -> Nanos:
    """The aware datetime as nanoseconds UTC. Raises ValueError for a naive one: its zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1_000


class _Word(Enum):
    """Members are hashed as the objects that they are, as they are compared: an Enum's own hash is a function in
    Python, and these words stand in the keys of all that is looked up for an order.
    """

    __hash__ = object.__hash__


class Side(_Word):
    """Which way an order or a trade goes.

    sign  +1 for a buy, -1 for a sell
    """

    BUY = "BUY"
    SELL = "SELL"

    def __init__(self, word: object) -> None:
        self.sign = 1 if word == "BUY" else -1

    @property
    def opposite(self) -> Side:
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Product(_Word):
    """How a position is held: intraday (MIS), delivery (CNC), carried derivative (NRML), margin funded (MTF)."""

    MIS = "MIS"
    CNC = "CNC"
    NRML = "NRML"
    MTF = "MTF"


class OrderKind(_Word):
    """Market, limit, stop-limit, stop-market."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_LIMIT = "STOP_LIMIT"
    STOP_MARKET = "STOP_MARKET"


class Validity(_Word):
    """How long an order rests: the day, not at all (what does not fill at once is cancelled), some minutes."""

    DAY = "DAY"
    IOC = "IOC"
    TTL = "TTL"


class Variety(_Word):
    """Which book of the broker's an order goes into: ordinary, after-market, cover (with a stop), iceberg."""

    REGULAR = "regular"
    AMO = "amo"
    COVER = "co"
    ICEBERG = "iceberg"


class InstrumentKind(_Word):
    """What is traded. An index cannot be traded itself."""

    EQUITY = "EQUITY"
    FUTURE = "FUTURE"
    CALL = "CALL"
    PUT = "PUT"
    INDEX = "INDEX"


class SessionClass(_Word):
    """Which trading hours an instrument keeps (kite-facts 9.1, 9.2)."""

    EQUITY = "equity"
    EQUITY_AUCTION = "equity_auction"
    """A share with derivatives: continuous trading ends at 15:15 for the closing auction since 2026-08-03."""
    EQUITY_DERIVATIVE = "equity_derivative"
    CURRENCY = "currency"
    COMMODITY = "commodity"
    INDEX = "index"


class Instrument(Struct, frozen=True, gc=False):
    """One tradable (or quotable) thing.

    token       the broker's number, the key of ticks
    key         `EXCHANGE:SYMBOL`, the key of everything stored (tokens are reused after expiry)
    tick_size   1/10,000 rupee
    lot_size    units; 1 for shares
    multiplier  rupees of value per unit and rupee of price; 1 but for commodities and currencies
    freeze_quantity  largest quantity in one order, units; 0 = unknown
    """

    token: int
    exchange: str
    symbol: str
    kind: InstrumentKind
    tick_size: E4
    lot_size: int = 1
    multiplier: int = 1
    name: str = ""
    session: SessionClass = SessionClass.EQUITY
    expiry: dt.date | None = None
    strike: E4 = 0
    freeze_quantity: int = 0

    @property
    def key(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.symbol}"
