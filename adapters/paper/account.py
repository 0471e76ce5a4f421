"""The paper account's arithmetic: positions, funds and the next morning, from the day's trades. Pure functions.

What is approximated: intraday and carried derivative positions hold a fifth of their cost as margin (options that are
bought their whole premium, delivery its whole value); there are no marks to market over night, no interest, no
corporate actions, and what is still open in MIS at the day's end is carried like a converted position.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct

from adapters.paper.rows import Carried, Day, Kept, PaperOrder
from domain.costs import ChargeableTrade, contract_note
from domain.messages.broker import BrokerHolding, BrokerPosition, Funds
from domain.values import E4, Product, Side

MARGIN_SHARE: Final = 5
"""One rupee of margin carries so many of cost."""

_DELIVERY: Final = frozenset({Product.CNC, Product.MTF})

Key = tuple[str, str, Product]


class Line(Struct):
    """One exchange, symbol and product: what was carried in, bought and sold. Values include the multiplier."""

    carried: int = 0
    bought: int = 0
    buy_value: E4 = 0
    sold: int = 0
    sell_value: E4 = 0
    multiplier: int = 1
    premium: bool = False

    @property
    def quantity(self) -> int:
        """Signed units held."""
        return self.bought - self.sold

    @property
    def cost(self) -> E4:
        """Signed value of what is open, at its side's average, cut to 1/10,000 rupee."""
        if self.quantity > 0:
            return self.buy_value * self.quantity // self.bought
        if self.quantity < 0:
            return -(self.sell_value * -self.quantity // self.sold)
        return 0

    @property
    def realised(self) -> E4:
        """What the closed part made, before charges."""
        return self.sell_value - self.buy_value + self.cost


def lines(day: Day, trades: Iterable[Kept]) -> dict[Key, Line]:
    """All lines of the day, flat ones too, in the order they came to be."""
    found: dict[Key, Line] = {}
    for row in day.carried:
        line = found.setdefault(
            (row.exchange, row.symbol, row.product), Line(multiplier=row.multiplier, premium=row.premium)
        )
        line.carried = row.quantity
        if row.quantity > 0:
            line.bought, line.buy_value = row.quantity, row.value
        else:
            line.sold, line.sell_value = -row.quantity, -row.value
    for kept in trades:
        trade = kept.trade
        key = (trade.exchange, trade.symbol, trade.product)
        line = found.setdefault(key, Line(multiplier=kept.multiplier, premium=kept.premium))
        value = trade.quantity * trade.price * kept.multiplier
        if trade.side is Side.BUY:
            line.bought += trade.quantity
            line.buy_value += value
        else:
            line.sold += trade.quantity
            line.sell_value += value
    return found


def positions(day: Day, trades: Iterable[Kept], last_price: Callable[[str, str], E4]) -> list[BrokerPosition]:
    """Net positions, flat rows included."""
    return [
        BrokerPosition(
            exchange=exchange,
            symbol=symbol,
            product=product,
            quantity=line.quantity,
            overnight_quantity=line.carried,
            buy_quantity=line.bought,
            buy_value=line.buy_value,
            sell_quantity=line.sold,
            sell_value=line.sell_value,
            last_price=last_price(exchange, symbol),
            multiplier=line.multiplier,
        )
        for (exchange, symbol, product), line in lines(day, trades).items()
    ]


def holdings(day: Day, trades: Iterable[Kept]) -> list[BrokerHolding]:
    """Shares bought for delivery on earlier days; what is sold of them today shows as used."""
    of_today = lines(day, trades)
    found = []
    for row in day.holdings:
        line = of_today.get((row.exchange, row.symbol, Product.CNC), Line())
        used = min(row.quantity, max(0, -line.quantity))
        found.append(BrokerHolding(row.exchange, row.symbol, row.quantity, 0, used, row.value // row.quantity))
    return found


def sellable(day: Day, trades: Iterable[Kept], orders: Iterable[PaperOrder], exchange: str, symbol: str) -> int:
    """Units that may still be sold for delivery."""
    held = sum(row.quantity for row in day.holdings if (row.exchange, row.symbol) == (exchange, symbol))
    line = lines(day, trades).get((exchange, symbol, Product.CNC), Line())
    selling = sum(
        order.pending
        for order in orders
        if order.live
        and (order.exchange, order.symbol, order.product, order.side) == (exchange, symbol, Product.CNC, Side.SELL)
    )
    return held + line.quantity - selling


def available(day: Day, trades: Sequence[Kept], orders: Iterable[PaperOrder]) -> E4:
    """Cash that a new order may use: the opening figure, what was made and lost, less what is held."""
    of_today = lines(day, trades)
    free = day.opening
    for (_, _, product), line in of_today.items():
        if product in _DELIVERY:
            free += line.sell_value - line.buy_value
        else:
            free += line.realised - _margin(abs(line.cost), line.premium and line.quantity > 0)
    closable = {key: line.quantity for key, line in of_today.items()}
    for order in orders:
        if order.live:
            free -= needed(order, closable)
    return free


def needed(order: PaperOrder, closable: dict[Key, int]) -> E4:
    """Margin for what the order would open. What it closes needs none, and is then no longer closable by another."""
    key = (order.exchange, order.symbol, order.product)
    held, opening = closable.get(key, 0), order.pending
    if held * order.side.sign < 0:
        closing = min(opening, abs(held))
        closable[key] = held + order.side.sign * closing
        opening -= closing
    value = opening * (order.limit or order.trigger) * order.multiplier
    if order.product in _DELIVERY:
        return value if order.side is Side.BUY else 0
    return _margin(value, order.premium and order.side is Side.BUY)


def funds(day: Day, trades: Sequence[Kept], orders: Iterable[PaperOrder]) -> Funds:
    """Funds as the broker states them: `cash` stays the opening figure."""
    return Funds(
        cash=day.opening, live_balance=available(day, trades, orders), opening_balance=day.opening, collateral=0
    )


def next_day(day: Day, trades: Sequence[Kept], date: str) -> Day:
    """The following morning: charges are taken, delivery becomes holdings, what is open is carried at its cost."""
    cash = day.opening - _charges(day, trades)
    carried: list[Carried] = []
    held = {(row.exchange, row.symbol): (row.quantity, row.value) for row in day.holdings}
    for (exchange, symbol, product), line in lines(day, trades).items():
        # What was carried in was not paid again today.
        flow = line.sell_value - line.buy_value
        flow += sum(
            row.value for row in day.carried if (row.exchange, row.symbol, row.product) == (exchange, symbol, product)
        )
        cash += flow
        if product in _DELIVERY:
            quantity, value = held.get((exchange, symbol), (0, 0))
            left = quantity + line.quantity
            # Sold shares leave at the average of those held.
            worth = value + line.cost if line.quantity >= 0 else value * left // quantity if quantity else 0
            held[exchange, symbol] = (left, worth)
        elif line.quantity:
            cash += line.cost
            carried.append(Carried(exchange, symbol, product, line.quantity, line.cost, line.multiplier, line.premium))
    return Day(
        date=date,
        opening=cash,
        carried=tuple(carried),
        holdings=tuple(
            Carried(exchange, symbol, Product.CNC, quantity, value)
            for (exchange, symbol), (quantity, value) in held.items()
            if quantity > 0
        ),
    )


def _charges(day: Day, trades: Sequence[Kept]) -> E4:
    if not trades:
        return 0
    date = dt.date.fromisoformat(day.date)
    return contract_note(
        (
            ChargeableTrade(
                order_id=kept.trade.order_id,
                day=date,
                instrument=f"{kept.trade.exchange}:{kept.trade.symbol}",
                exchange=kept.trade.exchange,
                kind=kept.charge,
                product=kept.trade.product,
                side=kept.trade.side,
                quantity=kept.trade.quantity,
                price=kept.trade.price,
                strategy="",
                multiplier=kept.multiplier,
                trade_id=kept.trade.trade_id,
                time=kept.trade.event_time,
            )
            for kept in trades
        ),
        date,
    ).total


def _margin(value: E4, whole: bool) -> E4:
    return value if whole else -(-value // MARGIN_SHARE)
