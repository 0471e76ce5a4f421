"""The exits of a square-off or of a person's flatten: one market order per open position, sliced where it must be."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from domain.messages.orders import OrderIntent
from domain.orders.placing import CASH_FREEZE_QUANTITY
from domain.risk.book import RiskBook
from domain.risk.exposure import Exposure, LineKey
from domain.values import E4, Nanos, OrderKind, Product, Side


def flatten_intents(
    book: RiskBook,
    tokens: Iterable[int],
    now: Nanos,
    valid_until: Nanos,
    prices: Mapping[int, E4],
    why: str,
    products: Collection[Product] = (Product.MIS,),
) -> list[OrderIntent]:
    """Reduce-only market intents that close every strategy's position in these instruments and products.

    Net of exits already under way: asking again while they are gives nothing, asking after one was refused gives a new
    intent. Each belongs to the strategy whose position it closes. Positions made outside are a person's to close.
    Ids are `flat:<strategy>:<token>:<day>:<n>`, n counting from 1: equal books give equal ids.

    prices  last price by token, for the record; the risk book's own where one is missing
    """
    wanted = set(tokens)
    lines = [(key, line) for key, line in book.lines() if key[1] in wanted and key[2] in products]
    return _exits(book, lines, now, valid_until, prices, why)


def flatten_strategy_intents(
    book: RiskBook, strategy: str, now: Nanos, valid_until: Nanos, prices: Mapping[int, E4], why: str
) -> list[OrderIntent]:
    """As `flatten_intents`, for all instruments and products of one strategy, or (empty) of every strategy."""
    return _exits(book, _lines_of(book, strategy), now, valid_until, prices, why)


def is_flat(book: RiskBook, strategy: str) -> bool:
    """Nothing is held, and no entry may still fill: of one strategy, or (empty) of every strategy."""
    return not any(line.position or line.opening_buys or line.opening_sells for _, line in _lines_of(book, strategy))


def _lines_of(book: RiskBook, strategy: str) -> list[tuple[LineKey, Exposure]]:
    return [(key, line) for key, line in book.lines() if key[0] and strategy in ("", key[0])]


def _exits(
    book: RiskBook,
    lines: Iterable[tuple[LineKey, Exposure]],
    now: Nanos,
    valid_until: Nanos,
    prices: Mapping[int, E4],
    why: str,
) -> list[OrderIntent]:
    intents = []
    numbers: dict[str, Iterator[str]] = {}
    for (strategy, token, product), line in lines:
        if not strategy or not line.exits():
            continue
        # One line of numbers for all products of an instrument: the id does not name the product.
        prefix = f"flat:{strategy}:{token}:{book.day}:"
        free = numbers.setdefault(prefix, _free_numbers(book, prefix))
        for quantity in _slices(line.exits(), _largest_order(book, token)):
            intent = OrderIntent(
                intent_id=next(free),
                strategy=strategy,
                token=token,
                instrument=book.instrument(token),
                side=Side.SELL if line.position > 0 else Side.BUY,
                quantity=quantity,
                product=product,
                kind=OrderKind.MARKET,
                reference_price=prices.get(token, 0) or book.price(token),
                valid_until=valid_until,
                event_time=now,
                decided_time=now,
                reduce_only=True,
                reason=why,
            )
            intents.append(intent)
    return intents


def _free_numbers(book: RiskBook, prefix: str) -> Iterator[str]:
    n = 1
    while True:
        if not book.is_known(f"{prefix}{n}"):
            yield f"{prefix}{n}"
        n += 1


def _largest_order(book: RiskBook, token: int) -> int:
    """The highest multiple of the lot within the freeze quantity."""
    listed = book.listed(token)
    freeze = (listed.freeze_quantity if listed else 0) or CASH_FREEZE_QUANTITY
    lot = listed.lot_size if listed else 1
    return max(freeze - freeze % lot, lot)


def _slices(quantity: int, largest: int) -> Iterator[int]:
    while quantity > 0:
        yield min(quantity, largest)
        quantity -= largest
