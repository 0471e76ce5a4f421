"""Whether the price it rests on, and the prices that it carries, are to be believed."""

from __future__ import annotations

from fractions import Fraction

from domain.risk.checks.question import Question, entries_only
from domain.risk.limits import exactly
from domain.values import SECOND, OrderKind, Variety, rupees


@entries_only
def stale_feed(question: Question) -> str | None:
    """A feed that is down shows yesterday's world."""
    if not question.facts.feed_lost:
        return None
    down = question.facts.now - question.facts.feed_lost
    if down <= exactly(question.limits.stale_feed_seconds) * SECOND:
        return None
    return f"the feed has been down for {down / SECOND:.1f} s, {question.limits.stale_feed_seconds:g} s are allowed"


@entries_only
def stale_price(question: Question) -> str | None:
    """Every rupee limit rests on it."""
    age = question.facts.now - question.facts.price_received
    if question.facts.price <= 0 or not question.is_stale or question.intent.variety is Variety.AMO:
        return None  # after hours the last price is the day's last
    return f"the last price is {age / SECOND:.1f} s old, {question.limits.stale_price_seconds:g} s are allowed"


@entries_only
def no_price(question: Question) -> str | None:
    """Likewise."""
    return f"{question.intent.instrument} has no price yet" if question.facts.price <= 0 else None


def price_band(question: Question) -> str | None:
    """A slipped digit, a mistaken unit, a market that moved on."""
    intent, last = question.intent, question.facts.price
    prices = question.own_prices
    if intent.reduce_only:
        # An exit is judged where that can be done; without a good price it must still get out. A stop that rests
        # waits where the price is not yet, however far that is.
        if last <= 0 or question.is_stale or intent.protective:
            return None
    elif not prices and intent.reference_price:
        prices = (("the decision's price", intent.reference_price),)
    band = exactly(question.limits.price_band_percent)
    for name, price in prices:
        if abs(price - last) * 100 * band.denominator > band.numerator * last:
            away = Fraction(abs(price - last) * 100, last)
            return (
                f"{name} {rupees(price)} is {float(away):.2f} % from the last price {rupees(last)}, {band} % is allowed"
            )
    return None


def circuit(question: Question) -> str | None:
    """Beyond the exchange's limits of the day it would be refused; close to them nobody may be left to trade with."""
    if question.facts.circuit is None:
        return None
    lowest, highest = question.facts.circuit
    margin = Fraction(0) if question.intent.reduce_only else exactly(question.limits.circuit_margin_percent)
    prices = question.own_prices
    if not prices and not question.intent.reduce_only:
        prices = (("the last price", question.facts.price),)
    for name, price in prices:
        if price * 100 < lowest * (100 + margin) or price * 100 > highest * (100 - margin):
            within = f" less {float(margin):g} %" if margin else ""
            return f"{name} {rupees(price)} is outside the day's {rupees(lowest)} to {rupees(highest)}{within}"
    return None


@entries_only
def bad_trigger(question: Question) -> str | None:
    """A stop whose trigger the market has passed would fire at once, or be refused."""
    intent, last = question.intent, question.facts.price
    if intent.kind not in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET):
        return None
    if (intent.trigger_price - last) * intent.side.sign > 0:
        return None
    where = "below" if intent.side.sign > 0 else "above"
    trigger = rupees(intent.trigger_price)
    return f"a stop {intent.side.value} with its trigger at {trigger}: the last price {rupees(last)} must be {where} it"


@entries_only
def market_protection(question: Question) -> str | None:
    """A market order without protection is refused by the broker; one with too much buys at any price."""
    if question.intent.kind not in (OrderKind.MARKET, OrderKind.STOP_MARKET):
        return None
    protection = question.facts.market_protection
    if protection == -1:
        return None
    most = question.limits.market_protection_max_percent
    if 0 < protection <= exactly(most) * 100:
        return None
    return f"market orders are sent with {protection / 100:g} % of protection, more than 0 and up to {most:g} is right"
