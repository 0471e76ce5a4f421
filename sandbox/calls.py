"""Call auctions: orders are collected, then matched at one price (kite-facts 9.1).

The pre-open matches at the day's first price, the closing auction at the official close, an auction of holdings at a
price drawn for the day. Prices never depend on orders. Better prices go first, then earlier orders; the other side's
quantity is drawn from the seed.
"""

from typing import TYPE_CHECKING

from sandbox import orders as status
from sandbox.book import BUY, crosses
from sandbox.instruments import Instrument
from sandbox.orders import Order
from sandbox.paths import rng
from sandbox.phases import AUCTION_BAND_PERCENT, REFERENCE_SECONDS, REFERENCE_START_SECONDS
from sandbox.portfolio import Holding
from sandbox.prints import close_price
from sandbox.refusal import Refusal, order_refused
from sandbox.rules import PlaceRequest, Quote
from sandbox.trading_days import at, seconds_of

if TYPE_CHECKING:
    from sandbox.engine import Engine

HOLDINGS_AUCTION_START_SECONDS = 14 * 3600
HOLDINGS_AUCTION_END_SECONDS = 14 * 3600 + 45 * 60
_VOLUME_PRINTS = 300


class Calls:
    """The day's call auctions."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._references: dict[tuple[int, int], int] = {}

    def enter(self, order: Order, now: int) -> None:
        """An order joins the auction of the moment; a market order at its protected limit."""
        order.call = True
        if order.order_type in {"MARKET", "SL-M"}:
            self._engine.matcher.enter_book(order, now)
        order.limit = order.price

    # The open

    def match_open(self) -> None:
        """Match the pre-open's orders at the day's first price."""
        for order in self._waiting():
            if order.auction_number is None:
                self._match(order, self._engine.tape(order.instrument).open)

    def carry_into_session(self) -> None:
        """What the pre-open left goes on as ordinary orders."""
        engine = self._engine
        for order in self._waiting():
            if order.instrument.session in {"cash", "auction"} and order.auction_number is None:
                engine.carry_on(order, engine.seen_ns)

    # The close

    def reference(self, instrument: Instrument) -> int:
        """Volume-weighted average of the last quarter of an hour, on the tick."""
        engine = self._engine
        key = (instrument.token, engine.day.toordinal())
        found = self._references.get(key)
        if found is None:
            tape = engine.tape(instrument)
            first = tape.printed(at(engine.day, REFERENCE_START_SECONDS) - 1)
            last = tape.printed(at(engine.day, REFERENCE_SECONDS) - 1)
            found = tape.price[last - 1] if last else tape.previous_close
            if last > first:
                volume = tape.quantity[first:last].astype("int64")
                found = int((volume * tape.price[first:last]).sum()) // max(int(volume.sum()), 1)
            found = round(int(found) / instrument.tick) * instrument.tick
            self._references[key] = found
        return found

    def band(self, instrument: Instrument, now: int) -> Quote | None:
        """Prices that the closing auction takes; None before there is a reference."""
        if seconds_of(now) < REFERENCE_SECONDS:
            return None
        reference = self.reference(instrument)
        tick = instrument.tick
        reach = reference * AUCTION_BAND_PERCENT // 100 // tick * tick
        return Quote(reference, reference - reach, reference + reach)

    def carries(self, order: Order) -> bool:
        """Whether an order of the continuous session waits for the closing auction."""
        if not order.working or not order.triggered or order.disclosed_quantity or order.validity != "DAY":
            return False
        if order.product in {"MIS", "CO"} or order.status != status.OPEN:
            return False
        band = self.band(order.instrument, at(self._engine.day, REFERENCE_SECONDS))
        return band is not None and band.lower_circuit <= order.limit <= band.upper_circuit

    def wait_for_close(self, order: Order) -> None:
        """Keep an order for the auction; it keeps its time too."""
        order.working = False
        order.call = True

    def match_close(self) -> None:
        """Match at the official close."""
        engine = self._engine
        for order in self._waiting():
            if order.instrument.session == "auction" and order.auction_number is None:
                self._match(order, close_price(engine.market.paths, order.instrument, engine.day))

    def end_close(self) -> None:
        """What the closing auction left goes back."""
        for order in self._waiting():
            if order.instrument.session == "auction":
                self._engine.finish_cancel(order, None)

    # Holdings that the exchange buys in

    def auctions(self) -> list[tuple[Holding, str]]:
        """Holdings that may be offered today, with their auction numbers: about one in three, by the seed."""
        engine = self._engine
        if not HOLDINGS_AUCTION_START_SECONDS <= seconds_of(engine.now()) < HOLDINGS_AUCTION_END_SECONDS:
            return []
        found = []
        for holding in engine.portfolio.holdings.values():
            draw = int(rng(engine.market.paths.seed, holding.instrument.key, engine.day, 8).integers(0, 3000))
            if holding.sellable > 0 and draw % 3 == 0:
                found.append((holding, str(draw)))
        return found

    def check_auction(self, request: PlaceRequest, now: int) -> None:
        """Refuse an auction order that no auction waits for."""
        del now
        for holding, number in self.auctions():
            if holding.instrument is request.instrument and number == request.auction_number:
                if request.quantity > holding.sellable:
                    raise order_refused("The quantity is more than the holding.")
                return
        raise Refusal("Invalid `auction_number`.")

    def match_holdings_auction(self) -> None:
        """Sell what asks no more than the auction pays (up to 5 % over the last price), and give the rest back."""
        engine = self._engine
        for order in self._waiting():
            if order.auction_number is None:
                continue
            one = order.instrument
            premium = int(rng(engine.market.paths.seed, one.key, engine.day, 9).integers(0, 500))
            price = engine.quote(one).last_price * (10_000 + premium) // 10_000 // one.tick * one.tick
            if order.limit <= price:
                engine.filled(order, order.pending, price, engine.seen_ns)
            else:
                engine.finish_cancel(order, None)

    def _waiting(self) -> list[Order]:
        """Orders in an auction: better prices first, then earlier ones."""
        waiting = [order for order in self._engine.live if order.call]
        return sorted(waiting, key=lambda order: (-order.side * order.limit, order.order_id))

    def _match(self, order: Order, price: int) -> None:
        engine = self._engine
        one = order.instrument
        if not crosses(order.side, order.limit, price):
            return
        draw = float(rng(engine.market.paths.seed, one.key, engine.day, 10 + (order.side == BUY)).random())
        offered = max(int(one.print_quantity * _VOLUME_PRINTS * (0.5 + draw)) // one.lot, 1) * one.lot
        taken = sum(
            trade.quantity
            for other in engine.orders.values()
            if other.instrument is one and other.side == order.side
            for trade in other.trades
            if trade.time_ns == engine.seen_ns
        )
        quantity = min(order.pending, max(offered - taken, 0))
        if quantity > 0:
            engine.filled(order, quantity, price, engine.seen_ns)
