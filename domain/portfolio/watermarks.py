"""What the journal does not tell of the account's results: their highest, where the day began, the newest prices.

Prices are not in the journal, so none of this can be folded from it. It is kept by the minute, and outlives days and
restarts; a crash costs a minute of peaks at most. Results since ever are counted trade by trade (realised +
unrealised - charges), so money paid in or out is in none of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.messages.control import PortfolioSnapshot, StrategyResult
from domain.values import E4

Totals = tuple[tuple[str, E4], ...]


class Watermarks(Struct, frozen=True):
    """As of the newest snapshot seen.

    day         the trading day; empty before the first
    base, bases  the results since ever when the day began: the account's, and each strategy's
    last, lasts  the same of the newest snapshot
    day_peak    the day's highest result, 0 at least
    peak        the highest result since ever, 0 at least
    marks       newest prices by token
    """

    day: str = ""
    base: E4 = 0
    bases: Totals = ()
    last: E4 = 0
    lasts: Totals = ()
    day_peak: E4 = 0
    peak: E4 = 0
    marks: tuple[tuple[int, E4], ...] = ()

    def encode(self) -> bytes:
        """As bytes for the journal's snapshot store."""
        return msgspec.json.encode(self)

    @staticmethod
    def decode(body: bytes) -> Watermarks:
        """From `encode`. Raises ValueError for anything else."""
        return msgspec.json.decode(body, type=Watermarks)


def observed(
    marks: Watermarks, seen: PortfolioSnapshot, past: Mapping[str, E4]
) -> tuple[Watermarks, PortfolioSnapshot]:
    """After one more snapshot; and that snapshot with its day's results counted from where the day began.

    past  what closed days made by strategy (`Book.past`): where nothing is known of yesterday's end, the day counts
          its carried positions from what they had cost
    """
    totals = tuple((each.strategy, each.day_net + past.get(each.strategy, 0)) for each in seen.strategies)
    if seen.day != marks.day:
        known = bool(marks.day)
        marks = replace(
            marks,
            day=seen.day,
            base=marks.last if known else sum(past.values()),
            bases=marks.lasts if known else tuple(sorted(past.items())),
            day_peak=0,
        )
    bases = dict(marks.bases)
    day_net = seen.total - marks.base
    after = replace(
        marks,
        last=seen.total,
        lasts=totals,
        day_peak=max(marks.day_peak, day_net),
        peak=max(marks.peak, seen.total),
    )
    strategies = tuple(
        _of_today(each, total - bases.get(each.strategy, past.get(each.strategy, 0)))
        for each, (_, total) in zip(seen.strategies, totals, strict=True)
    )
    dressed = replace(
        seen,
        carried_gain=marks.base - sum(past.values()),
        day_peak=after.day_peak,
        peak=after.peak,
        strategies=strategies,
    )
    return after, dressed


def measured_anew(marks: Watermarks) -> Watermarks:
    """A person has seen the fall: it is measured from where the results stand now."""
    return replace(marks, peak=max(marks.last, 0), day_peak=0)


def _of_today(result: StrategyResult, day_net: E4) -> StrategyResult:
    return replace(result, day_net=day_net)
