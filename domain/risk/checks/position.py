"""What would be held: against the own position, against other orders, against the limits of exposure."""

from __future__ import annotations

from typing import Final

from domain.risk.checks.question import Question, above, above_rupees, entries_only
from domain.risk.exposure import OpenOrder
from domain.risk.limits import ratio
from domain.values import E4, OrderKind, Product, Side, rupees

_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_STOPS: Final = (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET)


def not_reducing(question: Question) -> str | None:
    """An exit is against the own position, and within it, net of exits under way."""
    intent = question.intent
    if not intent.reduce_only:
        return None
    line = question.book.exposure(*question.key)
    closing = line.position * intent.side.sign < 0
    free = line.exits() if closing else 0
    if abs(question.more) <= free:
        return None
    return (
        f"{intent.side.value} {intent.quantity} of a position of {line.position}: "
        f"{free} may still be closed, net of exits under way"
    )


def holdings(question: Question) -> str | None:
    """The broker sells for delivery what it holds for us, and what was bought today."""
    intent, sellable = question.intent, question.facts.sellable
    if sellable is None or intent.product is not Product.CNC or intent.side is not _SELL:
        return None
    pending = sum(
        order.remaining
        for order in question.book.open_orders(token=intent.token)
        if order.product is Product.CNC and order.side is _SELL and order is not question.replaces
    )
    free = max(sellable - pending, 0)
    if intent.quantity <= free:
        return None
    return f"{intent.quantity} to be sold, {free} may be (the broker has {sellable}, {pending} are being sold)"


@entries_only
def opposing_strategy(question: Question) -> str | None:
    """One account nets what two strategies hold against each other."""
    intent = question.intent
    for (strategy, token, product), line in question.book.exposures().items():
        if token != intent.token or product is not intent.product or strategy == intent.strategy:
            continue
        pending = line.opening_sells if intent.side is _BUY else line.opening_buys
        opposite = max(-line.position * intent.side.sign, 0)
        if pending or opposite:
            whose = strategy or "a trade made outside"
            return f"{whose} holds {line.position} with {pending} more on the other side under way"
    return None


@entries_only
def self_trade(question: Question) -> str | None:
    """Two own orders that meet are a wash trade, which the exchange forbids."""
    intent = question.intent
    for order in question.book.open_orders(token=intent.token):
        if order.side is intent.side or order is question.replaces:
            continue
        if _could_meet(question, order):
            return f"{order.side.value} {order.remaining} ({order.tag or order.intent_id}) rests on the other side"
    return None


def _could_meet(question: Question, resting: OpenOrder) -> bool:
    """A stop that waits for its trigger is in no order book; of the rest, those whose prices cross."""
    if question.intent.kind in _STOPS or resting.kind in _STOPS:
        return False
    theirs = resting.price if resting.kind is OrderKind.LIMIT else None
    mine = _reach(question)
    return theirs is None or (mine - theirs) * question.intent.side.sign >= 0


def _reach(question: Question) -> E4:
    """The worst price at which it could trade: its limit; of a market order the end of the allowed band."""
    intent = question.intent
    if intent.kind is OrderKind.LIMIT:
        return intent.price
    percent, parts = ratio(question.limits.price_band_percent)
    top, bottom = question.facts.price * (100 * parts + intent.side.sign * percent), 100 * parts
    return top // bottom if top >= 0 else -(-top // bottom)


@entries_only
def unresolved_order(question: Question) -> str | None:
    """What we hold is not known until it is resolved."""
    found = question.book.unresolved(question.intent.strategy, question.intent.token)
    return f"unresolved: {', '.join([order.tag for order in found])}" if found else None


@entries_only
def quantity_per_order(question: Question) -> str | None:
    """Bounds one mistake, in units."""
    return above("quantity", question.intent.quantity, question.limits.max_quantity_per_order)


@entries_only
def value_per_order(question: Question) -> str | None:
    """Bounds one mistake, in rupees."""
    return above_rupees("value", question.value, question.limits.max_value_per_order)


@entries_only
def position_quantity(question: Question) -> str | None:
    """Units of one instrument."""
    return above("worst-case position", question.worst_units, question.limits.max_position_quantity)


@entries_only
def position_value(question: Question) -> str | None:
    """Rupees of one instrument."""
    limit = question.limits.max_position_value_per_instrument
    return above_rupees("worst-case position", question.worst_value, limit)


@entries_only
def underlying_exposure(question: Question) -> str | None:
    """A share, its futures and its options move together."""
    found, limit = question.sums.underlying.get(question.underlying, 0), question.limits.underlying_exposure_max
    return above_rupees(f"worst-case exposure to {question.underlying}", found, limit) if found > limit else None


@entries_only
def strategy_exposure(question: Question) -> str | None:
    """One strategy's."""
    found, limit = question.sums.strategy.get(question.intent.strategy, 0), question.limits.strategy_exposure_max
    what = question.intent.strategy
    return above_rupees(f"worst-case exposure of {what}", found, limit) if found > limit else None


@entries_only
def product_exposure(question: Question) -> str | None:
    """One product's: intraday, delivery, carried."""
    product = question.intent.product
    found, limit = question.sums.product.get(product, 0), question.limits.product_exposure_max
    return above_rupees(f"worst-case exposure in {product.value}", found, limit) if found > limit else None


@entries_only
def segment_exposure(question: Question) -> str | None:
    """One exchange's."""
    segment = question.intent.instrument.partition(":")[0]
    found, limit = question.sums.segment.get(segment, 0), question.limits.segment_exposure_max
    return above_rupees(f"worst-case exposure on {segment}", found, limit) if found > limit else None


@entries_only
def net_exposure(question: Question) -> str | None:
    """Longs less shorts, at the end that it moves: an order that makes the other end smaller is welcome."""
    sums = question.sums
    end = sums.net_high if question.intent.side is _BUY else -sums.net_low
    return above_rupees("worst-case net exposure", end, question.limits.net_exposure_max)


@entries_only
def gross_exposure(question: Question) -> str | None:
    """Everything, unsigned."""
    return above_rupees("worst-case gross exposure", question.sums.gross, question.limits.gross_exposure_max)


@entries_only
def concentration(question: Question) -> str | None:
    """One underlying's share of the funds."""
    name, funds = question.underlying, question.facts.available_cash
    found = question.sums.underlying.get(name, 0)
    percent, parts = ratio(question.limits.concentration_max_percent)
    if found * 100 * parts <= (percent * funds if funds > 0 else 0):
        return None
    return (
        f"worst-case exposure to {name} {rupees(found)}, {percent / parts:g} % of the funds {rupees(funds)} is allowed"
    )
