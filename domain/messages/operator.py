"""What a person tells a running trader from another terminal, and what comes of it."""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias

from msgspec import Struct

from domain.messages.versions import ConfigChange
from domain.values import E4, Nanos, Product


class Halt(Struct, frozen=True, tag=True):
    """Latch: no entry leaves any more, resting entries are cancelled. Stays until a person resumes.

    flatten  close every position as well
    """

    why: str
    flatten: bool = False


class Resume(Struct, frozen=True, tag=True):
    """Clear the latch; or (thaw not empty) let one frozen strategy or `EXCHANGE:SYMBOL` trade again, no more."""

    why: str
    thaw: str = ""


class Flatten(Struct, frozen=True, tag=True):
    """Close what is held now, of one strategy or (empty) of all. The trading state stays as it is."""

    why: str
    strategy: str = ""


class Cancel(Struct, frozen=True, tag=True):
    """Cancel one order by its tag, or what rests of one strategy, or (both empty) whatever rests.

    include_exits  exits too; a tag is cancelled whatever it is
    """

    why: str
    tag: str = ""
    strategy: str = ""
    include_exits: bool = False


class Resolve(Struct, frozen=True, tag=True):
    """A person's finding about an unresolved order: placed under this order id, or (empty) absent."""

    why: str
    tag: str
    order_id: str = ""


class Accept(Struct, frozen=True, tag=True):
    """Accept a difference that stands, by its subject (and name, where it has several).

    to     whose the units are that differ: a strategy; empty: the external ledger; None: as the difference has it
    price  at which a strategy takes or loses them, 1/10,000 rupee per unit
    """

    why: str
    subject: str
    name: str = ""
    to: str | None = None
    price: E4 = 0


class Switch(Struct, frozen=True, tag=True):
    """Let one strategy enter positions, or (on False) only leave them: now and after every restart."""

    why: str
    strategy: str
    on: bool


class Reload(Struct, frozen=True, tag=True):
    """Read the configuration's files again, and take over what may change while it trades.

    dry_run  only say what would change
    """

    why: str
    dry_run: bool = False


class AdjustWhat(Enum):
    """SPLIT: other units, the same cost. CONVERT: to another product. SETTLE: a contract's end. PEAK: drawdown anew."""

    SPLIT = "split"
    CONVERT = "convert"
    SETTLE = "settle"
    PEAK = "peak"


class Adjust(Struct, frozen=True, tag=True):
    """Change the books by hand, while no trader runs.

    instrument  `EXCHANGE:SYMBOL`
    strategy    whose; empty: the external ledger's; None: everybody's who holds it
    new, old    of a split: so many new units for so many old ones
    quantity, product, to_product  of a conversion, units unsigned
    price, tax  of a settlement, 1/10,000 rupee
    """

    why: str
    what: AdjustWhat
    instrument: str = ""
    strategy: str | None = None
    new: int = 0
    old: int = 0
    quantity: int = 0
    product: Product | None = None
    to_product: Product | None = None
    price: E4 = 0
    tax: E4 = 0


OperatorCommand: TypeAlias = Halt | Resume | Flatten | Cancel | Resolve | Accept | Switch | Adjust | Reload


class OperatorRequest(Struct, frozen=True, tag=True):
    """Command, operator to the risk gate, the order supervisor or a strategy.

    id    of the stored request: the answer names it
    time  when it was asked, wall time
    who   the person
    """

    id: int
    time: Nanos
    who: str
    command: OperatorCommand


class WaitingRequest(Struct, frozen=True):
    """A stored request without an outcome. taken: by which process's life; empty: by nobody yet."""

    request: OperatorRequest
    taken: str


class OperatorAnswered(Struct, frozen=True, tag=True):
    """Event, whoever carried it out to operator: what came of a request.

    done  it was carried out; otherwise `text` says why not
    tags  the orders it concerns: on the wire when the latch closed, being cancelled, closing positions, resolved
    changes  of the configuration: what differs (or would), whenever it takes effect
    """

    request: int
    done: bool
    text: str
    tags: tuple[str, ...] = ()
    changes: tuple[ConfigChange, ...] = ()


def is_harmless_again(command: OperatorCommand) -> bool:
    """Whether a command may be carried out once more where it is not known whether it was.

    Halting twice halts; cancelling or resolving one named order twice finds it done, as switching a strategy or
    reading the configuration again does.
    But resuming again could clear a newer halt, and flattening or cancelling everything again would hit what was
    opened since.
    """
    match command:
        case Halt(flatten=flatten):
            return not flatten
        case Cancel(tag=tag):
            return bool(tag)
        case Resolve() | Switch() | Reload():
            return True
        case _:
            return False


def outlives_its_asker(command: OperatorCommand) -> bool:
    """Whether the request stays where nobody takes it in time. A halt does; nothing else happens by surprise later."""
    return isinstance(command, Halt)
