"""What is asked of a change of an open order's terms, beyond what a new order of those terms would be asked."""

from __future__ import annotations

from domain.risk.checks.question import Question


def no_open_order(question: Question) -> str | None:
    """There must be one, of the strategy's own, that is known to rest."""
    return "no open order of this strategy has that tag" if question.replaces is None else None


def modifications(question: Question) -> str | None:
    """Each change is a request at the broker, which counts them too. Exits may follow the market without end."""
    order = question.replaces
    if order is None or order.reduce_only or order.modifications < question.limits.modifications_per_order:
        return None
    return (
        f"{order.tag} was modified {order.modifications} times, {question.limits.modifications_per_order} are allowed"
    )
