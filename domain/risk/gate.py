"""The verdict on one intent: the first check that refuses it, or an approval with the margin to hold."""

from __future__ import annotations

from domain.messages.orders import Denied, OrderIntent
from domain.risk.book import RiskBook
from domain.risk.checks import ENTRY_CHECKS, EXIT_CHECKS, Question
from domain.risk.facts import Approval, MarketFacts
from domain.risk.limits import RiskLimits

__all__ = ["Approval", "MarketFacts", "RiskBook", "RiskLimits", "check"]


def check(intent: OrderIntent, book: RiskBook, limits: RiskLimits, facts: MarketFacts) -> Denied | Approval:
    """Ask every check in order. Changes nothing: after an approval, `book.hold` it before anyone is told."""
    question = Question(intent, book, limits, facts)
    for reason, asked in EXIT_CHECKS if intent.reduce_only else ENTRY_CHECKS:
        text = asked(question)
        if text is not None:
            return Denied(intent.intent_id, intent.strategy, reason, text, facts.now)
    return Approval(question.margin)
