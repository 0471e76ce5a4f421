"""Positions, holdings and funds: ours against the broker's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from msgspec import Struct

from domain.messages.broker import BrokerHolding, BrokerPosition, Funds
from domain.reconcile.books import EXTERNAL, Books, DayTrades, Line
from domain.reconcile.findings import Finding
from domain.reconcile.names import Difference
from domain.values import E4, RUPEE, Product, rupees

POSITION_NAMES: Final = (Difference.EXTERNAL_POSITION, Difference.QUANTITY_DRIFT, Difference.PRICE_DRIFT)
HOLDING_NAMES: Final = (Difference.HOLDING_DRIFT,)
FUNDS_NAMES: Final = (Difference.FUNDS_DRIFT,)
BALANCE: Final = "balance"


class Tolerances(Struct, frozen=True):
    """How far two figures may be apart and still be the same: the broker's are sums of floats.

    price  per unit traded
    funds  of the whole account
    """

    price: E4
    funds: E4


def compare_positions(
    books: Books, rows: Sequence[BrokerPosition], moving: AbstractSet[str], tolerances: Tolerances
) -> list[Finding]:
    """A finding for each line that differs, but for instruments of which something is on its way."""
    theirs = {(f"{row.exchange}:{row.symbol}", row.product): row for row in rows}
    found: list[Finding] = []
    for line in sorted({*books.lines(), *theirs}, key=lambda each: (each[0], each[1].value)):
        if line[0] in moving:
            continue
        row = theirs.get(line)
        here, there = books.position(line), 0 if row is None else row.quantity
        if here != there:
            found.append(_quantities(books, line, here, there))
        elif row is not None:
            found += _prices(books, line, row, tolerances)
    return found


def compare_holdings(books: Books, rows: Iterable[BrokerHolding], moving: AbstractSet[str]) -> list[Finding]:
    """A finding for each share that strategies carry and the depository does not have. More there is a person's own."""
    theirs: dict[str, int] = {}
    for row in rows:
        key = f"{row.exchange}:{row.symbol}"
        theirs[key] = theirs.get(key, 0) + row.quantity + row.t1_quantity
    found: list[Finding] = []
    for line in sorted(books.lines(), key=lambda each: (each[0], each[1].value)):
        instrument, product = line
        carried = sum(units for owner, units in books.carried(line).items() if owner != EXTERNAL)
        there = theirs.get(instrument, 0)
        if product is Product.CNC and carried > there and instrument not in moving:
            found.append(
                Finding(
                    name=Difference.HOLDING_DRIFT,
                    subject=f"{instrument} {product.value}",
                    ours=str(carried),
                    theirs=str(there),
                    instrument=instrument,
                    strategies=books.strategies(instrument),
                    product=product.value,
                    units=there - carried,
                )
            )
    return found


def compare_funds(books: Books, funds: Funds, tolerances: Tolerances, *, quiet: bool) -> list[Finding]:
    """The opening figure always; what is left where that can be told, and no order is under way (`quiet`)."""
    found: list[Finding] = []
    if abs(funds.cash - books.opening_cash) > tolerances.funds:
        found.append(_money("opening cash", books.opening_cash, funds.cash))
    flow = books.cash_flow
    if quiet and flow is not None and books.flat and abs(funds.live_balance - funds.cash - flow) > tolerances.funds:
        found.append(_money(BALANCE, funds.cash + flow, funds.live_balance))
    return found


def balance_tellable(books: Books) -> bool:
    """Whether nothing is held that blocks money: the balance is the opening cash and what trades left then."""
    return books.flat and books.cash_flow is not None


def _quantities(books: Books, line: Line, here: int, there: int) -> Finding:
    instrument, product = line
    strategies = tuple(sorted(owner for owner in books.owners(line) if owner != EXTERNAL))
    return Finding(
        name=Difference.QUANTITY_DRIFT if strategies else Difference.EXTERNAL_POSITION,
        subject=f"{instrument} {product.value}",
        ours=str(here),
        theirs=str(there),
        instrument=instrument,
        strategies=strategies or books.strategies(instrument),
        product=product.value,
        units=there - here,
    )


def _prices(books: Books, line: Line, row: BrokerPosition, tolerances: Tolerances) -> list[Finding]:
    """What was paid and got today. A line that was carried in the broker shows with yesterday's figures in it."""
    ours = books.today.get(line, DayTrades())
    quantities = (row.buy_quantity, row.sell_quantity)
    if row.overnight_quantity or books.carried(line) or quantities != (ours.buy_quantity, ours.sell_quantity):
        return []
    here = (ours.buy_value * row.multiplier, ours.sell_value * row.multiplier)
    there = (row.buy_value, row.sell_value)
    allowed = tolerances.price * sum(quantities) * row.multiplier + RUPEE // 100
    if all(abs(a - b) <= allowed for a, b in zip(here, there, strict=True)):
        return []
    instrument, product = line
    return [
        Finding(
            name=Difference.PRICE_DRIFT,
            subject=f"{instrument} {product.value}",
            ours=f"bought for {rupees(here[0])}, sold for {rupees(here[1])}",
            theirs=f"bought for {rupees(there[0])}, sold for {rupees(there[1])}",
            instrument=instrument,
            strategies=books.strategies(instrument),
            product=product.value,
        )
    ]


def _money(subject: str, ours: E4, theirs: E4) -> Finding:
    return Finding(name=Difference.FUNDS_DRIFT, subject=subject, ours=rupees(ours), theirs=rupees(theirs))
