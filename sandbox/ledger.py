"""The exchange's own books: cash, lots, realised and unrealised profit, charges, all exact integers of 1/10,000 rupee.

Full-payment view: every purchase is paid whole, every sale is received whole. So, whatever happens, cash + positions
at market = opening cash + realised + unrealised - charges. Lots are matched first in, first out, per (exchange,
tradingsymbol, product). Prices here are of one unit of quantity, so a currency's or commodity's multiplier is inside.
"""

from collections import deque
from collections.abc import Callable
from datetime import date

from msgspec import Struct, field

from sandbox.charges import Charges, ExecutedOrder, note_charges

Key = tuple[str, str, str]
"""(exchange, tradingsymbol, product)"""


class Account(Struct):
    """One position's lots: signed quantity and price of each, oldest first."""

    lots: deque[tuple[int, int]] = field(default_factory=deque)
    quantity: int = 0
    buy_value: int = 0
    sell_value: int = 0
    realised: int = 0

    def trade(self, quantity: int, price: int) -> None:
        """Apply a signed trade."""
        if quantity > 0:
            self.buy_value += quantity * price
        else:
            self.sell_value -= quantity * price
        self.quantity += quantity
        while quantity and self.lots and (self.lots[0][0] > 0) != (quantity > 0):
            held, cost = self.lots.popleft()
            closed = min(abs(held), abs(quantity))
            sign = 1 if held > 0 else -1
            self.realised += sign * closed * (price - cost)
            quantity += sign * closed
            if abs(held) > closed:
                self.lots.appendleft((held - sign * closed, cost))
        if quantity:
            self.lots.append((quantity, price))

    def unrealised(self, last: int) -> int:
        """Profit of the open lots at `last`."""
        return sum(quantity * (last - cost) for quantity, cost in self.lots)

    def cost(self) -> int:
        """Signed cost of the open lots."""
        return sum(quantity * cost for quantity, cost in self.lots)


class _OrderTurnover(Struct):
    day: int
    exchange: str
    tradingsymbol: str
    product: str
    side: int
    square_off: bool
    turnover: int = 0


class Totals(Struct, frozen=True):
    """A snapshot in 1/10,000 rupee."""

    opening_cash: int
    cash: int
    positions_value: int
    realised: int
    unrealised: int
    charges: Charges


class Ledger:
    """Cash and positions since the sandbox began; never reset from day to day."""

    def __init__(self, opening_cash: int) -> None:
        self.opening_cash = opening_cash
        self.accounts: dict[Key, Account] = {}
        self.trades = 0
        self._gross_cash = opening_cash
        self._orders: dict[str, _OrderTurnover] = {}
        self._holdings_sold: set[tuple[int, str, str]] = set()
        self._exercise_taxes = 0
        self._day = 0
        self._past_charges = Charges()
        self._today_charges: Charges | None = Charges()

    def book(
        self, day: int, order_id: str, key: Key, side: int, quantity: int, price: int, *, square_off: bool = False
    ) -> None:
        """Book a trade of an order; `day` is the date's ordinal and never goes back."""
        if quantity <= 0 or price <= 0 or side not in {1, -1}:
            raise ValueError(f"a trade needs a positive quantity and price: {quantity} @ {price}")
        self._turn_to(day)
        self.accounts.setdefault(key, Account()).trade(side * quantity, price)
        self._gross_cash -= side * quantity * price
        entry = self._orders.get(order_id)
        if entry is None:
            entry = self._orders[order_id] = _OrderTurnover(day, *key, side, square_off)
        entry.turnover += quantity * price
        self.trades += 1
        self._today_charges = None

    def settle(self, day: int, key: Key, price: int, tax: int = 0) -> None:
        """Close what is open under a key at its settlement price: no order, no brokerage, the exercise's tax alone."""
        self._turn_to(day)
        account = self.accounts.get(key)
        if account is None or account.quantity == 0:
            return
        self._gross_cash += account.quantity * price
        account.trade(-account.quantity, price)
        self._exercise_taxes += tax
        self._today_charges = None

    def sell_holding(self, day: int, exchange: str, tradingsymbol: str) -> None:
        """Note that a scrip was sold from holdings: a depository charge once a day."""
        self._turn_to(day)
        self._holdings_sold.add((day, exchange, tradingsymbol))
        self._today_charges = None

    def convert(self, source: Key, target: Key, quantity: int) -> None:
        """Move `quantity` (signed, as held) of the oldest lots to another product at their cost: no profit, no cash."""
        giving = self.accounts[source]
        taking = self.accounts.setdefault(target, Account())
        if quantity == 0 or giving.quantity * quantity <= 0 or abs(quantity) > abs(giving.quantity):
            raise ValueError(f"cannot convert {quantity} of {giving.quantity}")
        sign = 1 if quantity > 0 else -1
        left = abs(quantity)
        while left:
            held, cost = giving.lots[0]
            moved = min(abs(held), left)
            giving.trade(-sign * moved, cost)
            taking.trade(sign * moved, cost)
            left -= moved

    def charges(self) -> Charges:
        """All charges so far; today's as its contract note would stand now."""
        if self._today_charges is None:
            orders = [
                ExecutedOrder(o.exchange, o.tradingsymbol, o.product, o.side, o.turnover, o.square_off)
                for o in self._orders.values()
            ]
            self._today_charges = note_charges(
                orders,
                len(self._holdings_sold),
                exercise_taxes=self._exercise_taxes,
                day=date.fromordinal(max(self._day, 1)),
            )
        return self._past_charges.plus(self._today_charges)

    def totals(self, last_price: Callable[[str, str], int]) -> Totals:
        """The books at market; `last_price(exchange, tradingsymbol)` in 1/10,000 rupee."""
        charges = self.charges()
        value = realised = unrealised = 0
        for (exchange, tradingsymbol, _), account in self.accounts.items():
            realised += account.realised
            if account.quantity or account.lots:
                last = last_price(exchange, tradingsymbol)
                value += account.quantity * last
                unrealised += account.unrealised(last)
        return Totals(self.opening_cash, self._gross_cash - charges.total, value, realised, unrealised, charges)

    def _turn_to(self, day: int) -> None:
        if day == self._day:
            return
        self._past_charges = self.charges()
        self._today_charges = Charges()
        self._orders.clear()
        self._holdings_sold.clear()
        self._exercise_taxes = 0
        self._day = day
