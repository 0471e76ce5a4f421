"""What the web server shows and does, stated as a protocol: `app.backstage` supplies it from the stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

from adapters.web.metrics import Figures
from domain.messages.operator import OperatorCommand

Document = Mapping[str, Any]
"""A JSON object; money in it is a number of rupees, times are ISO 8601 in IST."""


class Done(Struct, frozen=True):
    """What came of a command. tags: the orders it concerns."""

    done: bool
    text: str
    tags: tuple[str, ...] = ()


class Backstage(Protocol):
    """Reads take milliseconds and raise PatangError where a store cannot be read; `command` may take half a minute."""

    def status(self) -> Document:
        """How the trader stands: running, state, feed, money, counts, `version` numbers of what may be read again."""
        ...

    def tree(self) -> Document | None:
        """The live tree of actors."""
        ...

    def strategies(self) -> Sequence[Document]:
        """Each configured strategy with its result, its state and what it holds."""
        ...

    def positions(self) -> Sequence[Document]:
        """Open lines first, then those that are flat again."""
        ...

    def orders(self, strategy: str, state: str, limit: int) -> Sequence[Document]:
        """The newest orders of the day, newest first; empty words mean any."""
        ...

    def order(self, tag: str) -> Document | None:
        """One order with every step of its life."""
        ...

    def curve(self, strategy: str, after_ns: int, limit: int) -> Sequence[Document]:
        """The result over time, of one strategy or (empty) of the account."""
        ...

    def charts(self) -> Sequence[Document]:
        """Instruments and intervals that there are bars of."""
        ...

    def bars(self, instrument: str, seconds: int, limit: int) -> Document:
        """Bars, and our fills on them."""
        ...

    def limits(self) -> Sequence[Document]:
        """Each limit with how much of it is used."""
        ...

    def alerts(self, limit: int) -> Sequence[Document]:
        """The newest alerts first."""
        ...

    def acknowledge(self, alert: int, who: str) -> bool:
        """A person has seen the alert; False where there is none, or somebody had."""
        ...

    def logs(self, level: str, text: str, limit: int) -> Sequence[Document]:
        """The newest log lines that are at least of this level and contain the text, oldest first."""
        ...

    def configuration(self) -> Document:
        """What is in force, secrets masked, and where each value came from."""
        ...

    def configuration_diff(self) -> Document:
        """What the files say now and is not in force; `error` in one line where they are wrong."""
        ...

    def reports(self) -> Sequence[Document]:
        """The reports that were written, newest first."""
        ...

    def report(self, name: str) -> Path | None:
        """The file of one report by its name in `reports`; None for any other word."""
        ...

    def figures(self) -> Figures:
        """What Prometheus reads."""
        ...

    def command(self, command: OperatorCommand, who: str) -> Done:
        """Have it carried out and wait for what came of it."""
        ...
