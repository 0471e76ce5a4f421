"""The exchange and the broker's order desk: orders come in, live their life in status rows, meet the book and fill.

The engine is synchronous. Time, timers and the way out for updates are handed in: `now` gives market time,
`schedule(seconds, action)` runs an action after a wall delay, `publish(text)` sends an order update. `run_to(now)`
uncovers the tape up to an instant and does what falls due on the way, in market order.
"""

import random
from collections.abc import Callable
from datetime import date

from sandbox import orders as status
from sandbox.book import Books
from sandbox.calls import Calls
from sandbox.changes import Changes
from sandbox.gtt import Gtts
from sandbox.instruments import Instrument, Universe
from sandbox.matching import Matcher
from sandbox.orders import Iceberg, Order, trade_of
from sandbox.phases import has_auction, is_call, phase_of
from sandbox.portfolio import Portfolio
from sandbox.refusal import Refusal, order_refused
from sandbox.rms import claim, margin_of, reserve
from sandbox.rules import (
    CLOSED,
    ModifyRequest,
    PlaceRequest,
    Quote,
    check_place,
    circuit_limits,
)
from sandbox.tape import DayTape, Market
from sandbox.timetable import Timetable
from sandbox.trading_days import NS, day_of, last_trading_day, seconds_of
from sandbox.varieties import Varieties
from sandbox.wire import Chunks, order_text

BUY, SELL = 1, -1
MODIFICATIONS_MAX = 25
ORDERS_PER_DAY_MAX = 5000
NO_SUCH_ORDER = "Couldn't find that `order_id`."

_VALIDATE_SECONDS = 0.0005
_REACH_EXCHANGE_SECONDS = 0.0015
_FILL_SECONDS = 0.002


class Engine:
    """Every order of the account, today's order book and the matching against the tape."""

    def __init__(
        self,
        *,
        market: Market,
        universe: Universe,
        portfolio: Portfolio,
        now: Callable[[], int],
        schedule: Callable[[float, Callable[[], None]], None],
        publish: Callable[[str], None],
        api_secret: str,
        user_id: str,
        seed: int,
        relaxed: frozenset[str] = frozenset(),
        market_protection_required: bool = True,
        edis: bool = False,
        banned: frozenset[str] = frozenset(),
    ) -> None:
        self.market = market
        self.universe = universe
        self.portfolio = portfolio
        self.chunks = Chunks(market.paths)
        self.books = Books(self.chunks)
        self.orders: dict[str, Order] = {}
        self.orders_ever = 0
        self.day = last_trading_day(day_of(now()))
        self.requests_today = 0
        self._now = now
        self._schedule = schedule
        self._publish = publish
        self._api_secret = api_secret
        self._user_id = user_id
        self.relaxed = relaxed
        self._edis = edis
        self._banned = banned
        self.protect = market_protection_required and "market-protection" not in relaxed
        self._latency = random.Random(seed)
        self._matcher = Matcher(self)
        self._trades: list[bytes] = []
        self._trade_ids = 0
        self._seen_ns = now()
        self._live: dict[str, Order] = {}
        self.changes = Changes(self)
        self.varieties = Varieties(self)
        self.calls = Calls(self)
        self.gtts = Gtts(self, user_id, cap="gtt-cap" not in relaxed)
        self._timetable = Timetable(self)

    # What others ask of it

    def tape(self, instrument: Instrument) -> DayTape:
        """The instrument's tape of the trading day in hand."""
        return self.market.tape(instrument, self.day)

    def quote(self, instrument: Instrument) -> Quote:
        """Last price and circuit limits now; the previous close before the first print."""
        tape = self.tape(instrument)
        printed = tape.printed(self._now())
        last = int(tape.price[printed - 1]) if printed else tape.previous_close
        return Quote(last, *circuit_limits(instrument, tape.previous_close))

    def last_price(self, exchange: str, tradingsymbol: str) -> int:
        """What one unit of quantity is worth now, by name, for the books: a contract's multiplier is inside."""
        instrument = self.universe.ever[f"{exchange}:{tradingsymbol}"]
        return self.quote(instrument).last_price * instrument.multiplier

    def now(self) -> int:
        """Market time."""
        return self._now()

    @property
    def seen_ns(self) -> int:
        """The instant up to which everything that falls due has been done."""
        return self._seen_ns

    @property
    def live(self) -> list[Order]:
        """Orders that are not done."""
        return list(self._live.values())

    @property
    def matcher(self) -> Matcher:
        """Orders at the exchange."""
        return self._matcher

    def trade_rows(self) -> list[bytes]:
        """Today's trades, encoded, oldest first."""
        return self._trades

    def find(self, order_id: str) -> Order:
        """An order of today; refuses an unknown id."""
        order = self.orders.get(order_id)
        if order is None:
            raise Refusal(NO_SUCH_ORDER, "OrderException", 404)
        return order

    # Orders

    def count_request(self) -> None:
        """One placement towards the day's cap; refused ones count too."""
        self.requests_today += 1
        if "order-caps" not in self.relaxed and self.requests_today > ORDERS_PER_DAY_MAX:
            raise Refusal("Maximum allowed order requests exceeded")

    def place(self, request: PlaceRequest) -> str:
        """Check an order and accept it; its id. The rest of its life follows by itself."""
        self.check(request)
        return self.accept(request).order_id

    def check(self, request: PlaceRequest) -> None:
        """Refuse what the broker refuses before an order gets an id."""
        now = self._now()
        instrument = request.instrument
        band = None
        if "circuit" not in self.relaxed and has_auction(instrument, self.day):
            band = self.calls.band(instrument, now)
        check_place(request, self.quote(instrument), now, self.relaxed, protect=self.protect, band=band)
        if request.variety == "auction":
            self.calls.check_auction(request, now)
        if instrument.name in self._banned and instrument.is_derivative:
            key = (instrument.exchange, instrument.tradingsymbol, request.product)
            if -request.side * self.portfolio.net(key) < request.quantity:
                raise order_refused(
                    f"{instrument.name} is in the F&O ban period. Only position-reducing orders are allowed."
                )
        if "far-month" not in self.relaxed and instrument.session == "commodity" and self._is_far(instrument):
            raise order_refused("Trading in far month contracts is not allowed. Use a nearer expiry.")
        if self._edis and request.product == "CNC" and request.side == SELL:
            self.portfolio.check_authorised(instrument, request.quantity, self._live.values(), now)

    def accept(self, request: PlaceRequest, *, tags: list[str] | None = None) -> Order:
        """Take an order that has been checked; it goes to the RMS, or waits for the next session (AMO)."""
        order = self.new_order(request, self._now(), tags=tags)
        if request.variety != "amo":
            self._schedule(self._delay(_VALIDATE_SECONDS), lambda: self.validate(order))
        return order

    def modify(self, order_id: str, change: ModifyRequest) -> str:
        """Accept a modification of a working order, or refuse it at once."""
        order = self.find(order_id)
        if order.done:
            raise order_refused(f"Order cannot be modified as it is already {order.status}.")
        if order.status not in {status.OPEN, status.TRIGGER_PENDING, status.AMO_RECEIVED}:
            raise order_refused("Order cannot be modified as it is being processed. Try later.")
        if "modification-cap" not in self.relaxed and order.modifications >= MODIFICATIONS_MAX:
            raise order_refused("Maximum allowed order modifications exceeded.")
        self.changes.check(order, change)
        order.modifications += 1
        if order.status == status.AMO_RECEIVED:
            self.changes.rewrite(order, change)
            order.record()
            self.tell(order, status.UPDATE)
            return order_id
        for step in (status.MODIFY_VALIDATION_PENDING, status.MODIFY_PENDING):
            self.turn(order, step, tell=False)
        self._schedule(self._delay(_REACH_EXCHANGE_SECONDS), lambda: self.changes.apply(order, change))
        return order_id

    def cancel(self, order_id: str) -> str:
        """Accept a cancellation of a working order, or refuse it at once."""
        order = self.find(order_id)
        if order.done:
            raise order_refused(f"Order cannot be cancelled as it is already {order.status}.")
        if order.status == status.AMO_RECEIVED:
            self.finish_cancel(order, None)
            return order_id
        if order.status not in {status.OPEN, status.TRIGGER_PENDING}:
            raise order_refused("Order cannot be cancelled as it is being processed. Try later.")
        if not self.acting(order):
            raise order_refused(CLOSED)
        if order.parent_order_id is not None:
            self.varieties.exit_cover(order)
            return order_id
        self.turn(order, status.CANCEL_PENDING, tell=False)
        self._schedule(self._delay(_REACH_EXCHANGE_SECONDS), lambda: self._cancel_now(order))
        return order_id

    # What the matcher tells

    def filled(self, order: Order, quantity: int, price: int, now: int) -> None:
        """Book an execution and tell of it."""
        self._trade_ids += 1
        order.filled += quantity
        order.fill_value += quantity * price
        order.exchange_update_ns = now
        trade = trade_of(order, f"{self.day:%d%m}{self._trade_ids:08d}", quantity, price, now)
        order.trades.append(trade)
        self._trades.append(trade.encoded)
        self.portfolio.trade(
            self.day.toordinal(),
            order.order_id,
            order.instrument,
            order.product,
            order.side,
            quantity,
            price,
            square_off=order.square_off,
        )
        self.reserve_again(order)
        if order.pending == 0:
            order.working = False
            order.call = False
            self.turn(order, status.COMPLETE)
        else:
            order.record()
            self.tell(order, status.UPDATE)
        self.varieties.filled(order, quantity)

    def triggered(self, order: Order) -> None:
        """A stop order's trigger has been reached: it is an ordinary order now."""
        self.turn(order, status.OPEN)

    def expired(self, order: Order, message: str | None) -> None:
        """An order's rest goes back."""
        self.finish_cancel(order, message)

    # Time

    def run_to(self, now_ns: int) -> None:
        """Uncover the tape to `now_ns`, doing square-off, auctions, session ends and new days in their order."""
        for when, action in self._timetable.until(now_ns):
            self._uncover(when - 1)
            self._seen_ns = when
            action()
        self._uncover(now_ns)
        self._seen_ns = max(self._seen_ns, now_ns)

    def _uncover(self, now_ns: int) -> None:
        self._matcher.match_to(now_ns)
        self.gtts.watch_to(now_ns)

    def start_day(self, day: date) -> None:
        """The night is over: yesterday's orders go, positions settle or carry."""
        for order in self.live:
            if order.status != status.AMO_RECEIVED:
                self.finish_cancel(order, "Order lapsed at the end of the day.")
        previous = self.day
        self.portfolio.start_day(lambda instrument: self.market.close(instrument, previous))
        self.day = day
        self.orders = {order.order_id: order for order in self.live}
        self._matcher.clear()
        self.chunks.clear()
        self._trades = []
        self.requests_today = 0
        self.market.forget_before(day)
        self.universe.expire_before(day)
        self.gtts.start_day(day)

    # An order's life

    def new_order(
        self,
        request: PlaceRequest,
        now: int,
        *,
        square_off: bool = False,
        parent_order_id: str | None = None,
        iceberg: Iceberg | None = None,
        tags: list[str] | None = None,
    ) -> Order:
        """A row in the order book; nothing happens to it yet."""
        self.orders_ever += 1
        day = day_of(now)
        quantity = request.quantity
        if iceberg is None and request.iceberg_legs:
            size = request.iceberg_quantity
            iceberg = Iceberg(1, request.iceberg_legs, size, quantity, quantity - size)
        if iceberg is not None:
            quantity = min(iceberg.leg_quantity, iceberg.total - (iceberg.leg - 1) * iceberg.leg_quantity)
        order = Order(
            order_id=f"{day:%y%m%d}{self.orders_ever:013d}",
            guid=f"01SB{self.orders_ever:012d}",
            instrument=request.instrument,
            side=request.side,
            quantity=quantity,
            product=request.product if request.variety != "co" else "CO",
            order_type=request.order_type,
            price=request.price,
            trigger_price=request.trigger_price,
            validity=request.validity,
            validity_ttl=request.validity_ttl,
            disclosed_quantity=request.disclosed_quantity,
            market_protection=request.market_protection,
            tag=request.tag,
            placed_ns=now,
            placed_by=self._user_id if not square_off else "RMS",
            square_off=square_off,
            variety=request.variety,
            parent_order_id=parent_order_id,
            auction_number=request.auction_number,
            iceberg=iceberg,
            cover_trigger=request.trigger_price if request.variety == "co" and parent_order_id is None else 0,
        )
        if order.cover_trigger:
            order.trigger_price = 0
        order.tags = [*order.tags, *(tags or [])]
        self.orders[order.order_id] = self._live[order.order_id] = order
        order.record()
        return order

    def validate(self, order: Order) -> None:
        """The RMS: enough money, and shares to deliver."""
        if order.done:
            return
        self.turn(order, status.VALIDATION_PENDING, tell=False)
        last = self.quote(order.instrument).last_price
        problem = claim(order, self.portfolio, self._live.values(), last, self.relaxed)
        if problem is not None:
            order.status_message, order.status_message_raw = problem
            order.cancelled = 0
            self.turn(order, status.REJECTED)
            return
        self.turn(order, status.OPEN_PENDING, tell=False)
        self._schedule(self._delay(_REACH_EXCHANGE_SECONDS), lambda: self.reach_exchange(order, self._now()))

    def reach_exchange(self, order: Order, now: int) -> None:
        """Acknowledged by the exchange: rests, waits for its trigger, or fills at once."""
        if order.done:
            return
        instrument = order.instrument
        phase = phase_of(instrument, day_of(now), seconds_of(now))
        late = phase == "closed" and "session" not in self.relaxed
        if late and not order.square_off and order.auction_number is None:
            order.status_message = "16278 : The markets have not been opened for trading"
            order.status_message_raw = order.status_message
            reserve(order, self.portfolio, 0)
            self.turn(order, status.REJECTED)
            return
        order.exchange_order_id = f"11{int(order.order_id[6:]):014d}"
        order.exchange_ns = order.exchange_update_ns = now
        if is_call(phase) or order.auction_number is not None:
            self.calls.enter(order, now)
            self.turn(order, status.OPEN)
            return
        order.working = True
        if order.validity == "TTL":
            order.expires_ns = now + order.validity_ttl * 60 * NS
        if order.triggered:
            self._matcher.enter_book(order, now)
            self.turn(order, status.OPEN)
            self._schedule_fill(order)
        else:
            order.next_print = self.tape(instrument).printed(now)
            self.turn(order, status.TRIGGER_PENDING)
        self._matcher.add(order)

    def _schedule_fill(self, order: Order) -> None:
        if order.square_off:
            self._matcher.meet_book(order, self._seen_ns)
        else:
            self._schedule(self._delay(_FILL_SECONDS), lambda: self._matcher.meet_book(order, self._now()))

    def _cancel_now(self, order: Order) -> None:
        if not order.done:
            self.finish_cancel(order, None)

    def finish_cancel(self, order: Order, message: str | None) -> None:
        """An order's rest goes back to its owner."""
        order.working = order.call = False
        order.cancelled = order.pending
        order.status_message = message
        if order.exchange_order_id is not None:
            order.exchange_update_ns = max(self._seen_ns, order.exchange_update_ns or 0)
        reserve(order, self.portfolio, 0)
        self.turn(order, status.CANCELLED)

    def carry_on(self, order: Order, now: int) -> None:
        """An order that waited in a call auction, or a stop's exit, enters the continuous book."""
        order.call = False
        order.working = True
        order.triggered = True
        self._matcher.enter_book(order, now)
        self._matcher.add(order)
        self._matcher.meet_book(order, now)

    def seen_or_now(self) -> int:
        """The instant of what is being done: never before what has been uncovered."""
        return max(self._seen_ns, self._now())

    def after_validation_delay(self, order: Order) -> None:
        """Send an order that the exchange side made to the RMS, as soon as one that was placed."""
        self._schedule(self._delay(_VALIDATE_SECONDS), lambda: self.validate(order))

    def after_exchange_delay(self, action: Callable[[], None]) -> None:
        """Do something as soon as a message could have reached the exchange."""
        self._schedule(self._delay(_REACH_EXCHANGE_SECONDS), action)

    # Small parts

    def acting(self, order: Order) -> bool:
        """Whether the exchange takes changes to an order now."""
        if "session" in self.relaxed or order.auction_number is not None or order.status == status.AMO_RECEIVED:
            return True
        now = self._now()
        return phase_of(order.instrument, day_of(now), seconds_of(now)) != "closed"

    def _is_far(self, instrument: Instrument) -> bool:
        """Whether two or more nearer expiries of the same name are listed."""
        nearer = {
            one.expiry
            for one in self.universe.all
            if one.name == instrument.name and one.expiry and instrument.expiry and one.expiry < instrument.expiry
            if one.segment == instrument.segment
        }
        return len(nearer) >= 2

    def reserve_again(self, order: Order) -> None:
        """Block what the rest of an order needs now."""
        last = self.quote(order.instrument).last_price
        reserve(order, self.portfolio, margin_of(order, last))

    def turn(self, order: Order, to: str, *, tell: bool = True) -> None:
        """Write a status row, and tell of it."""
        order.record_status(to)
        if order.done:
            self._live.pop(order.order_id, None)
        if tell:
            self.tell(order, to)

    def tell(self, order: Order, as_status: str) -> None:
        """Send an update of an order."""
        self._publish(order_text(order.postback(self._api_secret, as_status)))

    def _delay(self, mean_seconds: float) -> float:
        return mean_seconds * (0.5 + 0.5 * self._latency.expovariate(1.0))
