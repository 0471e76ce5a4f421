"""A traded day beside the same day in the backtester, in one line: what the end-of-day report says of it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from domain.values import E4, rupees

CAUSES: Final = ("latency", "slippage", "model", "cost", "data", "missed")
"""What a difference may be due to, as told:

latency   the market moved between the decision and the order's approval
slippage  from there to the fill
model     less what the backtest's fill model charged beyond the price it decided on
cost      charges
data      the day decided on another price than the backtest's bar shows
missed    orders, or parts of them, that one of the two had alone, valued at the day's last price
"""


class DayParity(Struct, frozen=True):
    """The day, over all strategies that were compared. Money above 0: the day made less than its backtest.

    day       YYYY-MM-DD
    matched   signals that both had
    missed    of the backtest alone
    added     of the day alone
    parts     by cause, in the order of CAUSES
    left_out  (strategy, why it was not compared)
    why_not   why nothing was compared; then all counts are 0
    """

    day: str
    matched: int = 0
    missed: int = 0
    added: int = 0
    parts: tuple[tuple[str, E4], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    why_not: str = ""

    @property
    def total(self) -> E4:
        """The backtest's net result less the day's."""
        return sum(amount for _, amount in self.parts)

    @property
    def line(self) -> str:
        """All of it in one line, in rupees."""
        without = "".join(f"; without {strategy}: {why}" for strategy, why in self.left_out)
        if self.why_not:
            return f"not compared with a backtest: {self.why_not}{without}"
        said = ", ".join(f"{name} {_signed(amount)}" for name, amount in self.parts)
        less = f"{rupees(abs(self.total))} {'more' if self.total < 0 else 'less'} than its backtest"
        return f"signals {self.matched} matched, {self.missed} missed, {self.added} added; {less} ({said}){without}"


def _signed(amount: E4) -> str:
    return rupees(amount) if amount < 0 else f"+{rupees(amount)}"
