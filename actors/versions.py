"""Settings by version: an intent is handled by those of the version that it was decided under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Generic, TypeVar

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.configuration import AdoptConfiguration, ConfigurationTaken, PrepareConfiguration, Terms

T = TypeVar("T")

KNOWN_MAX: Final = 64
"""Versions that are remembered: an intent lives for seconds."""


class Versions(Generic[T]):
    """One actor's settings in the last versions.

    first  of the first version, where no other is known
    part   the actor's settings as of some terms
    """

    def __init__(self, first: T, part: Callable[[Terms], T], known: Mapping[int, Terms]) -> None:
        self._part = part
        self._known: dict[int, T] = {version: part(known[version]) for version in sorted(known)} or {1: first}

    def prepare(self, terms: Terms) -> None:
        """One more version. Once, if repeated."""
        if terms.version not in self._known:
            self._known[terms.version] = self._part(terms)
            for oldest in list(self._known)[:-KNOWN_MAX]:
                del self._known[oldest]

    @property
    def newest(self) -> T:
        """The newest version's: for what is no intent of a version."""
        return self._known[max(self._known)]

    def of(self, version: int) -> T:
        """The settings of this version; of one that is not known any more (or was another process's), the nearest
        before it, else the oldest.
        """
        if version in self._known:
            return self._known[version]
        return self._known[max((each for each in self._known if each < version), default=min(self._known))]


def taken(routes: Routes, context: Context, message: PrepareConfiguration | AdoptConfiguration) -> None:
    """Tell that the version is taken in."""
    adopted = isinstance(message, AdoptConfiguration)
    routes.publish(context, ConfigurationTaken(message.terms.version, context.name, adopted=adopted))
