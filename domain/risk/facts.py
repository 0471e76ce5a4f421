"""What the gate is told of the world for one decision, and what it answers."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot, TradingState
from domain.risk.exposure import Stated, nothing_stated
from domain.values import E4, Instrument, Nanos


class StrategyStands(Struct, frozen=True, kw_only=True):
    """One strategy's day.

    day_pnl      its result, signed
    trades       positions that it opened
    losses       losing round trips since the last that did not lose
    last_loss    when the last of them ended
    """

    day_pnl: E4 = 0
    trades: int = 0
    losses: int = 0
    last_loss: Nanos = 0


class MarketFacts(Struct, frozen=True, kw_only=True):
    """The world at one decision. Times are market time.

    instrument      the intent's instrument by its token; None where the day's list has none
    price           last price; 0 = none seen
    price_received  when that price reached us
    hours           continuous trading of the instrument's class today (the end is outside); None = it does not trade
    mis_cutoff      from when no new MIS position is opened; None = not known, which denies MIS
    available_cash  funds that may carry margin, before any margin of ours is taken off: see `funds`. Not the broker's
                    live balance, from which it has taken the positions' margin already
    day_pnl         the day's result, signed: see `domain.risk.loss.day_pnl`

    latched         why the kill latch is closed; empty = it is open
    feed_lost       since when the price feed is down; 0 = it is up
    circuit         the exchange's lowest and highest price of the day; None = not known, and left to the exchange
    market_protection  what market orders are sent with: percent in 1/100, -1 = the broker's own band, 0 = nothing
    sessions_to_expiry  trading days from today to the contract's last, 0 on that day; None = not known, which denies
                    what is settled by delivery
    sellable        units of the share that the broker lets us sell, less what was sold of them today; None = not known
    broker_margin   what the broker asks for this order by itself; None = not known
    stated          the same for so many units of what is held
    strategy        how the intent's strategy stands today
    day_peak        the day's highest result so far, 0 at least
    drawdown        how far the account's result since ever is below its highest, 0 at least
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
    latched: str = ""
    feed_lost: Nanos = 0
    circuit: tuple[E4, E4] | None = None
    market_protection: int = -1
    sessions_to_expiry: int | None = None
    sellable: int | None = None
    broker_margin: E4 | None = None
    stated: Stated = nothing_stated
    strategy: StrategyStands = StrategyStands()
    day_peak: E4 = 0
    drawdown: E4 = 0


class Approval(Struct, frozen=True):
    """The intent may go: hold this margin (1/10,000 rupee) under its id before telling anyone."""

    margin: E4


def funds(snapshot: PortfolioSnapshot) -> E4:
    """What may carry margin: the account's worth at market, all positions counted in."""
    return snapshot.cash + snapshot.positions_value
