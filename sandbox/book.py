"""The book that orders meet: five displayed levels after the latest print, less what our own fills have taken."""

from msgspec import Struct

from sandbox.tape import DayTape
from sandbox.wire import LEVELS, Chunks

BUY, SELL = 1, -1


class Level(Struct, frozen=True):
    """One displayed price level; price in 1/10,000 rupee."""

    price: int
    quantity: int
    orders: int


class Book(Struct, frozen=True):
    """Displayed depth right after print `index`, best level first."""

    index: int
    last_price: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def opposite(self, side: int) -> tuple[Level, ...]:
        """The levels that an order of `side` would take."""
        return self.asks if side == BUY else self.bids

    def same(self, side: int) -> tuple[Level, ...]:
        """The levels that an order of `side` would join."""
        return self.bids if side == BUY else self.asks


def crosses(side: int, limit: int, price: int) -> bool:
    """Whether an order with this limit accepts `price`."""
    return price <= limit if side == BUY else price >= limit


class Books:
    """Books of all tapes, and what has been taken from each since its latest print."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._taken: dict[int, tuple[int, dict[int, int]]] = {}

    def after(self, tape: DayTape, index: int) -> Book:
        """The displayed book after print `index`."""
        chunk = self._chunks.at(tape, index)
        row = index - chunk.first
        depth = chunk.depth
        prices = depth.prices[row].tolist()
        sizes = depth.sizes[row].tolist()
        orders = depth.orders[row].tolist()
        levels = tuple(Level(p, q, n) for p, q, n in zip(prices, sizes, orders, strict=True))
        return Book(index, int(tape.price[index]), levels[:LEVELS], levels[LEVELS:])

    def take(self, tape: DayTape, book: Book, side: int, limit: int, wanted: int) -> list[tuple[int, int]]:
        """Walk the levels that cross `limit` for up to `wanted` units: the fills as (price, quantity).

        What is taken stays taken until the instrument's next print.
        """
        token = tape.instrument.token
        index, taken = self._taken.get(token, (-1, {}))
        if index != book.index:
            taken = {}
            self._taken[token] = (book.index, taken)
        fills: list[tuple[int, int]] = []
        for level in book.opposite(side):
            if wanted == 0 or not crosses(side, limit, level.price):
                break
            quantity = min(wanted, level.quantity - taken.get(side * level.price, 0))
            if quantity > 0:
                taken[side * level.price] = taken.get(side * level.price, 0) + quantity
                fills.append((level.price, quantity))
                wanted -= quantity
        return fills
