"""Whether anything may trade: the state, the instrument, the product, the hour."""

from __future__ import annotations

from typing import Final

from domain.messages.control import TradingState
from domain.risk.checks.question import Check, Question, clock, entries_only
from domain.values import InstrumentKind, Product, Side, Variety, ist, ist_date

_EQUITY: Final = InstrumentKind.EQUITY
_INDEX: Final = InstrumentKind.INDEX
_MIS: Final = Product.MIS
_SELL: Final = Side.SELL
_AMO: Final = Variety.AMO
_DELIVERED: Final = (Product.CNC, Product.MTF)
_OF_SHARES: Final = (Product.MIS, Product.CNC, Product.MTF)
_OF_OTHERS: Final = (Product.MIS, Product.NRML)


def in_state(state: TradingState) -> Check:
    """Entries need ACTIVE."""

    def checked(question: Question) -> str | None:
        return f"the state is {state.value}, an entry needs ACTIVE" if question.facts.state is state else None

    return entries_only(checked)


@entries_only
def kill_latch(question: Question) -> str | None:
    """The latch lies at the last door: what it would stop there is not held here."""
    return f"the kill latch is closed: {question.facts.latched}" if question.facts.latched else None


@entries_only
def strategy_frozen(question: Question) -> str | None:
    """Frozen strategies leave, and enter no more."""
    why = question.book.frozen(question.intent.strategy)
    return None if why is None else f"{question.intent.strategy} is frozen: {why}"


def unknown_instrument(question: Question) -> str | None:
    """Token and key must be one entry of today's list."""
    if question.instrument is not None:
        return None
    listed = question.facts.instrument
    found = "nothing" if listed is None else f"{listed.key} (token {listed.token})"
    return f"{question.intent.instrument} (token {question.intent.token}): today's list has {found}"


def not_tradable(question: Question) -> str | None:
    """An index, or an entry without tick or lot."""
    listed = question.facts.instrument
    if listed is None or listed.kind is _INDEX:
        return f"{question.intent.instrument} is an index"
    if listed.tick_size <= 0 or listed.lot_size <= 0:
        return f"{listed.key} has tick {listed.tick_size} and lot {listed.lot_size} in today's list"
    return None


def expired(question: Question) -> str | None:
    """A contract after its last day."""
    listed = question.instrument
    if listed is None or listed.expiry is None or listed.expiry >= ist_date(question.facts.now):
        return None
    return f"{listed.key} expired on {listed.expiry}"


@entries_only
def instrument_banned(question: Question) -> str | None:
    """By its own name or its underlying's, as a list of the day or a person has it."""
    banned = question.limits.banned
    if not banned:
        return None
    for name in (question.intent.instrument, question.underlying):
        if name in banned:
            return f"{name} is banned: it may only be left"
    return None


@entries_only
def instrument_frozen(question: Question) -> str | None:
    """Ours and the broker's books differ in it."""
    why = question.book.frozen_instrument(question.intent.instrument)
    return None if why is None else f"{question.intent.instrument} is frozen: {why}"


@entries_only
def exchange_not_allowed(question: Question) -> str | None:
    """Only what a person has allowed is entered."""
    exchange = question.intent.instrument.partition(":")[0]
    if exchange in question.limits.allowed_exchanges:
        return None
    return f"{exchange} is not among the allowed exchanges ({', '.join(question.limits.allowed_exchanges) or 'none'})"


def product_not_allowed(question: Question) -> str | None:
    """The product must exist for the instrument; what is opened must be among the allowed ones."""
    intent, listed = question.intent, question.facts.instrument
    share = listed is not None and listed.kind is _EQUITY
    if intent.product not in (_OF_SHARES if share else _OF_OTHERS):
        return f"{intent.product.value} does not exist for {intent.instrument}"
    if intent.reduce_only or intent.product in question.limits.allowed_products:
        return None
    allowed = ", ".join(product.value for product in question.limits.allowed_products) or "none"
    return f"{intent.product.value} is not among the allowed products ({allowed})"


@entries_only
def short_sale(question: Question) -> str | None:
    """Shares can be sold short within the day alone."""
    if question.intent.side is _SELL and question.intent.product in _DELIVERED:
        return f"{question.intent.product.value} cannot be sold short: a sale must be reduce-only"
    return None


def session_closed(question: Question) -> str | None:
    """Continuous trading of its class."""
    hours, now = question.facts.hours, question.facts.now
    if question.intent.variety is _AMO:
        # It waits at the broker for the next session, whenever that is.
        inside = hours is not None and hours[0] <= now < hours[1]
        return f"it is {clock(now)}: an after-market order is for when the market is closed" if inside else None
    if hours is None:
        return f"{question.intent.instrument} does not trade on {ist_date(now)}"
    if not hours[0] <= now < hours[1]:
        return f"it is {clock(now)}, {question.intent.instrument} trades from {clock(hours[0])} to {clock(hours[1])}"
    return None


@entries_only
def mis_cutoff(question: Question) -> str | None:
    """Intraday positions need time to be left again."""
    cutoff, now = question.facts.mis_cutoff, question.facts.now
    if question.intent.product is not _MIS or question.intent.variety is _AMO:
        return None
    if cutoff is None:
        return f"no MIS cut-off is known for {question.intent.instrument} today"
    return f"it is {clock(now)}, MIS entries end at {clock(cutoff)}" if now >= cutoff else None


@entries_only
def expiry_day(question: Question) -> str | None:
    """The last hours of a contract."""
    listed = question.instrument
    if listed is None or listed.expiry is None or listed.expiry != ist_date(question.facts.now):
        return None
    if ist(question.facts.now).time() < question.limits.expiry_day_cutoff:
        return None
    return f"{listed.key} expires today, entries end at {question.limits.expiry_day_cutoff:%H:%M}"


@entries_only
def physical_settlement(question: Question) -> str | None:
    """What is settled by delivery asks for the whole value near its end, and then for shares."""
    listed = question.instrument
    if listed is None or not question.limits.settles_by_delivery(listed):
        return None
    if question.intent.product is _MIS:
        return None
    left, allowed = question.facts.sessions_to_expiry, question.limits.physical_settlement_sessions
    if left is None:
        return f"{listed.key} is settled by delivery, and how many trading days it has left is not known"
    if left > allowed:
        return None
    return f"{listed.key} is settled by delivery: {left} trading days are left, entries end {allowed} before the last"
