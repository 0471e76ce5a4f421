"""Matching: how an order that is at the exchange meets the tape.

An order takes the displayed levels when it arrives. What is left rests: while the book stays crossed it goes on taking
shown levels ("sweeping"); once the book has uncrossed it is passive, fills at its own limit and waits behind the queue
it found. The matcher moves orders' matching fields alone; what a fill, a trigger or an expiry means is told to the
order desk.
"""

from typing import Protocol

from sandbox.book import BUY, Book, Books, crosses
from sandbox.instruments import Instrument
from sandbox.orders import Order
from sandbox.rules import Quote, auto_protection, circuit_limits, protected_limit
from sandbox.tape import DayTape


class Desk(Protocol):
    """What the matcher needs of the order desk."""

    books: Books

    def tape(self, instrument: Instrument) -> DayTape:
        """The instrument's tape of the day."""

    def filled(self, order: Order, quantity: int, price: int, now: int) -> None:
        """Book an execution."""

    def triggered(self, order: Order) -> None:
        """A stop order's trigger has been reached."""

    def expired(self, order: Order, message: str | None) -> None:
        """An order's rest goes back."""


class Matcher:
    """Orders at the exchange, by instrument token."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._resting: dict[int, list[Order]] = {}

    def add(self, order: Order) -> None:
        """Show the order every print from now on."""
        self._resting.setdefault(order.instrument.token, []).append(order)

    def remove(self, order: Order) -> None:
        """Show the order no more prints."""
        resting = self._resting.get(order.instrument.token, [])
        if order in resting:
            resting.remove(order)

    def clear(self) -> None:
        """Forget all orders."""
        self._resting.clear()

    def enter_book(self, order: Order, now: int) -> None:
        """Turn a market order into its protected limit, and take a place in the queue."""
        instrument = order.instrument
        tape = self._desk.tape(instrument)
        printed = tape.printed(now)
        order.next_print = printed
        if order.order_type in {"MARKET", "SL-M"}:
            self._protect_order(order, int(tape.price[printed - 1]) if printed else tape.previous_close)
        order.limit = order.price
        if printed:
            self._queue(order, self._desk.books.after(tape, printed - 1))

    def _protect_order(self, order: Order, reference: int) -> None:
        percent = order.market_protection
        if order.order_type == "SL-M":
            reference = order.trigger_price or reference
        if percent in {-1, 0}:
            percent = auto_protection(order.instrument, reference)
        quote = Quote(reference, *circuit_limits(order.instrument, self._desk.tape(order.instrument).previous_close))
        order.price = protected_limit(order.instrument, order.side, reference, percent, quote)
        order.order_type = "LIMIT"
        order.market_protection = 0
        if not order.square_off:
            order.tags = [*order.tags, "mktp", f"mktp:{percent:.2f}"]

    def _queue(self, order: Order, book: Book) -> None:
        """A resting order stands behind what the book shows at its price."""
        order.sweeping = crosses(order.side, order.limit, book.opposite(order.side)[0].price)
        order.queue_ahead = 0
        for level in book.same(order.side):
            if level.price == order.limit:
                order.queue_ahead = level.quantity
        deepest = book.same(order.side)[-1]
        if crosses(-order.side, order.limit, deepest.price) and order.limit != deepest.price:
            order.queue_ahead = deepest.quantity  # beyond the shown levels: as long a queue as at the deepest shown

    def meet_book(self, order: Order, now: int) -> None:
        """First meeting with the book: take what crosses; an IOC order's rest goes back."""
        if order.done or not order.working:
            return
        tape = self._desk.tape(order.instrument)
        printed = tape.printed(now)
        if printed:
            # Prints since it arrived are met one by one, so that a fast clock skips none.
            if order.next_print < printed:
                self._match_order(order, tape, printed)
            if order.pending and order.sweeping:
                self._sweep(order, tape, self._desk.books.after(tape, printed - 1), now)
        if order.validity == "IOC" and order.pending:
            self._desk.expired(order, None)

    def _sweep(self, order: Order, tape: DayTape, book: Book, now: int) -> None:
        for price, quantity in self._desk.books.take(tape, book, order.side, order.limit, order.pending):
            self._desk.filled(order, quantity, price, now)

    def match_to(self, now_ns: int) -> None:
        """Show every order the prints up to `now_ns`."""
        for token in list(self._resting):
            orders = [order for order in self._resting[token] if not order.done]
            if not orders:
                del self._resting[token]
                continue
            self._resting[token] = orders
            tape = self._desk.tape(orders[0].instrument)
            printed = tape.printed(now_ns)
            for order in orders:
                if order.working and order.next_print < printed:
                    self._match_order(order, tape, printed)
                if order.expires_ns and order.expires_ns <= now_ns and not order.done:
                    self._desk.expired(order, "Order validity has expired.")

    def _match_order(self, order: Order, tape: DayTape, printed: int) -> None:
        """Show one order every print up to `printed`."""
        while order.next_print < printed and not order.done:
            index = order.next_print
            order.next_print += 1
            if not order.triggered:
                self._watch_trigger(order, tape, index)
            elif self._touches(order, tape, index):
                self._meet_print(order, tape, index)

    def _touches(self, order: Order, tape: DayTape, index: int) -> bool:
        """A cheap first look: can this print or the book after it concern the order at all?"""
        # The ask is never below the print, nor the bid above it.
        if order.side == BUY:
            return bool(tape.price[index] <= order.limit)
        return bool(tape.price[index] >= order.limit)

    def _watch_trigger(self, order: Order, tape: DayTape, index: int) -> None:
        if (int(tape.price[index]) - order.trigger_price) * order.side < 0:
            return
        now = tape.time_ns(index)
        order.triggered = True
        order.exchange_update_ns = now
        if order.order_type == "SL-M":
            self._protect_order(order, int(tape.price[index]))
        order.limit = order.price
        book = self._desk.books.after(tape, index)
        self._queue(order, book)
        self._desk.triggered(order)
        if order.sweeping:
            self._sweep(order, tape, book, now)

    def _meet_print(self, order: Order, tape: DayTape, index: int) -> None:
        now = tape.time_ns(index)
        book = self._desk.books.after(tape, index)
        crossed = crosses(order.side, order.limit, book.opposite(order.side)[0].price)
        if order.sweeping and crossed:
            self._sweep(order, tape, book, now)
            return
        order.sweeping = False
        price = int(tape.price[index])
        if crossed or (price != order.limit and crosses(order.side, order.limit, price)):
            self._desk.filled(order, order.pending, order.limit, now)
        elif price == order.limit:
            volume = int(tape.quantity[index])
            behind = max(volume - order.queue_ahead, 0)
            order.queue_ahead = max(order.queue_ahead - volume, 0)
            lot = order.instrument.lot
            if behind >= lot:
                self._desk.filled(order, min(order.pending, behind // lot * lot), order.limit, now)
