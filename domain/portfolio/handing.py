"""What one strategy holds becomes another's, lot by lot at what each cost: nothing is won or lost by it. Pure."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.portfolio.adjusting import CannotAdjust, tried
from domain.portfolio.book import Book
from domain.portfolio.ledger import Ledger
from domain.values import E4, Nanos


class _Words(Struct, frozen=True):
    who: str
    why: str
    now: Nanos


def handed_over(book: Book, strategy: str, heir: str, who: str, why: str, now: Nanos) -> list[PositionAdjusted]:
    """The events, every one of which the books take; none where nothing is held.

    Raises CannotAdjust where the heir holds the opposite: together they would be one smaller position, and nobody has
    decided that.
    """
    words = _Words(who, why, now)
    events: list[PositionAdjusted] = []
    held = {(each.strategy, each.instrument, each.product): each.quantity for each in book.ledgers}
    for line in book.ledgers:
        if line.strategy != strategy or not line.lots:
            continue
        left, has = line.quantity, held.get((heir, line.instrument, line.product), 0)
        if has * left < 0:
            raise CannotAdjust(f"{heir} holds {has} of {line.instrument}, {strategy} {left}: they are opposed")
        for lot in line.lots:
            events.append(_moved(line, strategy, left, left - lot.quantity, lot.price, words))
            events.append(_moved(line, heir, has, has + lot.quantity, lot.price, words))
            left, has = left - lot.quantity, has + lot.quantity
    tried(book, events)
    return events


def _moved(line: Ledger, owner: str, before: int, after: int, price: E4, words: _Words) -> PositionAdjusted:
    return PositionAdjusted(
        kind=AdjustmentKind.ASSIGNMENT,
        strategy=owner,
        instrument=line.instrument,
        token=line.token,
        product=line.product,
        quantity=before,
        becomes=after,
        to_product=line.product,
        who=words.who,
        why=words.why,
        time=words.now,
        price=price,
    )
