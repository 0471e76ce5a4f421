"""Each named difference, made at the exchange past the trader: found, met by its policy, and cleared when it is gone.

A whole trader on the real sandbox. Every row has an instrument of its own, so the rows share one trader; its strategies
buy once and hold.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from kiteconnect import KiteConnect
from msgspec import Struct

from actors.routes import RISK
from domain.messages.journal import DifferenceCleared, DifferenceFound, TradeBooked
from domain.messages.orders import OrderIntent
from domain.reconcile.names import Policy
from domain.values import SECOND, OrderKind, Product, Side
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Exchange, Trader, an_exchange

SECONDS = 30.0
QUICK = (
    "reconcile.positions_seconds=0.5",
    "reconcile.funds_seconds=0.5",
    "reconcile.confirm_seconds=0.25",
    "reconcile.update_grace_seconds=0.5",
    "orders.reconcile_seconds=0.5",
)


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
        (difference,) = eventually(lambda: self.found(name, instrument), SECONDS, f"{name} in {instrument}")
        assert difference.policy is policy
        return difference

    def wait_cleared(self, difference: DifferenceFound) -> None:
        eventually(lambda: self.cleared(difference.name, difference.subject), SECONDS, f"{difference.name} cleared")

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
        """Make it hold something: what it decided by itself may have come before the first price."""
        while not self.trader.trades(strategy):
            number = f"open{next(self.sizes)}"
            if self.refuses(strategy, number) == "approved":
                eventually(lambda: self.trader.trades(strategy), SECONDS, f"{strategy} holds something")

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


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("named")
    config = folder / "holding.yaml"
    config.write_text(STRESS.read_text(encoding="utf-8").replace("period_seconds: 4", "period_seconds: 36000"))
    with an_exchange(speed=1, extra=("--faults", "on")) as exchange:
        sets = (*exchange.sets, *QUICK, "orders.market_order_patience_seconds=600")
        with Trader(folder, *sets, config=config) as trader:
            trader.trading(60)
            plant = Plant(exchange, trader, a_person(exchange))
            for each in trader.cast.strategies:
                plant.open(each.id)
            yield plant


def test_an_external_order_is_kept_in_a_ledger_of_its_own_and_never_touched(plant: Plant) -> None:
    before = held(plant, "pulse_itc", "NSE:ITC")

    order_id = plant.by_hand("ITC", "BUY", 2)

    difference = plant.wait_found("external order", "NSE:ITC", Policy.ADOPT)
    assert (difference.subject, difference.theirs) == (f"order {order_id}", "BUY 2 NSE:ITC MIS")
    plant.wait_cleared(difference)
    assert held(plant, "", "NSE:ITC") == 2
    assert held(plant, "pulse_itc", "NSE:ITC") == before
    assert plant.found("quantity drift", "NSE:ITC") == []
    assert plant.refuses("pulse_itc", "after") == "approved"


def test_an_unknown_order_freezes_its_instrument(plant: Plant) -> None:
    plant.by_hand("RCF", "BUY", 1, tag="PAAAAAAAAAAAAAAAAAAA")

    plant.wait_found("unknown order", "NSE:RCF", Policy.FREEZE_INSTRUMENT)
    eventually(lambda: held(plant, "", "NSE:RCF") == 1, SECONDS, "booked as external")
    assert plant.refuses("pulse_rcf", "after") == "INSTRUMENT_FROZEN"


def test_more_sold_by_hand_than_bought_freezes_the_instrument(plant: Plant) -> None:
    mine = held(plant, "pulse_wipro", "NSE:WIPRO")

    plant.by_hand("WIPRO", "SELL", 1)

    difference = plant.wait_found("external short", "NSE:WIPRO", Policy.FREEZE_INSTRUMENT)
    assert (difference.units, held(plant, "", "NSE:WIPRO")) == (-1, -1)
    assert held(plant, "pulse_wipro", "NSE:WIPRO") == mine
    assert plant.refuses("pulse_wipro", "after") == "INSTRUMENT_FROZEN"

    plant.by_hand("WIPRO", "BUY", 1)

    plant.wait_cleared(difference)
    assert plant.refuses("pulse_wipro", "again") == "approved"


def test_a_missed_fill_is_found_in_the_book_and_booked(plant: Plant) -> None:
    before = held(plant, "pulse_sbin", "NSE:SBIN")
    with plant.broken({"fault": "lose_update", "where": {"tradingsymbol": "SBIN"}}):
        plant.decide("pulse_sbin", "untold", quantity=3)
        difference = plant.wait_found("missed fill", "NSE:SBIN", Policy.ADOPT)

    assert (difference.ours, difference.theirs) == ("0 told", "3 filled")
    plant.wait_cleared(difference)
    eventually(lambda: held(plant, "pulse_sbin", "NSE:SBIN") == before + 3, SECONDS, "booked")


def test_a_quantity_drift_freezes_the_instrument_until_it_is_gone(plant: Plant) -> None:
    mine = held(plant, "pulse_infy", "NSE:INFY")
    wrong = {"fault": "rewrite", "route": "GET /portfolio/positions", "rows": {"tradingsymbol": "INFY"}}
    with plant.broken({**wrong, "put": {"quantity": 1500}}):
        difference = plant.wait_found("quantity drift", "NSE:INFY", Policy.FREEZE_INSTRUMENT)
        assert (difference.ours, difference.theirs) == (str(mine), "1500")
        assert difference.strategies == ("pulse_infy",)
        assert plant.refuses("pulse_infy", "while") == "INSTRUMENT_FROZEN"
        assert plant.refuses("pulse_tcs", "while") == "approved"

    plant.wait_cleared(difference)
    assert len(plant.found("quantity drift", "NSE:INFY")) == 1, "journaled once, however often it was seen"
    assert plant.refuses("pulse_infy", "after") == "approved"


def test_a_price_drift_is_told_and_freezes_nothing(plant: Plant) -> None:
    wrong = {"fault": "rewrite", "route": "GET /portfolio/positions", "rows": {"tradingsymbol": "RELIANCE"}}
    with plant.broken({**wrong, "put": {"buy_value": 1.0}}):
        difference = plant.wait_found("price drift", "NSE:RELIANCE", Policy.IGNORE)
        assert plant.refuses("pulse_reliance", "while") == "approved"

    plant.wait_cleared(difference)


def test_a_position_that_no_trade_explains_is_adopted(plant: Plant) -> None:
    hidden = {"fault": "rewrite", "rows": {"tradingsymbol": "ONGC"}, "remove": True}
    with plant.broken({**hidden, "route": "GET /orders"}, {**hidden, "route": "GET /trades"}):
        plant.by_hand("ONGC", "BUY", 4)
        difference = plant.wait_found("external position", "NSE:ONGC", Policy.ADOPT)
        assert (difference.ours, difference.theirs, difference.units) == ("0", "4", 4)
        plant.wait_cleared(difference)


def test_an_order_that_the_broker_shows_no_more_freezes_its_strategy(plant: Plant) -> None:
    limit = plant.price("NSE:HDFCBANK") * 98 // 100 // 1000 * 1000
    plant.decide("pulse_hdfcbank", "resting", kind=OrderKind.LIMIT, price=limit)
    assert plant.denied("pulse_hdfcbank", "resting") == "approved"
    eventually(lambda: resting(plant, "HDFCBANK"), SECONDS, "it rests")
    plant.exchange.set_clock(hold=True, advance_seconds=130)  # a row may be late by two minutes
    plant.exchange.set_clock(release=True)
    gone = {"fault": "rewrite", "route": "GET /orders", "rows": {"tradingsymbol": "HDFCBANK"}, "remove": True}
    with plant.broken(gone):
        difference = plant.wait_found("missing order", "NSE:HDFCBANK", Policy.FREEZE_STRATEGY)
        assert difference.strategies == ("pulse_hdfcbank",)
        assert plant.refuses("pulse_hdfcbank", "while") == "STRATEGY_FROZEN"

    plant.wait_cleared(difference)
    assert plant.refuses("pulse_hdfcbank", "after") == "approved"


def test_money_that_came_from_outside_is_named(plant: Plant) -> None:
    with plant.broken(
        {"fault": "rewrite", "route": "GET /user/margins/**", "rows": {"adhoc_margin": 0}, "put": {"cash": 999_000}}
    ):
        difference = plant.wait_found("funds drift", "", Policy.IGNORE)
        assert (difference.subject, difference.ours, difference.theirs) == ("opening cash", "1000000.00", "999000.00")

    plant.wait_cleared(difference)


def held(plant: Plant, strategy: str, instrument: str) -> int:
    """What the journal's trades say that this strategy (empty: a person) holds."""
    booked = [e for e in plant.events() if isinstance(e, TradeBooked)]
    return sum(e.side.sign * e.quantity for e in booked if (e.strategy, e.instrument) == (strategy, instrument))


def resting(plant: Plant, symbol: str) -> bool:
    return any(row.tradingsymbol == symbol and row.status == "OPEN" for row in plant.exchange.orders())
