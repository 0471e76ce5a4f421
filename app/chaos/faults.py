"""What can go wrong, how often, and which of it goes wrong under a seed."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from random import Random
from typing import Final

from msgspec import Struct

FAULTS: Final[Mapping[str, float]] = {
    # Ours, per edge of a port or handler: a defect that raises, one that ends the thread, one that never comes back.
    "crash": 0.0008,
    "exit": 0.0002,
    "hang": 0.0002,
    "failed_start": 0.15,
    "domino": 0.6,  # a crash brings others down with it
    # The socket, per second.
    "feed_stall": 0.02,
    "frozen_peer": 0.02,
    "slow_drip": 0.02,
    "link_breaks": 0.02,
    "ghost": 0.5,
    "connect_refused": 0.3,
    "connect_hangs": 0.15,
    # The way to the broker, per request.
    "request_lost": 0.02,
    "reply_lost": 0.03,
    "late_order": 0.02,
    "rate_limited": 0.03,
    "server_error": 0.03,
    "garbled": 0.02,
    "told_timed_out": 0.02,
    "unreachable": 0.05,
    "slow_network": 0.05,
    "read_fails": 0.08,
    "crowded": 0.15,
    # Order updates, each.
    "update_lost": 0.2,
    "update_doubled": 0.2,
    "update_overtaken": 0.3,
    # The exchange, per order or fill.
    "partial_fill": 0.5,
    "unfilled": 0.1,
    "late_rejection": 0.06,
    # The session: expiries per run; how often a login fails.
    "token_expiry": 1.0,
    "login_fails": 0.4,
    # The process and the machine: per run, per commit.
    "kill": 1.0,
    "clock_jump": 1.0,
    "slow_disk": 0.2,
    "disk_full": 0.01,
    # A person at the controls, per run.
    "operator": 1.0,
}
"""Every kind of fault and its usual probability where it is asked for. Kinds asked once per run have 1."""

DEFECTS: Final = ("crash", "exit", "hang")
"""Of our own code, at any edge of a port or handler."""

_INTENSITIES: Final = (0.3, 1.0, 1.0, 2.5)
_FOCUSED: Final = (1.0, 3.0, 6.0)
"""How much more often faults strike: usually, and where only a few kinds are on."""


MANAGED: Final = ("client", "broker", "gtt", "chase", "twap", "broker twap")
"""Exits that we watch, that rest as stops or as a GTT; decisions carried out by a chase or in slices."""


def _managed(seed: int) -> str:
    """Half of the seeds have one. Drawn apart from everything else, which stays what it was without."""
    random = Random(seed * 7_368_787 + 5)  # noqa: S311 - a pretend world
    return random.choice(MANAGED) if random.random() < 0.5 else ""


class Plan(Struct, frozen=True):
    """One seed's circumstances. Seconds are virtual; market seconds pass `rate` times as fast.

    rates         fault -> probability where it is asked for; kinds that are off are missing
    valid_seconds market seconds that a decision may be sent
    managed       how one strategy more trades: `MANAGED`; empty: there is none
    kills         how many kills; each at a random step or at a random edge of a port
    """

    seed: int
    rates: Mapping[str, float]
    rate: int
    storm_seconds: float
    valid_seconds: float
    switch: float
    stretch: float
    longest_seconds: float
    kills: int
    square_off_early: bool
    managed: str = ""

    @classmethod
    def of(cls, seed: int, allowed: Collection[str] | None = None) -> Plan:
        """Drawn from the seed. `allowed` None: any fault; else those alone, and all of them are on."""
        random = Random(seed * 2_654_435_761 % (1 << 62))  # noqa: S311 - a pretend world
        share = random.choice((0.12, 0.15, 0.35, 0.6)) if allowed is None else 0.0
        intensities = _FOCUSED if share <= 0.12 else _INTENSITIES
        rates = {}
        for fault, usual in FAULTS.items():
            on, intensity = random.random() < share, random.choice(intensities)
            if fault in allowed if allowed is not None else on:
                rates[fault] = min(0.9, usual * intensity) if usual < 1.0 else 1.0
        return cls(
            seed=seed,
            rates=rates,
            rate=random.choice((1, 2, 4)),
            storm_seconds=random.uniform(25.0, 70.0),
            valid_seconds=random.choice((3.0, 8.0, 30.0, 120.0, 120.0)),
            switch=random.choice((0.0, 0.03, 0.15)),
            stretch=random.choice((0.0, 0.02, 0.1)),
            longest_seconds=random.choice((0.02, 0.3)),
            kills=random.choice((1, 1, 2, 3)) if "kill" in rates else 0,
            square_off_early=random.random() < 0.2,
            managed=_managed(seed) if allowed is None else "",
        )


class Storm:
    """The weather of one run. Implements `adapters.simulated.seam.Weather`.

    random  for whatever the models decide; the schedule draws from the kernel's own
    defects faults of our own code with the sums of their probabilities, one draw for all: asked at every edge
    """

    def __init__(self, plan: Plan) -> None:
        self.random = Random(plan.seed * 40_503 + 17)  # noqa: S311 - a pretend world
        self._rates = dict(plan.rates)
        self._spells: dict[str, float] = {}
        self.defects = self._defects()
        self.counts: dict[str, int] = {}

    def strikes(self, fault: str) -> bool:
        """See Weather."""
        rate = self._rates.get(fault)
        if rate is None or self.random.random() >= self._spells.get(fault, rate):
            return False
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return True

    def defect(self) -> str:
        """Which defect of our own strikes here and now; usually none, an empty name."""
        drawn = self.random.random()
        for below, fault in self.defects:
            if drawn < below:
                self.counts[fault] = self.counts.get(fault, 0) + 1
                return fault
        return ""

    def _defects(self) -> tuple[tuple[float, str], ...]:
        names = [name for name in DEFECTS if name in self._rates]
        sums = tuple(itertools.accumulate(self._rates[name] for name in names))
        return tuple(zip(sums, names, strict=True))

    def has(self, fault: str) -> bool:
        """Whether this kind is on."""
        return fault in self._rates

    def spell(self) -> str:
        """From here on one kind of fault strikes much more often; its name, empty where there is none to choose."""
        if not self._rates:
            return ""
        fault = self.random.choice(tuple(self._rates))
        if fault in (*DEFECTS, "failed_start", "domino"):
            return ""  # supervision rightly gives up on what never comes to its feet
        self._spells = {fault: min(0.95, self._rates[fault] * 10)}
        return fault

    def ease(self) -> None:
        """The spell is over."""
        self._spells = {}

    def calm(self) -> None:
        """No more faults."""
        self._rates, self._spells = {}, {}
        self.defects = ()
