"""Every sample trades a whole sandbox day with the others, and holds under the simulation's faults."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from adapters.kite.instruments import Catalog
from app.cli import main
from app.strategies import cast_of
from config.loader import load
from domain.values import Instrument, InstrumentKind, SessionClass
from tests.strategy.test_strategy_check import SAMPLES
from tests.system.plant import ROOT, Trader

EXAMPLE = ROOT / "config" / "examples" / "samples.yaml"


def test_the_example_names_every_sample() -> None:
    found = load("sandbox", EXAMPLE, (), {}, ROOT).settings.strategies

    assert {each.kind for each in found.values()} == {f"domain.strategies.{path}" for path in SAMPLES}


@pytest.mark.long("samples")
@pytest.mark.timeout(900)
def test_a_sandbox_day_with_every_sample(tmp_path: Path) -> None:
    with Trader(tmp_path, "sandbox.speed=250", config=EXAMPLE) as trader:
        trader.trading()
        report = trader.wait(600)

    assert report is not None
    assert (report.balanced, report.books_agree) == (True, True)
    traded = {each.strategy for each in report.per_strategy if each.orders}
    # The slow ones may find nothing on one day: rotation decides by the month, the channel by new highs.
    assert traded >= set(load("sandbox", EXAMPLE, (), {}, ROOT).settings.strategies) - {"momentum", "donchian"}


@pytest.mark.long("samples")
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("path", SAMPLES)
def test_two_hundred_seeds_of_faults(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["chaos", "--strategy", f"domain.strategies.{path}", "--seeds", "200", "--workers", "2", "--json"])

    assert status == 0, json.loads(capsys.readouterr().out)


def test_an_option_chain_is_named_by_its_underlying() -> None:
    def option(token: int, strike: int, day: int) -> Instrument:
        return Instrument(
            token, "NFO", f"NIFTY{token}", InstrumentKind.CALL, 500, 65, name="NIFTY",
            session=SessionClass.EQUITY_DERIVATIVE, expiry=dt.date(2026, 11, day), strike=strike,
        )  # fmt: skip

    catalog = Catalog([option(3, 250, 24), option(2, 240, 24), option(1, 230, 30)])
    found = load("sandbox", EXAMPLE, (), {}, ROOT)
    others = [name for name in found.settings.strategies if name != "short_straddle"]
    loaded = load("sandbox", EXAMPLE, tuple(f"strategies.{name}=null" for name in others), {}, ROOT)

    cast = cast_of(loaded, catalog)

    assert [each.token for each in cast.strategies[0].instruments] == [2, 3]
