"""Whether the price it rests on, and the prices that it carries, are to be believed."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from domain.risk.checks.question import Question, entries_only
from domain.risk.limits import ratio
from domain.values import SECOND, OrderKind, Variety, rupees

_STOPS: Final = (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET)
_AT_THE_MARKET: Final = (OrderKind.MARKET, OrderKind.STOP_MARKET)


@entries_only
def stale_feed(question: Question) -> str | None:
    """A feed that is down shows yesterday's world."""
    if not question.facts.feed_lost:
        return None
    down = question.facts.now - question.facts.feed_lost
    seconds, parts = ratio(question.limits.stale_feed_seconds)
    if down * parts <= seconds * SECOND:
        return None
    return f"the feed has been down for {down / SECOND:.1f} s, {question.limits.stale_feed_seconds:g} s are allowed"


@entries_only
def stale_price(question: Question) -> str | None:
    """Every rupee limit rests on it."""
    if question.facts.price <= 0 or not question.is_stale or question.intent.variety is Variety.AMO:
        return None  # after hours the last price is the day's last
    age = question.facts.now - question.facts.price_received
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
    percent, parts = ratio(question.limits.price_band_percent)
    for name, price in prices:
        if abs(price - last) * 100 * parts > percent * last:
            away, band = Fraction(abs(price - last) * 100, last), Fraction(percent, parts)
            return (
                f"{name} {rupees(price)} is {float(away):.2f} % from the last price {rupees(last)}, {band} % is allowed"
            )
    return None


def circuit(question: Question) -> str | None:
    """Beyond the exchange's limits of the day it would be refused; close to them nobody may be left to trade with."""
    if question.facts.circuit is None:
        return None
    lowest, highest = question.facts.circuit
    percent, parts = (0, 1) if question.intent.reduce_only else ratio(question.limits.circuit_margin_percent)
    prices = question.own_prices
    if not prices and not question.intent.reduce_only:
        prices = (("the last price", question.facts.price),)
    for name, price in prices:
        least, most = lowest * (100 * parts + percent), highest * (100 * parts - percent)
        if not least <= price * 100 * parts <= most:
            within = f" less {percent / parts:g} %" if percent else ""
            return f"{name} {rupees(price)} is outside the day's {rupees(lowest)} to {rupees(highest)}{within}"
    return None


@entries_only
def bad_trigger(question: Question) -> str | None:
    """A stop whose trigger the market has passed would fire at once, or be refused."""
    intent, last = question.intent, question.facts.price
    if intent.kind not in _STOPS:
        return None
    if (intent.trigger_price - last) * intent.side.sign > 0:
        return None
    where = "below" if intent.side.sign > 0 else "above"
    trigger = rupees(intent.trigger_price)
    return f"a stop {intent.side.value} with its trigger at {trigger}: the last price {rupees(last)} must be {where} it"


@entries_only
def market_protection(question: Question) -> str | None:
    """A market order without protection is refused by the broker; one with too much buys at any price."""
    if question.intent.kind not in _AT_THE_MARKET:
        return None
    protection = question.facts.market_protection
    if protection == -1:
        return None
    most = question.limits.market_protection_max_percent
    percent, parts = ratio(most)
    if 0 < protection * parts <= percent * 100:
        return None
    return f"market orders are sent with {protection / 100:g} % of protection, more than 0 and up to {most:g} is right"
