"""The broker's risk check after acceptance: shares to deliver, and money to pay with."""

from collections.abc import Iterable

from sandbox import orders as status
from sandbox.margins import RiskLeg
from sandbox.money import UNITS_PER_RUPEE
from sandbox.orders import BUY, SELL, Order
from sandbox.portfolio import Portfolio, margin_for

Problem = tuple[str, str]
"""status_message and status_message_raw of a REJECTED row."""


def claim(
    order: Order, portfolio: Portfolio, live: Iterable[Order], last_price: int, relaxed: frozenset[str]
) -> Problem | None:
    """Reserve what the order needs, or say what is missing.

    An order that reduces its position is free up to what earlier orders of the same side have not claimed already.
    """
    others = sum(
        other.pending
        for other in live
        if other.book_key == order.book_key and other.side == order.side
        if other is not order and other.status != status.PUT_RECEIVED
    )
    if order.product == "CNC" and order.side == SELL and "holdings" not in relaxed:
        if order.quantity + others > portfolio.sellable(order.book_key):
            return (
                "Insufficient stock holding in your account. Check your holdings.",
                "RMS:Rule: Check holdings including BTST for entity account across exchange across segment",
            )
        return None
    if order.instrument.is_derivative:
        needed = contract_need(order, portfolio, last_price)
        order.claimed, order.claimed_quantity = needed, order.pending
    else:
        free = max(-order.side * portfolio.net(order.book_key) - others, 0)
        order.extra_quantity = max(order.quantity - free, 0)
        needed = margin_of(order, last_price)
    available = portfolio.available()
    if needed > available and "margin" not in relaxed:
        required, left = needed / UNITS_PER_RUPEE, available / UNITS_PER_RUPEE
        text = f"Insufficient funds. Required margin is {required:.2f} but available margin is {left:.2f}."
        raw = f"RMS:Margin Exceeds,Required:{required:.2f}, Available:{left:.2f} for entity account-{order.placed_by}"
        return (
            f"{text} Check the orderbook for open orders.",
            f"{raw} across exchange across segment across product ",
        )
    reserve(order, portfolio, needed)
    return None


def contract_need(order: Order, portfolio: Portfolio, last_price: int) -> int:
    """What a contract's order needs more: a purchase its premium, and what the risk of the whole book grows by.

    Closing a position needs nothing, unless it was another's hedge.
    """
    one = order.instrument
    price = order.price or order.trigger_price or last_price
    premium = order.pending * price * one.multiplier if one.is_option and order.side == BUY else 0
    risk = portfolio.extra_margin([RiskLeg(one, order.side * order.pending, price)])
    return max(premium + risk, 0)


def margin_of(order: Order, last_price: int) -> int:
    """What the order's unfilled, position-increasing part blocks, in 1/10,000 rupee."""
    if order.instrument.is_derivative:
        if order.square_off or not order.claimed_quantity:
            return 0
        return order.claimed * min(order.pending, order.claimed_quantity) // order.claimed_quantity
    quantity = min(order.pending, order.extra_quantity)
    if quantity == 0 or order.square_off:
        return 0
    price = order.price or order.trigger_price or last_price
    return margin_for(order.instrument, order.product, quantity * price).total


def reserve(order: Order, portfolio: Portfolio, amount: int) -> None:
    """Change what the order blocks to `amount`."""
    portfolio.reserved += amount - order.reserved
    order.reserved = amount
