"""The exchange's own books beside ours: read from what it states, and compared figure by figure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeGuard

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot
from domain.report.orders import OrderFacts
from domain.values import E4, RUPEE, e4, rupees

TOTAL: Final = "total"


class ExchangePosition(Struct, frozen=True):
    """A position as the exchange has it: values in 1/10,000 rupee, quantity signed."""

    instrument: str
    product: str
    quantity: int
    buy_value: E4
    sell_value: E4
    last_price: E4


class ExchangeBooks(Struct, frozen=True):
    """The exchange's ledger of our account. charges: (component, amount), the total not among them."""

    opening_cash: E4
    cash: E4
    positions_value: E4
    realised: E4
    unrealised: E4
    charges: E4
    charge_components: tuple[tuple[str, E4], ...]
    positions: tuple[ExchangePosition, ...]
    orders: int
    trades: int


class Difference(Struct, frozen=True):
    """One figure on which the two sides differ."""

    name: str
    subject: str
    ours: str
    theirs: str


def read_books(stated: Mapping[str, object]) -> ExchangeBooks:
    """The books as `GET /_sandbox/books` states them: rupees as JSON numbers, `charges` with `total` and components.

    Raises ValueError naming the key for a figure that is missing, no number, or finer than 1/10,000 rupee.
    """
    charges = stated.get("charges")
    if not _is_mapping(charges):
        raise ValueError("the exchange's books: charges must be a table with a total")
    positions = stated.get("positions")
    if not isinstance(positions, Sequence) or not all(_is_mapping(row) for row in positions):
        raise ValueError("the exchange's books: positions must be a list of tables")
    return ExchangeBooks(
        opening_cash=_money(stated, "opening_cash"),
        cash=_money(stated, "cash"),
        positions_value=_money(stated, "positions_value"),
        realised=_money(stated, "realised"),
        unrealised=_money(stated, "unrealised"),
        charges=_money(charges, TOTAL),
        charge_components=tuple((name, _money(charges, name)) for name in charges if name != TOTAL),
        positions=tuple(_position(row) for row in positions),
        orders=_whole(stated, "orders"),
        trades=_whole(stated, "trades"),
    )


def since(earlier: Mapping[str, object], stated: Mapping[str, object]) -> dict[str, object] | None:
    """What the exchange's books, which it keeps since its account was opened, say of the time after `earlier`.

    None where something was held then: what became of that cannot be told from the sums. Raises ValueError as
    `read_books` does.
    """
    before, now = read_books(earlier), read_books(stated)
    if any(row.quantity for row in before.positions):
        return None
    charged = dict(before.charge_components)
    charges = {name: _rupees(amount - charged.get(name, 0)) for name, amount in now.charge_components}
    return {
        **stated,
        "opening_cash": _rupees(before.cash),
        "realised": _rupees(now.realised - before.realised),
        "charges": {TOTAL: _rupees(now.charges - before.charges), **charges},
        "orders": now.orders - before.orders,
        "trades": now.trades - before.trades,
    }


def _rupees(amount: E4) -> Decimal:
    return Decimal(amount) / RUPEE


def compare(snapshot: PortfolioSnapshot, orders: OrderFacts, books: ExchangeBooks) -> tuple[Difference, ...]:
    """Every figure on which the exchange's books and ours differ; empty where they agree.

    Cash, charges, quantities and counts must be equal at any moment. Realised profit is compared where the account is
    flat: while lots are open, which of them a sale closes differs between ledgers per strategy and one per account.
    Market values are not compared: the two sides may mark with prices of different instants.
    """
    ours = _net_quantities(snapshot)
    theirs = {(row.instrument, row.product): row.quantity for row in books.positions if row.quantity}
    differences = [
        *_amounts("opening_cash", "", snapshot.opening_cash, books.opening_cash),
        *_amounts("cash", "", snapshot.cash, books.cash),
        *_amounts("charges", TOTAL, snapshot.charges, books.charges),
        *_components(dict(snapshot.charge_components), dict(books.charge_components)),
        *_counts("trades", "", len(orders.trades), books.trades),
        *_counts("orders", "", len(orders.order_ids()), books.orders),
    ]
    for key in sorted(ours.keys() | theirs.keys()):
        differences += _counts("position", " ".join(key), ours.get(key, 0), theirs.get(key, 0))
    if not ours and not theirs:
        differences += _amounts("realised", "", snapshot.realised, books.realised)
    return tuple(differences)


def _net_quantities(snapshot: PortfolioSnapshot) -> dict[tuple[str, str], int]:
    net: dict[tuple[str, str], int] = defaultdict(int)
    for view in snapshot.positions:
        net[view.instrument, view.product.value] += view.quantity
    return {key: quantity for key, quantity in net.items() if quantity}


def _components(ours: Mapping[str, E4], theirs: Mapping[str, E4]) -> list[Difference]:
    # A side that lists no components at all has its total compared alone.
    names = sorted(ours.keys() | theirs.keys()) if ours and theirs else []
    return [found for name in names for found in _amounts("charges", name, ours.get(name, 0), theirs.get(name, 0))]


def _amounts(name: str, subject: str, ours: E4, theirs: E4) -> list[Difference]:
    return [] if ours == theirs else [Difference(name, subject, rupees(ours), rupees(theirs))]


def _counts(name: str, subject: str, ours: int, theirs: int) -> list[Difference]:
    return [] if ours == theirs else [Difference(name, subject, str(ours), str(theirs))]


def _position(row: Mapping[str, object]) -> ExchangePosition:
    return ExchangePosition(
        instrument=f"{row.get('exchange')}:{row.get('tradingsymbol')}",
        product=str(row.get("product")),
        quantity=_whole(row, "quantity"),
        buy_value=_money(row, "buy_value"),
        sell_value=_money(row, "sell_value"),
        last_price=_money(row, "last_price"),
    )


def _money(table: Mapping[str, object], key: str) -> E4:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not Decimal(value).is_finite():
        raise ValueError(f"the exchange's books: {key} must be a number of rupees, found {value!r}")
    try:
        # repr gives back the digits that stood in the JSON, which is what the exchange said.
        return e4(Decimal(repr(value)) if isinstance(value, float) else value)
    except ValueError as error:
        raise ValueError(f"the exchange's books: {key}: {error}") from None


def _whole(table: Mapping[str, object], key: str) -> int:
    value = table.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"the exchange's books: {key} must be a whole number, found {value!r}")  # noqa: TRY004 - bad data, not a bad call
    return value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)
