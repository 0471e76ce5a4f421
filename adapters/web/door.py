"""Who may come in: one token for the machine, sessions for browsers, and a word of confirmation for what is dangerous.

Pure but for the randomness handed in; the ASGI layer (guard.py) asks here.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from domain.errors import PatangError
from domain.ports import Clock
from domain.values import SECOND, Nanos

TOKEN_BYTES: Final = 32
SESSION_HOURS: Final = 12
ENDED_MAX: Final = 1_000
CONFIRM_SECONDS: Final = 60
CONFIRMATIONS_MAX: Final = 64
GUESSES_PER_MINUTE: Final = 10
CALLS_PER_SECOND: Final = 50
BURST: Final = 200


def machine_token(path: Path) -> str:
    """The token in the file, made on first use: mode 0600, folder 0700.

    Raises PatangError where it cannot be read or made, or where others could read it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            mode = path.stat().st_mode & 0o777
            if mode & 0o077:
                raise PatangError(f"{path}: others may read it (mode {mode:o}); allowed: chmod 600") from None
            text = path.read_text(encoding="ascii").strip()
            if len(text) < TOKEN_BYTES:
                raise PatangError(f"{path}: holds no token; delete it, and a new one is made") from None
            return text
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(token + "\n")
    except (OSError, UnicodeError) as error:
        raise PatangError(f"{path}: {error}") from error
    return token


class Confirmation(Struct, frozen=True):
    """Lets exactly one call through: this action with this body, until `expires` (monotonic)."""

    action: str
    body: str
    expires: Nanos


class Door:
    """The token, the sessions, the confirmations, and the rates. One event loop calls it, so there is no lock.

    clock  monotonic
    wall   of the sessions' ends
    """

    def __init__(self, token: str, clock: Clock, wall: Clock, draw: Callable[[], str] = secrets.token_urlsafe) -> None:
        self._token = _digest(token)
        self._clock = clock
        self._wall = wall
        self._draw = draw
        self._ended: dict[str, None] = {}
        self._confirmations: dict[str, Confirmation] = {}
        self._guesses: deque[Nanos] = deque(maxlen=GUESSES_PER_MINUTE)
        self._credit: float = BURST
        self._credited: Nanos = clock.now_ns()

    def is_token(self, offered: str) -> bool:
        """Whether this is the token; takes as long for every wrong one. A wrong one counts as a guess."""
        if hmac.compare_digest(self._token, _digest(offered)):
            return True
        self._guesses.append(self._clock.now_ns())
        return False

    def is_guessed(self) -> bool:
        """Whether somebody has offered a full minute's worth of wrong tokens within a minute."""
        full = len(self._guesses) == GUESSES_PER_MINUTE
        return full and self._clock.now_ns() - self._guesses[0] < 60 * SECOND

    def open_session(self) -> str:
        """A new session's word, for a cookie. It is signed with the token, so it outlives a restart of the server."""
        expires = self._wall.now_ns() // SECOND + SESSION_HOURS * 3600
        said = f"{expires}.{self._draw()}"
        return f"{said}.{self._signed(said)}"

    def is_session(self, word: str) -> bool:
        """Whether the cookie's session was opened here and lasts."""
        said, _, signature = word.rpartition(".")
        if not said or not hmac.compare_digest(signature.encode(), self._signed(said).encode()) or word in self._ended:
            return False
        return int(said.partition(".")[0]) > self._wall.now_ns() // SECOND

    def end_session(self, word: str) -> None:
        """Log out."""
        if self.is_session(word):
            while len(self._ended) >= ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            self._ended[word] = None

    def ask_confirmation(self, action: str, body: str) -> str:
        """A word that lets this one call through within CONFIRM_SECONDS."""
        now = self._clock.now_ns()
        self._confirmations = {word: each for word, each in self._confirmations.items() if each.expires > now}
        while len(self._confirmations) >= CONFIRMATIONS_MAX:
            del self._confirmations[next(iter(self._confirmations))]
        word = self._draw()
        self._confirmations[word] = Confirmation(action, body, now + CONFIRM_SECONDS * SECOND)
        return word

    def confirmed(self, word: str, action: str, body: str) -> bool:
        """Whether the word is good for this call. It is used up, whatever the answer."""
        found = self._confirmations.pop(word, None)
        return found is not None and found == Confirmation(action, body, found.expires) and self._lasts(found)

    def take_turn(self) -> bool:
        """Whether one more call is within the rate."""
        now = self._clock.now_ns()
        self._credit = min(BURST, self._credit + (now - self._credited) / SECOND * CALLS_PER_SECOND)
        self._credited = now
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _signed(self, said: str) -> str:
        return hmac.new(self._token, said.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _lasts(self, confirmation: Confirmation) -> bool:
        return confirmation.expires > self._clock.now_ns()


def _digest(text: str) -> bytes:
    """Of one length, so that comparing tells nothing of how long the token is."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
