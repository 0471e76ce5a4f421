"""A contract's last day in a whole trader: what is held when it ends is settled in our books as at the exchange."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.messages.adjustments import PositionAdjusted
from domain.messages.journal import DifferenceFound
from tests.support.waiting import eventually
from tests.system.plant import Trader, an_exchange

PATIENCE = 90.0
HOLDER = """
market: {stale_price_seconds: 3600}
risk:
  {max_quantity_per_order: 1000, max_position_quantity: 1000, max_value_per_order: 100000000, gross_exposure_max: 100000000,
   max_position_value_per_instrument: 100000000, concentration_max_percent: 100000, allowed_products: [NRML],
   expiry_day_cutoff: 15:39, stale_price_seconds: 3600, stale_feed_seconds: 3600, daily_loss_max: 100000000}
reconcile: {positions_seconds: 1, confirm_seconds: 0.5}
sandbox: {instruments: 5}
strategies:
  ma_crossover: {enabled: false}
  rsi_reversion: {enabled: false}
  future: {kind: "domain.strategies.pulse:Pulse", instruments: ["NFO:NIFTY@future"], interval: minute, capital: 100000000,
           quantity: 65, product: NRML, parameters: {period_seconds: 86400}}
schedule: {square_off: {equity_derivative: 15:39}}
drills: {drop_feed_at: null, crash_strategy_at: null}
"""


@pytest.mark.long("expiry")
def test_a_future_held_to_its_end_is_settled_at_the_exchanges_price(tmp_path: Path) -> None:
    config = tmp_path / "holder.yaml"
    config.write_text(HOLDER, encoding="utf-8")
    day = ["--date", "2026-12-29", "--start", "15:36:00", "--opening-cash", "10000000"]
    with an_exchange(speed=1, extra=day) as exchange, Trader(tmp_path, *exchange.sets, config=config) as trader:
        trader.trading(PATIENCE)
        trader.trade_on(1, seconds=PATIENCE)
        exchange.set_clock(rate=30)
        settled = eventually(
            lambda: [r.event for r in trader.world.journal.read(0) if isinstance(r.event, PositionAdjusted)],
            PATIENCE,
            "it is settled",
        )
        [one] = settled
        assert (one.strategy, one.quantity, one.becomes, one.who) == ("future", 65, 0, "exchange")
        eventually(lambda: trader.snapshot().seq == trader.world.journal.last_seq(), PATIENCE, "it is folded")
        eventually(lambda: trader.events("alert.reconcile.settled"), PATIENCE, "a person is told")
        ours, theirs = trader.snapshot(), exchange.books()
        assert not any(view.quantity for view in ours.positions)
        assert theirs.flat
        stated = trader.world.control.books() if trader.world.control is not None else {}
        assert round(float(str(stated["realised"])) * 10_000) == ours.realised
        assert round(float(str(stated["cash"])) * 10_000) == ours.cash
        assert not [r for r in trader.world.journal.read(0) if isinstance(r.event, DifferenceFound)]
