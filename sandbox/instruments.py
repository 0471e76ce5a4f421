"""What the sandbox lists: shares, indices and futures, with the tokens and the CSV dump of Kite.

Prices here are 1/10,000 rupee. Tick sizes follow the table of kite-facts 9.5 by base price and stay fixed.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Literal

from msgspec import Struct

from sandbox.money import UNITS_PER_RUPEE
from sandbox.trading_days import SessionKind, is_trading_day

Segment = Literal["NSE", "BSE", "INDICES", "NFO-FUT", "BFO-FUT"]

CSV_HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,"
    "segment,exchange"
)
CASH_FREEZE_QUANTITY = 100_000
_FUTURES_FREEZE = {"NIFTY": 1800, "BANKNIFTY": 600}
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_CSV_EXCHANGES = frozenset({"NSE", "BSE", "NFO", "BFO"})


class Instrument(Struct, frozen=True, eq=False):
    """One listed instrument.

    token            exchange_token x 256 + segment id
    path             whose price path it follows: the NSE symbol or index name
    tick, base       1/10,000 rupee; base is the long-run price of the path
    beta, volatility how much of the market's moves it takes, and the scale of its own
    liquidity        chance of a trade print in a market second, before the time-of-day profile
    print_quantity   typical quantity of a print
    lot, freeze      quantities; an order must be a multiple of lot and at most freeze
    circuit_percent  daily band around the previous close
    expiry           for futures
    """

    token: int
    exchange: str
    tradingsymbol: str
    name: str
    segment: Segment
    session: SessionKind
    path: str
    tick: int
    base: int
    beta: float
    volatility: float
    liquidity: float
    print_quantity: int
    lot: int
    freeze: int
    circuit_percent: int
    expiry: date | None = None

    @property
    def is_index(self) -> bool:
        """Whether it cannot be traded itself."""
        return self.segment == "INDICES"

    @property
    def is_future(self) -> bool:
        """Whether it expires."""
        return self.expiry is not None

    @property
    def key(self) -> str:
        """`EXCHANGE:SYMBOL`."""
        return f"{self.exchange}:{self.tradingsymbol}"


# symbol, exchange token, name, base price in rupees, beta, volatility, liquidity, print quantity, futures lot (0: no
# derivatives)
_SHARES: tuple[tuple[str, int, str, float, float, float, float, int, int], ...] = (
    ("INFY", 1594, "INFOSYS", 1520, 0.9, 1.0, 0.92, 160, 400),
    ("SBIN", 3045, "STATE BANK OF INDIA", 872, 1.1, 1.0, 0.93, 320, 750),
    ("RELIANCE", 2885, "RELIANCE INDUSTRIES", 1465, 1.0, 0.9, 0.95, 240, 500),
    ("ITC", 1660, "ITC", 412, 0.6, 0.8, 0.90, 420, 1600),
    ("CASTROLIND", 1250, "CASTROL INDIA", 205, 0.6, 1.1, 0.45, 220, 0),
    ("HDFCBANK", 1333, "HDFC BANK", 985, 1.0, 0.8, 0.95, 380, 550),
    ("TCS", 11536, "TATA CONSULTANCY SERV LT", 3120, 0.8, 0.9, 0.88, 60, 175),
    ("ICICIBANK", 4963, "ICICI BANK", 1380, 1.1, 0.9, 0.93, 210, 700),
    ("AXISBANK", 5900, "AXIS BANK", 1185, 1.2, 1.1, 0.88, 150, 625),
    ("RCF", 2866, "RASHTRIYA CHEMICALS & FERT", 148, 0.8, 1.4, 0.40, 340, 0),
    ("KOTAKBANK", 1922, "KOTAK MAHINDRA BANK", 2110, 0.9, 0.9, 0.82, 80, 400),
    ("LT", 11483, "LARSEN & TOUBRO", 3720, 1.0, 0.9, 0.80, 50, 175),
    ("HINDUNILVR", 1394, "HINDUSTAN UNILEVER", 2480, 0.5, 0.7, 0.78, 55, 300),
    ("BHARTIARTL", 10604, "BHARTI AIRTEL", 1960, 0.8, 0.9, 0.84, 120, 475),
    ("BAJFINANCE", 317, "BAJAJ FINANCE", 985, 1.3, 1.2, 0.88, 220, 750),
    ("ASIANPAINT", 236, "ASIAN PAINTS", 2440, 0.6, 0.9, 0.72, 45, 250),
    ("MARUTI", 10999, "MARUTI SUZUKI INDIA", 15400, 0.9, 0.9, 0.70, 12, 50),
    ("TITAN", 3506, "TITAN COMPANY", 3540, 0.8, 0.9, 0.74, 40, 175),
    ("SUNPHARMA", 3351, "SUN PHARMACEUTICAL IND L", 1690, 0.6, 0.9, 0.76, 70, 350),
    ("ULTRACEMCO", 11532, "ULTRATECH CEMENT", 12150, 0.9, 0.9, 0.62, 10, 50),
    ("VGUARD", 15362, "V-GUARD IND", 372, 0.7, 1.2, 0.30, 90, 0),
    ("WIPRO", 3787, "WIPRO", 246, 0.9, 1.0, 0.88, 620, 3000),
    ("HCLTECH", 7229, "HCL TECHNOLOGIES", 1540, 0.9, 1.0, 0.80, 90, 350),
    ("TECHM", 13538, "TECH MAHINDRA", 1450, 0.9, 1.1, 0.74, 80, 600),
    ("TATASTEEL", 3499, "TATA STEEL", 172, 1.3, 1.3, 0.92, 1500, 5500),
    ("POWERGRID", 14977, "POWER GRID CORP", 288, 0.8, 1.0, 0.84, 520, 1900),
    ("NTPC", 11630, "NTPC", 332, 0.8, 1.0, 0.85, 480, 1500),
    ("ONGC", 2475, "OIL AND NATURAL GAS CORP", 251, 0.9, 1.1, 0.84, 560, 2250),
    ("TTKPRESTIG", 3546, "TTK PRESTIGE", 655, 0.6, 1.2, 0.06, 12, 0),
    ("COALINDIA", 20374, "COAL INDIA", 386, 0.8, 1.0, 0.82, 380, 1350),
    ("ADANIPORTS", 15083, "ADANI PORT & SEZ", 1430, 1.3, 1.3, 0.80, 110, 475),
    ("JSWSTEEL", 11723, "JSW STEEL", 1160, 1.2, 1.2, 0.74, 100, 675),
    ("HINDALCO", 1363, "HINDALCO INDUSTRIES", 775, 1.3, 1.3, 0.80, 210, 700),
    ("GRASIM", 1232, "GRASIM INDUSTRIES", 2790, 0.9, 0.9, 0.62, 35, 250),
    ("PFIZER", 2643, "PFIZER", 5120, 0.4, 1.0, 0.05, 5, 0),
    ("CIPLA", 694, "CIPLA", 1530, 0.5, 0.9, 0.74, 70, 375),
    ("DRREDDY", 881, "DR. REDDY'S LABORATORIES", 1245, 0.5, 1.0, 0.74, 90, 625),
    ("BRITANNIA", 547, "BRITANNIA INDUSTRIES", 5850, 0.5, 0.8, 0.58, 14, 125),
    ("EICHERMOT", 910, "EICHER MOTORS", 6980, 0.9, 1.0, 0.62, 16, 100),
    ("M&M", 2031, "MAHINDRA & MAHINDRA", 3680, 1.1, 1.0, 0.80, 60, 200),
    ("GILLETTE", 1576, "GILLETTE INDIA", 9900, 0.4, 1.0, 0.04, 3, 0),
    ("NESTLEIND", 17963, "NESTLE INDIA", 1240, 0.5, 0.7, 0.70, 70, 500),
    ("INDUSINDBK", 5258, "INDUSIND BANK", 815, 1.4, 1.4, 0.84, 260, 700),
    ("BPCL", 526, "BHARAT PETROLEUM CORP LT", 356, 0.9, 1.1, 0.80, 360, 1975),
    ("VEDL", 3063, "VEDANTA", 505, 1.3, 1.4, 0.84, 420, 1150),
    ("SANOFI", 1442, "SANOFI INDIA", 4730, 0.4, 1.0, 0.08, 6, 0),
)
_BSE_CODES = {"RELIANCE": 500325, "TCS": 532540, "INFY": 500209, "HDFCBANK": 500180, "SBIN": 500112}

# name as listed, exchange, exchange token (low byte 9), futures name and lot (or none), base in rupees, beta,
# volatility
_INDICES: tuple[tuple[str, str, int, str, int, float, float, float], ...] = (
    ("NIFTY 50", "NSE", 1001, "NIFTY", 65, 25_900, 1.0, 0.05),
    ("NIFTY BANK", "NSE", 1016, "BANKNIFTY", 30, 58_800, 1.05, 0.25),
    ("INDIA VIX", "NSE", 1035, "", 0, 12.4, -3.0, 3.0),
    ("SENSEX", "BSE", 1, "", 0, 84_900, 0.98, 0.06),
)

SHARE_COUNT = len(_SHARES)


def tick_for(base: int) -> int:
    """Tick of a share or stock future by price (kite-facts 9.5), both in 1/10,000 rupee."""
    for below_rupees, tick in ((250, 100), (1000, 500), (5000, 1000), (10_000, 5000), (20_000, 10_000)):
        if base < below_rupees * UNITS_PER_RUPEE:
            return tick
    return 50_000


def monthly_expiries(day: date, count: int) -> list[date]:
    """The next `count` monthly expiries from `day` on: last Tuesday, or the trading day before it."""
    found: list[date] = []
    year, month = day.year, day.month
    while len(found) < count:
        following = date(year + month // 12, month % 12 + 1, 1)
        expiry = following - timedelta(days=1)
        expiry -= timedelta(days=(expiry.weekday() - 1) % 7)
        while not is_trading_day(expiry):
            expiry -= timedelta(days=1)
        if expiry >= day:
            found.append(expiry)
        year, month = following.year, following.month
    return found


class Universe:
    """Every instrument of one trading day, found by token or by `EXCHANGE:SYMBOL`."""

    def __init__(self, day: date, shares_max: int = SHARE_COUNT) -> None:
        self.all: list[Instrument] = [*_index_rows(), *_share_rows(day, shares_max)]
        self.by_token = {instrument.token: instrument for instrument in self.all}
        self.by_key = {instrument.key: instrument for instrument in self.all}
        if not len(self.by_token) == len(self.by_key) == len(self.all):
            raise AssertionError("instrument tokens and keys must be unique")

    def find(self, key_or_token: str) -> Instrument | None:
        """An instrument by `EXCHANGE:SYMBOL` or by token text; None when unknown."""
        found = self.by_key.get(key_or_token)
        if found is None and key_or_token.isascii() and key_or_token.isdigit() and len(key_or_token) <= 10:
            found = self.by_token.get(int(key_or_token))
        return found

    def csv(self, exchange: str | None = None) -> bytes | None:
        """The dump, of one exchange when named; None for an exchange that does not exist."""
        if exchange is not None and exchange not in _CSV_EXCHANGES:
            return None
        rows = [CSV_HEADER]
        rows.extend(_csv_row(one) for one in self.all if exchange is None or one.exchange == exchange)
        return ("\n".join(rows) + "\n").encode()


def _csv_row(one: Instrument) -> str:
    expiry = one.expiry.isoformat() if one.expiry else ""
    kind = "FUT" if one.is_future else "EQ"
    tick = f"{one.tick / UNITS_PER_RUPEE:g}" if not one.is_index else "0"
    lot = one.lot if not one.is_index else 0
    return (
        f"{one.token},{one.token >> 8},{one.tradingsymbol},{one.name},0,{expiry},0.0,{tick},{lot},{kind},"
        f"{one.segment},{one.exchange}"
    )


def _index_rows() -> Iterable[Instrument]:
    for name, exchange, number, _, _, base, beta, volatility in _INDICES:
        yield Instrument(
            token=number * 256 + 9,
            exchange=exchange,
            tradingsymbol=name,
            name=name,
            segment="INDICES",
            session="cash",
            path=name,
            tick=500 if base > 100 else 100,
            base=int(base * UNITS_PER_RUPEE),
            beta=beta,
            volatility=volatility,
            liquidity=1.0,
            print_quantity=0,
            lot=1,
            freeze=0,
            circuit_percent=20,
        )


def _share_rows(day: date, shares_max: int) -> Iterable[Instrument]:
    expiries = monthly_expiries(day, 3)
    chosen = _SHARES[:shares_max]
    for symbol, number, name, base, beta, volatility, liquidity, quantity, future_lot in chosen:
        base_units = int(base * UNITS_PER_RUPEE)
        share = Instrument(
            token=number * 256 + 1,
            exchange="NSE",
            tradingsymbol=symbol,
            name=name,
            segment="NSE",
            session="auction" if future_lot else "cash",
            path=symbol,
            tick=tick_for(base_units),
            base=base_units,
            beta=beta,
            volatility=volatility,
            liquidity=liquidity,
            print_quantity=quantity,
            lot=1,
            freeze=CASH_FREEZE_QUANTITY,
            circuit_percent=10 if future_lot else 20,
        )
        yield share
        if symbol in _BSE_CODES:
            yield _bse_row(share, _BSE_CODES[symbol])
        if future_lot:
            for month, expiry in enumerate(expiries):
                yield _future_row(share, symbol, future_lot, expiry, month, 50_000 + number * 4 + month)
    for name, exchange, number, future_name, lot, base, beta, volatility in _INDICES:
        if not future_name or exchange != "NSE":
            continue
        base_units = int(base * UNITS_PER_RUPEE)
        index = Instrument(
            token=number * 256 + 9,
            exchange="NSE",
            tradingsymbol=name,
            name=name,
            segment="INDICES",
            session="cash",
            path=name,
            tick=1000 if base <= 30_000 else 2000,
            base=base_units,
            beta=beta,
            volatility=volatility,
            liquidity=0.97,
            print_quantity=lot * 6,
            lot=1,
            freeze=0,
            circuit_percent=10,
        )
        for month, expiry in enumerate(expiries):
            yield _future_row(index, future_name, lot, expiry, month, 40_000 + number * 4 + month)


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
        base=share.base,
        beta=share.beta,
        volatility=share.volatility,
        liquidity=share.liquidity * 0.35,
        print_quantity=max(1, share.print_quantity // 4),
        lot=1,
        freeze=CASH_FREEZE_QUANTITY,
        circuit_percent=share.circuit_percent,
    )


def _future_row(under: Instrument, name: str, lot: int, expiry: date, month: int, number: int) -> Instrument:
    return Instrument(
        token=number * 256 + 2,
        exchange="NFO",
        tradingsymbol=f"{name}{expiry.year % 100:02d}{_MONTHS[expiry.month - 1]}FUT",
        name=name,
        segment="NFO-FUT",
        session="derivative",
        path=under.path,
        tick=under.tick,
        base=under.base,
        beta=under.beta,
        volatility=under.volatility,
        liquidity=under.liquidity * (0.9, 0.45, 0.12)[month],
        print_quantity=lot * 2,
        lot=lot,
        freeze=_FUTURES_FREEZE.get(name, lot * 40),
        circuit_percent=10,
        expiry=expiry,
    )
