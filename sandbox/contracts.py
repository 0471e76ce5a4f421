"""Which contracts are listed on a day: expiries, futures, and strikes around the underlying's level.

Exchange tokens of contracts are computed from what they are, so that a contract keeps its token from day to day.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from sandbox.money import UNITS_PER_RUPEE
from sandbox.paths import Group, Path
from sandbox.trading_days import SessionKind, is_trading_day

OptionKind = Literal["", "CE", "PE"]

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_WEEK_MONTHS = "123456789OND"
_TUESDAY_EXPIRY_SINCE = date(2025, 9, 1)


class Family(Struct, frozen=True):
    """An underlying and how its contracts are made.

    symbol        what contracts' names begin with
    number        tells families apart in computed tokens, 0 to 511
    lot, multiplier  an order's multiple, and units per unit of quantity
    tick          of the futures; options have `option_tick`
    freeze        most per order
    step          between strikes, 1/10,000 rupee; 0 without options
    weeklies, monthlies, strikes   how many option expiries, and strikes on each side of the level
    """

    symbol: str
    exchange: str
    number: int
    path: Path
    session: SessionKind
    lot: int
    tick: int
    freeze: int
    multiplier: int = 1
    step: int = 0
    weeklies: int = 0
    monthlies: int = 0
    strikes: int = 0
    liquidity: float = 0.8
    futures: int = 3
    option_tick: int = 500
    expiry_day: int = 0


class Contract(Struct, frozen=True):
    """One future or option of a family; `rank` 0 is the nearest expiry."""

    family: Family
    expiry: date
    rank: int
    option: OptionKind
    strike: int
    tradingsymbol: str
    number: int
    liquidity: float


def expiry_weekday(exchange: str, day: date) -> int:
    """Weekday of index and stock expiries (Monday is 0): Tuesday at NSE and Thursday at BSE since September 2025."""
    if day >= _TUESDAY_EXPIRY_SINCE:
        return 1 if exchange == "NFO" else 3
    return 3 if exchange == "NFO" else 1


def monthly_expiries(day: date, count: int, exchange: str = "NFO") -> list[date]:
    """The next `count` monthly expiries from `day` on: the month's last expiry weekday, or the trading day before."""
    found: list[date] = []
    year, month = day.year, day.month
    while len(found) < count:
        after = date(year + month // 12, month % 12 + 1, 1)
        last = after - timedelta(days=1)
        last -= timedelta(days=(last.weekday() - expiry_weekday(exchange, last)) % 7)
        last = _trading(last)
        if last >= day:
            found.append(last)
        year, month = after.year, after.month
    return found


def weekly_expiries(day: date, count: int, exchange: str = "NFO") -> list[date]:
    """The next `count` weekly expiries from `day` on, the monthly ones among them."""
    found: list[date] = []
    cursor = day - timedelta(days=7)
    while len(found) < count:
        cursor += timedelta(days=1)
        if cursor.weekday() == expiry_weekday(exchange, cursor):
            expiry = _trading(cursor)
            if expiry >= day:
                found.append(expiry)
    return found


def contracts_of(family: Family, day: date, level: int) -> Iterator[Contract]:
    """Every contract of a family that is listed on `day`; `level` is about where the underlying stands."""
    futures = _future_expiries(family, day)
    for rank, expiry in enumerate(futures[: family.futures]):
        chance = family.liquidity * (0.9, 0.45, 0.12)[rank]
        yield Contract(
            family, expiry, rank, "", 0, f"{_month_name(family, expiry)}FUT", _number(family, expiry, 0), chance
        )
    if not family.step:
        return
    monthly = set(futures)
    expiries = futures[: family.monthlies]
    if family.weeklies:
        expiries = sorted({*weekly_expiries(day, family.weeklies, family.exchange), *expiries})
    middle = round(level / family.step)
    for rank, expiry in enumerate(expiries):
        prefix = _month_name(family, expiry) if expiry in monthly else _week_name(family, expiry)
        for offset in range(-family.strikes, family.strikes + 1):
            strike = (middle + offset) * family.step
            if strike <= 0:
                continue
            near = max(0.0, 1.0 - abs(offset) / (family.strikes + 1))
            chance = family.liquidity * near * near * (0.9, 0.5, 0.25, 0.15, 0.1, 0.06, 0.05, 0.04)[min(rank, 7)]
            text = _strike_text(strike)
            for option in ("CE", "PE"):
                number = _number(family, expiry, 1 + (2 * (middle + offset) + (option == "PE")) % 1022)
                yield Contract(
                    family, expiry, rank, option, strike, f"{prefix}{text}{option}", number, max(chance, 0.004)
                )


def _future_expiries(family: Family, day: date) -> list[date]:
    count = max(family.futures, family.monthlies)
    if not family.expiry_day:
        return monthly_expiries(day, count, family.exchange)
    found: list[date] = []
    year, month = day.year, day.month
    while len(found) < count:
        after = date(year + month // 12, month % 12 + 1, 1)
        last = min(date(year, month, 1) + timedelta(days=family.expiry_day - 1), after - timedelta(days=1))
        expiry = _trading(last)
        if expiry >= day:
            found.append(expiry)
        year, month = after.year, after.month
    return found


def _trading(day: date) -> date:
    while not is_trading_day(day):
        day -= timedelta(days=1)
    return day


def _month_name(family: Family, expiry: date) -> str:
    return f"{family.symbol}{expiry.year % 100:02d}{MONTHS[expiry.month - 1]}"


def _week_name(family: Family, expiry: date) -> str:
    return f"{family.symbol}{expiry.year % 100:02d}{_WEEK_MONTHS[expiry.month - 1]}{expiry.day:02d}"


def _strike_text(strike: int) -> str:
    whole, rest = divmod(strike, UNITS_PER_RUPEE)
    return f"{whole}" if rest == 0 else f"{strike / UNITS_PER_RUPEE:.4f}".rstrip("0")


def _number(family: Family, expiry: date, place: int) -> int:
    """An exchange token below 2^23: family, expiry's week (of sixteen), the strike's place on its grid (0: future)."""
    week = expiry.toordinal() // 7 % 16
    return 200_000 + (family.number * 16 + week) * 1024 + place


def commodity_families() -> list[Family]:
    """Currency and commodity contracts; numbers 480 and up."""
    rows: list[tuple[str, str, Group, float, float, float, int, int, float, int, int, int]] = [
        # symbol, exchange, group, base, volatility, carry, multiplier, tick, strike step, strikes, expiry day, freeze
        ("USDINR", "CDS", "currency", 89.1, 0.25, 0.02, 1000, 25, 0.25, 20, 27, 10_000),
        ("EURINR", "CDS", "currency", 103.4, 0.45, 0.02, 1000, 25, 0.0, 0, 27, 10_000),
        ("GBPINR", "CDS", "currency", 117.8, 0.5, 0.02, 1000, 25, 0.0, 0, 27, 10_000),
        ("JPYINR", "CDS", "currency", 57.4, 0.5, 0.02, 1000, 25, 0.0, 0, 27, 10_000),
        ("CRUDEOIL", "MCX", "commodity", 5320, 1.7, 0.03, 100, 10_000, 50, 20, 19, 100),
        ("NATURALGAS", "MCX", "commodity", 382, 2.3, 0.03, 1250, 1000, 5, 15, 25, 48),
        ("GOLD", "MCX", "commodity", 124_500, 0.8, 0.065, 100, 10_000, 0.0, 0, 5, 10),
        ("GOLDM", "MCX", "commodity", 124_500, 0.8, 0.065, 10, 10_000, 500, 15, 5, 100),
        ("GOLDPETAL", "MCX", "commodity", 12_450, 0.8, 0.065, 1, 10_000, 0.0, 0, 28, 10_000),
        ("SILVER", "MCX", "commodity", 154_000, 1.4, 0.065, 30, 10_000, 0.0, 0, 5, 20),
        ("SILVERM", "MCX", "commodity", 154_000, 1.4, 0.065, 5, 10_000, 1000, 12, 28, 120),
        ("COPPER", "MCX", "commodity", 1015, 1.0, 0.05, 2500, 500, 0.0, 0, 28, 28),
        ("ZINC", "MCX", "commodity", 302, 1.0, 0.05, 5000, 500, 0.0, 0, 28, 20),
        ("ALUMINIUM", "MCX", "commodity", 272, 0.9, 0.05, 5000, 500, 0.0, 0, 28, 20),
        ("LEAD", "MCX", "commodity", 183, 0.7, 0.05, 5000, 500, 0.0, 0, 28, 20),
    ]
    families = []
    for place, (symbol, exchange, group, base, own, carry, units, tick, step, strikes, last, freeze) in enumerate(rows):
        session: SessionKind = "currency" if group == "currency" else "commodity"
        # Contracts on one metal in several sizes follow one path.
        name = {"GOLDM": "GOLD", "GOLDPETAL": "GOLDPETAL", "SILVERM": "SILVER"}.get(symbol, symbol)
        path = Path(
            name=f"{name} SPOT",
            base=round(base * UNITS_PER_RUPEE),
            beta=0.0,
            volatility=own,
            anchor=session,
            group=group,
            carry=carry,
            implied=0.16 * own,
        )
        families.append(
            Family(
                symbol=symbol,
                exchange=exchange,
                number=480 + place,
                path=path,
                session=session,
                lot=1,
                tick=tick,
                freeze=freeze,
                multiplier=units,
                step=round(step * UNITS_PER_RUPEE),
                monthlies=2 if step else 0,
                strikes=strikes,
                liquidity=0.85 if symbol in {"USDINR", "CRUDEOIL", "NATURALGAS", "GOLD", "SILVERM"} else 0.4,
                option_tick=25 if group == "currency" else 500,
                expiry_day=last,
            )
        )
    return families
