"""Why a day, or one strategy of it, is not compared: each reason in words, and as the command's own document."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.marketfiles.bars_file import About, path_of, write_bars
from app.cli import main
from app.parity_day import NotCompared, Traded, _candles, _refuse
from app.strategies import Configured
from domain.calendar import SessionCalendar
from domain.messages.journal import TradeBooked
from domain.strategies.ma_crossover import MaCrossover
from domain.values import Product
from tests.strategy.playing import SETTINGS, SHARE, a_bar, a_runner, at, filled, play, warmed
from tests.strategy.rules import Digits

CONFIGURED = Configured(
    id="it", strategy=MaCrossover(), instruments=(SHARE,), runner=SETTINGS, quantity=100, product=Product.MIS,
    decides_on_bars=True, warm_up_bars=15,
)  # fmt: skip
TRADED = Traded(records=(), before=(), opened=0, opening_cash=0, charges={})


@pytest.mark.parametrize(
    ("each", "words"),
    [
        (replace(CONFIGURED, decides_on_bars=False), "it decides on prices"),
        (replace(CONFIGURED, runner=replace(SETTINGS, interval_seconds=86_400)), "it decides on bars of a day"),
    ],
    ids=["prices", "days"],
)
def test_what_no_candles_can_tell_is_left_out(each: Configured, words: str) -> None:
    with pytest.raises(NotCompared, match=words):
        _refuse(each, TRADED)


def test_what_was_held_from_the_day_before_is_left_out_and_what_was_closed_is_not() -> None:
    intents = play(warmed(a_runner(Digits())), [a_bar(0, 105), a_bar(1, 101), a_bar(2, 100)])
    trades = [event for intent in intents for event in filled(intent) if isinstance(event, TradeBooked)]
    assert [trade.side.sign for trade in trades] == [1, -1]

    _refuse(CONFIGURED, replace(TRADED, before=trades))
    with pytest.raises(NotCompared, match="it held NSE:INFY from the day before"):
        _refuse(CONFIGURED, replace(TRADED, before=trades[:1]))
    _refuse(replace(CONFIGURED, id="another"), replace(TRADED, before=trades[:1]))


def test_without_candles_of_the_day_there_is_nothing_to_compare_with(tmp_path: Path) -> None:
    bars, calendar = [a_bar(minute, 100) for minute in range(3)], SessionCalendar(fallback_weekdays=True)
    day = dt.datetime.fromtimestamp(at(0) // 10**9, dt.UTC).date()
    with pytest.raises(NotCompared, match=r"there are no candles of NSE:INFY$"):
        _candles(tmp_path, SHARE, CONFIGURED, day, calendar)

    write_bars(path_of(tmp_path, SHARE.key, "minute"), About(SHARE.key, SHARE.token, 60), bars)

    assert len(_candles(tmp_path, SHARE, CONFIGURED, day, calendar)) == 3
    with pytest.raises(NotCompared, match="there are no candles of NSE:INFY on "):
        _candles(tmp_path, SHARE, CONFIGURED, day + dt.timedelta(days=1), calendar)


def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int) -> str:
    words = ["parity", "--json", "--day", "2026-11-20", "--set", f"data_dir={tmp_path}"]
    assert main(words) == status
    document = json.loads(capsys.readouterr().out)
    assert document["strategies"] == {}
    return str(document["day"]["why_not"])


def test_a_day_that_was_not_traded_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(tmp_path, capsys, 1) == "the journal has no trading day 2026-11-20"


def test_research_that_is_not_installed_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "app.parity_day", None)

    assert said(tmp_path, capsys, 1).startswith("app.parity_day is not installed, which research needs")
