"""The exits of a square-off: one market order per open intraday position, sliced where it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from domain.messages.orders import OrderIntent
from domain.risk.book import RiskBook
from domain.risk.checks import CASH_FREEZE_QUANTITY
from domain.values import E4, Nanos, OrderKind, Product, Side


def flatten_intents(
    book: RiskBook, tokens: Iterable[int], now: Nanos, valid_until: Nanos, prices: Mapping[int, E4], why: str
) -> list[OrderIntent]:
    """Reduce-only market intents that close every strategy's MIS position in these instruments.

    Net of exits already under way: asking again while they are gives nothing, asking after one was refused gives a new
    intent. Each belongs to the strategy whose position it closes. Positions made outside are a person's to close.
    Ids are `flat:<strategy>:<token>:<day>:<n>`, n counting from 1: equal books give equal ids.

    prices  last price by token, for the record; the risk book's own where one is missing
    """
    wanted = set(tokens)
    intents = []
    for (strategy, token, product), line in book.lines():
        if token not in wanted or product is not Product.MIS or not strategy or not line.exits():
            continue
        numbers = _free_numbers(book, f"flat:{strategy}:{token}:{book.day}:")
        for quantity in _slices(line.exits(), _largest_order(book, token)):
            intent = OrderIntent(
                intent_id=next(numbers),
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
