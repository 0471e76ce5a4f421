"""What a Broker is (domain/ports.py): one suite, for every implementation.

A test class inherits `BrokerContract` and gives it a `bench`: a broker with an account of its own, and a market in which
a limit a percent beyond the last price fills, and one five percent short of it rests.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final

import pytest
from msgspec.structs import replace

from domain.messages.broker import Accepted, BrokerOrder, BrokerStatus, ExecutedOrder, PlaceOrder, Rejected
from domain.messages.gtt import BrokerGtt, Gtt, GttLeg, GttStatus
from domain.ports import Broker
from domain.values import E4, Instrument, OrderKind, Product, Side, Variety
from tests.support.waiting import eventually

WAIT_SECONDS: Final = 10.0
_numbers: Final = itertools.count(1)


class Bench(ABC):
    """An implementation on the bench."""

    instrument: Instrument
    broker: Broker
    refuses_ticks: bool = True
    """Whether it knows the instrument's tick size."""
    takes_gtts: bool = False
    """Whether a test may place a GTT there: not on an account in earnest."""

    @abstractmethod
    def another(self) -> Broker:
        """The same account through the hands of another worker."""

    @abstractmethod
    def last_price(self) -> E4:
        """Of the instrument."""

    def market_moves(self) -> None:
        """Whatever makes a marketable order fill, where that does not happen by itself."""
        return

    def order(
        self, side: Side, reach_percent: int, quantity: int = 10, kind: OrderKind = OrderKind.LIMIT
    ) -> PlaceOrder:
        """A limit order so far beyond the last price (negative: short of it), on the tick."""
        tick = self.instrument.tick_size
        price = self.last_price() * (100 + side.sign * reach_percent) // 100 // tick * tick
        return PlaceOrder(
            tag=f"contract{next(_numbers)}",
            exchange=self.instrument.exchange,
            symbol=self.instrument.symbol,
            side=side,
            quantity=quantity,
            product=Product.MIS,
            kind=kind,
            price=price if kind is OrderKind.LIMIT else 0,
        )

    def row(self, tag: str) -> BrokerOrder:
        """The one row of the book with this tag."""
        (found,) = [order for order in self.broker.orders() if tag in order.tags]
        return found

    def row_when(self, tag: str, condition: Callable[[BrokerOrder], bool]) -> BrokerOrder:
        """The row once the condition holds."""

        def found() -> BrokerOrder | None:
            self.market_moves()
            row = self.row(tag)
            return row if condition(row) else None

        row = eventually(found, WAIT_SECONDS, tag)
        assert row is not None
        return row

    def net(self) -> int:
        """Signed units held of the instrument."""
        return sum(row.quantity for row in self.broker.positions() if row.symbol == self.instrument.symbol)


class BrokerContract:
    """The suite."""

    def test_an_accepted_order_is_in_the_book_under_its_tag(self, bench: Bench) -> None:
        order = bench.order(Side.BUY, -5)
        outcome = bench.broker.place(order)

        assert isinstance(outcome, Accepted)
        row = bench.row_when(order.tag, lambda found: found.status is BrokerStatus.OPEN)
        assert (row.order_id, row.exchange, row.symbol) == (outcome.order_id, order.exchange, order.symbol)
        assert (row.side, row.product, row.quantity) == (order.side, order.product, order.quantity)
        assert (row.filled, row.pending, row.cancelled) == (0, 10, 0)
        assert isinstance(bench.broker.cancel(row.order_id, Variety(row.variety)), Accepted)

    def test_the_bytes_leave_once_and_before_the_outcome(self, bench: Bench) -> None:
        sent: list[str] = []
        order = bench.order(Side.BUY, -5)
        outcome = bench.broker.place(order, on_sent=lambda: sent.append("sent"))

        assert sent == ["sent"]
        assert isinstance(outcome, Accepted)
        bench.broker.cancel(outcome.order_id, Variety.REGULAR)

    def test_a_fill_is_trades_that_add_up_and_a_position(self, bench: Bench) -> None:
        before = bench.net()
        for side in (Side.BUY, Side.SELL):
            order = bench.order(side, 1)
            outcome = bench.broker.place(order)
            assert isinstance(outcome, Accepted)
            row = bench.row_when(order.tag, lambda found: found.status.terminal)
            trades = bench.broker.trades(outcome.order_id)

            assert (row.status, row.filled, row.pending) == (BrokerStatus.COMPLETE, 10, 0)
            assert sum(trade.quantity for trade in trades) == 10
            assert len({trade.trade_id for trade in trades}) == len(trades)
            for trade in trades:
                assert (trade.order_id, trade.side, trade.symbol) == (outcome.order_id, side, order.symbol)
                assert (order.price - trade.price) * side.sign >= 0, "never worse than the limit"
                assert trade.price % bench.instrument.tick_size == 0
                assert trade in bench.broker.trades()
            value = sum(trade.quantity * trade.price for trade in trades)
            assert abs(row.average_price - value // 10) <= 100
            assert bench.net() == before + (10 if side is Side.BUY else 0)

    def test_positions_are_the_trades_added_up(self, bench: Bench) -> None:
        for side in (Side.BUY, Side.SELL, Side.SELL, Side.BUY):
            order = bench.order(side, 1)
            bench.broker.place(order)
            bench.row_when(order.tag, lambda found: found.status.terminal)
        trades = [trade for trade in bench.broker.trades() if trade.symbol == bench.instrument.symbol]
        (position,) = [row for row in bench.broker.positions() if row.symbol == bench.instrument.symbol]

        for side, quantity, value in (
            (Side.BUY, position.buy_quantity, position.buy_value),
            (Side.SELL, position.sell_quantity, position.sell_value),
        ):
            of_side = [trade for trade in trades if trade.side is side]
            assert quantity == sum(trade.quantity for trade in of_side)
            assert value == sum(trade.quantity * trade.price for trade in of_side)
        assert position.quantity == position.buy_quantity - position.sell_quantity

    def test_a_cancel_leaves_nothing_pending_and_works_once(self, bench: Bench) -> None:
        order = bench.order(Side.SELL, -5)
        outcome = bench.broker.place(order)
        assert isinstance(outcome, Accepted)
        bench.row_when(order.tag, lambda found: found.status is BrokerStatus.OPEN)

        assert bench.broker.cancel(outcome.order_id, Variety.REGULAR) == Accepted(outcome.order_id)
        row = bench.row_when(order.tag, lambda found: found.status.terminal)
        assert (row.status, row.filled, row.pending, row.cancelled) == (BrokerStatus.CANCELLED, 0, 0, 10)
        assert isinstance(bench.broker.cancel(outcome.order_id, Variety.REGULAR), Rejected)
        assert bench.broker.trades(outcome.order_id) == []

    def test_what_was_never_placed_cannot_be_cancelled(self, bench: Bench) -> None:
        outcome = bench.broker.cancel("2611200000000999999", Variety.REGULAR)

        assert isinstance(outcome, Rejected)
        assert outcome.text

    def test_a_refused_order_is_in_no_book(self, bench: Bench) -> None:
        if not bench.refuses_ticks:
            return
        good = bench.order(Side.BUY, -5)
        off_the_tick = PlaceOrder(
            f"{good.tag}x", good.exchange, good.symbol, Side.BUY, 1, Product.MIS, OrderKind.LIMIT, price=good.price + 1
        )
        outcome = bench.broker.place(off_the_tick)

        assert isinstance(outcome, Rejected)
        assert outcome.code == 400
        assert "tick size" in outcome.text.lower()
        assert not [row for row in bench.broker.orders() if off_the_tick.tag in row.tags]

    def test_workers_see_one_account(self, bench: Bench) -> None:
        order = bench.order(Side.BUY, -5)
        outcome = bench.broker.place(order)
        assert isinstance(outcome, Accepted)
        bench.row_when(order.tag, lambda found: found.status is BrokerStatus.OPEN)
        other = bench.another()

        assert outcome.order_id in [row.order_id for row in other.orders()]
        assert isinstance(other.cancel(outcome.order_id, Variety.REGULAR), Accepted)
        assert bench.row_when(order.tag, lambda found: found.status.terminal).status is BrokerStatus.CANCELLED
        other.close()

    def test_the_book_never_contradicts_itself(self, bench: Bench) -> None:
        for reach in (1, -5):
            order = bench.order(Side.BUY, reach)
            bench.broker.place(order)
            bench.row_when(order.tag, lambda found: found.status.terminal or found.status is BrokerStatus.OPEN)
        rows = bench.broker.orders()

        assert len({row.order_id for row in rows}) == len(rows)
        for row in rows:
            assert row.filled + row.pending + row.cancelled <= row.quantity
            booked = sum(trade.quantity for trade in bench.broker.trades(row.order_id))
            assert booked >= row.filled or not row.status.terminal
        for row in rows:
            if not row.status.terminal:
                bench.broker.cancel(row.order_id, Variety(row.variety))

    def test_funds_are_stated(self, bench: Bench) -> None:
        funds = bench.broker.funds()

        assert funds.cash > 0
        assert funds.live_balance <= funds.cash + funds.collateral + funds.opening_balance
        assert list(bench.broker.holdings()) == []

    def test_the_days_limits_lie_around_the_last_price(self, bench: Bench) -> None:
        known, last = bench.instrument.key, bench.last_price()
        (limits,) = bench.broker.limits((known, "NSE:NOSUCHSHARE"))

        assert limits.instrument == known
        assert 0 < limits.lowest < last < limits.highest < 2 * last
        assert list(bench.broker.limits(())) == []

    def test_margins_come_in_the_order_asked_and_grow_with_the_quantity(self, bench: Bench) -> None:
        small, large = bench.order(Side.BUY, -1), bench.order(Side.BUY, -1, quantity=30)
        delivery = replace(small, product=Product.CNC)
        market = bench.order(Side.SELL, 0, kind=OrderKind.MARKET)

        first, second, third, fourth = bench.broker.margins((small, large, delivery, market))

        value = small.quantity * small.price
        assert 0 < first < value
        assert abs(second - 3 * first) <= 3
        assert third == value, "delivery is paid in full"
        assert 0 < fourth < value * 2, "a market order is reckoned at the last price"

    def test_costs_come_in_the_order_asked_and_add_up(self, bench: Bench) -> None:
        exchange, symbol = bench.instrument.exchange, bench.instrument.symbol
        orders = tuple(
            ExecutedOrder(
                f"o{number}", exchange, symbol, side, Product.MIS, OrderKind.MARKET, 10, 10 * bench.last_price()
            )
            for number, side in enumerate((Side.BUY, Side.SELL) * 125)
        )
        found = bench.broker.costs(orders)

        assert [each.order_id for each in found] == [f"o{number}" for number in range(250)], "a busy day's orders"
        assert list(bench.broker.costs(())) == []
        for each in found:
            parts = each.brokerage + each.tax + each.exchange + each.sebi + each.gst + each.stamp
            assert each.total > 0
            assert abs(each.total - parts) <= 6, "each is rounded by itself"

    def test_a_gtt_rests_in_the_list_is_changed_and_deleted_once(self, bench: Bench) -> None:
        """Far below the market: it never fires."""
        if not bench.takes_gtts:
            pytest.skip("no GTTs are placed there by a test")
        tick, last = bench.instrument.tick_size, bench.last_price()

        def far(percent: int) -> Gtt:
            trigger = last * (100 - percent) // 100 // tick * tick
            leg = GttLeg(trigger, Side.SELL, 1, trigger - tick)
            return Gtt(bench.instrument.exchange, bench.instrument.symbol, Product.CNC, last, (leg,))

        placed = bench.broker.place_gtt(far(10))
        assert isinstance(placed, Accepted)

        def row() -> BrokerGtt:
            return next(each for each in bench.broker.gtts() if each.trigger_id == placed.order_id)

        assert (row().status, row().gtt.legs, row().results) == (GttStatus.ACTIVE, far(10).legs, (None,))
        assert isinstance(bench.broker.modify_gtt(placed.order_id, far(12)), Accepted)
        assert row().gtt.legs == far(12).legs
        assert isinstance(bench.broker.delete_gtt(placed.order_id), Accepted)
        assert all(
            each.status is not GttStatus.ACTIVE for each in bench.broker.gtts() if each.trigger_id == placed.order_id
        )
        assert isinstance(bench.broker.delete_gtt(placed.order_id), Rejected)

    def test_a_turn_is_had_in_time(self, bench: Bench) -> None:
        assert bench.broker.pace(urgent=True, timeout_seconds=2.0)
        assert bench.broker.pace(urgent=False, timeout_seconds=2.0)
