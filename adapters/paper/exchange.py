"""The pretend exchange of paper trading: takes orders, matches them on real ticks, keeps the account.

One lock; called by the order workers (place, cancel, reads) and by the feed (ticks). Every change is on disk before it
is answered or told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from adapters.paper import account
from adapters.paper.matching import fills, offered, protection_price, triggered
from adapters.paper.refusals import Refused, check
from adapters.paper.rows import Day, Kept, Level, PaperOrder, Quote
from adapters.paper.store import PaperStore
from adapters.paper.triggers import Triggers, check_gtt, fired, order_of, reached
from domain.costs import charge_kind
from domain.errors import CalendarUnknown, JournalUnavailable
from domain.messages.broker import (
    Accepted,
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerStatus,
    BrokerTrade,
    CancelOutcome,
    Change,
    Funds,
    ModifyOutcome,
    PlaceOrder,
    PostOutcome,
    Rejected,
    Unresolved,
)
from domain.messages.gtt import BrokerGtt, Gtt, GttResult, GttStatus
from domain.ports import Calendar, Clock, EventLog
from domain.ticks import TickRows
from domain.values import E4, SECOND, Instrument, InstrumentKind, Nanos, OrderKind, Side, Validity, ist

_OPTIONS: Final = (InstrumentKind.CALL, InstrumentKind.PUT)


class PaperExchange:
    """See the module.

    opening_cash   1/10,000 rupee, of an account that is new
    fresh_seconds  market seconds; an order that arrives on an older packet waits for the next one
    """

    def __init__(
        self,
        store: PaperStore,
        clock: Clock,
        calendar: Calendar,
        *,
        opening_cash: E4,
        fresh_seconds: float,
        log: EventLog,
    ) -> None:
        self._log = log
        self._store = store
        self._clock = clock
        self._calendar = calendar
        self._opening_cash = opening_cash
        self._fresh = int(fresh_seconds * SECOND)
        self._lock = threading.RLock()
        self._instruments: dict[str, Instrument] = {}
        self._rows: dict[int, tuple[TickRows, int, Nanos, int]] = {}
        self._taken: dict[int, tuple[int, dict[E4, int]]] = {}
        self._listener: Callable[[BrokerOrder], None] = lambda _order: None
        self._day = Day("", opening_cash)
        self._orders: dict[str, PaperOrder] = {}
        self._live: dict[int, set[str]] = {}
        self._trades: list[Kept] = []
        self._gtts = Triggers(store.gtts())
        with self._lock:
            self._recall()

    def know(self, instruments: Iterable[Instrument]) -> None:
        """The day's instruments."""
        self._instruments = {each.key: each for each in instruments}

    def listen(self, listener: Callable[[BrokerOrder], None]) -> None:
        """Tell every change of an order here, on whichever thread made it. It must only enqueue."""
        self._listener = listener

    # -- what a broker is asked ------------------------------------------------------------------------------------

    def place(self, order: PlaceOrder) -> PostOutcome:
        """Take, refuse, and match an order. Whatever is answered is on disk."""
        with self._lock:
            now = self._roll()
            instrument = self._instruments.get(f"{order.exchange}:{order.symbol}")
            quote = None if instrument is None else self._quote(instrument.token)
            try:
                known = check(order, instrument, quote)
            except Refused as refused:
                return Rejected(400, str(refused))
            placed = self._made(order, known, quote, now)
            text = self._refusal_after_acceptance(placed, known, now)
            if text:
                placed = replace(placed, status=BrokerStatus.REJECTED, text=text)
            try:
                self._keep(placed)
            except JournalUnavailable as error:
                return Unresolved(str(error))
            if placed.live and quote is not None and now - quote.received <= self._fresh:
                self._meet(placed, quote, printed=0)
            return Accepted(placed.order_id)

    def modify(self, order_id: str, change: Change) -> ModifyOutcome:
        """Change what rests: quantity, price, trigger. The kind stays: paper stops do not turn into other orders."""
        with self._lock:
            now = self._roll()
            order = self._orders.get(order_id)
            if order is None or not order.live:
                return Rejected(400, "Order cannot be modified as it is not open (OrderException)")
            if change.kind is not None and change.kind is not order.kind:
                return Rejected(400, "Paper trading does not change an order's kind (InputException)")
            quantity = change.quantity or order.quantity
            if quantity <= order.filled:
                return Rejected(400, "Invalid `quantity`: it should be more than what has traded (InputException)")
            instrument = self._instruments[f"{order.exchange}:{order.symbol}"]
            if quantity % instrument.lot_size or any(
                price % instrument.tick_size for price in (change.price, change.trigger_price)
            ):
                return Rejected(400, "Quantity and prices are multiples of the lot and the tick (InputException)")
            waits = order.status is BrokerStatus.TRIGGER_PENDING
            self._keep(
                replace(
                    order,
                    quantity=quantity,
                    limit=change.price or order.limit,
                    trigger=(change.trigger_price or order.trigger) if waits else order.trigger,
                    arrived=order.arrived and not change.price,
                    updated=now,
                )
            )
            return Accepted(order_id)

    def cancel(self, order_id: str) -> CancelOutcome:
        """Cancel what rests."""
        with self._lock:
            now = self._roll()
            order = self._orders.get(order_id)
            if order is None or not order.live:
                return Rejected(
                    400, "Order cannot be cancelled as it is being processed, or is not open (OrderException)"
                )
            self._keep(self._cancelled(order, now))
            return Accepted(order_id)

    def place_gtt(self, gtt: Gtt) -> PostOutcome:
        """Take a GTT, or refuse it."""
        with self._lock:
            try:
                check_gtt(gtt, self._instruments.get(f"{gtt.exchange}:{gtt.symbol}"))
            except Refused as refused:
                return Rejected(400, str(refused))
            row = self._gtts.new(gtt, self._roll())
            try:
                self._keep_gtt(row)
            except JournalUnavailable as error:
                return Unresolved(str(error))
            return Accepted(row.trigger_id)

    def change_gtt(self, trigger_id: str, gtt: Gtt | None) -> PostOutcome:
        """Another definition of one that rests; None: it is deleted."""
        with self._lock:
            now, row = self._roll(), self._gtts.active(trigger_id)
            if row is None:
                return Rejected(400, f"Trigger {trigger_id} does not rest (InputException)")
            changed = replace(row, status=GttStatus.DELETED, updated=now)
            if gtt is not None:
                try:
                    check_gtt(gtt, self._instruments.get(f"{gtt.exchange}:{gtt.symbol}"))
                except Refused as refused:
                    return Rejected(400, str(refused))
                changed = replace(row, gtt=gtt, results=(None,) * len(gtt.legs), updated=now)
            try:
                self._keep_gtt(changed)
            except JournalUnavailable as error:
                return Unresolved(str(error))
            return Accepted(trigger_id)

    def gtts(self) -> Sequence[BrokerGtt]:
        """Those that rest, and those that ended lately."""
        with self._lock:
            return self._gtts.shown(self._roll())

    def orders(self) -> Sequence[BrokerOrder]:
        """The day's orders."""
        with self._lock:
            now = self._roll()
            return [order.shown(now) for order in self._orders.values()]

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """The day's trades."""
        with self._lock:
            self._roll()
            return [kept.trade for kept in self._trades if order_id in (None, kept.trade.order_id)]

    def positions(self) -> Sequence[BrokerPosition]:
        """Net positions."""
        with self._lock:
            self._roll()
            return account.positions(self._day, self._trades, self._last_price)

    def holdings(self) -> Sequence[BrokerHolding]:
        """Delivery holdings."""
        with self._lock:
            self._roll()
            return account.holdings(self._day, self._trades)

    def funds(self) -> Funds:
        """The account's funds."""
        with self._lock:
            self._roll()
            return account.funds(self._day, self._trades, self._orders.values())

    # -- what the market does --------------------------------------------------------------------------------------

    def on_ticks(self, rows: TickRows) -> None:
        """One decoded frame of real prices: remember it, and match what waits for it."""
        received = self._clock.now_ns()
        with self._lock:
            for index, token in enumerate(rows["token"].tolist()):
                before = self._rows.get(token)
                number = 1 if before is None else before[3] + 1
                self._rows[token] = (rows, index, received, number)
                resting = self._gtts.resting(self._instruments, token)
                if resting or self._live.get(token):
                    try:
                        self._fire(resting, token)
                        self._match(token, before)
                    except JournalUnavailable as error:
                        # Nothing was filled that is not on disk; the next packet tries again.
                        self._log("error", "paper.not_kept", why=str(error))

    def _fire(self, resting: Sequence[BrokerGtt], token: int) -> None:
        """GTTs whose trigger this packet has reached: the order and the end of the GTT, in one transaction."""
        now, quote = self._roll(), self._quote(token)
        for row in resting:
            leg = None if quote is None or quote.last_price <= 0 else reached(row, quote.last_price)
            instrument = self._instruments[f"{row.gtt.exchange}:{row.gtt.symbol}"]
            if leg is None or not self._is_open(instrument, now):
                continue
            order = self._made(order_of(row.gtt, row.gtt.legs[leg]), instrument, quote, now)
            text = self._refusal_after_acceptance(order, instrument, now)
            if text:
                self._keep_gtt(fired(row, leg, GttResult("", text), now))
                continue
            ended = fired(row, leg, GttResult(order.order_id), now)
            self._store.keep(self._day.date, (order,), (), (ended,))
            self._gtts.remember(ended)
            self._remember(order)
            self._listener(order.shown(now))

    def _is_open(self, instrument: Instrument, now: Nanos) -> bool:
        try:
            hours = self._calendar.hours(ist(now).date(), instrument.session)
        except CalendarUnknown:
            return False
        return hours is not None and hours[0] <= now < hours[1]

    def _keep_gtt(self, row: BrokerGtt) -> None:
        self._store.keep(self._day.date, (), (), (row,))
        self._gtts.remember(row)

    def _match(self, token: int, before: tuple[TickRows, int, Nanos, int] | None) -> None:
        self._roll()
        quote = self._quote(token)
        if quote is None:
            return
        printed = 0
        if before is not None:
            printed = max(0, quote.volume - int(before[0][before[1]]["volume"]))
        for order_id in sorted(self._live.get(token, ())):
            self._meet(self._orders[order_id], quote, printed)

    def _meet(self, order: PaperOrder, quote: Quote, printed: int) -> None:
        """Whatever this packet means for the order."""
        now = self._clock.now_ns()
        if order.status is BrokerStatus.TRIGGER_PENDING:
            if not triggered(order, quote.last_price):
                return
            order = self._awakened(order, quote, now)
            self._keep(order)
        if not order.arrived:
            order = replace(order, aggressor=bool(offered(order, quote)))
        number, taken = self._taken.get(order.token, (0, {}))
        if number != quote.number:
            taken = {}
            self._taken[order.token] = (quote.number, taken)
        got = fills(order, quote, taken, printed)
        order = replace(order, arrived=True)
        trades: list[Kept] = []
        for price, quantity, _ in got:
            order = _filled(order, price, quantity, now)
            trades.append(self._trade(order, price, quantity, len(trades), now))
        if order.live and order.validity is Validity.IOC:
            order = self._cancelled(order, now)
        if trades or not order.live:
            self._keep(order, trades)
        else:
            self._orders[order.order_id] = order
        for _, quantity, level in got:
            taken[level] = taken.get(level, 0) + quantity
        self._taken[order.token] = (quote.number, taken)

    def _awakened(self, order: PaperOrder, quote: Quote, now: Nanos) -> PaperOrder:
        limit, protected = order.limit, False
        if order.kind is OrderKind.STOP_MARKET:
            instrument = self._instruments[f"{order.exchange}:{order.symbol}"]
            limit = protection_price(
                order.side, quote.last_price, instrument.tick_size, instrument.kind, order.protection
            )
            protected = True
        return replace(order, status=BrokerStatus.OPEN, limit=limit, protected=protected, updated=now)

    # -- making and keeping ----------------------------------------------------------------------------------------

    def _made(self, order: PlaceOrder, instrument: Instrument, quote: Quote | None, now: Nanos) -> PaperOrder:
        stop = order.kind in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET)
        limit = order.price
        if order.kind is OrderKind.MARKET:
            assert quote is not None, "a market order without a price is refused"
            limit = protection_price(
                order.side, quote.last_price, instrument.tick_size, instrument.kind, order.market_protection
            )
        return PaperOrder(
            order_id=f"{ist(now):%y%m%d}7{len(self._orders) + 1:012d}",
            tag=order.tag,
            exchange=order.exchange,
            symbol=order.symbol,
            token=instrument.token,
            side=order.side,
            product=order.product,
            kind=order.kind,
            validity=order.validity,
            variety=order.variety.value,
            quantity=order.quantity,
            limit=limit,
            trigger=order.trigger_price if stop else 0,
            status=BrokerStatus.TRIGGER_PENDING if stop else BrokerStatus.OPEN,
            placed=now,
            updated=now,
            multiplier=instrument.multiplier,
            protected=order.kind is OrderKind.MARKET,
            protection=order.market_protection,
            premium=instrument.kind in _OPTIONS,
        )

    def _refusal_after_acceptance(self, order: PaperOrder, instrument: Instrument, now: Nanos) -> str:
        try:
            hours = self._calendar.hours(ist(now).date(), instrument.session)
        except CalendarUnknown as error:
            return str(error)
        if hours is None or not hours[0] <= now < hours[1]:
            return "16278 : The markets have not been opened for trading"
        if order.side is Side.SELL and order.product.value == "CNC":
            free = account.sellable(self._day, self._trades, self._orders.values(), order.exchange, order.symbol)
            if order.quantity > free:
                return f"Insufficient stock holding: {order.quantity} wanted, {max(0, free)} available"
        free_cash = account.available(self._day, self._trades, self._orders.values())
        held = {key: line.quantity for key, line in account.lines(self._day, self._trades).items()}
        for other in self._orders.values():
            if other.live:
                account.needed(other, held)  # what others will close is not closable again
        wanted = account.needed(order, held)
        if wanted > free_cash and wanted > 0:
            return (
                f"Insufficient funds. Required margin is {wanted / 10_000:.2f} but available margin is "
                f"{free_cash / 10_000:.2f}. Check the orderbook for open orders."
            )
        return ""

    def _trade(self, order: PaperOrder, price: E4, quantity: int, ahead: int, now: Nanos) -> Kept:
        instrument = self._instruments[f"{order.exchange}:{order.symbol}"]
        trade = BrokerTrade(
            trade_id=f"{ist(now):%d%m}{len(self._trades) + ahead + 1:08d}",
            order_id=order.order_id,
            exchange=order.exchange,
            symbol=order.symbol,
            side=order.side,
            product=order.product,
            quantity=quantity,
            price=price,
            event_time=now // SECOND * SECOND,
        )
        return Kept(trade, order.multiplier, charge_kind(instrument, order.product), order.premium)

    def _keep(self, order: PaperOrder, trades: Sequence[Kept] = ()) -> None:
        """On disk, then in mind, then told."""
        self._store.keep(self._day.date, (order,), trades)
        self._remember(order)
        self._trades.extend(trades)
        self._listener(order.shown(self._clock.now_ns()))

    def _remember(self, order: PaperOrder) -> None:
        self._orders[order.order_id] = order
        if order.live:
            self._live.setdefault(order.token, set()).add(order.order_id)
        else:
            self._live.get(order.token, set()).discard(order.order_id)

    def _cancelled(self, order: PaperOrder, now: Nanos) -> PaperOrder:
        return replace(order, status=BrokerStatus.CANCELLED, cancelled=order.pending, updated=now)

    # -- days ------------------------------------------------------------------------------------------------------

    def _recall(self) -> None:
        """The day that was last begun, as it stood."""
        day = self._store.newest_day()
        if day is None:
            return
        self._day = day
        self._trades = self._store.trades(day.date)
        for order in self._store.orders(day.date):
            self._remember(order)

    def _roll(self) -> Nanos:
        """The time; where it is of a new day, the account's morning first."""
        now = self._clock.now_ns()
        date = ist(now).date().isoformat()
        if date > self._day.date:
            # Orders live for the day: yesterday's are gone.
            fresh = account.next_day(self._day, self._trades, date) if self._day.date else Day(date, self._opening_cash)
            self._store.begin(fresh)
            self._day, self._trades, self._orders, self._live = fresh, [], {}, {}
        return now

    def _quote(self, token: int) -> Quote | None:
        found = self._rows.get(token)
        if found is None:
            return None
        rows, index, received, number = found
        row = rows[index]
        return Quote(
            last_price=int(row["last_price"]),
            volume=int(row["volume"]),
            bids=_levels(row["bids"]),
            asks=_levels(row["asks"]),
            received=received,
            number=number,
        )

    def _last_price(self, exchange: str, symbol: str) -> E4:
        instrument = self._instruments.get(f"{exchange}:{symbol}")
        quote = None if instrument is None else self._quote(instrument.token)
        if quote is not None:
            return quote.last_price
        return next((k.trade.price for k in reversed(self._trades) if k.trade.symbol == symbol), 0)


def _filled(order: PaperOrder, price: E4, quantity: int, now: Nanos) -> PaperOrder:
    filled = order.filled + quantity
    return replace(
        order,
        filled=filled,
        value=order.value + price * quantity,
        status=BrokerStatus.COMPLETE if filled == order.quantity else BrokerStatus.OPEN,
        updated=now,
    )


def _levels(side: TickRows) -> tuple[Level, ...]:
    return tuple(
        (price, quantity)
        for price, quantity in zip(side["price"].tolist(), side["quantity"].tolist(), strict=True)
        if price > 0 and quantity > 0
    )
