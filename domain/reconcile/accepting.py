"""A person accepts a difference that stands, or says whose units these are: what is journaled for it. Pure.

The person has looked, and says so with a reason. What is accepted as it is (`stays`) is not named again while it stays
the same; where the books follow the broker's, they agree from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from domain.errors import PatangError
from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.journal import (
    Acceptance,
    DifferenceCleared,
    DifferenceFound,
    JournalRecord,
    OrderClosed,
    OrderRecord,
    OrderState,
)
from domain.messages.operator import Accept
from domain.reconcile.books import EXTERNAL, Books, Line
from domain.reconcile.names import Difference
from domain.values import Instrument, Nanos, Product

_SIZED = (Difference.EXTERNAL_POSITION, Difference.QUANTITY_DRIFT)
"""Where the broker shows other units than the books: somebody must own what is between."""
_OWNED = (*_SIZED, Difference.EXTERNAL_SHORT, Difference.HOLDING_DRIFT)
"""Where units can be given to a strategy."""

AcceptEvent = DifferenceCleared | PositionAdjusted | OrderClosed


def was_journaled(records: Iterable[JournalRecord], request: int) -> bool:
    """Whether this request of a person's has been carried out: it may be told twice where an actor failed."""
    events = (record.event for record in records)
    return any(
        isinstance(event, DifferenceCleared) and event.accepted is not None and event.accepted.request == request
        for event in events
    )


class CannotAccept(PatangError):
    """What was said does not fit what stands. One line."""


class Standing(Struct, frozen=True):
    """What an acceptance is held against.

    books        the journal, folded
    traders      strategy -> the lines that it trades, as configured
    instruments  by `EXCHANGE:SYMBOL`
    moving       instruments of which something is on its way
    order_of     an order of ours by the broker's id
    """

    books: Books
    traders: Mapping[str, Collection[Line]]
    instruments: Mapping[str, Instrument]
    moving: Collection[str]
    order_of: Callable[[str], OrderRecord | None]


def accepted(asked: Accept, who: str, request: int, at: Standing, now: Nanos) -> list[AcceptEvent]:
    """The events that make it so, to be committed together. Raises CannotAccept.

    request  the person's request: the same one is never journaled twice
    """
    found = _found(asked, at.books)
    instrument = asked.subject.partition(" ")[0] if found is None else found.instrument
    if instrument in at.moving:
        raise CannotAccept(f"something is on its way in {instrument}: say it again when its orders are known")
    if found is None:
        return _give(asked, who, request, at, now)
    name = Difference(found.name)
    if asked.to is not None and name not in _OWNED:
        raise CannotAccept(f"{found.name} has no units to give: leave --to out")
    if name in _SIZED:
        return _sized(asked, found, who, request, at, now)
    if name is Difference.HOLDING_DRIFT and asked.to == EXTERNAL:
        raise CannotAccept("holdings of the external ledger are not compared: leave --to out, or name a strategy")
    if name is Difference.HOLDING_DRIFT and asked.to is not None:
        given = _given(asked, found.units, _line(found), who, at, now)
        return [_cleared(asked, found, who, request, now), replace(given, of_holdings=True)]
    if name is Difference.EXTERNAL_SHORT and asked.to:
        return _give(asked, who, request, at, now)
    if name is Difference.MISSING_ORDER:
        return [_gone(asked, found, who, at, now), _cleared(asked, found, who, request, now)]
    return [_cleared(asked, found, who, request, now, stays=True)]


def _found(asked: Accept, books: Books) -> DifferenceFound | None:
    """The difference that is meant; None where units of the external ledger are to be given and nothing stands."""
    meant = [
        each
        for each in books.standing.values()
        if each.subject == asked.subject and asked.name in ("", each.name, each.name.replace(" ", "_"))
    ]
    if len(meant) == 1:
        return meant[0]
    stands = "; ".join(f"{each.name} in {each.subject}" for each in meant or books.standing.values()) or "nothing"
    if meant:
        raise CannotAccept(f"{asked.subject} has several differences: say which with --name; {stands}")
    if asked.to:
        return None
    raise CannotAccept(f"no difference of that name stands in {asked.subject!r}; what stands: {stands}")


def _sized(
    asked: Accept, found: DifferenceFound, who: str, request: int, at: Standing, now: Nanos
) -> list[AcceptEvent]:
    """The books take the broker's size: what is between belongs to the external ledger, or to a strategy."""
    if asked.to:
        given = _given(asked, found.units, _line(found), who, at, now)
        return [_cleared(asked, found, who, request, now), given]
    if asked.to is None and found.name == Difference.QUANTITY_DRIFT.value:
        raise CannotAccept(
            f"{found.units:+d} units of {found.subject} must belong to somebody: --to external, or --to STRATEGY"
        )
    return [_cleared(asked, found, who, request, now, adopted=found.units)]


def _give(asked: Accept, who: str, request: int, at: Standing, now: Nanos) -> list[AcceptEvent]:
    """All that the external ledger has of a line becomes a strategy's."""
    line = _parsed(asked.subject)
    units = at.books.owners(line).get(EXTERNAL, 0)
    if not units:
        raise CannotAccept(f"no difference stands in {asked.subject!r}, and the external ledger has nothing there")
    adopted = at.books.adopted(line)
    given = _given(asked, units, line, who, at, now, adopted=adopted)
    name = Difference.EXTERNAL_SHORT if units < 0 else Difference.EXTERNAL_POSITION
    why = f"accepted by {who}: {asked.why}"
    events: list[AcceptEvent] = [DifferenceCleared(name.value, asked.subject, why, now, Acceptance(who, request))]
    booked = units - adopted
    if booked:
        # What the external ledger had by trades leaves it at the price at which the strategy takes it.
        events.append(_event(asked, EXTERNAL, line, given.token, booked, 0, who, now))
    return [*events, given]


def _given(
    asked: Accept, units: int, line: Line, who: str, at: Standing, now: Nanos, adopted: int = 0
) -> PositionAdjusted:
    assert asked.to, "given to a strategy"
    instrument = at.instruments.get(line[0])
    owners = at.books.owners(line)
    if instrument is None or (line not in at.traders.get(asked.to, ()) and not owners.get(asked.to)):
        raise CannotAccept(f"{asked.to} does not trade {line[0]} {line[1].value}: the units cannot be its own")
    if asked.price <= 0:
        raise CannotAccept("--price: say what a unit is taken to have cost, in rupees")
    have = owners.get(asked.to, 0)
    if have * (have + units) < 0:
        raise CannotAccept(f"{asked.to} holds {have} of {line[0]}: {units:+d} would turn its position")
    return _event(asked, asked.to, line, instrument.token, have, have + units, who, now, adopted)


def _event(
    asked: Accept, owner: str, line: Line, token: int, before: int, after: int, who: str, now: Nanos, adopted: int = 0
) -> PositionAdjusted:
    return PositionAdjusted(
        kind=AdjustmentKind.ASSIGNMENT,
        strategy=owner,
        instrument=line[0],
        token=token,
        product=line[1],
        quantity=before,
        becomes=after,
        to_product=line[1],
        who=who,
        why=asked.why,
        time=now,
        price=asked.price,
        adopted=adopted,
    )


def _cleared(
    asked: Accept, found: DifferenceFound, who: str, request: int, now: Nanos, *, stays: bool = False, adopted: int = 0
) -> DifferenceCleared:
    why = f"accepted by {who}: {asked.why}"
    return DifferenceCleared(found.name, found.subject, why, now, Acceptance(who, request, stays, adopted))


def _gone(asked: Accept, found: DifferenceFound, who: str, at: Standing, now: Nanos) -> OrderClosed:
    """An order of ours that the broker shows no more: over, with what of it is booked."""
    record = at.order_of(found.subject.removeprefix("order "))
    if record is None or record.state is not OrderState.ACKNOWLEDGED:
        raise CannotAccept(f"{found.subject} is over, or not known: nothing is left to accept")
    return OrderClosed(
        tag=record.tag,
        order_id=record.order_id,
        strategy=record.intent.strategy,
        state=OrderState.CANCELLED,
        filled=record.booked,
        text=f"gone at the broker, as {who} accepts: {asked.why}",
        time=now,
    )


def _line(found: DifferenceFound) -> Line:
    return found.instrument, Product(found.product)


def _parsed(subject: str) -> Line:
    instrument, _, product = subject.partition(" ")
    try:
        return instrument, Product(product)
    except ValueError:
        raise CannotAccept(f"found {subject!r}; allowed: EXCHANGE:SYMBOL PRODUCT, such as NSE:INFY MIS") from None
