"""The invariants that hold once all is quiet: our books against the exchange's, figure by figure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from app.chaos.checker import FINAL_OR_WAITING, Checker
from domain.messages.broker import BrokerStatus
from domain.messages.gtt import GttState, GttStatus
from domain.messages.journal import DifferenceFound, OrderState, TradeBooked
from domain.reconcile.names import Difference
from domain.values import Side
from sandbox.charges import ExecutedOrder, note_charges

if TYPE_CHECKING:
    from adapters.simulated.exchange import Exchange, Order
    from domain.messages.control import PortfolioSnapshot
    from domain.messages.gtt import GttRecord
    from domain.messages.journal import JournalRecord, OrderRecord
    from domain.ports import Journal
    from domain.risk import RiskBook

_ENDS: Final = {
    BrokerStatus.COMPLETE: OrderState.COMPLETE,
    BrokerStatus.CANCELLED: OrderState.CANCELLED,
    BrokerStatus.REJECTED: OrderState.REJECTED,
}


def check_orders(checker: Checker, exchange: Exchange, records: Iterable[OrderRecord]) -> None:
    """Every order of ours ended as the exchange's did; every order of the exchange is ours."""
    theirs = {checker.tag(order): order for order in exchange.orders}
    ours = {record.tag: record for record in records}
    for tag, record in ours.items():
        if record.state not in FINAL_OR_WAITING:
            checker.broken("ends", f"{tag} is {record.state.name} at the end")
        order = theirs.get(tag)
        if order is None:
            if record.order_id or record.state in (OrderState.COMPLETE, OrderState.CANCELLED):
                checker.broken("orders", f"{tag} is {record.state.name}, and the exchange never had it")
            continue
        if record.order.quantity != order.quantity or (order.price and record.order.price != order.price):
            text = f"{tag} stands as {record.order.quantity} at {record.order.price}, the exchange has "
            checker.broken("orders", f"{text}{order.quantity} at {order.price}")
        wanted = _ENDS[order.status] if order.status.terminal else None
        if record.state is not wanted or record.booked != order.filled:
            text = f"{tag} is {record.state.name} with {record.booked} booked, the exchange has "
            checker.broken("orders", f"{text}{order.status.name} with {order.filled}")
    for tag in theirs.keys() - ours.keys():
        checker.broken("journaled", f"order {theirs[tag].order_id} ({tag}) is not in the journal")


def check_gtts(checker: Checker, exchange: Exchange, records: Iterable[GttRecord]) -> None:
    """Every GTT of ours stands as the exchange has it; every GTT of the exchange is ours, once."""
    ours = {record.trigger_id: record for record in records if record.trigger_id}
    theirs = {row.trigger_id: row for row in exchange.triggers.rows()}
    for trigger_id, row in theirs.items():
        record = ours.get(trigger_id)
        if record is None:
            checker.broken("journaled", f"GTT {trigger_id} is not in the journal, or twice at the exchange")
        elif (record.state is GttState.PLACED) is not (row.status is GttStatus.ACTIVE):
            checker.broken(
                "gtts", f"{record.tag} is {record.state.name}, {trigger_id} at the exchange {row.status.name}"
            )
    for trigger_id in ours.keys() - theirs.keys():
        checker.broken("gtts", f"{ours[trigger_id].tag} names {trigger_id}, which never was")


def check_differences(checker: Checker, records: Iterable[JournalRecord]) -> None:
    """Nobody else trades here: whatever was lost, late or doubled, only fills that no update told of differ."""
    for record in records:
        event = record.event
        if isinstance(event, DifferenceFound) and event.name != Difference.MISSED_FILL.value:
            words = f"{event.name} in {event.subject}: ours {event.ours}, theirs {event.theirs}"
            checker.broken("differences", words)


def check_trades(checker: Checker, exchange: Exchange, records: Iterable[JournalRecord]) -> None:
    """Every execution is booked once, as it was."""
    booked: dict[str, TradeBooked] = {}
    for record in records:
        event = record.event
        if isinstance(event, TradeBooked):
            if event.trade_id in booked:
                checker.broken("trades", f"{event.trade_id} is booked twice")
            booked[event.trade_id] = event
    for trade in exchange.trades:
        mine = booked.pop(trade.trade_id, None)
        true = (checker.tag(trade.order), trade.order.side, trade.quantity, trade.price)
        if mine is None:
            checker.broken("trades", f"{trade.trade_id} of {trade.order.tag} is not booked")
        elif (mine.tag, mine.side, mine.quantity, mine.price) != true:
            checker.broken("trades", f"{trade.trade_id} is booked as {mine}")
    for trade_id in booked:
        checker.broken("trades", f"{trade_id} is booked and never happened")


def check_books(checker: Checker, exchange: Exchange, snapshot: PortfolioSnapshot) -> None:
    """Positions, cash and charges, to the paisa; and that they add up."""
    truth = {key: units for key, units in checker.positions().items() if units}
    ours = {(view.strategy, view.token): view.quantity for view in snapshot.positions if view.quantity}
    if ours != truth:
        checker.broken("positions", f"the portfolio has {ours}, the exchange {truth}")
    charges = note_charges(_executed(exchange.orders)).total
    funds = exchange.funds()
    if snapshot.charges != charges:
        checker.broken("charges", f"ours {snapshot.charges}, theirs {charges}")
    if snapshot.cash != funds.live_balance - charges:
        checker.broken("cash", f"ours {snapshot.cash}, theirs {funds.live_balance - charges}")
    left = snapshot.cash + snapshot.positions_value
    right = snapshot.opening_cash + snapshot.realised + snapshot.unrealised - snapshot.charges
    if left != right:
        checker.broken("identity", f"cash and positions {left}, opening and result {right}")


def check_risk(checker: Checker, book: RiskBook, now: int, lines: Iterable[tuple[str, int]]) -> None:
    """The gate's view is the truth, and it holds nothing that is over."""
    truth = checker.positions()
    ours: dict[tuple[str, int], int] = {}
    for (strategy, token, _), line in book.lines():
        ours[strategy, token] = ours.get((strategy, token), 0) + line.position
    for key in lines:
        if ours.get(key, 0) != truth.get(key, 0):
            checker.broken(
                "risk positions", f"{key}: the gate has {ours.get(key, 0)}, the exchange {truth.get(key, 0)}"
            )
    for order in book.open_orders():
        if not order.tag and order.valid_until < now:
            checker.broken("holds", f"{order.intent_id} is held though its decision has run out")


def unresolved_lines(journal: Journal) -> set[tuple[str, int]]:
    """Lines with an order of which nothing is proved: they wait for a person. With a GTT: until its quarantine ends."""
    orders = [record.intent for record in journal.open_records() if record.state is OrderState.QUARANTINED]
    triggers = [record.intent for record in journal.gtts() if record.state is GttState.UNRESOLVED]
    return {(each.strategy, each.token) for each in orders} | {(each.strategy, each.token) for each in triggers}


def _executed(orders: Iterable[Order]) -> list[ExecutedOrder]:
    return [
        ExecutedOrder(
            exchange=order.exchange,
            tradingsymbol=order.symbol,
            product=order.product.value,
            side=1 if order.side is Side.BUY else -1,
            turnover=order.value,
        )
        for order in orders
        if order.filled
    ]
