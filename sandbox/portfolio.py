"""Positions and holdings as Kite shows them, reset from day to day, and the funds they leave.

The formulas are those that reproduce Kite's published samples (kite-facts 2.3). Values are 1/10,000 rupee inside. The
ledger keeps the exact books; this is the broker's view of them.
"""

import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

from sandbox.instruments import Instrument
from sandbox.ledger import Key, Ledger
from sandbox.margins import Margin, RiskLeg, margin_for
from sandbox.money import UNITS_PER_RUPEE, to_rupees
from sandbox.refusal import Refusal
from sandbox.trading_days import day_of, seconds_of, text_of

if TYPE_CHECKING:
    from sandbox.orders import Order

__all__ = ["Holding", "Margin", "Portfolio", "Position", "margin_for"]

BUY, SELL = 1, -1
Scan = Callable[[list[RiskLeg]], Margin]
_AUTHORISED_UNTIL_SECONDS = 17 * 3600 + 30 * 60
LastPrice = Callable[[Instrument], int]


class Position(Struct):
    """One row: what was carried into the day, and the day's purchases and sales; values include the multiplier."""

    instrument: Instrument
    product: str
    overnight_quantity: int = 0
    overnight_value: int = 0
    close_price: int = 0
    day_buy_quantity: int = 0
    day_buy_value: int = 0
    day_sell_quantity: int = 0
    day_sell_value: int = 0

    @property
    def quantity(self) -> int:
        """Signed quantity open."""
        return self.overnight_quantity + self.day_buy_quantity - self.day_sell_quantity

    def traded(self) -> bool:
        """Whether the day has activity of its own."""
        return bool(self.day_buy_quantity or self.day_sell_quantity)

    def row(self, last: int, *, day_only: bool = False) -> dict[str, object]:
        """The wire row; `day_only` leaves out what was carried in."""
        overnight = 0 if day_only else self.overnight_quantity
        carried_buy, carried_sell = max(overnight, 0), max(-overnight, 0)
        carried_value = 0 if day_only else abs(self.overnight_value)
        buy_quantity = carried_buy + self.day_buy_quantity
        sell_quantity = carried_sell + self.day_sell_quantity
        buy_value = self.day_buy_value + (carried_value if carried_buy else 0)
        sell_value = self.day_sell_value + (carried_value if carried_sell else 0)
        units = self.instrument.multiplier
        buy_m2m = self.day_buy_value + carried_buy * self.close_price * units
        sell_m2m = self.day_sell_value + carried_sell * self.close_price * units
        quantity = buy_quantity - sell_quantity
        value = sell_value - buy_value
        worth = quantity * last * units
        pnl = value + worth
        buy_price, sell_price = _average(buy_value, buy_quantity * units), _average(sell_value, sell_quantity * units)
        return {
            "tradingsymbol": self.instrument.tradingsymbol,
            "exchange": self.instrument.exchange,
            "instrument_token": self.instrument.token,
            "product": self.product,
            "quantity": quantity,
            "overnight_quantity": overnight,
            "multiplier": units,
            "average_price": buy_price if quantity > 0 else sell_price if quantity < 0 else 0,
            "close_price": to_rupees(self.close_price) if overnight else 0,
            "last_price": to_rupees(last),
            "value": to_rupees(value),
            "pnl": to_rupees(pnl),
            "m2m": to_rupees(sell_m2m - buy_m2m + worth),
            "unrealised": to_rupees(pnl),
            "realised": 0,
            "buy_quantity": buy_quantity,
            "buy_price": buy_price,
            "buy_value": to_rupees(buy_value),
            "buy_m2m": to_rupees(buy_m2m),
            "sell_quantity": sell_quantity,
            "sell_price": sell_price,
            "sell_value": to_rupees(sell_value),
            "sell_m2m": to_rupees(sell_m2m),
            "day_buy_quantity": self.day_buy_quantity,
            "day_buy_price": _average(self.day_buy_value, self.day_buy_quantity * units),
            "day_buy_value": to_rupees(self.day_buy_value),
            "day_sell_quantity": self.day_sell_quantity,
            "day_sell_price": _average(self.day_sell_value, self.day_sell_quantity * units),
            "day_sell_value": to_rupees(self.day_sell_value),
        }


class Holding(Struct):
    """Shares held for delivery: `t1_quantity` came in yesterday, `used_quantity` was sold today."""

    instrument: Instrument
    value: int = 0
    quantity: int = 0
    t1_quantity: int = 0
    used_quantity: int = 0
    opening_quantity: int = 0
    authorised_quantity: int = 0
    authorised_ns: int = 0

    @property
    def sellable(self) -> int:
        """What may still be sold today."""
        return self.quantity + self.t1_quantity - self.used_quantity

    def row(self, last: int, close: int) -> dict[str, object]:
        """The wire row."""
        held = self.quantity + self.t1_quantity
        average = self.value / held if held else 0.0
        change = last - close
        return {
            "tradingsymbol": self.instrument.tradingsymbol,
            "exchange": self.instrument.exchange,
            "instrument_token": self.instrument.token,
            "isin": isin_of(self.instrument),
            "product": "CNC",
            "price": 0,
            "quantity": self.quantity,
            "used_quantity": self.used_quantity,
            "t1_quantity": self.t1_quantity,
            "realised_quantity": self.quantity,
            "authorised_quantity": self.authorised_quantity,
            "authorised_date": text_of(self.authorised_ns) if self.authorised_ns else None,
            "authorisation": {},
            "opening_quantity": self.opening_quantity,
            "short_quantity": 0,
            "collateral_quantity": 0,
            "collateral_type": "",
            "discrepancy": False,
            "average_price": round(average / UNITS_PER_RUPEE, 4),
            "last_price": to_rupees(last),
            "close_price": to_rupees(close),
            "pnl": to_rupees(held * last - self.value),
            "day_change": to_rupees(change),
            "day_change_percentage": change / close * 100 if close else 0,
            "mtf": {"quantity": 0, "used_quantity": 0, "average_price": 0, "value": 0, "initial_margin": 0},
        }


def isin_of(instrument: Instrument) -> str:
    """A made-up ISIN of the right form."""
    return f"INE{instrument.token >> 8:06d}01{instrument.token % 10}"[:12]


class Portfolio:
    """Positions, holdings and funds of the one account."""

    def __init__(self, ledger: Ledger, scan: Scan) -> None:
        self.ledger = ledger
        self._scan = scan
        self.positions: dict[Key, Position] = {}
        self.holdings: dict[tuple[str, str], Holding] = {}
        self.day_cash = ledger.opening_cash
        self.reserved = 0
        self._realised_before: dict[Key, int] = {}
        self._asked: dict[str, dict[str, int]] = {}

    def trade(
        self,
        day: int,
        order_id: str,
        instrument: Instrument,
        product: str,
        side: int,
        quantity: int,
        price: int,
        *,
        square_off: bool = False,
    ) -> None:
        """Apply one execution to the row, the holdings and the books."""
        key = (instrument.exchange, instrument.tradingsymbol, product)
        row = self.positions.get(key)
        if row is None:
            row = self.positions[key] = Position(instrument, product)
        unit_price = price * instrument.multiplier
        if side == BUY:
            row.day_buy_quantity += quantity
            row.day_buy_value += quantity * unit_price
        else:
            row.day_sell_quantity += quantity
            row.day_sell_value += quantity * unit_price
        self.ledger.book(day, order_id, key, side, quantity, unit_price, square_off=square_off)
        if product == "CNC" and side == SELL:
            self._use_holding(day, row)

    def convert(self, instrument: Instrument, side: int, quantity: int, old: str, new: str) -> None:
        """Move `quantity` of a position to another product at its average; ValueError when there is none."""
        key = (instrument.exchange, instrument.tradingsymbol, old)
        row = self.positions.get(key)
        if row is None or row.quantity * side < quantity:
            raise ValueError("not that much open")
        target_key = (instrument.exchange, instrument.tradingsymbol, new)
        target = self.positions.setdefault(target_key, Position(instrument, new))
        self.ledger.convert(key, target_key, side * quantity)
        if side == BUY:
            bought = row.day_buy_quantity + max(row.overnight_quantity, 0)
            value = (row.day_buy_value + max(row.overnight_value, 0)) * quantity // bought
            row.day_buy_quantity -= quantity
            row.day_buy_value -= value
            target.day_buy_quantity += quantity
            target.day_buy_value += value
        else:
            sold = row.day_sell_quantity + max(-row.overnight_quantity, 0)
            value = (row.day_sell_value + max(-row.overnight_value, 0)) * quantity // sold
            row.day_sell_quantity -= quantity
            row.day_sell_value -= value
            target.day_sell_quantity += quantity
            target.day_sell_value += value

    def net(self, key: Key) -> int:
        """Signed quantity open under a key."""
        row = self.positions.get(key)
        return row.quantity if row else 0

    def sellable(self, key: Key) -> int:
        """Shares that a delivery sale may use: today's purchases and the holding."""
        holding = self.holdings.get(key[:2])
        return max(self.net(key), 0) + (holding.sellable if holding else 0)

    def settle(self, day: int, key: Key, price: int, tax: int) -> None:
        """Close a contract at its settlement price (per unit of quantity, multiplier inside); its row goes flat."""
        row = self.positions.get(key)
        if row is None or row.quantity == 0:
            return
        quantity = row.quantity
        if quantity > 0:
            row.day_sell_quantity += quantity
            row.day_sell_value += quantity * price
        else:
            row.day_buy_quantity -= quantity
            row.day_buy_value -= quantity * price
        self.ledger.settle(day, key, price, tax)

    def risk_legs(self) -> list[RiskLeg]:
        """Every open contract."""
        return [
            RiskLeg(row.instrument, row.quantity, _open_price(row))
            for row in self.positions.values()
            if row.instrument.is_derivative and row.quantity
        ]

    def extra_margin(self, legs: list[RiskLeg]) -> int:
        """How much more span and exposure the open contracts would block together with `legs`; negative for less."""
        held = self.risk_legs()
        return self._scan(held + legs).total - self._scan(held).total

    def ask_authorisation(self, wanted: dict[str, int]) -> str:
        """Note which holdings (by ISIN; none named means all) the user is to authorise; the request's id."""
        request_id = secrets.token_urlsafe(16)
        self._asked[request_id] = wanted
        return request_id

    def authorise(self, request_id: str, now: int) -> bool:
        """The user's consent at the depository; False for an unknown request."""
        wanted = self._asked.pop(request_id, None)
        if wanted is None:
            return False
        for holding in self.holdings.values():
            held = holding.quantity
            holding.authorised_quantity = min(wanted.get(isin_of(holding.instrument), 0) if wanted else held, held)
            holding.authorised_ns = now
        return True

    def check_authorised(self, instrument: Instrument, quantity: int, live: Iterable["Order"], now: int) -> None:
        """Refuse a sale of holdings that the depository has not been told of: until 17:30 of the day of consent."""
        key = (instrument.exchange, instrument.tradingsymbol)
        holding = self.holdings.get(key)
        pending = sum(one.pending for one in live if one.book_key == (*key, "CNC") and one.side == SELL)
        needed = quantity + pending + max(-self.net((*key, "CNC")), 0) - max(self.net((*key, "CNC")), 0)
        if holding is None or needed <= 0:
            return
        same_day = day_of(holding.authorised_ns) == day_of(now) and seconds_of(now) < _AUTHORISED_UNTIL_SECONDS
        lacking = min(needed, holding.quantity) - (holding.authorised_quantity if same_day else 0)
        if lacking > 0:
            raise Refusal(f"{lacking} quantity needs authorisation at depository.", "HoldingException", 428)

    def used_margin(self) -> Margin:
        """Margin that open positions block; delivery blocks today's net purchases, options the premium paid."""
        total = self._scan(self.risk_legs())
        var = premium = 0
        for key, row in self.positions.items():
            if row.product == "CNC":
                var += row.day_buy_value - row.day_sell_value
            elif row.instrument.is_option:
                premium += self.ledger.accounts[key].cost()
            elif row.quantity and not row.instrument.is_derivative:
                var += margin_for(row.instrument, row.product, abs(row.quantity) * _open_price(row)).total
        return total.plus(Margin(var=var, premium=premium))

    def realised_today(self) -> int:
        """Profit realised today outside delivery."""
        return sum(
            account.realised - self._realised_before.get(key, 0)
            for key, account in self.ledger.accounts.items()
            if key[2] != "CNC"
        )

    def available(self) -> int:
        """Cash left for new orders."""
        return self.day_cash + self.realised_today() - self.used_margin().total - self.reserved

    def start_day(self, close: LastPrice) -> None:
        """The night before a new trading day: deliveries settle, positions carry or vanish, charges are debited."""
        for holding in self.holdings.values():
            holding.quantity += holding.t1_quantity
            holding.t1_quantity = holding.used_quantity = 0
        for row in self.positions.values():
            if row.product == "CNC":
                self._settle_delivery(row)
        for holding in self.holdings.values():
            holding.opening_quantity = holding.quantity + holding.t1_quantity
        for holding_key, holding in list(self.holdings.items()):
            if holding.quantity + holding.t1_quantity == 0:
                del self.holdings[holding_key]
        carried: dict[Key, Position] = {}
        carried_value = 0
        for key, row in self.positions.items():
            if row.product == "CNC" or row.quantity == 0:
                continue
            price = close(row.instrument)
            account = self.ledger.accounts[key]
            carried[key] = Position(row.instrument, row.product, row.quantity, account.cost(), price)
            carried_value += account.cost()
        self.positions = carried
        self.reserved = 0
        self._realised_before = {key: account.realised for key, account in self.ledger.accounts.items()}
        books = self.ledger.totals(lambda *_: 0)
        self.day_cash = books.cash + carried_value

    def _use_holding(self, day: int, row: Position) -> None:
        holding = self.holdings.get((row.instrument.exchange, row.instrument.tradingsymbol))
        short = max(-row.quantity, 0)
        if holding is not None and short > holding.used_quantity:
            holding.used_quantity = min(short, holding.quantity + holding.t1_quantity)
            self.ledger.sell_holding(day, row.instrument.exchange, row.instrument.tradingsymbol)

    def _settle_delivery(self, row: Position) -> None:
        key = (row.instrument.exchange, row.instrument.tradingsymbol)
        account = self.ledger.accounts[(*key, "CNC")]
        holding = self.holdings.setdefault(key, Holding(row.instrument))
        if row.quantity < 0:
            holding.quantity = max(holding.quantity + row.quantity, 0)
        else:
            holding.t1_quantity = row.quantity
        holding.value = account.cost()


def _open_price(row: Position) -> int:
    """Average price of the side that is open, in 1/10,000 rupee."""
    units = row.instrument.multiplier
    if row.quantity > 0:
        bought = units * (row.day_buy_quantity + max(row.overnight_quantity, 0))
        return (row.day_buy_value + max(row.overnight_value, 0)) // bought if bought else row.close_price
    sold = units * (row.day_sell_quantity + max(-row.overnight_quantity, 0))
    return (row.day_sell_value + max(-row.overnight_value, 0)) // sold if sold else row.close_price


def _average(value: int, quantity: int) -> float:
    return round(value / quantity / UNITS_PER_RUPEE, 4) if quantity else 0
