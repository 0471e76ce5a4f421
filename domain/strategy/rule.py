"""A RuleStrategy: indicators and one pure function of scalars.

    class MyRule(RuleStrategy, frozen=True):
        period: Annotated[int, Meta(ge=2, le=200)] = 20

        def indicators(self):
            return {"average": indicator("SMA", timeperiod=self.period)}

        @staticmethod
        def decide(now, before, book, session, state, params):
            if now.close > now.average:
                return Targets(book.size), state
            return Targets(0), state

`decide` is called for every complete, live bar of each instrument once every value of `now` and `before` is finite. It
sees scalars in named tuples only, so that research can compile the very same function.

A rule that trades several instruments together names its legs, in the order of the configured instruments:

    class Pair(RuleStrategy, frozen=True):
        legs: ClassVar = ("one", "other")

Then `now`, `before` and `book` hold one row and one book per leg (`now.one.close`, `book.other.quantity`), `decide` is
called when every leg has its bar of the same interval, and answers with one `Targets` per leg, in that order.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from msgspec import Struct

from domain.indicators.declaration import COLUMNS, Indicator

if TYPE_CHECKING:
    from collections.abc import Sequence


class Targets(NamedTuple):
    """What the strategy wants to hold from here on: the whole wish, for this is not added to earlier ones.

    quantity  signed units; `book.quantity + book.pending` to leave things as they are
    stop      price in rupees at which the position is to be left at a loss; 0 for none
    target    price in rupees at which it is to be left at a gain; 0 for none
    trail     distance in rupees that the price may come back from its best since entry; 0 for none
    """

    quantity: int
    stop: float = 0.0
    target: float = 0.0
    trail: float = 0.0

    @property
    def watched(self) -> bool:
        """Whether there is a price at which it is to be left."""
        return bool(self.stop or self.target or self.trail)


class Book(NamedTuple):
    """The strategy's own position in the instrument.

    quantity   signed units held, fills seen included
    pending    signed units of orders under way
    size       units of one position by the configured sizing, at this bar's close; 0: too dear
    entry      average price of the open position in rupees; 0 when flat
    bars_held  bars closed since the position was opened; 0 when flat
    """

    quantity: int
    pending: int
    size: int
    entry: float
    bars_held: int


class SessionNow(NamedTuple):
    """Where the bar's end lies in the session.

    bar               number of the bar in the session, from 1, by the clock
    minutes_open      minutes since the session opened
    minutes_left      minutes until continuous trading ends
    """

    bar: int
    minutes_open: int
    minutes_left: int


STATE_BARS: Final = 390
"""Bars of history from which a state and its stops are rebuilt, unless a rule says more: a session of minutes."""


class NoState(NamedTuple):
    """The state of a rule that keeps none."""


class RuleStrategy(Struct, frozen=True, forbid_unknown_fields=True):
    """Subclass with fields as parameters, their bounds by `Annotated[int, Meta(ge=..., le=...)]`.

    A state (a small named tuple of scalars) is not stored. At every start it begins with `initial`, and `decide` runs
    over the `state_bars` of history that follow the warm-up, with the positions of then and without ordering
    anything: that rebuilds the state, and the stops of a position that is held.

    legs        see the module; empty: each instrument is decided on by itself
    state_bars  let it be long enough for the state to forget where it began
    """

    decide: ClassVar[Callable[..., tuple[Any, Any]]]
    legs: ClassVar[tuple[str, ...]] = ()
    state_bars: ClassVar[int] = STATE_BARS

    def indicators(self) -> Mapping[str, Indicator]:
        """The columns of the rows beside the bar's own open, high, low, close (rupees) and volume."""
        return {}

    def initial(self) -> tuple[object, ...]:
        """The state before the first decision."""
        return NoState()


Row = tuple[float, ...]
"""A named tuple: open, high, low, close, volume and the declared indicators, floats all."""


def row_type(names: Sequence[str]) -> Callable[..., Row]:
    """The named tuple for the rows of these indicators; the same one for the same names."""
    return _row_type(tuple(names))


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> Callable[..., Row]:
    taken = set(names) & set(COLUMNS)
    if taken:
        raise ValueError(f"indicator {min(taken)!r}: that is a column of the bar itself; choose another name")
    # Fields are known only once the strategy is.
    return namedtuple("Row", (*COLUMNS, *names))  # noqa: PYI024


@lru_cache(maxsize=256)
def legs_type(names: tuple[str, ...]) -> Callable[..., tuple[Any, ...]]:
    """The named tuple that holds one thing per leg; the same one for the same names."""
    return namedtuple("Legs", names)  # noqa: PYI024 - as in _row_type


def parameters_of(strategy: RuleStrategy) -> tuple[object, ...]:
    """The strategy's numeric fields as a named tuple, for `decide`."""
    names = tuple(name for name in strategy.__struct_fields__ if isinstance(getattr(strategy, name), int | float))
    return _parameter_type(type(strategy).__name__, names)(*(getattr(strategy, name) for name in names))


@lru_cache(maxsize=256)
def _parameter_type(name: str, fields: tuple[str, ...]) -> Callable[..., tuple[object, ...]]:
    return namedtuple(f"{name}Parameters", fields)  # noqa: PYI024 - as in _row_type
