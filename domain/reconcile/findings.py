"""What one comparison found, and what follows from it together with what stood before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import Struct

from domain.messages.journal import DifferenceCleared, DifferenceFound
from domain.reconcile.books import Books
from domain.reconcile.names import Difference, Policy
from domain.values import E4, RUPEE, Nanos, e4

Key = tuple[str, str]
"""Name and subject."""


class Finding(Struct, frozen=True):
    """A difference as one look at the broker's books shows it. See DifferenceFound for the fields.

    units  how far apart, where that is a number: a difference that changes is another one
    """

    name: Difference
    subject: str
    ours: str
    theirs: str
    instrument: str = ""
    strategies: tuple[str, ...] = ()
    product: str = ""
    units: int = 0

    @property
    def key(self) -> Key:
        """Which one it is."""
        return self.name.value, self.subject

    def journaled(self, policy: Policy, now: Nanos) -> DifferenceFound:
        """As an event."""
        return DifferenceFound(
            name=self.name.value,
            subject=self.subject,
            ours=self.ours,
            theirs=self.theirs,
            time=now,
            policy=policy,
            instrument=self.instrument,
            strategies=self.strategies,
            product=self.product,
            units=self.units,
        )


class Verdict(Struct, frozen=True):
    """What to journal, and what must be seen once more before it is believed."""

    events: tuple[DifferenceFound | DifferenceCleared, ...]
    doubtful: Mapping[Key, Finding]


def weigh(
    books: Books,
    found: Iterable[Finding],
    before: Mapping[Key, Finding],
    area: Collection[Difference],
    policies: Mapping[Difference, Policy],
    now: Nanos,
    undecided: Callable[[DifferenceFound], bool] = lambda _standing: False,
) -> Verdict:
    """Hold one look against what stands. What is new must be there, and the same, at two looks in a row.

    before     what the former look of this area left doubtful
    area       the names that this look could have found: others that stand are not its business
    undecided  whether a difference that stands could not be looked at now: it stays
    """
    events: list[DifferenceFound | DifferenceCleared] = []
    doubtful: dict[Key, Finding] = {}
    seen: set[Key] = set()
    for finding in found:
        seen.add(finding.key)
        stands = books.standing.get(finding.key)
        if stands is not None and stands.units == finding.units:
            continue
        taken = books.accepted.get(finding.key)
        if taken is not None and _same(taken, finding):
            continue
        former = before.get(finding.key)
        if former is None or former.units != finding.units:
            doubtful[finding.key] = finding
            continue
        events.append(finding.journaled(policies[finding.name], now))
    names = {each.value for each in area}
    for key, stands in (*books.standing.items(), *books.accepted.items()):
        if key[0] in names and key not in seen and not undecided(stands):
            events.append(DifferenceCleared(name=key[0], subject=key[1], why="both sides agree", time=now))
    return Verdict(tuple(events), doubtful)


def _same(accepted: DifferenceFound, finding: Finding) -> bool:
    """Whether this is what a person has accepted. Of prices the day's sums go on: there the whole line was meant."""
    if finding.name is Difference.FUNDS_DRIFT:
        return abs(_gap(accepted) - _gap(finding)) < RUPEE
    return accepted.units == finding.units


def _gap(figures: DifferenceFound | Finding) -> E4:
    return e4(figures.theirs) - e4(figures.ours)
