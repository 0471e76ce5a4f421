"""An exchange, a trader on it, and a person at the official client: what the tests here have in common."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, Final

from kiteconnect import KiteConnect
from msgspec import Struct
from msgspec.structs import replace

from actors.routes import RECONCILER, RISK
from adapters.store.operator import OperatorDesk
from domain.messages.journal import DifferenceCleared, DifferenceFound
from domain.messages.operator import Accept, OperatorAnswered
from domain.messages.orders import OrderIntent
from domain.reconcile.names import Policy
from domain.strategy.event import EventStrategy, Needs
from domain.values import SECOND, OrderKind, Product, Side
from tests.support.waiting import eventually
from tests.system.plant import Exchange, Trader

SECONDS: Final = 40.0
QUICK: Final = (
    "reconcile.positions_seconds=0.5",
    "reconcile.funds_seconds=0.5",
    "reconcile.confirm_seconds=0.25",
    "reconcile.update_grace_seconds=0.5",
    "orders.reconcile_seconds=0.5",
)


IDLE: Final = "tests.reconcile.person:Idle"


class Idle(EventStrategy, frozen=True):
    """Decides nothing: what it holds, a test has decided for it."""

    def needs(self) -> Needs:
        """Prices, so that its instruments are subscribed."""
        return Needs(bars=False, prices=True)


class Plant(Struct):
    """An exchange, a trader on it, and a person at the official client."""

    exchange: Exchange
    trader: Trader
    person: Any
    sizes: Iterator[int] = itertools.cycle(range(1, 60))

    def found(self, name: str, instrument: str) -> list[DifferenceFound]:
        return [
            e for e in self.events() if isinstance(e, DifferenceFound) and (e.name, e.instrument) == (name, instrument)
        ]

    def cleared(self, name: str, subject: str) -> list[DifferenceCleared]:
        return [e for e in self.events() if isinstance(e, DifferenceCleared) and (e.name, e.subject) == (name, subject)]

    def events(self) -> list[object]:
        return [record.event for record in self.trader.world.journal.read(0)]

    def wait_found(self, name: str, instrument: str, policy: Policy) -> DifferenceFound:
        try:
            (difference,) = eventually(lambda: self.found(name, instrument), SECONDS, f"{name} in {instrument}")
        except AssertionError as error:
            others = [(e.name, e.units) for e in self.events() if isinstance(e, DifferenceFound) and e.instrument]
            raise AssertionError(f"{error}; {self.trader.ask(RECONCILER)}; {others}; {self.open_orders()}") from None
        assert difference.policy is policy
        self.wait_gate()
        return difference

    def wait_gate(self) -> None:
        """Until the risk gate has read what is journaled."""
        last = self.trader.world.journal.last_seq()
        eventually(lambda: self.gate()["seq"] >= last, SECONDS, "the gate has read it")

    def gate(self) -> dict[str, Any]:
        """What the risk gate says of itself."""
        told = self.trader.ask(RISK)
        assert isinstance(told, dict)
        return told

    def wait_cleared(self, difference: DifferenceFound) -> None:
        eventually(lambda: self.cleared(difference.name, difference.subject), SECONDS, f"{difference.name} cleared")
        self.wait_gate()

    def by_hand(self, symbol: str, side: str, quantity: int, tag: str | None = None) -> str:
        """A person's order in Kite, filled."""
        order_id = self.person.place_order(
            "regular", "NSE", symbol, side, quantity, "MIS", "MARKET", market_protection=-1, tag=tag
        )
        eventually(lambda: self.person.order_history(order_id)[-1]["status"] == "COMPLETE", SECONDS, "filled")
        return str(order_id)

    def decide(self, strategy: str, number: str, **changes: Any) -> None:
        """A decision of that strategy in its own instrument."""
        (mine,) = [each for each in self.trader.cast.strategies if each.id == strategy]
        (instrument,) = mine.instruments
        now = self.trader.world.clock.now_ns()
        plain: dict[str, Any] = {
            "intent_id": f"{strategy}:{number}",
            "strategy": strategy,
            "token": instrument.token,
            "instrument": instrument.key,
            "side": Side.BUY,
            "quantity": 1,
            "product": Product.MIS,
            "kind": OrderKind.MARKET,
            "reference_price": self.price(instrument.key),
            "valid_until": now + 600 * SECOND,
            "event_time": now,
            "decided_time": now,
        }
        self.trader.tell(RISK, OrderIntent(**(plain | changes)))

    def price(self, key: str) -> int:
        return round(float(self.person.ltp(key)[key]["last_price"]) * 100) * 100

    def denied(self, strategy: str, number: str) -> str:
        """Why the gate denied a decision; empty where it approved it."""

        def fate() -> str | None:
            for row in self.trader.events("risk.denied"):
                if row["intent"] == f"{strategy}:{number}":
                    return str(row["reason"])
            approved = (row["intent"] for row in self.trader.events("order.intent"))
            return "approved" if f"{strategy}:{number}" in approved else None

        return eventually(fate, SECONDS, "a verdict") or ""

    def refuses(self, strategy: str, number: str) -> str:
        """The verdict on an entry that is decided now; each of another size, so that none repeats another."""
        self.decide(strategy, number, quantity=next(self.sizes))
        return self.denied(strategy, number)

    def open(self, strategy: str) -> None:
        """Make it hold something, as soon as there is a price."""
        while not self.trader.trades(strategy):
            number = f"open{next(self.sizes)}"
            if self.refuses(strategy, number) == "approved":
                eventually(lambda: self.trader.trades(strategy), SECONDS, f"{strategy} holds something")
        eventually(lambda: not self.open_orders(strategy), SECONDS, f"{strategy} is at rest")

    def open_orders(self, strategy: str = "") -> list[str]:
        """Tags of its orders (empty: of all) that are not final."""
        records = self.trader.world.journal.open_records()
        return [record.tag for record in records if strategy in ("", record.intent.strategy)]

    def accept(self, subject: str, **fields: Any) -> OperatorAnswered:
        """What a person at another terminal hears who accepts a difference."""
        with closing(OperatorDesk(self.trader.world.folders.requests)) as desk:
            command = replace(Accept("a test looked", subject=subject), **fields)
            request = desk.put(time.time_ns(), "asha", command)
            answer = eventually(lambda: desk.outcome(request), SECONDS, f"an answer to {command}")
        assert answer is not None
        self.wait_gate()
        return answer

    @contextmanager
    def broken(self, *faults: Mapping[str, object]) -> Iterator[None]:
        """These faults for the block, beside what other rows have."""
        for each in faults:
            self.exchange.call("POST", "/_sandbox/faults", _json(each))
        try:
            yield
        finally:
            self.exchange.set_faults(())


def _json(fault: Mapping[str, object]) -> bytes:
    return json.dumps(fault).encode()


def a_person(exchange: Exchange) -> Any:
    details = exchange.running.details
    person = KiteConnect(details.api_key, root=details.rest)
    person.set_access_token(details.access_token)
    return person
