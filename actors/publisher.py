"""Keeps what people look at while the trader runs: prices as bars, the result as a curve, the books of this second.

Nobody waits for this actor, and it waits for nobody: its store is a file of its own, written about once a second, which
the dashboard's process reads. What is lost with a crash is at most a second of a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from actors.runtime import Actor, Context
from domain.bars import Bar
from domain.errors import PatangError
from domain.messages.control import PortfolioSnapshot, Report
from domain.messages.limits import LimitsUsed
from domain.messages.market import BarsBackfilled, BarsClosed
from domain.report.curve import CurvePoint, points_of
from domain.values import MINUTE, Nanos

WRITE_SECONDS: Final = 1.0


class LiveStore(Protocol):
    """Where the picture is kept (adapters/store/live.py)."""

    def write(
        self,
        bars: tuple[Bar, ...],
        points: tuple[CurvePoint, ...],
        books: PortfolioSnapshot | None,
        limits: LimitsUsed | None = None,
    ) -> None:
        """Keep all of it in one transaction; a bar that is there already is replaced. Raises JournalUnavailable."""
        ...

    def name(self, instruments: Mapping[int, str]) -> None:
        """Keep what the tokens stand for. Raises JournalUnavailable."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class _Write(Struct, frozen=True, tag=True):
    """Own timer."""


class Publisher(Actor):
    """See the module.

    opened       opens the store; may raise JournalUnavailable, which is tried again with the next writing
    instruments  token -> `EXCHANGE:SYMBOL` of what is traded
    """

    def __init__(self, context: Context, opened: Callable[[], LiveStore], instruments: Mapping[int, str]) -> None:
        super().__init__(context)
        self._opened = opened
        self._instruments = instruments
        self._store: LiveStore | None = None
        self._bars: dict[tuple[int, int, Nanos], Bar] = {}
        self._points: list[CurvePoint] = []
        self._books: PortfolioSnapshot | None = None
        self._limits: LimitsUsed | None = None
        self._minute = -1
        self._refused = False

    def started(self) -> None:
        """Begin to write."""
        self.context.every(WRITE_SECONDS, _Write())

    def receive(self, message: object) -> object:
        """Collect; write when it is time."""
        match message:
            case BarsClosed(bars=bars) | BarsBackfilled(bars=bars):
                for bar in bars:
                    self._keep(bar)
            case PortfolioSnapshot():
                self._books = message
                minute = message.time // MINUTE
                if minute != self._minute:
                    self._minute = minute
                    self._points.extend(points_of(message))
            case LimitsUsed():
                self._limits = message
            case _Write():
                self._write()
            case Report():
                return {"bars": len(self._bars), "points": len(self._points)}
        return None

    def stopping(self) -> None:
        """The last second, too."""
        self._write()
        if self._store is not None:
            self._store.close()

    def _keep(self, bar: Bar) -> None:
        self._bars[bar.token, bar.interval_seconds, bar.start] = bar

    def _write(self) -> None:
        if not self._bars and not self._points and self._books is None and self._limits is None:
            return
        try:
            if self._store is None:
                self._store = self._opened()
                self._store.name(self._instruments)
            self._store.write(tuple(self._bars.values()), tuple(self._points), self._books, self._limits)
        except PatangError as error:
            if not self._refused:
                self.context.log("warning", "publisher.not_written", why=str(error))
            self._refused = True
            self._points = self._points[-10_000:]
            return
        self._refused = False
        self._bars.clear()
        self._points.clear()
        self._books = self._limits = None
