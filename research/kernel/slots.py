"""What the generated module puts in place of these: the loop reads as plain Python, and runs as that too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

AHEAD = 24
"""So many bars ahead `fetch` is asked for, which is the time that memory takes."""
READS_SESSION = True
"""Whether the rule looks at the session at all: what nobody reads is not computed."""
READS_AGE = True
"""The same for the age of its position."""

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Numba's decorator, once generated."""
    return function


def inlined(function: F) -> F:
    """The same for what every order goes through: written into whoever calls it."""
    return function


def row_at(index: int, opens: Any, highs: Any, lows: Any, closes: Any, volumes: Any, columns: Any) -> Any:  # noqa: ANN401 - arrays, and a named tuple by strategy
    """The row of a bar: prices in rupees, volume, and every declared indicator."""
    raise NotImplementedError


def finite_at(index: int, columns: Any) -> bool:  # noqa: ANN401 - as above
    """Every indicator has a value."""
    raise NotImplementedError


def fetch(array: Any, index: int) -> None:  # noqa: ANN401 - an array
    """Begin to bring what stands there from memory, which takes as long as an order's checks."""


def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:  # noqa: ANN401 - as above
    """The rule's own, its answer as (quantity, stop, target, trail, state)."""
    raise NotImplementedError
