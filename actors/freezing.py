"""What the risk gate holds frozen, strategies and instruments: kept for its next incarnation, told to its book."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.keeping import Flags
from actors.routes import Routes
from actors.runtime import Context
from domain.messages.control import FreezeInstrument, FreezeStrategy, StrategyFrozen, ThawInstrument, ThawStrategy
from domain.messages.orders import CancelOpenOrders
from domain.risk import RiskBook
from domain.risk.frozen import Frozen

FROZEN_FLAG: Final = "frozen_strategies"
FROZEN_INSTRUMENTS_FLAG: Final = "frozen_instruments"

Kept = dict[str, dict[str, str]]


class Freezing:
    """See the module. A new process starts its strategies anew, and compares the books anew: it begins with nothing."""

    def __init__(self, context: Context, routes: Routes, flags: Flags, book: Callable[[], RiskBook]) -> None:
        self._context = context
        self._routes = routes
        self._flags = flags
        self._book = book
        self._strategies = Frozen()
        self._instruments = Frozen()

    def restore(self) -> None:
        """Go on with what this process had frozen."""
        self._strategies = Frozen(self._flags.read(FROZEN_FLAG, Kept))
        self._instruments = Frozen(self._flags.read(FROZEN_INSTRUMENTS_FLAG, Kept))
        for strategy, why in self._strategies.reasons().items():
            self._book().freeze(strategy, why)
        for instrument, why in self._instruments.reasons().items():
            self._book().freeze_instrument(instrument, why)

    def reasons(self) -> dict[str, dict[str, str]]:
        """For a person: what is frozen, and why."""
        return {"frozen": self._strategies.reasons(), "frozen_instruments": self._instruments.reasons()}

    def take(self, message: FreezeStrategy | StrategyFrozen | ThawStrategy | FreezeInstrument | ThawInstrument) -> None:
        """Do as somebody says who has a reason."""
        match message:
            case FreezeStrategy(strategy=strategy, why=why, by=by):
                self.freeze(strategy, why, by)
            case StrategyFrozen(strategy=strategy, why=why):
                self.freeze(strategy, why, "supervision")
            case ThawStrategy(strategy=strategy, why=why, by=by):
                self.thaw(strategy, why, by)
            case FreezeInstrument(instrument=instrument, why=why, by=by):
                self.freeze_instrument(instrument, why, by)
            case ThawInstrument(instrument=instrument, why=why, by=by):
                self.thaw_instrument(instrument, why, by)

    def thaw_any(self, name: str, why: str) -> bool:
        """As a person says: a strategy, or an `EXCHANGE:SYMBOL`, whoever froze it; whether it was frozen."""
        return self.thaw_instrument(name, why, "") if ":" in name else self.thaw(name, why, "")

    def freeze(self, strategy: str, why: str, by: str) -> bool:
        """Deny its entries, withdraw those that rest; whether that is news."""
        if not self._strategies.freeze(strategy, why, by):
            return False
        self._book().freeze(strategy, self._strategies.why(strategy) or why)
        self._flags.keep(FROZEN_FLAG, self._strategies.kept)
        self._context.log("error", "risk.strategy_frozen", strategy=strategy, why=why, by=by)
        self._routes.publish(
            self._context, CancelOpenOrders(strategy=strategy, why=f"strategy {strategy} is frozen: {why}")
        )
        return True

    def thaw(self, strategy: str, why: str, by: str) -> bool:
        """`by` (empty: everybody) has no more reason; whether one had been there."""
        if not self._strategies.thaw(strategy, by):
            return False
        left = self._strategies.why(strategy)
        if left is None:
            self._book().thaw(strategy)
        else:
            self._book().freeze(strategy, left)
        self._flags.keep(FROZEN_FLAG, self._strategies.kept)
        self._context.log("info", "risk.strategy_thawed", strategy=strategy, why=why, still=left or "")
        return True

    def freeze_instrument(self, instrument: str, why: str, by: str) -> bool:
        """Deny every strategy's entries in it; whether that is news."""
        if not self._instruments.freeze(instrument, why, by):
            return False
        self._book().freeze_instrument(instrument, self._instruments.why(instrument) or why)
        self._flags.keep(FROZEN_INSTRUMENTS_FLAG, self._instruments.kept)
        self._context.log("error", "risk.instrument_frozen", instrument=instrument, why=why, by=by)
        return True

    def thaw_instrument(self, instrument: str, why: str, by: str) -> bool:
        """`by` (empty: everybody) has no more reason; whether one had been there."""
        if not self._instruments.thaw(instrument, by):
            return False
        left = self._instruments.why(instrument)
        if left is None:
            self._book().thaw_instrument(instrument)
        else:
            self._book().freeze_instrument(instrument, left)
        self._flags.keep(FROZEN_INSTRUMENTS_FLAG, self._instruments.kept)
        self._context.log("info", "risk.instrument_thawed", instrument=instrument, why=why, still=left or "")
        return True
