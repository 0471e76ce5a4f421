"""How many orders: made lately, made today, open now."""

from __future__ import annotations

from collections.abc import Callable

from domain.risk.checks.question import Check, Question, entries_only
from domain.risk.limits import RiskLimits
from domain.values import Nanos


def in_window(window: Nanos, per: str, limit: Callable[[RiskLimits], float], *, of_strategy: bool) -> Check:
    """Orders in the last second or minute, of the account or of the strategy; exits keep their share."""

    def checked(question: Question) -> str | None:
        whose = question.intent.strategy if of_strategy else None
        count = question.book.orders_since(question.facts.now - window, whose) + 1
        allowed = question.limits.entries_allowed(limit(question.limits))
        return None if count <= allowed else _beyond(count, per, allowed)

    return entries_only(checked)


def in_day(limit: Callable[[RiskLimits], float], *, of_strategy: bool) -> Check:
    """Orders of the trading day, of the account or of the strategy."""

    def checked(question: Question) -> str | None:
        whose = question.intent.strategy if of_strategy else None
        count = question.book.orders_today(whose) + 1
        allowed = question.limits.entries_allowed(limit(question.limits))
        return None if count <= allowed else _beyond(count, "day", allowed)

    return entries_only(checked)


def _beyond(count: int, per: str, allowed: int) -> str:
    return f"it would be order {count} of this {per}, entries may make {allowed}"


def open_at_once(
    limit: Callable[[RiskLimits], int], where: str, *, of_strategy: bool = False, of_instrument: bool = False
) -> Check:
    """Entries that may still fill; resting exits count nowhere, for they must not keep anything from happening."""

    def checked(question: Question) -> str | None:
        if question.replaces is not None:
            return None
        intent = question.intent
        whose, where_at = intent.strategy if of_strategy else None, intent.token if of_instrument else None
        count = question.book.open_entries(whose, where_at) + 1
        allowed = limit(question.limits)
        return f"it would be open entry {count} {where}, {allowed} may be open" if count > allowed else None

    return entries_only(checked)
