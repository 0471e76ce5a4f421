"""Which limits hold for an intent while the configuration changes: those of the version it was decided under, and
whatever has been tightened since.

A tightened limit holds at once, for every intent. A loosened one holds for intents that were decided under it, and for
the guards (losses, the feed's age) from when every actor has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import fields

from domain.risk.limits import RiskLimits

VERSIONS_MAX: Final = 64
"""Versions that are remembered: an intent lives for seconds."""

LARGER: Final = frozenset(
    {
        "exits_reserved_share",
        "repeat_seconds",
        "cool_down_minutes",
        "circuit_margin_percent",
        "physical_settlement_sessions",
        "margin_percent_mis",
        "margin_percent_cnc",
        "margin_percent_nrml",
        "margin_percent_mtf",
        "margin_percent_short_option",
        "margin_buffer_percent",
        "banned",
    }
)
"""Limits of which the larger is the stricter; of all others the smaller is."""


class RiskTerms(Struct, frozen=True):
    """What of the risk gate's settings may change while it trades.

    intent_valid_seconds  market seconds; for the exits that the gate makes itself
    market_protection     what market orders are sent with: percent in 1/100, -1 for the broker's own band
    """

    limits: RiskLimits
    intent_valid_seconds: float
    market_protection: int = -1


def strictest(one: RiskLimits, other: RiskLimits) -> RiskLimits:
    """Limits that allow only what both allow, limit by limit."""
    values: dict[str, Any] = {}
    for field in fields(RiskLimits):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, tuple):
            both = tuple(dict.fromkeys((*a, *b)))
            values[field.name] = (
                both if field.name in LARGER else tuple(each for each in both if each in a and each in b)
            )
        else:
            values[field.name] = max(a, b) if field.name in LARGER else min(a, b)
    return RiskLimits(**values)


class VersionedLimits:
    """The terms of the last versions. Versions only grow.

    settled  the version that every actor is known to have
    """

    def __init__(self, terms: Mapping[int, RiskTerms], settled: int) -> None:
        """From what is known: every version in order, up to one that may still be on its way."""
        self.settled = settled
        self._terms: dict[int, RiskTerms] = {}
        self._limits: dict[int, RiskLimits] = {}
        for version in sorted(terms):
            self.prepare(version, terms[version])

    def prepare(self, version: int, terms: RiskTerms) -> None:
        """A new version: what it tightens holds from now on, for intents of former versions too. Once, if repeated."""
        if version in self._terms:
            return
        for former, limits in self._limits.items():
            self._limits[former] = strictest(limits, terms.limits)
        self._terms[version] = terms
        self._limits[version] = terms.limits
        for oldest in sorted(self._terms)[:-VERSIONS_MAX]:
            if oldest != self.settled:
                del self._terms[oldest], self._limits[oldest]

    def settle(self, version: int) -> None:
        """Every actor has this version: what it loosens holds for the guards as well."""
        if version in self._terms:
            self.settled = max(self.settled, version)

    @property
    def newest(self) -> int:
        """The newest version, settled or not."""
        return max(self._terms)

    @property
    def current(self) -> RiskTerms:
        """What holds for what is no intent of a version: guards, and exits of the gate's own."""
        return self.of(self.settled)

    def of(self, version: int) -> RiskTerms:
        """What holds for an intent that was decided under this version; for one that is unknown, the nearest before
        it that is known (else the oldest): never anything looser than was in force when it was decided.
        """
        known = (
            version
            if version in self._terms
            else max((v for v in self._terms if v < version), default=min(self._terms))
        )
        terms = self._terms[known]
        return RiskTerms(self._limits[known], terms.intent_valid_seconds, terms.market_protection)
