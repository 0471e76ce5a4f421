"""The picture of a running trader: what is written is read by another opener; nothing grows for ever; trouble is told."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from adapters.store import live
from adapters.store.live import LiveFile
from domain.bars import Bar
from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.limits import LimitsUsed, LimitUse, Unit
from domain.report.curve import ACCOUNT, CurvePoint, points_of
from domain.values import Product

MINUTE = 60_000_000_000


def a_view(strategy: str, realised: int, unrealised: int, charges: int) -> PositionView:
    return PositionView(strategy, "NSE:INFY", 1, Product.MIS, 0, 0, realised, 100, unrealised, charges, 0)


def a_bar(start: int, close: int = 100) -> Bar:
    return Bar(token=1, interval_seconds=60, start=start * MINUTE, open=100, high=110, low=90, close=close, volume=5)


def test_what_is_written_is_read_by_another_opener(tmp_path: Path) -> None:
    writer, reader = LiveFile(tmp_path / "x" / "live.db"), LiveFile(tmp_path / "x" / "live.db")
    writer.write((a_bar(2), a_bar(1)), (CurvePoint(5, ACCOUNT, 1, -2, 3),), None)
    writer.write((a_bar(2, close=105),), (), None)
    assert reader.bars(1, 60, 10) == [a_bar(1), a_bar(2, close=105)], "oldest first, a bar that came again replaced"
    assert reader.bars(1, 60, 1) == [a_bar(2, close=105)], "the newest of them"
    writer.name({1: "NSE:INFY", 2: "NSE:TCS"})
    assert reader.charted() == [("NSE:INFY", 1, 60)], "what there are bars of"
    assert reader.curve(ACCOUNT, 0, 10) == [CurvePoint(5, ACCOUNT, 1, -2, 3)]
    assert reader.curve(ACCOUNT, 5, 10) == []
    assert (tmp_path / "x" / "live.db").stat().st_mode & 0o777 == 0o600


def test_each_instrument_and_interval_has_its_own_bars_however_seldom_it_trades(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.db")
    seldom, often = [a_bar(n) for n in (1, 4)], [replace(a_bar(n), token=2) for n in range(6)]
    long = [replace(a_bar(n), interval_seconds=300) for n in (0, 5)]
    file.write((*often, *seldom, *long), (), None)
    assert (file.bars(1, 60, 9), file.bars(2, 60, 2), file.bars(1, 300, 9)) == (seldom, often[-2:], long)
    assert file.bars(2, 300, 9) == file.bars(3, 60, 9) == file.bars(1, 900, 9) == []


def test_old_bars_points_and_alerts_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BARS_KEPT", "POINTS_KEPT", "ALERTS_KEPT"):
        monkeypatch.setattr(live, name, 3)
    monkeypatch.setattr(live, "PRUNE_EVERY", 2)
    file = LiveFile(tmp_path / "live.db")
    for n in range(7):
        file.send("info", "name", str(n), n)
        file.write((a_bar(n),), (CurvePoint(n, ACCOUNT, 0, 0, 0),), None)
    assert [bar.start // MINUTE for bar in file.bars(1, 60, 100)] == [4, 5, 6]
    assert [point.time for point in file.curve(ACCOUNT, -1, 100)] == [4, 5, 6]
    assert [alert.text for alert in file.alerts(100)] == ["6", "5", "4"]


def test_an_alert_is_acknowledged_once(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.db")
    file.send("critical", "order.unresolved", "look", 9)
    (alert,) = file.alerts(10)
    assert (alert.level, alert.time, alert.seen_by) == ("critical", 9, "")
    assert file.acknowledge(alert.id, "asha")
    assert not file.acknowledge(alert.id, "ben")
    assert file.alerts(10)[0].seen_by == "asha"


def test_the_newest_use_of_the_limits_is_kept(tmp_path: Path) -> None:
    file = LiveFile(tmp_path / "live.db")
    assert file.limits() is None
    for used in (1, 2):
        told = LimitsUsed(used, (LimitUse("orders_per_day", "orders today", "", used, 800, Unit.COUNT),))
        file.write((), (), None, told)
        file.write((), (), None)
        assert file.limits() == told


@pytest.mark.parametrize("found", [b"no database at all" * 100, "other version"])
def test_a_file_that_cannot_be_read_is_begun_anew(tmp_path: Path, found: bytes | str) -> None:
    path = tmp_path / "live.db"
    if isinstance(found, bytes):
        path.write_bytes(found)
    else:
        LiveFile(path).close()
        with apsw.Connection(str(path)) as db:
            db.pragma("user_version", 99)
    file = LiveFile(path)
    file.write((a_bar(1),), (), None)
    assert file.bars(1, 60, 10) == [a_bar(1)]


def test_points_of_books_are_the_account_and_its_strategies() -> None:
    lines = (
        a_view("a", realised=5, unrealised=-1, charges=2),
        a_view("a", realised=1, unrealised=0, charges=1),
        a_view("b", realised=0, unrealised=4, charges=0),
        a_view("", realised=9, unrealised=0, charges=0),
    )
    books = PortfolioSnapshot(
        seq=1, time=7, day="2026-11-20", opening_cash=0, cash=0, positions_value=0, realised=15, unrealised=3, charges=3,
        round_trips=0, turnover=0, positions=lines,
    )  # fmt: skip
    assert points_of(books) == [
        CurvePoint(7, ACCOUNT, 15, 3, 3),
        CurvePoint(7, "a", 6, -1, 3),
        CurvePoint(7, "b", 0, 4, 0),
    ], "what was traded by hand is in the account alone"
    assert points_of(books)[0].net == 15
