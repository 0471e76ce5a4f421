"""The day's orders and trades, folded from the journal."""

from __future__ import annotations

from collections import Counter, defaultdict

from msgspec import Struct

from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    JournalEvent,
    JournalRecord,
    OrderRecord,
    OrderState,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.orders.transitions import fold, tag_of
from domain.quality import Quality, follow
from domain.values import E4, Nanos, Side


class OrderRow(Struct, frozen=True):
    """One order of ours as the report lists it.

    filled, value  booked quantity, and its value (sum of quantity times price, without contract multipliers)
    reference      the price the decision was made at
    slippage       what the fills cost beyond that price; negative where they were better
    quality        when each station was reached, and slippage in 1/100 percent
    """

    tag: str
    order_id: str
    time: Nanos
    strategy: str
    instrument: str
    side: Side
    quantity: int
    filled: int
    value: E4
    reference: E4
    slippage: E4
    state: OrderState
    reason: str
    text: str
    quality: Quality


class OrderFacts:
    """A fold: feed it the journal in order, and it holds the orders and trades since the day was opened.

    A `DayOpened` with another day starts it afresh; one for the same day (the trader was started again) changes
    nothing. Records at or below the last applied seq are ignored.
    """

    def __init__(self) -> None:
        self.day = ""
        self.seq = 0
        self.day_seq = 0
        """The seq of the record that opened the day: folding from here on gives the same facts again."""
        self._records: dict[str, OrderRecord] = {}
        self._qualities: dict[str, Quality] = {}
        self._trades: list[TradeBooked] = []

    def apply(self, record: JournalRecord) -> bool:
        """Fold one record; False where it was applied before."""
        if record.seq <= self.seq:
            return False
        self.seq = record.seq
        self._fold(record.seq, record.event)
        return True

    @property
    def trades(self) -> tuple[TradeBooked, ...]:
        """Every booked trade of the day, those made by hand included."""
        return tuple(self._trades)

    def strategies(self) -> tuple[str, ...]:
        """Whoever ordered or traded, in order of appearance; the empty name for trades that no order of ours made."""
        names = [record.intent.strategy for record in self._records.values()]
        return tuple(dict.fromkeys((*names, *(trade.strategy for trade in self._trades))))

    def order_ids(self, strategy: str | None = None) -> frozenset[str]:
        """The broker's ids of the orders that reached it, of one strategy or of all."""
        ours = {record.order_id: record.intent.strategy for record in self._records.values()}
        traded = {trade.order_id: trade.strategy for trade in self._trades}
        return frozenset(
            order_id
            for order_id, owner in (traded | ours).items()
            if order_id and (strategy is None or owner == strategy)
        )

    def states(self) -> tuple[tuple[str, int], ...]:
        """How many orders ended where: (state, count), in the order of a life."""
        counts = Counter(record.state for record in self._records.values())
        return tuple((state.name.lower(), counts[state]) for state in OrderState if counts[state])

    def rows(self) -> tuple[OrderRow, ...]:
        """A row per order, oldest first."""
        trades: dict[str, list[TradeBooked]] = defaultdict(list)
        for trade in self._trades:
            trades[trade.tag].append(trade)
        return tuple(
            _row(record, trades.get(record.tag, []), self._quality(record)) for record in self._records.values()
        )

    def qualities(self, strategy: str | None = None) -> tuple[Quality, ...]:
        """How each order was carried out, of one strategy or of all."""
        mine = (each for each in self._records.values() if strategy in (None, each.intent.strategy))
        return tuple(self._quality(record) for record in mine)

    def _quality(self, record: OrderRecord) -> Quality:
        found = self._qualities.get(record.tag)
        return Quality(record.order.side, record.intent.reference_price) if found is None else found

    def slippage(self, strategy: str | None = None) -> E4:
        """What fills cost beyond the prices decided at, of one strategy or of all."""
        return sum(
            _slippage(self._records[trade.tag].intent, trade)
            for trade in self._trades
            if trade.tag in self._records and (strategy is None or trade.strategy == strategy)
        )

    def _fold(self, seq: int, event: JournalEvent) -> None:
        if isinstance(event, DayOpened):
            if event.day != self.day:
                self.day, self.day_seq, self._records, self._trades = event.day, seq, {}, []
                self._qualities = {}
            return
        if isinstance(event, TradeBooked):
            self._trades.append(event)
        tag = tag_of(event)
        if tag in self._records or _opens(event):
            folded = fold(self._records.get(tag), event)
            if folded is not None:
                self._records[tag] = folded
            quality = follow(self._qualities.get(tag), event)
            if quality is not None:
                self._qualities[tag] = quality


def _opens(event: JournalEvent) -> bool:
    # A later event of a tag that is not known here belongs to an order of an earlier day.
    return isinstance(event, IntentAccepted)


def _row(record: OrderRecord, trades: list[TradeBooked], quality: Quality) -> OrderRow:
    intent = record.intent
    return OrderRow(
        tag=record.tag,
        order_id=record.order_id,
        time=record.created,
        strategy=intent.strategy,
        instrument=intent.instrument,
        side=intent.side,
        quantity=record.order.quantity,
        filled=sum(trade.quantity for trade in trades),
        value=sum(trade.quantity * trade.price for trade in trades),
        reference=intent.reference_price,
        slippage=sum(_slippage(intent, trade) for trade in trades),
        state=record.state,
        reason=intent.reason,
        text=record.text,
        quality=quality,
    )


def _slippage(intent: OrderIntent, trade: TradeBooked) -> E4:
    return trade.side.sign * (trade.price - intent.reference_price) * trade.quantity
