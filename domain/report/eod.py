"""The end-of-day report as a value, and the one function that builds it from a snapshot and the day's facts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.journal import TradeBooked
from domain.parity import DayParity
from domain.report.books import Difference, ExchangeBooks, compare
from domain.report.note import NoteCheck
from domain.report.orders import OrderFacts, OrderRow
from domain.values import E4, Nanos

EXTERNAL: Final = "(by hand)"
"""Name of the ledger for trades that no strategy made."""


class DayEvent(Struct, frozen=True):
    """Something worth telling about the day.

    time  market time
    kind  drill, restart, reconnect, state, frozen, alert, difference, start
    """

    time: Nanos
    kind: str
    name: str
    text: str


PriceSamples = tuple[tuple[str, tuple[tuple[Nanos, E4], ...]], ...]
"""By instrument: (time, last price) while it was held, by the equity curve's step."""


class EquityPoint(Struct, frozen=True, array_like=True):
    """cash + positions_value at a market time."""

    time: Nanos
    equity: E4


class DayFacts(Struct, frozen=True):
    """What the day had besides its books: how the system itself fared.

    started, finished  market time; finished is when the report was made
    runs               how many processes traded this day (more than one: it was started again)
    restarts           actors started again by their supervisors
    reconnects         feed connections after the first of each process
    denied             (reason, how many intents the risk gate refused for it)
    parity             the day beside its backtest; None: not looked into, or not yet
    """

    env: str
    date: str
    started: Nanos
    finished: Nanos
    runs: int = 1
    restarts: int = 0
    reconnects: int = 0
    alerts: int = 0
    denied: tuple[tuple[str, int], ...] = ()
    events: tuple[DayEvent, ...] = ()
    equity_curve: tuple[EquityPoint, ...] = ()
    price_samples: PriceSamples = ()
    parity: DayParity | None = None


class StrategyRow(Struct, frozen=True):
    """One strategy's day. net = realised + unrealised - charges; slippage > 0 was paid away."""

    strategy: str
    realised: E4
    unrealised: E4
    charges: E4
    net: E4
    round_trips: int
    orders: int
    trades: int
    turnover: E4
    slippage: E4


class EodReport(Struct, frozen=True):
    """One trading day. Money in 1/10,000 rupee, times in nanoseconds UTC of market time.

    cash             opening_cash - buys + sells - charges
    balanced         cash + positions_value == opening_cash + realised + unrealised - charges, in integers
    net              realised + unrealised - charges: what the day made
    note             our charges beside the broker's virtual contract note; None where it was not read
    books_agree      whether the exchange's own books say the same; None where there are none to compare with
    parity           the day beside its backtest; None: not looked into, or not yet
    drawdown_max     largest fall of the equity curve from an earlier peak
    """

    date: str
    env: str
    strategies: tuple[str, ...]
    started: Nanos
    finished: Nanos
    seq: int
    opening_cash: E4
    cash: E4
    positions_value: E4
    realised: E4
    unrealised: E4
    charges: E4
    charge_components: tuple[tuple[str, E4], ...]
    net: E4
    turnover: E4
    slippage: E4
    round_trips: int
    orders: int
    trades: int
    order_states: tuple[tuple[str, int], ...]
    denied: tuple[tuple[str, int], ...]
    open_positions: tuple[PositionView, ...]
    per_strategy: tuple[StrategyRow, ...]
    restarts: int
    reconnects: int
    runs: int
    alerts: int
    events: tuple[DayEvent, ...]
    equity_curve: tuple[EquityPoint, ...]
    drawdown_max: E4
    order_list: tuple[OrderRow, ...]
    trade_list: tuple[TradeBooked, ...]
    balanced: bool
    books_agree: bool | None
    differences: tuple[Difference, ...]
    sandbox_books: ExchangeBooks | None
    price_samples: PriceSamples = ()
    note: NoteCheck | None = None
    parity: DayParity | None = None

    @property
    def equity(self) -> E4:
        """What the account is worth: cash + positions_value."""
        return self.cash + self.positions_value


def build(
    snapshot: PortfolioSnapshot,
    orders: OrderFacts,
    facts: DayFacts,
    strategies: Sequence[str] = (),
    exchange_books: ExchangeBooks | None = None,
    note: NoteCheck | None = None,
) -> EodReport:
    """Put the day together. Strategies without a trade still get their row.

    The equity curve ends with the snapshot itself, so that the picture and the figures agree.
    """
    curve = _closed(facts.equity_curve, EquityPoint(snapshot.time, snapshot.cash + snapshot.positions_value))
    open_positions = tuple(each for each in snapshot.positions if each.quantity != 0)
    differences = () if exchange_books is None else compare(snapshot, orders, exchange_books)
    return EodReport(
        date=facts.date,
        env=facts.env,
        strategies=tuple(strategies),
        started=facts.started,
        finished=facts.finished,
        seq=snapshot.seq,
        opening_cash=snapshot.opening_cash,
        cash=snapshot.cash,
        positions_value=snapshot.positions_value,
        realised=snapshot.realised,
        unrealised=snapshot.unrealised,
        charges=snapshot.charges,
        charge_components=snapshot.charge_components,
        net=snapshot.realised + snapshot.unrealised - snapshot.charges,
        turnover=snapshot.turnover,
        slippage=orders.slippage(),
        round_trips=snapshot.round_trips,
        orders=len(orders.order_ids()),
        trades=len(orders.trades),
        order_states=orders.states(),
        denied=facts.denied,
        open_positions=open_positions,
        per_strategy=_per_strategy(snapshot.positions, orders, strategies),
        restarts=facts.restarts,
        reconnects=facts.reconnects,
        runs=facts.runs,
        alerts=facts.alerts,
        events=facts.events,
        equity_curve=curve,
        drawdown_max=drawdown(curve),
        order_list=orders.rows(),
        trade_list=orders.trades,
        balanced=is_balanced(snapshot),
        books_agree=None if exchange_books is None else not differences,
        differences=differences,
        sandbox_books=exchange_books,
        price_samples=facts.price_samples,
        note=note,
        parity=facts.parity,
    )


def is_balanced(snapshot: PortfolioSnapshot) -> bool:
    """The books' identity, in integers: nothing is rounded, so nothing is tolerated."""
    made = snapshot.realised + snapshot.unrealised - snapshot.charges
    return snapshot.cash + snapshot.positions_value == snapshot.opening_cash + made


def drawdown(curve: Sequence[EquityPoint]) -> E4:
    """The largest fall from an earlier peak, as a positive amount; 0 for a curve that never falls."""
    peak, worst = None, 0
    for point in curve:
        peak = point.equity if peak is None else max(peak, point.equity)
        worst = max(worst, peak - point.equity)
    return worst


def _closed(curve: Sequence[EquityPoint], last: EquityPoint) -> tuple[EquityPoint, ...]:
    return (*(point for point in curve if point.time < last.time), last)


def _per_strategy(
    positions: Sequence[PositionView], orders: OrderFacts, strategies: Sequence[str]
) -> tuple[StrategyRow, ...]:
    ledgers: Mapping[str, list[PositionView]] = defaultdict(list)
    for view in positions:
        ledgers[view.strategy].append(view)
    known = dict.fromkeys((*strategies, *ledgers, *orders.strategies()))
    return tuple(_strategy_row(each, ledgers.get(each, []), orders) for each in known)


def _strategy_row(strategy: str, ledger: Sequence[PositionView], orders: OrderFacts) -> StrategyRow:
    realised = sum(view.realised for view in ledger)
    unrealised = sum(view.unrealised for view in ledger)
    charges = sum(view.charges for view in ledger)
    trades = [trade for trade in orders.trades if trade.strategy == strategy]
    return StrategyRow(
        strategy=strategy or EXTERNAL,
        realised=realised,
        unrealised=unrealised,
        charges=charges,
        net=realised + unrealised - charges,
        round_trips=sum(view.round_trips for view in ledger),
        orders=len(orders.order_ids(strategy)),
        trades=len(trades),
        turnover=sum(trade.quantity * trade.price for trade in trades),
        slippage=orders.slippage(strategy),
    )
