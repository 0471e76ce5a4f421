"""The compiled engine: whether it can do a run, the arrays for it, and the run back out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from msgspec import Struct

from domain.messages.orders import DenyReason
from domain.orders.placing import CASH_FREEZE_QUANTITY
from domain.ports import Calendar
from domain.risk.limits import RiskLimits, exactly
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy, parameters_of
from domain.strategy.sizing import FixedQuantity, FixedValue
from domain.values import MINUTE, SECOND, InstrumentKind, Nanos, Product
from research.data.candles import Candles
from research.ground import Ground
from research.hours import NEVER
from research.kernel import layout
from research.kernel.build import Kernel, NotCompilable, keeps_state, load_kernel, state_of
from research.kernel.layout import Market, Rules
from research.records import DayRow, FillRow, OrderRow, Run, denial_number
from research.settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

Row = TypeVar("Row", FillRow, DayRow)

_ROWS_LEAST: Final = 4_096
_NUMBER_MAX: Final = 1 << 55
_WHY: Final = {
    layout.TOO_LARGE: "an amount is too large for 64 bits",
    layout.TOO_MANY_LOTS: f"a position is made of more than {layout.LOTS_MAX} lots",
    layout.REFUSED_INSIDE: "an exit inside a bar is refused",
    layout.RAISED: "the rule raises an exception",
    layout.SLICED: "a position is above the freeze quantity and has to be left in slices",
}


class CompiledUnfit(Exception):
    """This run is not for the compiled engine; the text says why."""


class Prepared(Struct, frozen=True):
    """A rule compiled and the arrays laid out; `run` as often as one likes."""

    kernel: Kernel
    market: Market
    columns: tuple[NDArray[np.float64], ...]
    rules: Rules
    rates: NDArray[np.int64]
    params: tuple[Any, ...]
    state: tuple[Any, ...]
    cash: int

    def run(self) -> Run:
        """Run it. Raises CompiledUnfit where a number would leave 64 bits."""
        account, orders, fills, days = self.numbers()
        return Run(order_rows(orders), rows_of(FillRow, fills), rows_of(DayRow, days), int(account[layout.DECIDED]))

    def numbers(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The same as arrays: account, orders, fills, days."""
        return self.on(Desk(len(self.market.start), len(self.market.number)))

    def on(self, desk: Desk) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The same on a desk that was used before; what is answered is valid until it is used again."""
        rules = np.array(self.rules, dtype=np.int64)
        sheet, levels = self._sheet(rules)
        while True:
            desk.clear()
            account = desk.account
            account[layout.OPENING] = account[layout.PEAK] = self.cash
            sheet[layout.ACCOUNT_AT : layout.DAYS_AT + 1] = desk.addresses()
            sheet[layout.ORDER_ROOM : layout.DAY_ROOM + 1] = len(desk.orders), len(desk.fills), len(desk.days)
            _put(sheet, levels, self.kernel.state, self.state)
            raised, _ = self.kernel.loop.call(sheet.ctypes.data)
            if raised:
                raise CompiledUnfit(_WHY[layout.RAISED])
            status = int(account[layout.STATUS])
            if status == layout.FULL:
                desk.grow()
                continue
            if status != layout.RUNNING:
                raise CompiledUnfit(_WHY[status])
            counts = account[layout.ORDERS], account[layout.FILLS], account[layout.DAYS]
            return account, desk.orders[: counts[0]], desk.fills[: counts[1]], desk.days[: counts[2]]

    def _sheet(self, rules: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Where everything is that does not change, as whole numbers and as floats: two views of the same words."""
        kernel = self.kernel
        sheet = np.zeros(kernel.words, dtype=np.int64)
        levels = sheet.view(np.float64)
        sheet[layout.RULE] = kernel.rule.address
        sheet[layout.MARKET_AT : layout.RULES_AT] = [each.ctypes.data for each in self.market]
        sheet[layout.RULES_AT], sheet[layout.RATES_AT] = rules.ctypes.data, self.rates.ctypes.data
        sheet[layout.BARS], sheet[layout.DAY_COUNT] = len(self.market.start), len(self.market.number)
        sheet[layout.RATE_ROWS] = len(self.rates)
        sheet[kernel.columns :] = [each.ctypes.data for each in self.columns]
        _put(sheet, levels, kernel.params, self.params)
        return sheet, levels


def order_rows(table: NDArray[np.int64]) -> tuple[OrderRow, ...]:
    """Orders as they were written down."""
    time, where, signed, reduces, *others = table.T.tolist()
    return tuple(map(OrderRow, time, where, signed, map(bool, reduces), *others))


def rows_of(kind: Callable[..., Row], table: NDArray[np.int64]) -> tuple[Row, ...]:
    """The same for rows of numbers alone."""
    return tuple(map(kind, *table.T.tolist()))


class Desk:
    """The arrays that a run writes on. For one run at a time; the next one may have it, which saves making them."""

    def __init__(self, bars: int, days: int) -> None:
        room = max(_ROWS_LEAST, bars // 8)
        self.account = np.zeros(layout.NUMBERS, dtype=np.int64)
        self.lots = np.zeros((2, layout.LOTS_MAX), dtype=np.int64)
        self.recent = np.zeros(layout.RECENT_MAX, dtype=np.int64)
        self.orders = np.empty((room, layout.ORDER_WORDS), dtype=np.int64)
        self.fills = np.empty((room, layout.FILL_WORDS), dtype=np.int64)
        self.days = np.empty((days, layout.DAY_WORDS), dtype=np.int64)

    def clear(self) -> None:
        """Nothing has happened yet. What the account does not count is not looked at, and may stay."""
        self.account[:] = 0

    def grow(self) -> None:
        """Four times the room for rows."""
        self.orders = np.empty((len(self.orders) * 4, layout.ORDER_WORDS), dtype=np.int64)
        self.fills = np.empty((len(self.fills) * 4, layout.FILL_WORDS), dtype=np.int64)

    def addresses(self) -> list[int]:
        """Of its arrays, in the order in which the sheet has them."""
        arrays = (self.account, self.lots, self.recent, self.orders, self.fills, self.days)
        return [each.ctypes.data for each in arrays]


def _put(sheet: NDArray[np.int64], levels: NDArray[np.float64], first: int, numbers: Sequence[Any]) -> None:
    for at, number in enumerate(numbers, first):
        if isinstance(number, float):
            levels[at] = number
        elif abs(number) >= _NUMBER_MAX:
            raise CompiledUnfit("a parameter is too large for 64 bits")
        else:
            sheet[at] = number


def _whole(array: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(array, dtype=np.int64)


def prepare(
    strategy: RuleStrategy | EventStrategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
    decide_from: Nanos,
    ground: Ground | None = None,
) -> Prepared:
    """Compile and lay out. Raises CompiledUnfit.

    ground  of these bars and settings, where several runs share it
    """
    if isinstance(strategy, EventStrategy):
        raise CompiledUnfit("an EventStrategy is any Python")
    refuse(strategy, series, settings)
    candles = series[0]
    ground = Ground(candles, settings, calendar) if ground is None else ground
    columns = tuple(
        np.ascontiguousarray(ground.column(each), dtype=np.float64) for each in strategy.indicators().values()
    )
    if any(len(each) != len(candles) for each in columns):
        raise ValueError("an indicator has not a value for each bar")
    try:
        kernel = load_kernel(strategy)
    except NotCompilable as error:
        raise CompiledUnfit(str(error)) from None
    return Prepared(
        kernel=kernel,
        market=Market(*map(_whole, ground.market)),
        columns=columns,
        rules=_rules(strategy, candles, settings, decide_from, sessions=ground.sessions),
        rates=ground.rates,
        params=parameters_of(strategy),
        state=state_of(strategy),
        cash=settings.cash,
    )


def refuse(strategy: RuleStrategy, series: Sequence[Candles], settings: RunSettings) -> None:
    """Raises CompiledUnfit for what the loop does not do."""
    if strategy.legs:
        raise CompiledUnfit("it trades several instruments together")
    if len(series) != 1:
        raise CompiledUnfit(f"there are {len(series)} instruments on one account")
    if not settings.fill.plain:
        raise CompiledUnfit("fills with participation, latency or refusals are the event engine's")
    if not isinstance(settings.sizing, FixedQuantity | FixedValue):
        raise CompiledUnfit(f"sizing by {type(settings.sizing).__name__} is the event engine's")
    one = series[0].instrument
    if one.kind in (InstrumentKind.CALL, InstrumentKind.PUT) and one.strike:
        raise CompiledUnfit("margins of sold options are the event engine's")
    if one.expiry is not None:
        raise CompiledUnfit("contracts that expire are the event engine's")
    if exactly(settings.limits.repeat_seconds) > series[0].interval_seconds:
        raise CompiledUnfit("the limit on repeated orders is longer than a bar")


def _rules(
    strategy: RuleStrategy, candles: Candles, settings: RunSettings, decide_from: Nanos, *, sessions: bool
) -> Rules:
    one, limits = candles.instrument, settings.limits
    needs = RuleEvents(strategy).needs()
    sizing, product = settings.sizing, settings.product
    freeze = one.freeze_quantity or (CASH_FREEZE_QUANTITY if one.kind is InstrumentKind.EQUITY else 0)
    slice_from = one.freeze_quantity or CASH_FREEZE_QUANTITY
    band, buffer = exactly(limits.price_band_percent), exactly(limits.margin_buffer_percent)
    concentration, giveback = exactly(limits.concentration_max_percent), exactly(limits.profit_giveback_percent)
    never, never_short, never_exit = _static(candles, limits, product)
    rules = Rules(
        interval=candles.interval,
        sessions=int(sessions),
        mis=int(product is Product.MIS),
        delivery=int(one.kind is InstrumentKind.EQUITY and product is not Product.MIS),
        valid=int(settings.intent_valid_seconds * SECOND) if sessions else NEVER // 4,
        warm_up=needs.decides_after(candles.interval_seconds),
        decide_from=decide_from,
        has_state=int(keeps_state(strategy)),
        tick=one.tick_size,
        lot=one.lot_size,
        multiplier=one.multiplier,
        freeze=freeze * limits.slices_max,
        freeze_slice=max(slice_from - slice_from % one.lot_size, one.lot_size),
        fixed_quantity=sizing.quantity if isinstance(sizing, FixedQuantity) else 0,
        fixed_value=sizing.value if isinstance(sizing, FixedValue) else 0,
        capital=settings.capital,
        inside=int(settings.fill.inside),
        parts=settings.fill.parts,
        ticks=settings.fill.slippage_ticks,
        flat=-1 if settings.charges.flat is None else settings.charges.flat,
        never=never,
        never_short=never_short,
        never_exit=never_exit,
        margin_percent=limits.margin_percent(product),
        buffer_top=buffer.numerator,
        buffer_bottom=buffer.denominator,
        band_top=band.numerator,
        band_bottom=band.denominator,
        quantity_per_order=limits.max_quantity_per_order,
        value_per_order=limits.max_value_per_order,
        per_second=limits.entries_allowed(limits.orders_per_second),
        per_minute=limits.entries_allowed(limits.orders_per_minute),
        per_day=limits.entries_allowed(limits.orders_per_day),
        own_per_second=limits.entries_allowed(limits.strategy_orders_per_second),
        own_per_minute=limits.entries_allowed(limits.strategy_orders_per_minute),
        own_per_day=limits.entries_allowed(limits.strategy_orders_per_day),
        open_in_instrument=limits.open_orders_per_instrument,
        open_of_strategy=limits.open_orders_per_strategy,
        open_in_all=limits.open_orders,
        position_quantity=limits.max_position_quantity,
        position_value=limits.max_position_value_per_instrument,
        underlying=limits.underlying_exposure_max,
        strategy=limits.strategy_exposure_max,
        product=limits.product_exposure_max,
        segment=limits.segment_exposure_max,
        net=limits.net_exposure_max,
        gross=limits.gross_exposure_max,
        concentration_top=concentration.numerator,
        concentration_bottom=concentration.denominator,
        trades_per_day=limits.trades_per_day,
        losses_in_a_row=limits.losses_in_a_row,
        cool_down=int(exactly(limits.cool_down_minutes) * MINUTE),
        own_daily_loss=limits.strategy_daily_loss_max,
        daily_loss=limits.daily_loss_max,
        lock_from=limits.profit_lock_from,
        giveback_top=giveback.numerator,
        giveback_bottom=giveback.denominator,
        day_drawdown=limits.day_drawdown_max,
        drawdown=limits.drawdown_max,
    )
    # Products of these with sums below MONEY_MAX must stay within 64 bits.
    small = (rules.band_top, rules.band_bottom, rules.buffer_top, rules.buffer_bottom, rules.giveback_top)
    if max(*small, rules.giveback_bottom, rules.concentration_top // 100, rules.concentration_bottom) > 1_000:
        raise CompiledUnfit("a limit in percent has too many decimals")
    return rules


def _static(candles: Candles, limits: RiskLimits, product: Product) -> tuple[int, int, int]:
    """Denials that do not depend on the moment: of every entry, of a sale that opens, of every exit."""
    one = candles.instrument
    share = one.kind is InstrumentKind.EQUITY
    fits = product in ((Product.MIS, Product.CNC, Product.MTF) if share else (Product.MIS, Product.NRML))
    wrong = denial_number(DenyReason.PRODUCT_NOT_ALLOWED)
    never = 0
    underlying = one.symbol if share or not one.name else one.name
    if one.key in limits.banned or underlying in limits.banned:
        never = denial_number(DenyReason.INSTRUMENT_BANNED)
    elif one.exchange not in limits.allowed_exchanges:
        never = denial_number(DenyReason.EXCHANGE_NOT_ALLOWED)
    elif not fits or product not in limits.allowed_products:
        never = wrong
    short = denial_number(DenyReason.SHORT_SALE) if product in (Product.CNC, Product.MTF) else 0
    return never, short, 0 if fits else wrong
