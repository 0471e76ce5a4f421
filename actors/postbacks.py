"""Keeps the receiver of postbacks listening. A port that is taken is a state: it is told, and tried again."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from actors.routes import ORDERS, Routes
from actors.runtime import Actor, Context
from domain.errors import BrokerUnavailable
from domain.messages.broker import BrokerOrder
from domain.messages.control import Alert, Report
from domain.messages.orders import OrderUpdateReceived
from domain.ports import Clock, PostbackPort

AGAIN_SECONDS: Final = 5.0
SOURCE: Final = "postback"


class _Again(Struct, frozen=True, tag=True):
    """Own timer: try to listen."""


class Postbacks(Actor):
    """What is heard goes straight to the order supervisor, as the socket's updates do."""

    def __init__(self, context: Context, routes: Routes, port: PostbackPort, clock: Clock) -> None:
        super().__init__(context)
        self._routes = routes
        self._port = port
        self._clock = clock
        self._listening = False
        self._told = False

    def started(self) -> None:
        """Listen."""
        self._listen()

    def stopping(self) -> None:
        """Listen no more."""
        self._port.close()

    def receive(self, message: object) -> object:
        """The own timer."""
        match message:
            case _Again() if not self._listening:
                self._listen()
            case Report():
                return {"listening": self._listening}
        return None

    def _listen(self) -> None:
        orders = self.context.address(ORDERS)

        def heard(order: BrokerOrder) -> None:
            orders.tell(OrderUpdateReceived(order=order, source=SOURCE))

        try:
            self._port.listen(heard)
            self._listening = True
        except BrokerUnavailable as error:
            if not self._told:
                alert = Alert("warning", "postbacks.not_listening", str(error), self._clock.now_ns())
                self._routes.publish(self.context, alert)
            self._told = True
            self.context.after(AGAIN_SECONDS, _Again())
