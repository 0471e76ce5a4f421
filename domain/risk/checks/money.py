"""What it would take, and what has been lost."""

from __future__ import annotations

from domain.risk.checks.question import Question, clock, entries_only
from domain.risk.limits import RiskLimits, ratio
from domain.values import E4, MINUTE, rupees


@entries_only
def insufficient_margin(question: Question) -> str | None:
    """Margin in use and this order's, by our own rates, within the funds less the buffer."""
    return _beyond_funds(question, question.beyond_held(question.own_margin), "needed")


@entries_only
def broker_margin(question: Question) -> str | None:
    """The same by the broker's own figure, where it has given one for such an order."""
    if question.facts.broker_margin is None:
        return None
    return _beyond_funds(question, question.beyond_held(question.margin), "needed by the broker's figures")


def _beyond_funds(question: Question, margin: E4, what: str) -> str | None:
    room = question.margin_room
    return f"{rupees(margin)} {what}, {rupees(room)} free" if margin > room else None


@entries_only
def trades_per_day(question: Question) -> str | None:
    """Positions that the strategy has opened, or is opening, each flat line counted once."""
    strategy = question.key[0]
    lines = question.book.exposures()
    mine = lines.get(question.key)
    if mine is not None and mine.position:
        return None
    count = question.facts.strategy.trades + 1
    for key, line in lines.items():
        if key[0] == strategy and not line.position and (line.opening_buys or line.opening_sells):
            count += key != question.key
    allowed = question.limits.trades_per_day
    if count <= allowed:
        return None
    return f"it would be trade {count} of {strategy} today, {allowed} are allowed"


@entries_only
def cool_down(question: Question) -> str | None:
    """After so many losses in a row the strategy waits: the market is not what it was made for."""
    stands, limits = question.facts.strategy, question.limits
    if stands.losses < limits.losses_in_a_row:
        return None
    minutes, parts = ratio(limits.cool_down_minutes)
    until = stands.last_loss + minutes * MINUTE // parts
    if question.facts.now >= until:
        return None
    return f"{question.intent.strategy} lost {stands.losses} times in a row, entries go on at {clock(until)}"


@entries_only
def strategy_daily_loss(question: Question) -> str | None:
    """One strategy's bad day ends early."""
    loss, limit = -question.facts.strategy.day_pnl, question.limits.strategy_daily_loss_max
    if loss < limit:
        return None
    return f"{question.intent.strategy} lost {rupees(loss)} today, the limit is {rupees(limit)}"


@entries_only
def daily_loss(question: Question) -> str | None:
    """The account's bad day ends early."""
    loss = -question.facts.day_pnl
    if loss < question.limits.daily_loss_max:
        return None
    return f"lost {rupees(loss)} today, the limit is {rupees(question.limits.daily_loss_max)}"


@entries_only
def profit_giveback(question: Question) -> str | None:
    """A good day is kept good."""
    return given_back(question.facts.day_peak, question.facts.day_pnl, question.limits)


def given_back(peak: E4, result: E4, limits: RiskLimits) -> str | None:
    """Why the day's profit is locked, or None."""
    if peak < limits.profit_lock_from or peak <= 0:
        return None
    percent, parts = ratio(limits.profit_giveback_percent)
    if (peak - result) * 100 * parts < percent * peak:
        return None
    end = f"{limits.profit_giveback_percent:g} %"
    return f"{rupees(peak - result)} of the day's {rupees(peak)} are given back, entries end at {end}"


@entries_only
def day_drawdown(question: Question) -> str | None:
    """A fall from the day's best is a loss too."""
    fall, limit = question.facts.day_peak - question.facts.day_pnl, question.limits.day_drawdown_max
    if fall < limit:
        return None
    return f"the day's result is {rupees(fall)} below its highest, the limit is {rupees(limit)}"


@entries_only
def drawdown(question: Question) -> str | None:
    """Many small losing days are a large one."""
    fall, limit = question.facts.drawdown, question.limits.drawdown_max
    if fall < limit:
        return None
    return f"the account's result is {rupees(fall)} below its highest, the limit is {rupees(limit)}"
