"""`domain.ports.Broker` over the paper exchange, at the pace that the real broker would allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from adapters.paper.exchange import PaperExchange
from domain.messages.broker import (
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Change,
    DayLimits,
    ExecutedOrder,
    Funds,
    ModifyOutcome,
    OrderCosts,
    PlaceOrder,
    PostOutcome,
)
from domain.messages.gtt import BrokerGtt, Gtt
from domain.values import E4, Variety

Pace = Callable[[bool, float], bool]
"""(urgent, timeout_seconds) -> whether the turn came in time."""


class Reckoner(Protocol):
    """Who knows limits, margins and charges: the real broker, which reckons for anybody who asks."""

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits."""
        ...

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins."""
        ...

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs."""
        ...

    def close(self) -> None:
        """See Broker.close."""
        ...


class PaperBroker:
    """One worker's door to the shared exchange. What the real broker reckons is asked of the real broker."""

    def __init__(self, exchange: PaperExchange, pace: Pace, reckoner: Reckoner) -> None:
        self._exchange = exchange
        self._pace = pace
        self._reckoner = reckoner

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        return self._pace(urgent, timeout_seconds)

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        if on_sent is not None:
            on_sent()
        return self._exchange.place(order)

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """See Broker.modify."""
        if on_sent is not None:
            on_sent()
        return self._exchange.modify(order_id, change)

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """See Broker.cancel."""
        return self._exchange.cancel(order_id)

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place_gtt. It is watched while paper trading runs, and by nobody else."""
        if on_sent is not None:
            on_sent()
        return self._exchange.place_gtt(gtt)

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.modify_gtt."""
        if on_sent is not None:
            on_sent()
        return self._exchange.change_gtt(trigger_id, gtt)

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """See Broker.delete_gtt."""
        return self._exchange.change_gtt(trigger_id, None)

    def gtts(self) -> Sequence[BrokerGtt]:
        """See Broker.gtts."""
        return self._exchange.gtts()

    def orders(self) -> Sequence[BrokerOrder]:
        """See Broker.orders."""
        return self._exchange.orders()

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """See Broker.trades."""
        return self._exchange.trades(order_id)

    def positions(self) -> Sequence[BrokerPosition]:
        """See Broker.positions."""
        return self._exchange.positions()

    def holdings(self) -> Sequence[BrokerHolding]:
        """See Broker.holdings."""
        return self._exchange.holdings()

    def funds(self) -> Funds:
        """See Broker.funds."""
        return self._exchange.funds()

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits."""
        return self._reckoner.limits(instruments)

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins."""
        return self._reckoner.margins(orders)

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs."""
        return self._reckoner.costs(orders)

    def close(self) -> None:
        """Give the real broker's connection back; the exchange is shared."""
        self._reckoner.close()
