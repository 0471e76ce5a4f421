"""What the gate is told of the world for one decision, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot, TradingState
from domain.values import E4, Instrument, Nanos


class MarketFacts(Struct, frozen=True, kw_only=True):
    """The world at one decision. Times are market time.

    instrument      the intent's instrument by its token; None where the day's list has none
    price           last price; 0 = none seen
    price_received  when that price reached us
    hours           continuous trading of the instrument's class today (the end is outside); None = it does not trade
    mis_cutoff      from when no new MIS position is opened; None = not known, which denies MIS
    available_cash  funds that may carry margin, before any margin of ours is taken off: see `funds`. Not the broker's
                    live balance, from which it has taken the positions' margin already
    day_pnl         realised + unrealised - charges of the day, signed: see `domain.risk.loss.day_pnl`
    """

    now: Nanos
    state: TradingState
    instrument: Instrument | None
    price: E4
    price_received: Nanos
    hours: tuple[Nanos, Nanos] | None
    mis_cutoff: Nanos | None
    available_cash: E4
    day_pnl: E4


class Approval(Struct, frozen=True):
    """The intent may go: hold this margin (1/10,000 rupee) under its id before telling anyone."""

    margin: E4


def funds(snapshot: PortfolioSnapshot) -> E4:
    """What may carry margin: the account's worth at market, all positions counted in."""
    return snapshot.cash + snapshot.positions_value
