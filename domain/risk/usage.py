"""How much of each limit is used, by the gate's own figures, and which have come near since they were looked at last.

Only limits that fill up are here. What bounds one order by itself (its size, its distance from the last price), and
what is a time or a list, has nothing that could be used up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from domain.messages.limits import LimitUse, Unit
from domain.risk.book import RiskBook
from domain.risk.exposure import OpenOrder, Standing
from domain.risk.facts import MarketFacts, StrategyStands
from domain.risk.limits import RiskLimits, exactly
from domain.risk.sums import Sums, add_up
from domain.values import E4, MINUTE, SECOND, Nanos, Product

BACK_PERCENT: Final = 10
"""A limit that came near has left again when it is used so many percent less than what counts as near."""

LEFT_FOR: Final[Nanos] = MINUTE
"""Monotonic time: what comes near with every burst of orders is said once a minute at most."""


def limits_used(
    book: RiskBook,
    limits: RiskLimits,
    facts: MarketFacts,
    strategies: Mapping[str, StrategyStands],
) -> tuple[LimitUse, ...]:
    """Every limit that has something to say: the account's always, others where something is used.

    strategies  how each strategy's day stands
    """
    sums = add_up(book, ("", 0, Product.MIS), 0, 0, None)
    orders = book.open_orders()
    return (
        *_results(limits, facts),
        *_exposures(book, limits, facts, sums),
        *_counts(book, limits, facts.now, orders),
        *(
            use
            for name, stands in strategies.items()
            if name
            for use in _of_strategy(name, book, limits, facts, stands)
        ),
        *_instruments(book, limits, orders),
    )


class Crossings:
    """Which limits are near: each is told once when it comes near, and again only after it has left for a while."""

    def __init__(self, percent: float) -> None:
        self._near_percent = exactly(percent)
        self._near: dict[tuple[str, str], Nanos] = {}

    def look(self, uses: Iterable[LimitUse], mono: Nanos) -> list[LimitUse]:
        """Those that have come near since the last look. mono: monotonic time."""
        found: list[LimitUse] = []
        for use in uses:
            key, used = (use.key, use.subject), use.used * 100
            if used >= self._near_percent * use.limit and use.used > 0:
                if key not in self._near:
                    found.append(use)
                self._near[key] = mono
            elif key in self._near and used > (self._near_percent - BACK_PERCENT) * use.limit:
                self._near[key] = mono
        self._near = {key: last for key, last in self._near.items() if mono - last < LEFT_FOR}
        return found


def _use(key: str, name: str, subject: str, used: int, limit: int, unit: Unit) -> LimitUse:
    return LimitUse(key, name, subject, max(used, 0), limit, unit)


def _results(limits: RiskLimits, facts: MarketFacts) -> Iterator[LimitUse]:
    yield _use("daily_loss_max", "loss today", "", -facts.day_pnl, limits.daily_loss_max, Unit.RUPEES)
    fallen = facts.day_peak - facts.day_pnl
    yield _use("day_drawdown_max", "fall from the day's best", "", fallen, limits.day_drawdown_max, Unit.RUPEES)
    yield _use("drawdown_max", "fall from the best ever", "", facts.drawdown, limits.drawdown_max, Unit.RUPEES)
    if facts.day_peak >= limits.profit_lock_from > 0:
        allowed = int(exactly(limits.profit_giveback_percent) * facts.day_peak / 100)
        yield _use("profit_giveback_percent", "profit given back", "", fallen, allowed, Unit.RUPEES)


def _exposures(book: RiskBook, limits: RiskLimits, facts: MarketFacts, sums: Sums) -> Iterator[LimitUse]:
    funds = int(facts.available_cash * (100 - exactly(limits.margin_buffer_percent)) / 100)
    yield _use(
        "margin_buffer_percent", "margin", "", book.margin_used(limits, facts.stated), max(funds, 0), Unit.RUPEES
    )
    yield _use("gross_exposure_max", "gross exposure", "", sums.gross, limits.gross_exposure_max, Unit.RUPEES)
    yield _use("net_exposure_max", "net exposure", "", sums.net, limits.net_exposure_max, Unit.RUPEES)
    concentration = max(int(exactly(limits.concentration_max_percent) * facts.available_cash / 100), 0)
    groups: tuple[tuple[str, str, Mapping[str, E4], E4], ...] = (
        ("underlying_exposure_max", "exposure to", sums.underlying, limits.underlying_exposure_max),
        ("concentration_max_percent", "concentration in", sums.underlying, concentration),
        ("segment_exposure_max", "exposure on", sums.segment, limits.segment_exposure_max),
        (
            "product_exposure_max",
            "exposure in",
            {product.value: value for product, value in sums.product.items()},
            limits.product_exposure_max,
        ),
        ("strategy_exposure_max", "exposure of", sums.strategy, limits.strategy_exposure_max),
    )
    for key, name, values, limit in groups:
        for subject, value in values.items():
            if value and subject:
                yield _use(key, name, subject, value, limit, Unit.RUPEES)


def _counts(book: RiskBook, limits: RiskLimits, now: Nanos, orders: tuple[OpenOrder, ...]) -> Iterator[LimitUse]:
    for key, name, used in (
        ("orders_per_second", "orders this second", book.orders_since(now - SECOND)),
        ("orders_per_minute", "orders this minute", book.orders_since(now - MINUTE)),
        ("orders_per_day", "orders today", book.orders_today()),
    ):
        yield _use(key, name, "", used, limits.entries_allowed(getattr(limits, key)), Unit.COUNT)
    entries = sum(not order.reduce_only for order in orders)
    yield _use("open_orders", "open entries", "", entries, limits.open_orders, Unit.COUNT)
    unresolved = sum(order.standing is Standing.UNRESOLVED for order in orders)
    yield _use("unresolved_orders_max", "unresolved orders", "", unresolved, limits.unresolved_orders_max, Unit.COUNT)
    for order in orders:
        if order.modifications:
            name, most = "changes of", limits.modifications_per_order
            yield _use("modifications_per_order", name, order.tag, order.modifications, most, Unit.COUNT)


def _of_strategy(
    name: str, book: RiskBook, limits: RiskLimits, facts: MarketFacts, stands: StrategyStands
) -> Iterator[LimitUse]:
    lost, most = -stands.day_pnl, limits.strategy_daily_loss_max
    yield _use("strategy_daily_loss_max", "loss today of", name, lost, most, Unit.RUPEES)
    entries = sum(not order.reduce_only for order in book.open_orders(name))
    for key, words, used, limit in (
        ("strategy_orders_per_second", "orders this second of", book.orders_since(facts.now - SECOND, name), None),
        ("strategy_orders_per_minute", "orders this minute of", book.orders_since(facts.now - MINUTE, name), None),
        ("strategy_orders_per_day", "orders today of", book.orders_today(name), None),
        ("open_orders_per_strategy", "open entries of", entries, limits.open_orders_per_strategy),
        ("trades_per_day", "positions opened today by", stands.trades, limits.trades_per_day),
        ("losses_in_a_row", "losses in a row of", stands.losses, limits.losses_in_a_row),
    ):
        if used:
            allowed = limits.entries_allowed(getattr(limits, key)) if limit is None else limit
            yield _use(key, words, name, used, allowed, Unit.COUNT)


def _instruments(book: RiskBook, limits: RiskLimits, orders: tuple[OpenOrder, ...]) -> Iterator[LimitUse]:
    entries: dict[int, int] = {}
    for order in orders:
        entries[order.token] = entries.get(order.token, 0) + (not order.reduce_only)
    for token in sorted({token for _, token, _ in book.exposures()}):
        units, name = book.worst_case(token), book.instrument(token)
        value = units * book.price(token) * book.multiplier(token)
        yield _use("max_position_quantity", "units of", name, units, limits.max_position_quantity, Unit.UNITS)
        most = limits.max_position_value_per_instrument
        yield _use("max_position_value_per_instrument", "position in", name, value, most, Unit.RUPEES)
        if entries.get(token):
            most = limits.open_orders_per_instrument
            yield _use("open_orders_per_instrument", "open entries in", name, entries[token], most, Unit.COUNT)
