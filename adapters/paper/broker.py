"""`domain.ports.Broker` over the paper exchange, at the pace that the real broker would allow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from adapters.paper.exchange import PaperExchange
from domain.messages.broker import (
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Funds,
    PlaceOrder,
    PostOutcome,
)

Pace = Callable[[bool, float], bool]
"""(urgent, timeout_seconds) -> whether the turn came in time."""


class PaperBroker:
    """One worker's door to the shared exchange."""

    def __init__(self, exchange: PaperExchange, pace: Pace) -> None:
        self._exchange = exchange
        self._pace = pace

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        return self._pace(urgent, timeout_seconds)

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        if on_sent is not None:
            on_sent()
        return self._exchange.place(order)

    def cancel(self, order_id: str, variety: str) -> CancelOutcome:
        """See Broker.cancel."""
        return self._exchange.cancel(order_id)

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

    def close(self) -> None:
        """Nothing to give back: the exchange is shared."""
