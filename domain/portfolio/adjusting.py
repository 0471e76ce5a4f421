"""What a person's adjustment comes to, line by line; refused in words where it does not fit the books. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import PatangError
from domain.messages.adjustments import AdjustmentKind, PeakReset, PositionAdjusted
from domain.messages.journal import JournalRecord
from domain.messages.operator import Adjust, AdjustWhat
from domain.portfolio.book import Book
from domain.portfolio.ledger import Ledger
from domain.values import Nanos, Product


class CannotAdjust(PatangError):
    """The books have nothing that it could be done to."""


def adjustments(book: Book, asked: Adjust, who: str, now: Nanos) -> list[PositionAdjusted | PeakReset]:
    """The events, every one of which the books take. Raises CannotAdjust."""
    if asked.what is AdjustWhat.PEAK:
        return [PeakReset(who=who, why=asked.why, time=now)]
    lines = [
        line
        for line in book.ledgers
        if line.lots and line.instrument == asked.instrument and asked.strategy in (None, line.strategy)
    ]
    if not lines:
        whose = "nobody holds" if asked.strategy is None else f"{asked.strategy or 'the external ledger'} does not hold"
        raise CannotAdjust(f"{whose} {asked.instrument}")
    if asked.what is AdjustWhat.SPLIT:
        events = [_split(line, asked, who, now) for line in lines]
    elif asked.what is AdjustWhat.CONVERT:
        events = [_conversion(lines, asked, who, now)]
    else:
        events = [_settlement(line, asked, who, now) for line in lines]
    tried(book, events)
    return list(events)


def _split(line: Ledger, asked: Adjust, who: str, now: Nanos) -> PositionAdjusted:
    if asked.new <= 0 or asked.old <= 0:
        raise CannotAdjust(f"{asked.new} new units for {asked.old} old: both must be positive")
    becomes, rest = divmod(abs(line.quantity) * asked.new, asked.old)
    if rest or not becomes:
        raise CannotAdjust(
            f"{line.quantity} units at {asked.new} for {asked.old} leave a fraction, which the company pays in cash: "
            "sell so many units that it comes out whole, then say it again"
        )
    return _event(AdjustmentKind.CORPORATE_ACTION, line, line.quantity, becomes * _sign(line), asked, who, now)


def _conversion(lines: Sequence[Ledger], asked: Adjust, who: str, now: Nanos) -> PositionAdjusted:
    found = [line for line in lines if line.product is asked.product]
    if len(found) != 1:
        named = ", ".join(f"{line.strategy or '(by hand)'} {line.product.value}" for line in lines)
        raise CannotAdjust(f"one strategy's position must be meant; {asked.instrument} is held by: {named}")
    (line,) = found
    if asked.to_product in (None, asked.product):
        raise CannotAdjust(f"{asked.product.value if asked.product else 'nothing'} cannot be converted to itself")
    if not 0 < asked.quantity <= abs(line.quantity):
        raise CannotAdjust(f"{asked.quantity} units of a position of {line.quantity}")
    units = asked.quantity * _sign(line)
    return _event(AdjustmentKind.CONVERSION, line, units, units, asked, who, now)


def _settlement(line: Ledger, asked: Adjust, who: str, now: Nanos) -> PositionAdjusted:
    if asked.price < 0 or asked.tax < 0:
        raise CannotAdjust("a settlement price and its tax are not negative")
    return _event(AdjustmentKind.SETTLEMENT, line, line.quantity, 0, asked, who, now)


def _event(
    kind: AdjustmentKind, line: Ledger, quantity: int, becomes: int, asked: Adjust, who: str, now: Nanos
) -> PositionAdjusted:
    to: Product = line.product if asked.to_product is None else asked.to_product
    return PositionAdjusted(
        kind=kind,
        strategy=line.strategy,
        instrument=line.instrument,
        token=line.token,
        product=line.product,
        quantity=quantity,
        becomes=becomes,
        to_product=to if kind is AdjustmentKind.CONVERSION else line.product,
        who=who,
        why=asked.why,
        time=now,
        price=asked.price if kind is AdjustmentKind.SETTLEMENT else 0,
        tax=asked.tax if kind is AdjustmentKind.SETTLEMENT else 0,
    )


def tried(book: Book, events: Sequence[PositionAdjusted]) -> None:
    """Raises CannotAdjust where the books cannot take them.

    What is journaled must be bearable for whoever folds it, for ever: tried on a copy first.
    """
    copy = Book.decode(book.encode())
    try:
        for event in events:
            copy.apply(JournalRecord(copy.seq + 1, event))
    except ValueError as error:
        raise CannotAdjust(str(error)) from None


def _sign(line: Ledger) -> int:
    return 1 if line.quantity > 0 else -1
