"""The day's result at the newest prices, and whether it ends the day's entries."""

from __future__ import annotations

from domain.messages.control import PortfolioSnapshot
from domain.risk.book import RiskBook
from domain.risk.limits import RiskLimits
from domain.values import E4, rupees


def day_pnl(book: RiskBook, snapshot: PortfolioSnapshot) -> E4:
    """Realised + unrealised - charges, with the snapshot's positions at the newest prices the risk book has."""
    moved = sum(
        view.quantity * ((book.marked(view.token) or view.last_price) - view.last_price) * book.multiplier(view.token)
        for view in snapshot.positions
    )
    return snapshot.realised + snapshot.unrealised - snapshot.charges + moved


def breached(book: RiskBook, snapshot: PortfolioSnapshot, limits: RiskLimits) -> str | None:
    """Why the day's loss limit is reached, or None. Whoever asks halts trading on a reason."""
    loss = -day_pnl(book, snapshot)
    if loss < limits.daily_loss_max:
        return None
    unrealised = snapshot.charges - snapshot.realised - loss
    return (
        f"the day's loss of {rupees(loss)} reaches the limit of {rupees(limits.daily_loss_max)} (realised "
        f"{rupees(snapshot.realised)}, unrealised {rupees(unrealised)}, charges {rupees(snapshot.charges)})"
    )
