"""What the sandbox reckons, in a whole trader: its price limits deny before anything is sent, its note is our tariff."""

from __future__ import annotations

import json
from pathlib import Path

from msgspec.structs import replace

from actors.routes import REPORTER, RISK
from domain.messages.control import JobDue, JobKind
from domain.messages.orders import OrderIntent
from domain.values import RUPEE, SECOND, OrderKind, Product, Side
from tests.support.waiting import eventually
from tests.system.plant import Exchange, Trader, an_exchange, times

PATIENCE = 60.0


def test_the_days_limits_deny_and_the_brokers_note_is_ours(tmp_path: Path) -> None:
    sets = ("risk.price_band_percent=100", "risk.max_value_per_order=100000000", *times("15:20"))
    with an_exchange(speed=2) as exchange, Trader(tmp_path, *exchange.sets, *sets) as trader:
        trader.trading(PATIENCE)
        limits = eventually(lambda: _limits(trader, "NSE:INFY"), PATIENCE, "the limits are known")
        infy = next(each for each in trader.cast.instruments.values() if each.key == "NSE:INFY")
        beyond = limits[1] + infy.tick_size
        now = trader.world.clock.now_ns()
        intent = OrderIntent(
            "beyond:1",
            "pulse_infy",
            infy.token,
            infy.key,
            Side.BUY,
            1,
            Product.MIS,
            OrderKind.LIMIT,
            beyond,
            now + 3600 * SECOND,
            now,
            now,
            price=beyond,
        )
        trader.tell(RISK, intent)
        trader.tell(RISK, replace(intent, intent_id="within:1", price=limits[1]))
        denied = eventually(lambda: _denied(trader, "beyond:1"), PATIENCE, "it is denied")
        assert (denied["reason"], len(_placed_at(exchange, beyond))) == ("CIRCUIT", 0)
        # Just within it leaves, and the exchange takes it: the limit is the exchange's own.
        assert eventually(lambda: _placed_at(exchange, limits[1]), PATIENCE, "the other one is sent")

        trader.trade_on(3, seconds=PATIENCE)
        trader.square_off(exchange, PATIENCE)
        trader.tell(REPORTER, JobDue(JobKind.END_OF_DAY, "", now, now))
        written = eventually(lambda: trader.events("report.written"), PATIENCE, "the report")[-1]
        assert written["note"] is True, trader.events("report.note_not_compared")
        assert not _placed_at(exchange, beyond)
        report = json.loads(Path(str(written["path"])).with_suffix(".json").read_bytes())
        assert report["broker_note"]["orders"] >= 4
        assert report["broker_note"]["brokers"] > 0


def _limits(trader: Trader, instrument: str) -> tuple[int, int]:
    known = trader.ask(RISK)
    assert isinstance(known, dict)
    found: tuple[int, int] = known["day_limits"][instrument]
    return found


def _denied(trader: Trader, intent_id: str) -> dict[str, object]:
    [found] = [each for each in trader.events("risk.denied") if each["intent"] == intent_id]
    return found


def _placed_at(exchange: Exchange, price: int) -> list[object]:
    rows = exchange.rows("/orders")
    assert isinstance(rows, list)
    return [row for row in rows if round(row["price"] * RUPEE) == price]
