"""What generated modules put in place of these: the loop reads as plain Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

AHEAD = 24
"""So many bars ahead `fetch` is asked for, which is the time that memory takes."""
READS_SESSION = True
"""Whether the rule looks at the session at all: what nobody reads is not computed."""
READS_AGE = True
"""The same for the age of its position."""
WORDS = 0
"""Length of the sheet, with the rule's own words."""

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Numba's decorator, once generated."""
    return function


def inlined(function: F) -> F:
    """The same for what every order goes through: written into whoever calls it."""
    return function


def ints(at: int, length: int) -> Any:  # noqa: ANN401 - an array
    """Whole numbers that stand at an address."""
    raise NotImplementedError


def floats(at: int, length: int) -> Any:  # noqa: ANN401 - as above
    """The same for floats."""
    raise NotImplementedError


def table(at: int, rows: int, words: int) -> Any:  # noqa: ANN401 - as above
    """Whole numbers in rows."""
    raise NotImplementedError


def ask(at: int, i: int, upto: int, held: int) -> int:
    """`asking.quiet` of the rule whose address is the sheet's first word; -1 where it raised."""
    raise NotImplementedError


def row_at(index: int, opens: Any, highs: Any, lows: Any, closes: Any, volumes: Any) -> Any:  # noqa: ANN401 - arrays, and a named tuple by strategy
    """The row of a bar: prices in rupees, volume, and every declared indicator."""
    raise NotImplementedError


def finite_at(index: int) -> bool:
    """Every indicator has a value."""
    raise NotImplementedError


def fetch(array: Any, index: int) -> None:  # noqa: ANN401 - an array
    """Begin to bring what stands there from memory, which takes as long as an order's checks."""


def state_in(sheet: Any, levels: Any) -> Any:  # noqa: ANN401 - the rule's named tuple
    """The state as it stands in the sheet."""
    raise NotImplementedError


def keep_state(sheet: Any, levels: Any, state: Any) -> None:  # noqa: ANN401 - as above
    """Put it there."""
    raise NotImplementedError


def params_in(sheet: Any, levels: Any) -> Any:  # noqa: ANN401 - as above
    """The rule's parameters, which stand before the state."""
    raise NotImplementedError


def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:  # noqa: ANN401 - as above
    """The rule's own, its answer as (quantity, stop, target, trail, state)."""
    raise NotImplementedError
