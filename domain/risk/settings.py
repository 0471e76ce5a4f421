"""What the risk gate is told at its making."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from domain.risk.limits import RiskLimits
from domain.risk.strictest import RiskTerms
from domain.values import SessionClass


class RiskSettings(Struct, frozen=True):
    """What the gate is told at its making.

    run                   names this process's life: a restarted gate resumes the state it had in the same life
    mis_cutoff            per session class, the time of day from which no new intraday position is opened
    intent_valid_seconds  market seconds; for the exits that the gate makes itself
    flatten_again_seconds wall seconds between looks at a square-off that is not done
    market_protection     what market orders are sent with: percent in 1/100, -1 for the broker's own band
    asks_broker           whether the broker is asked for the day's price limits and for margins
    margin_differs_percent  of the larger figure, by which the broker's margin and ours may differ without a word
    warn_at_percent       of a limit used, from which on a person is told; None: nobody is
    """

    run: str
    limits: RiskLimits
    mis_cutoff: Mapping[SessionClass, dt.time]
    intent_valid_seconds: float
    flatten_again_seconds: float = 0.5
    market_protection: int = -1
    asks_broker: bool = False
    margin_differs_percent: float = 10
    warn_at_percent: float | None = None

    def terms(self) -> RiskTerms:
        """What of it may change while it trades."""
        return RiskTerms(self.limits, self.intent_valid_seconds, self.market_protection)
