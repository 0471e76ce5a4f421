"""Death watch and links: who wants to know of whose end, and who dies with whom. Kept on the engine's strand.

A bond belongs to incarnations, as Erlang's belong to processes: it ends with either side, and whoever wants it again
in the next life asks again. A watch goes one way and is told once (`Down`). A link goes both ways: a failure of one
ends the other, or, where that one has `context.trap_exits` set, is told to it (`Exit`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeAlias

from actors.runtime.messages import Down

NORMAL: Final = "normal"
SHUTDOWN: Final = "shutdown"
NO_ACTOR: Final = "no such actor"

Life: TypeAlias = tuple[str, int]
"""A name and the incarnation that is meant."""


class Bonding(Protocol):
    """How an incarnation, named first, bonds with the actor named last."""

    def watch(self, own: Life, name: str) -> None:
        """Want to be told once of the end of its current life, at once if it has none."""
        ...

    def unwatch(self, own: Life, name: str) -> None:
        """Want it no longer."""
        ...

    def link(self, own: Life, name: str) -> None:
        """Die with its current life, and it with ours."""
        ...

    def unlink(self, own: Life, name: str) -> None:
        """Do not, any longer."""
        ...


class Mortal(Protocol):
    """A child, as far as bonds are concerned."""

    @property
    def living(self) -> int | None:
        """Its incarnation; None while it is down."""
        ...

    def last_words(self) -> Down:
        """What to say of it while it is down."""
        ...

    def notify_down(self, incarnation: int, down: Down) -> None:
        """Tell that incarnation of an end that it watches."""
        ...

    def notify_exit(self, incarnation: int, down: Down) -> None:
        """Let that incarnation feel the end of one it is linked to."""
        ...


class Bonds:
    """All bonds of a system. Requests come from any strand; they are carried out on the engine's, in order.

    find  the child of a name, if there is one
    """

    def __init__(self, post: Callable[[Callable[[], None]], None], find: Callable[[str], Mortal | None]) -> None:
        self._post = post
        self._find = find
        self._watchers: dict[str, dict[Life, None]] = {}
        self._links: dict[Life, dict[Life, None]] = {}

    # -- from any strand ---------------------------------------------------------------------------------------------

    def watch(self, own: Life, name: str) -> None:
        """See Bonding."""
        self._post(partial(self._watch, own, name))

    def unwatch(self, own: Life, name: str) -> None:
        """See Bonding."""
        self._post(partial(self._unwatch, own, name))

    def link(self, own: Life, name: str) -> None:
        """See Bonding."""
        self._post(partial(self._link, own, name))

    def unlink(self, own: Life, name: str) -> None:
        """See Bonding."""
        self._post(partial(self._unlink, own, name))

    # -- on the engine's strand --------------------------------------------------------------------------------------

    def ended(self, down: Down) -> None:
        """A life is over: tell its watchers, strike its links, forget its own watches."""
        life = (down.name, down.incarnation)
        for watcher, incarnation in self._watchers.pop(down.name, {}):
            self._on(watcher, incarnation, lambda child, n: child.notify_down(n, down))
        for other in self._links.pop(life, {}):
            self._cut(other, life)
            self._on(*other, lambda child, n: child.notify_exit(n, down))
        for name in [name for name, watchers in self._watchers.items() if life in watchers]:
            self._unwatch(life, name)

    def _watch(self, own: Life, name: str) -> None:
        watcher, incarnation = own
        if not self._alive(own) or name == watcher:
            return
        child = self._find(name)
        if child is not None and child.living is not None:
            self._watchers.setdefault(name, {})[own] = None
        else:
            down = _down_already(name, child)
            self._on(watcher, incarnation, lambda found, n: found.notify_down(n, down))

    def _unwatch(self, own: Life, name: str) -> None:
        watchers = self._watchers.get(name, {})
        watchers.pop(own, None)
        if not watchers:
            self._watchers.pop(name, None)

    def _link(self, own: Life, name: str) -> None:
        if not self._alive(own) or name == own[0]:
            return
        child = self._find(name)
        if child is not None and child.living is not None:
            other = (name, child.living)
            self._links.setdefault(own, {})[other] = None
            self._links.setdefault(other, {})[own] = None
        else:
            down = _down_already(name, child)
            self._on(*own, lambda found, n: found.notify_exit(n, down))

    def _unlink(self, own: Life, name: str) -> None:
        for other in [life for life in self._links.get(own, {}) if life[0] == name]:
            self._cut(own, other)
            self._cut(other, own)

    def _cut(self, one: Life, other: Life) -> None:
        others = self._links.get(one, {})
        others.pop(other, None)
        if not others:
            self._links.pop(one, None)

    def _alive(self, life: Life) -> bool:
        child = self._find(life[0])
        return child is not None and child.living == life[1]

    def _on(self, name: str, incarnation: int, call: Callable[[Mortal, int], None]) -> None:
        child = self._find(name)
        if child is not None and child.living == incarnation:
            call(child, incarnation)


def _down_already(name: str, child: Mortal | None) -> Down:
    return Down(name, 0, NO_ACTOR, failed=True) if child is None else child.last_words()
