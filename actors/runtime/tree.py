"""The live tree, as plain values."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct


class TreeNode(Struct, frozen=True):
    """A supervisor or a child at one moment.

    kind                `supervisor` or `child`
    state               down, waiting (for its backoff), starting, up, stopping, stopped, gave_up
    incarnation         lives so far; restarts: starts after the first
    failures            in a row: what its backoff goes by
    hung                lives that were given up as hung; abandoned: those whose threads are still alive
    uptime_seconds      since it was last up; None when it is not
    oldest_age_seconds  how long the oldest message has waited; None when none waits
    depths              messages waiting, by lane: control, events, data; depth: all of them
    depth … dead_letters  see `cell.CellCounts`; 0 for a supervisor
    """

    id: str
    kind: str
    state: str
    incarnation: int
    restarts: int
    uptime_seconds: float | None = None
    last_failure: str | None = None
    failures: int = 0
    hung: int = 0
    abandoned: int = 0
    depth: int = 0
    depths: tuple[int, int, int] = (0, 0, 0)
    high_water: int = 0
    oldest_age_seconds: float | None = None
    handled: int = 0
    conflated: int = 0
    dropped: int = 0
    lost: int = 0
    dead_letters: int = 0
    children: tuple[TreeNode, ...] = ()

    def walk(self) -> Iterator[TreeNode]:
        """Itself and everything below, in starting order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, id: str) -> TreeNode:  # noqa: A002 - the spec's own word
        """The node of that id. Raises KeyError."""
        for node in self.walk():
            if node.id == id:
                return node
        raise KeyError(id)
