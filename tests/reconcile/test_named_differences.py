"""Each named difference, made at the exchange past the trader: found, met by its policy, and cleared when it is gone.

A whole trader on the real sandbox. Every row has an instrument of its own, so the rows share one trader; its strategies
buy once and hold.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.routes import RECONCILER
from adapters.store.audit import read
from domain.messages.journal import TradeBooked
from domain.orders.tags import tag_for
from domain.quality import STATIONS, Quality, follow
from domain.reconcile.names import Policy
from domain.values import OrderKind
from tests.reconcile.person import IDLE, QUICK, SECONDS, Plant, a_person
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Trader, an_exchange


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    folder = tmp_path_factory.mktemp("named")
    config = folder / "holding.yaml"
    config.write_text(
        STRESS.read_text(encoding="utf-8")
        .replace("domain.strategies.pulse:Pulse", IDLE)
        .replace("period_seconds: 4", "")
    )
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


def test_a_person_says_whose_units_they_are_and_the_freeze_ends(plant: Plant) -> None:
    """Bought by hand where neither order nor trade of it is shown: first a strategy's, then, when they are shown, not."""
    mine = held(plant, "pulse_icicibank", "NSE:ICICIBANK")
    price = plant.price("NSE:ICICIBANK")
    hidden = {"fault": "rewrite", "rows": {"tradingsymbol": "ICICIBANK"}, "remove": True}
    with plant.broken({**hidden, "route": "GET /orders"}, {**hidden, "route": "GET /trades"}):
        plant.by_hand("ICICIBANK", "BUY", 3)
        difference = plant.wait_found("quantity drift", "NSE:ICICIBANK", Policy.FREEZE_INSTRUMENT)
        refused = plant.accept("NSE:ICICIBANK MIS")
        assert not refused.done and "must belong to somebody" in refused.text

        assert plant.accept("NSE:ICICIBANK MIS", to="pulse_icicibank", price=price).done

        assert plant.refuses("pulse_icicibank", "given") != "INSTRUMENT_FROZEN"
        snapshot = plant.trader.snapshot()
        (line,) = [each for each in snapshot.positions if each.strategy == "pulse_icicibank"]
        assert line.quantity >= mine + 3
        plant.wait_cleared(difference)
    eventually(
        lambda: len(plant.found("quantity drift", "NSE:ICICIBANK")) == 2, SECONDS, "now the trade is shown as well"
    )
    assert held(plant, "", "NSE:ICICIBANK") == 3

    assert plant.accept("NSE:ICICIBANK MIS", to="").done

    assert plant.refuses("pulse_icicibank", "after") == "approved"
    folder = plant.trader.world.folders.audit
    eventually(lambda: len(list(read(folder, containing=b"a test looked"))) > 3, SECONDS, "it is in the audit trail")


def test_a_difference_that_a_person_accepts_is_not_named_again(plant: Plant) -> None:
    plant.by_hand("VGUARD", "SELL", 1)
    plant.wait_found("external short", "NSE:VGUARD", Policy.FREEZE_INSTRUMENT)
    rounds = reconciled(plant)

    assert plant.accept("NSE:VGUARD MIS").done

    # Free, but for what the gate has against buying where the account is short.
    assert plant.refuses("pulse_vguard", "after") == "OPPOSING_STRATEGY"
    eventually(lambda: reconciled(plant) > rounds + 3, SECONDS, "looked at again")
    assert len(plant.found("external short", "NSE:VGUARD")) == 1


def test_money_that_came_from_outside_is_named(plant: Plant) -> None:
    with plant.broken(
        {"fault": "rewrite", "route": "GET /user/margins/**", "rows": {"adhoc_margin": 0}, "put": {"cash": 999_000}}
    ):
        difference = plant.wait_found("funds drift", "", Policy.IGNORE)
        assert (difference.subject, difference.ours, difference.theirs) == ("opening cash", "1000000.00", "999000.00")

    plant.wait_cleared(difference)


def test_every_station_of_a_real_order_is_known(plant: Plant) -> None:
    assert plant.refuses("pulse_axisbank", "measured") == "approved"
    tag = tag_for("pulse_axisbank:measured")
    eventually(lambda: tag not in plant.open_orders(), SECONDS, "filled")
    quality: Quality | None = None
    for event in plant.events():
        if getattr(event, "tag", "") == tag:
            quality = follow(quality, event)  # type: ignore[arg-type]  # a journal has journal events
    assert quality is not None

    assert all(getattr(quality, station) for station in STATIONS)
    assert 0 < quality.bid < quality.ask
    assert quality.slippage_bps is not None and quality.arrival_bps is not None


def held(plant: Plant, strategy: str, instrument: str) -> int:
    """What the journal's trades say that this strategy (empty: a person) holds."""
    booked = [e for e in plant.events() if isinstance(e, TradeBooked)]
    return sum(e.side.sign * e.quantity for e in booked if (e.strategy, e.instrument) == (strategy, instrument))


def reconciled(plant: Plant) -> int:
    """How many rounds there have been."""
    told = plant.trader.ask(RECONCILER)
    assert isinstance(told, dict)
    return int(told["rounds"])


def resting(plant: Plant, symbol: str) -> bool:
    return any(row.tradingsymbol == symbol and row.status == "OPEN" for row in plant.exchange.orders())
