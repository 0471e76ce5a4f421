"""The day's access token, in one place for every worker and the socket. It never shows in a text."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Final

from msgspec import Struct

_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,512}")
"""Printable ASCII without spaces. Anything else could break out of a header, and its error would show the token."""

HIDDEN: Final = "****"


class Token(Struct, frozen=True):
    """One access token. `generation` tells it from the one before without showing either."""

    generation: int
    value: str

    def __repr__(self) -> str:
        """Without the value."""
        return f"Token(generation={self.generation})"

    __str__ = __repr__


class TokenHolder:
    """Thread-safe: workers read it at every request, the session replaces it, whoever meets a 403 invalidates it."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """`secrets`: other values (the api secret, say) that `scrub` must hide as well."""
        self._lock = threading.Lock()
        self._current: Token | None = None
        self._generation = 0
        self._hidden: list[str] = [secret for secret in secrets if secret]
        self._watchers: list[Callable[[], None]] = []
        self.user_id = ""
        """Whose session was opened last; empty before."""

    def __repr__(self) -> str:
        """Whether there is a token, never which."""
        return f"TokenHolder({'open' if self._current else 'closed'})"

    def current(self) -> Token | None:
        """The token, or None when a login is needed."""
        return self._current

    def put(self, value: str) -> Token:
        """A new token: every later request uses it. Raises ValueError, without the value, for an impossible one."""
        if not _TOKEN.fullmatch(value):
            raise ValueError("the access token is not printable ASCII without spaces")
        with self._lock:
            self._generation += 1
            self._current = Token(self._generation, value)
            if value not in self._hidden:
                self._hidden = [*self._hidden, value]
            return self._current

    def invalidate(self, generation: int | None = None) -> bool:
        """Forget the token of this generation (None: whichever). A late 403 of an older token changes nothing.

        True where there was one to forget: the watchers have then been called.
        """
        with self._lock:
            if self._current is None or generation not in (None, self._current.generation):
                return False
            self._current = None
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher()
        return True

    def doubt(self, generation: int) -> None:
        """Somebody was turned away with this token who cannot prove it dead (the socket's handshake, say).

        The token stays in use; the watchers are called, since someone should ask the broker about it.
        """
        with self._lock:
            if self._current is None or generation != self._current.generation:
                return
            watchers = tuple(self._watchers)
        for watcher in watchers:
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call back, on the thread that noticed, whenever a token is invalidated or doubted. It must only enqueue."""
        with self._lock:
            self._watchers.append(watcher)

    def scrub_bytes(self, content: bytes) -> bytes:
        """The content with every secret known here hidden."""
        for secret in self._hidden:
            content = content.replace(secret.encode(), HIDDEN.encode())
        return content

    def scrub(self, text: str) -> str:
        """The text on one line, at most 300 characters, with every secret known here hidden."""
        for secret in self._hidden:
            if secret in text:
                text = text.replace(secret, HIDDEN)
        return " ".join(text.split())[:300]
