"""What the sandbox lists: shares, indices, futures and options, with the tokens and the CSV dump of Kite.

Prices here are 1/10,000 rupee. Tick sizes follow the table of kite-facts 9.5 by base price and stay fixed.
"""

import gzip
from collections.abc import Iterable
from datetime import date
from typing import Literal

from msgspec import Struct

from sandbox.contracts import (
    Contract,
    Family,
    OptionKind,
    commodity_families,
    contracts_of,
    monthly_expiries,
    weekly_expiries,
)
from sandbox.money import UNITS_PER_RUPEE
from sandbox.paths import Path, Paths
from sandbox.shares import INDICES, SHARE_COUNT, SHARES, Share
from sandbox.trading_days import SessionKind, previous_trading_day

__all__ = ["SHARE_COUNT", "Instrument", "Universe", "monthly_expiries", "tick_for", "weekly_expiries"]

Segment = Literal[
    "NSE", "BSE", "INDICES", "NFO-FUT", "NFO-OPT", "BFO-FUT", "BFO-OPT", "CDS-FUT", "CDS-OPT", "MCX-FUT", "MCX-OPT"
]

CSV_HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,"
    "segment,exchange"
)
CASH_FREEZE_QUANTITY = 100_000
# symbol, exchange, index, lot, freeze, strike step in points, weekly expiries, strikes on each side
_INDEX_FAMILIES = (
    ("NIFTY", "NFO", "NIFTY 50", 65, 1800, 50, 5, 20),
    ("BANKNIFTY", "NFO", "NIFTY BANK", 30, 600, 100, 0, 20),
    ("FINNIFTY", "NFO", "NIFTY FIN SERVICE", 60, 1800, 50, 0, 12),
    ("MIDCPNIFTY", "NFO", "NIFTY MID SELECT", 120, 2800, 25, 0, 12),
    ("NIFTYNXT50", "NFO", "NIFTY NEXT 50", 25, 600, 100, 0, 8),
    ("SENSEX", "BFO", "SENSEX", 20, 1000, 100, 5, 20),
    ("BANKEX", "BFO", "BANKEX", 30, 900, 100, 0, 12),
)
_OPTION_SHARES = 50
_SEGMENT_IDS = {"NSE": 1, "NFO": 2, "CDS": 3, "BSE": 4, "BFO": 5, "BCD": 6, "MCX": 7}
_CSV_EXCHANGES = frozenset({*_SEGMENT_IDS, "NCO"})


class Instrument(Struct, frozen=True, eq=False):
    """One listed instrument.

    token            exchange_token x 256 + segment id
    path             what its price follows
    tick             1/10,000 rupee
    liquidity        chance of a trade print in a market second, before the time-of-day profile
    print_quantity   typical quantity of a print
    lot, freeze      quantities; an order must be a multiple of lot and at most freeze
    multiplier       units per unit of quantity: currency and commodity contracts are counted in lots
    circuit_percent  daily band around the previous close
    expiry           for futures and options
    strike, option   for options: 1/10,000 rupee, CE or PE
    """

    token: int
    exchange: str
    tradingsymbol: str
    name: str
    segment: Segment
    session: SessionKind
    path: Path
    tick: int
    liquidity: float
    print_quantity: int
    lot: int
    freeze: int
    circuit_percent: int
    expiry: date | None = None
    strike: int = 0
    option: OptionKind = ""
    multiplier: int = 1

    @property
    def is_index(self) -> bool:
        """Whether it cannot be traded itself."""
        return self.segment == "INDICES"

    @property
    def is_derivative(self) -> bool:
        """Whether it expires."""
        return self.expiry is not None

    @property
    def is_future(self) -> bool:
        """Whether it is a future."""
        return self.expiry is not None and not self.option

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.option != ""

    @property
    def key(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.tradingsymbol}"


def tick_for(base: int) -> int:
    """Tick of a share or stock future by price (kite-facts 9.5), both in 1/10,000 rupee."""
    for below_rupees, tick in ((250, 100), (1000, 500), (5000, 1000), (10_000, 5000), (20_000, 10_000)):
        if base < below_rupees * UNITS_PER_RUPEE:
            return tick
    return 50_000


class Universe:
    """Every instrument listed on a trading day, found by token or by `EXCHANGE:SYMBOL`.

    shares_max  how many NSE shares; their BSE rows, futures and options come along. The indices and their contracts,
                currencies and commodities are always there
    paths       whose levels the strikes stand around; without, around the long-run prices
    """

    def __init__(self, day: date, shares_max: int = SHARE_COUNT, paths: Paths | None = None) -> None:
        self.all: list[Instrument] = []
        self._dumps: dict[str | None, tuple[bytes, bytes]] = {}
        for one in _rows(day, shares_max, paths):
            self.all.append(one)
        self.by_token = {instrument.token: instrument for instrument in self.all}
        self.by_key = {instrument.key: instrument for instrument in self.all}
        if not len(self.by_token) == len(self.by_key) == len(self.all):
            raise AssertionError("instrument tokens and keys must be unique")
        self.ever = dict(self.by_key)

    def find(self, key_or_token: str) -> Instrument | None:
        """An instrument by `EXCHANGE:SYMBOL` or by token text; None when unknown."""
        found = self.by_key.get(key_or_token)
        if found is None and key_or_token.isascii() and key_or_token.isdigit() and len(key_or_token) <= 10:
            found = self.by_token.get(int(key_or_token))
        return found

    def expire_before(self, day: date) -> None:
        """Take contracts off the list whose last day is over (`ever` still knows them)."""
        if all(one.expiry is None or one.expiry >= day for one in self.all):
            return
        self.all = [one for one in self.all if one.expiry is None or one.expiry >= day]
        self.by_token = {instrument.token: instrument for instrument in self.all}
        self.by_key = {instrument.key: instrument for instrument in self.all}
        self._dumps.clear()

    def csv(self, exchange: str | None = None) -> bytes | None:
        """The dump, of one exchange when named; None for an exchange that does not exist."""
        found = self._dump(exchange)
        return None if found is None else found[0]

    def csv_gzip(self, exchange: str | None = None) -> bytes | None:
        """The same, compressed; both are made once."""
        found = self._dump(exchange)
        return None if found is None else found[1]

    def _dump(self, exchange: str | None) -> tuple[bytes, bytes] | None:
        if exchange is not None and exchange not in _CSV_EXCHANGES:
            return None
        found = self._dumps.get(exchange)
        if found is None:
            rows = [CSV_HEADER]
            rows.extend(_csv_row(one) for one in self.all if exchange is None or one.exchange == exchange)
            plain = ("\n".join(rows) + "\n").encode()
            found = self._dumps[exchange] = (plain, gzip.compress(plain, 5, mtime=0))
        return found


def _csv_row(one: Instrument) -> str:
    expiry = one.expiry.isoformat() if one.expiry else ""
    kind = one.option or ("FUT" if one.is_future else "EQ")
    tick = f"{one.tick / UNITS_PER_RUPEE:g}" if not one.is_index else "0"
    lot = one.lot * one.multiplier if not one.is_index else 0
    strike = one.strike / UNITS_PER_RUPEE
    return (
        f"{one.token},{one.token >> 8},{one.tradingsymbol},{one.name},0,{expiry},{strike},{tick},{lot},{kind},"
        f"{one.segment},{one.exchange}"
    )


def _rows(day: date, shares_max: int, paths: Paths | None) -> Iterable[Instrument]:
    index_paths: dict[str, Path] = {}
    for index in INDICES:
        path = Path(
            name=index.name,
            base=round(index.base * UNITS_PER_RUPEE),
            beta=index.beta,
            volatility=index.volatility,
            sector=index.sector,
            sector_beta=index.sector_beta,
            implied=index.implied,
            is_index=True,
        )
        index_paths[index.name] = path
        yield Instrument(
            token=index.number * 256 + 9,
            exchange=index.exchange,
            tradingsymbol=index.name,
            name=index.name,
            segment="INDICES",
            session="cash",
            path=path,
            tick=500 if index.base > 100 else 100,
            liquidity=1.0,
            print_quantity=0,
            lot=1,
            freeze=0,
            circuit_percent=20,
        )
    families: list[Family] = []
    with_options = 0
    for place, share in enumerate(SHARES[:shares_max]):
        one = _share(share)
        yield one
        if share.bse_code:
            yield _bse_row(one, share.bse_code)
        if share.lot:
            step = _strike_step(one.path.base) if with_options < _OPTION_SHARES else 0
            with_options += bool(step)
            families.append(_share_family(share, one, place, step))
    families.extend(_index_families(index_paths))
    families.extend(commodity_families())
    before = previous_trading_day(day)
    for family in families:
        level = family.path.base
        if paths is not None and family.step:
            level = round(paths.close(family.path, before))
        for contract in contracts_of(family, day, level):
            yield _contract_row(contract)


def _share(share: Share) -> Instrument:
    base = int(share.base * UNITS_PER_RUPEE)
    path = Path(
        name=share.symbol,
        base=base,
        beta=share.beta,
        volatility=share.volatility,
        sector=share.sector,
        sector_beta=0.6 if share.sector else 0.0,
        anchor="auction" if share.lot else "cash",
        implied=0.24 + 0.06 * share.volatility,
    )
    return Instrument(
        token=share.number * 256 + 1,
        exchange="NSE",
        tradingsymbol=share.symbol,
        name=share.name,
        segment="NSE",
        session="auction" if share.lot else "cash",
        path=path,
        tick=tick_for(base),
        liquidity=share.liquidity,
        print_quantity=share.quantity,
        lot=1,
        freeze=CASH_FREEZE_QUANTITY,
        circuit_percent=10 if share.lot else 20,
    )


def _bse_row(share: Instrument, code: int) -> Instrument:
    return Instrument(
        token=code * 256 + 4,
        exchange="BSE",
        tradingsymbol=share.tradingsymbol,
        name=share.name,
        segment="BSE",
        session=share.session,
        path=share.path,
        tick=share.tick,
        liquidity=share.liquidity * 0.35,
        print_quantity=max(1, share.print_quantity // 4),
        lot=1,
        freeze=CASH_FREEZE_QUANTITY,
        circuit_percent=share.circuit_percent,
    )


def _strike_step(base: int) -> int:
    """A strike step of about two per cent, as exchanges cut them."""
    for step in (2.5, 5, 10, 20, 50, 100, 200, 500, 1000, 2000):
        if base <= step * 60 * UNITS_PER_RUPEE:
            return round(step * UNITS_PER_RUPEE)
    return 5000 * UNITS_PER_RUPEE


def _share_family(share: Share, one: Instrument, place: int, step: int) -> Family:
    return Family(
        symbol=share.symbol,
        exchange="NFO",
        number=place,
        path=one.path,
        session="derivative",
        lot=share.lot,
        tick=one.tick,
        freeze=share.lot * 40,
        step=step,
        monthlies=2 if step else 0,
        strikes=3 if step else 0,
        liquidity=share.liquidity,
    )


def _index_families(paths: dict[str, Path]) -> Iterable[Family]:
    for place, (symbol, exchange, index, lot, freeze, step, weeklies, strikes) in enumerate(_INDEX_FAMILIES):
        path = paths[index]
        base = path.base // UNITS_PER_RUPEE
        yield Family(
            symbol=symbol,
            exchange=exchange,
            number=460 + place,
            path=path,
            session="derivative",
            lot=lot,
            tick=500 if base <= 15_000 else 1000 if base <= 30_000 else 2000,
            freeze=freeze,
            step=step * UNITS_PER_RUPEE,
            weeklies=weeklies,
            monthlies=3 if weeklies else 2,
            strikes=strikes,
            liquidity=0.97 if strikes == 20 else 0.6,
        )


def _contract_row(contract: Contract) -> Instrument:
    family = contract.family
    kind = "OPT" if contract.option else "FUT"
    segment: Segment = f"{family.exchange}-{kind}"  # type: ignore[assignment]  # four exchanges by two kinds, all listed
    circuit = {"derivative": 10, "currency": 5, "commodity": 9}.get(family.session, 10)
    return Instrument(
        token=contract.number * 256 + _SEGMENT_IDS[family.exchange],
        exchange=family.exchange,
        tradingsymbol=contract.tradingsymbol,
        name=family.symbol,
        segment=segment,
        session=family.session,
        path=family.path,
        tick=family.option_tick if contract.option else family.tick,
        liquidity=contract.liquidity,
        print_quantity=family.lot * (6 if family.path.is_index else 2),
        lot=family.lot,
        freeze=family.freeze,
        circuit_percent=circuit,
        expiry=contract.expiry,
        strike=contract.strike,
        option=contract.option,
        multiplier=family.multiplier,
    )
