"""Momentum rotation: every month into the shares that rose most, held as delivery.

Idea: what rose over some months tends to go on rising for some more; a month's turnover costs little.
Weakness: after a crash it holds what fell least and misses the rebound; ranks near the edge change for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from domain.bars import Bar
from domain.indicators.declaration import indicator
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.values import Side, ist


class MomentumRotation(EventStrategy, frozen=True):
    """Holds the `hold` strongest of its instruments, chosen anew in each month; nothing that fell.

    Runs on day bars (a backtest then fills at the next open) or on finer ones: it decides once a day, on the first bar
    that all have, by the days before.

    period  days over which strength is measured
    hold    how many are held at most
    """

    period: Annotated[int, Meta(ge=5, le=250)] = 60
    hold: Annotated[int, Meta(ge=1, le=50)] = 2

    def needs(self) -> Needs:
        """Strength over days; a month and more of history, so that a restart knows what the month chose."""
        strength = indicator("ROC", timeperiod=self.period, interval="day")
        return Needs(indicators={"strength": strength}, history_bars=250)

    def remember(self) -> object:
        """This month's choice."""
        return _Choice()

    def on_history(self, view: View, bar: Bar) -> None:
        """Learn what was chosen."""
        if bar.interval_seconds == view.interval_seconds:
            self._choose(view, bar)

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """Once a day: out of what was not chosen, into what was. What is refused today is wanted again tomorrow."""
        choice = self._choose(view, bar)
        if choice is None or choice.wanted is None or choice.acted == _day(bar):
            return ()
        choice.acted = _day(bar)
        drafts = []
        for each in view.instruments:
            newest = view.newest(each.token)
            if newest is None or view.busy(each.token):
                continue
            held, price = view.quantity(each.token), newest.close
            if held > 0 and each.token not in choice.wanted:
                drafts.append(
                    IntentDraft(
                        each.token, Side.SELL, held, bar.start, price, "exit", reduce_only=True, reason="weaker"
                    )
                )
            units = view.size(each.token, price)
            if held == 0 and each.token in choice.wanted and units > 0:
                drafts.append(IntentDraft(each.token, Side.BUY, units, bar.start, price, reason="stronger"))
        # What is sold makes room for what is bought.
        return sorted(drafts, key=lambda draft: not draft.reduce_only)

    def _choose(self, view: View, bar: Bar) -> _Choice | None:
        """The choice, where this bar is one that all have; None otherwise. It is made on the month's first such bar."""
        choice = view.memory
        assert isinstance(choice, _Choice)
        newest = [view.newest(each.token) for each in view.instruments]
        if any(each is None or each.end != bar.end for each in newest):
            return None
        month = ist(bar.start).date().month
        if choice.month != month:
            strengths = {each.token: _strength(view, each.token) for each in view.instruments}
            if all(value == value for value in strengths.values()):  # noqa: PLR0124 - NaN alone differs from itself
                rising = [token for token, value in strengths.items() if value > 0]
                best = sorted(rising, key=lambda token: (-strengths[token], token))
                choice.month, choice.wanted = month, frozenset(best[: self.hold])
        return choice


class _Choice:
    """month: the one that `wanted` (tokens) was chosen in. acted: the day on which it was last ordered by."""

    def __init__(self) -> None:
        self.acted = 0
        self.month = 0
        self.wanted: frozenset[int] | None = None


def _day(bar: Bar) -> int:
    return ist(bar.start).date().toordinal()


def _strength(view: View, token: int) -> float:
    row = view.row(token)
    return float(row[-1]) if row is not None else float("nan")
