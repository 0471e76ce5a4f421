"""The order supervisor's part for trades: read where more is filled than booked, and booked once each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from actors.desk import Desk
from domain.messages.broker import BrokerTrade
from domain.messages.journal import JournalEvent, OrderRecord
from domain.messages.orders import ReadTrades, TradesRead
from domain.orders.updates import after_trades, needs_trades, order_ids
from domain.values import Nanos

ANSWER_PATIENCE_SECONDS: Final = 100.0
"""A read without an answer for so long was lost with its worker (which is given up on after two of its deadlines)."""


class Trades:
    """retry_seconds  trades that do not yet cover the fills seen are read again after this (wall)

    conclude       commit what a trade proves of its order
    is_day_open    False while the journal's last day is over and the new one not opened: a trade that is journaled then
                   would be one of the former day
    """

    def __init__(
        self,
        desk: Desk,
        retry_seconds: float,
        conclude: Callable[[OrderRecord, Sequence[JournalEvent]], None],
        is_day_open: Callable[[], bool],
    ) -> None:
        self._desk = desk
        self._retry_seconds = retry_seconds
        self._conclude = conclude
        self._is_day_open = is_day_open
        self._held: dict[tuple[str, str], BrokerTrade] = {}
        self._due: dict[str, Nanos] = {}

    def read(self, read: TradesRead) -> None:
        """What was asked for, or why it could not be read."""
        if read.error:
            self._desk.context.log("warning", "order.trades_unread", why=read.error)
        self.book(read.trades)
        again = self._desk.mono(self._retry_seconds)
        for order_id in read.order_ids:
            record = self._desk.journal.record_of(order_id)
            if record is not None and needs_trades(record):
                self._due[order_id] = again
            else:
                self._due.pop(order_id, None)

    def book(self, trades: Sequence[BrokerTrade]) -> None:
        """Book those of orders of ours that are not booked yet; before the day is open, keep them until it is."""
        if not self._is_day_open():
            self._held.update({(trade.order_id, trade.trade_id): trade for trade in trades})
            return
        by_order: dict[str, list[BrokerTrade]] = {}
        for trade in trades:
            by_order.setdefault(trade.order_id, []).append(trade)
        now, journal = self._desk.now(), self._desk.journal
        for order_id, of_order in by_order.items():
            record = journal.record_of(order_id)
            if record is not None:
                self._conclude(record, after_trades(record, of_order, journal.trade_ids(record.tag), now))

    def day_opened(self) -> None:
        """Book what was kept."""
        held, self._held = tuple(self._held.values()), {}
        self.book(held)

    def want(self, records: Sequence[OrderRecord]) -> None:
        """Have the trades of these orders read, unless that was asked for already."""
        wanted = tuple(each for record in records for each in order_ids(record) if each not in self._due)
        if not wanted:
            return
        self._due.update(dict.fromkeys(wanted, self._desk.mono(ANSWER_PATIENCE_SECONDS)))
        self._desk.routes.publish(self._desk.context, ReadTrades(order_ids=wanted))

    def look(self) -> None:
        """Ask again for what is due."""
        mono = self._desk.mono()
        due = [order_id for order_id, at in self._due.items() if at <= mono]
        for order_id in due:
            del self._due[order_id]
        found = map(self._desk.journal.record_of, due)
        self.want([record for record in found if record is not None and needs_trades(record)])
