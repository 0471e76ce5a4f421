"""The results at the newest prices, and whether one of them ends trading."""

from __future__ import annotations

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot
from domain.messages.orders import DenyReason
from domain.risk.book import RiskBook
from domain.risk.checks.money import given_back
from domain.risk.facts import StrategyStands
from domain.risk.limits import RiskLimits
from domain.values import E4, rupees


def moved(book: RiskBook, snapshot: PortfolioSnapshot, strategy: str | None = None) -> E4:
    """What positions (of one strategy) have made since the snapshot, at the newest prices that the risk book has."""
    gained = 0
    for view in snapshot.positions:
        if not view.quantity or (strategy is not None and view.strategy != strategy):
            continue
        price = book.marked(view.token)
        if price and price != view.last_price:
            gained += view.quantity * (price - view.last_price) * book.multiplier(view.token)
    return gained


class Results(Struct, frozen=True):
    """The account's results at the newest prices.

    day       the day's: realised + unrealised - charges, less what carried positions had made before
    peak      the day's highest, this moment's included
    drawdown  how far the result since ever lies below its highest; 0 at least
    """

    day: E4 = 0
    peak: E4 = 0
    drawdown: E4 = 0


def results(book: RiskBook, snapshot: PortfolioSnapshot) -> Results:
    """All of them."""
    gained = moved(book, snapshot)
    day = snapshot.realised + snapshot.unrealised - snapshot.charges - snapshot.carried_gain + gained
    return Results(day, max(snapshot.day_peak, day), max(snapshot.peak - snapshot.total - gained, 0))


def day_pnl(book: RiskBook, snapshot: PortfolioSnapshot) -> E4:
    """The day's result alone."""
    return results(book, snapshot).day


def stands(book: RiskBook, snapshot: PortfolioSnapshot, strategy: str) -> StrategyStands:
    """How one strategy's day stands."""
    for result in snapshot.strategies:
        if result.strategy == strategy:
            return StrategyStands(
                day_pnl=result.day_net + moved(book, snapshot, strategy),
                trades=result.trades,
                losses=result.losses,
                last_loss=result.last_loss,
            )
    return StrategyStands()


def breached(book: RiskBook, snapshot: PortfolioSnapshot, limits: RiskLimits) -> str | None:
    """Why the account's results end trading, or None. Whoever asks halts trading on a reason, and leaves positions."""
    found = breach(book, snapshot, limits)
    return None if found is None else found[1]


def breach(book: RiskBook, snapshot: PortfolioSnapshot, limits: RiskLimits) -> tuple[DenyReason, str] | None:
    """The limit that is reached, with the figures."""
    now = results(book, snapshot)
    result, peak, fell = now.day, now.peak, now.drawdown
    if -result >= limits.daily_loss_max:
        return DenyReason.DAILY_LOSS, _daily_loss(snapshot, -result, limits)
    if peak - result >= limits.day_drawdown_max:
        fall, limit = rupees(peak - result), rupees(limits.day_drawdown_max)
        return DenyReason.DAY_DRAWDOWN, f"the day's result is {fall} below its highest, the limit is {limit}"
    if fell >= limits.drawdown_max:
        limit = rupees(limits.drawdown_max)
        text = f"the account's result is {rupees(fell)} below its highest, the limit is {limit}"
        return DenyReason.DRAWDOWN, text
    locked = given_back(peak, result, limits)
    return None if locked is None else (DenyReason.PROFIT_GIVEBACK, locked)


def strategies_breached(book: RiskBook, snapshot: PortfolioSnapshot, limits: RiskLimits) -> dict[str, str]:
    """Strategies whose own loss of the day has reached its limit, with the figures."""
    found = {}
    for each in snapshot.strategies:
        loss = -stands(book, snapshot, each.strategy).day_pnl
        if each.strategy and loss >= limits.strategy_daily_loss_max:
            limit = rupees(limits.strategy_daily_loss_max)
            found[each.strategy] = f"{each.strategy} lost {rupees(loss)} today, the limit is {limit}"
    return found


def _daily_loss(snapshot: PortfolioSnapshot, loss: E4, limits: RiskLimits) -> str:
    unrealised = snapshot.charges - snapshot.realised - loss
    return (
        f"the day's loss of {rupees(loss)} reaches the limit of {rupees(limits.daily_loss_max)} (realised "
        f"{rupees(snapshot.realised)}, unrealised {rupees(unrealised)}, charges {rupees(snapshot.charges)})"
    )
