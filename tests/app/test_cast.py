"""From the configuration's words to strategies: who trades what, and what is wrong with a name, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.kite.instruments import Catalog
from app.strategies import Cast, cast_of
from config.errors import ConfigError
from config.loader import Loaded, load
from domain.strategies.ma_crossover import MaCrossover
from domain.values import Instrument, InstrumentKind, Product, SessionClass
from tests.support.projects import ROOT

SYMBOLS = ("INFY", "RELIANCE", "CASTROLIND", "SBIN", "ITC", "HDFCBANK")
NIFTY = Instrument(99, "NSE", "NIFTY 50", InstrumentKind.INDEX, 5, session=SessionClass.INDEX)
CATALOG = Catalog(
    [
        Instrument(token, "NSE", symbol, InstrumentKind.EQUITY, 500, session=session)
        for token, (symbol, session) in enumerate(
            zip(SYMBOLS, [SessionClass.EQUITY_AUCTION, SessionClass.EQUITY] * 3, strict=True), start=1
        )
    ]
    + [NIFTY]
)


def loaded(*sets: str, env: str = "sandbox", file: Path | None = None) -> Loaded:
    return load(env, file, sets, {}, ROOT)


def refused(words: Loaded) -> str:
    with pytest.raises(ConfigError) as refusal:
        cast_of(words, CATALOG)
    text = str(refusal.value)
    assert "\n" not in text
    return text


def keys(cast: Cast) -> dict[str, list[str]]:
    return {each.id: [instrument.key for instrument in each.instruments] for each in cast.strategies}


def test_the_delivered_strategies() -> None:
    cast = cast_of(loaded(), CATALOG)

    assert keys(cast) == {
        "ma_crossover": ["NSE:INFY", "NSE:RELIANCE", "NSE:CASTROLIND"],
        "rsi_reversion": ["NSE:SBIN", "NSE:ITC", "NSE:HDFCBANK"],
    }
    first = cast.strategies[0]
    assert first.strategy == MaCrossover(fast=5, slow=15)
    assert (first.quantity, first.product, first.interval_seconds) == (50, Product.MIS, 60)
    assert first.warm_up_bars > 15
    assert set(cast.instruments) == {1, 2, 3, 4, 5, 6}


def test_who_hears_of_which_price() -> None:
    cast = cast_of(
        loaded("strategies.rsi_reversion.instruments=[NSE:SBIN, NSE:INFY]", "sandbox.instruments=4"), CATALOG
    )

    assert cast.topology.strategies == ("ma_crossover", "rsi_reversion")
    assert cast.topology.by_token == {
        1: ("ma_crossover", "rsi_reversion"), 2: ("ma_crossover",), 3: ("ma_crossover",), 4: ("rsi_reversion",),
    }  # fmt: skip
    assert set(cast.sessions) == {SessionClass.EQUITY_AUCTION, SessionClass.EQUITY}


def test_a_strategy_that_is_switched_off_does_not_exist() -> None:
    cast = cast_of(loaded("strategies.ma_crossover.enabled=false", "sandbox.instruments=3"), CATALOG)

    assert list(keys(cast)) == ["rsi_reversion"]
    assert set(cast.instruments) == {4, 5, 6}


def test_with_none_at_all_there_is_nothing_to_trade() -> None:
    both = ("strategies.ma_crossover.enabled=false", "strategies.rsi_reversion.enabled=false")

    assert refused(loaded(*both)).startswith("strategies: none is enabled")


def test_the_sandbox_trades_as_many_instruments_as_asked_for() -> None:
    fewer = keys(cast_of(loaded("sandbox.instruments=2"), CATALOG))
    named = "strategies.rsi_reversion.instruments=[NSE:SBIN]", "strategies.ma_crossover.instruments=[NSE:INFY]"
    more = keys(cast_of(loaded(*named, "sandbox.instruments=5"), CATALOG))

    assert fewer == {"ma_crossover": ["NSE:INFY", "NSE:RELIANCE"]}
    assert [len(found) for found in more.values()] == [3, 2]
    dealt = [key for found in more.values() for key in found]
    assert len(set(dealt)) == 5 and NIFTY.key not in dealt


def bad(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("kind: domain.strategies.ma_crossover:Nobody", "strategies.ma_crossover.kind: strategy 'domain.strategies.ma_crossover:Nobody': "),
        ("kind: domain.strategies.nowhere:MaCrossover", "strategies.ma_crossover.kind: strategy 'domain.strategies.nowhere:MaCrossover': "),
        ("instruments: [NSE:INFY, NSE:NOBODY]", "strategies.ma_crossover.instruments[1]: NSE:NOBODY is not among the day's instruments"),
        ("instruments: ['NSE:NIFTY 50']", "strategies.ma_crossover.instruments[0]: NSE:NIFTY 50 is an index, which cannot be traded"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_one_line_with_file_line_and_key(tmp_path: Path, line: str, says: str) -> None:
    """The line is that of the setting which is wrong."""
    whole = "interval: minute\n    capital: 1\n    quantity: 1"
    if line.startswith("kind"):  # which makes it a definition of its own
        whole += "\n    instruments: [NSE:INFY]"
    file = bad(tmp_path, f"strategies:\n  ma_crossover:\n    {line}\n    {whole}\n")

    assert refused(loaded(file=file)).startswith(f"{file}:3: {says}")


def test_a_wrong_parameter_is_one_line_with_file_line_and_key(tmp_path: Path) -> None:
    file = bad(tmp_path, "strategies:\n  ma_crossover:\n    parameters: {fast: 5,\n      slow: 15, middle: 9}\n")

    assert refused(loaded(file=file)).startswith(f"{file}:4: strategies.ma_crossover.parameters.middle: ")


@pytest.mark.parametrize("fault", ["strategies.ma_crossover.instruments=[NSE:NOBODY]"])
def test_a_wrong_name_on_the_command_line_is_placed_there(fault: str) -> None:
    assert refused(loaded(fault)).startswith("--set: strategies.ma_crossover.instruments[0]: NSE:NOBODY")


def test_a_process_of_its_own_is_taken_over_where_the_system_has_such(monkeypatch: pytest.MonkeyPatch) -> None:
    apart = loaded("strategies.ma_crossover.isolation=process")
    assert {each.id: each.isolated for each in cast_of(apart, CATALOG).strategies} == {
        "ma_crossover": True,
        "rsi_reversion": False,
    }

    monkeypatch.setattr("app.strategies._POSIX", False)
    with pytest.raises(ConfigError) as caught:
        cast_of(apart, CATALOG)

    says = "strategies.ma_crossover.isolation: found process; allowed on this system: thread"
    assert str(caught.value).endswith(says)
