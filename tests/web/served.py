"""A dashboard's server over a folder that a trader might have left, for tests: the real stores, a real socket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from actors.runtime import TreeNode
from adapters.clock import MonotonicClock, SystemMarketClock
from adapters.store.journal import SqliteJournal
from adapters.store.live import LiveFile
from adapters.web.door import Door, machine_token
from adapters.web.server import application, bound
from app.backstage import Stores
from app.logs import EventLog
from app.status import VERSION, Feed, Money, Status
from app.world import Folders, folders
from config.loader import load
from domain.bars import Bar
from domain.messages.broker import BrokerStatus
from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.journal import FillSeen, OrderAcknowledged, OrderQuarantined, SendingClaimed, TradeBooked
from domain.messages.limits import LimitsUsed, LimitUse, Unit
from domain.report.curve import ACCOUNT, CurvePoint
from domain.values import MINUTE, Product, Side, e4, ist
from tests.support.orders import NOW, an_accepted, an_intent

ROOT = Path(__file__).resolve().parents[2]
TOKEN = 408065
FILLED = an_accepted(an_intent("ma_crossover:1:entry", strategy="ma_crossover"))
LOST = an_accepted(an_intent("rsi_reversion:1:entry", strategy="rsi_reversion", side=Side.SELL))


LIMITS = LimitsUsed(
    NOW,
    (
        LimitUse("daily_loss_max", "loss today", "", e4("1000"), e4("10000"), Unit.RUPEES),
        LimitUse("gross_exposure_max", "gross exposure", "", e4("410000"), e4("500000"), Unit.RUPEES),
        LimitUse("max_position_quantity", "units of", "NSE:INFY", 1000, 1000, Unit.UNITS),
        LimitUse("orders_per_day", "orders today", "", 0, 800, Unit.COUNT),
    ),
)


class Served:
    """A running server. `guesses` is who tried one wrong token after the other."""

    def __init__(self, port: int, token: str, where: Folders, guesses: list[str]) -> None:
        self.port = port
        self.token = token
        self.where = where
        self.guesses = guesses

    @property
    def address(self) -> str:
        """For a browser."""
        return f"http://127.0.0.1:{self.port}/"

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        token: bool = True,
        raw: bytes | None = None,
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, JSON or text, headers) of one call."""
        sent = {"authorization": f"Bearer {self.token}"} if token else {}
        content = raw
        if body is not None:
            content, sent["content-type"] = json.dumps(body).encode(), "application/json"
        connection = HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            connection.request(method, path, content, {**sent, **(headers or {})})
            reply = connection.getresponse()
            text = reply.read().decode()
            found = {name.lower(): value for name, value in reply.getheaders()}
        finally:
            connection.close()
        is_json = "json" in found.get("content-type", "")
        return reply.status, json.loads(text) if is_json else text, found


@contextmanager
def a_server(folder: Path, *, positions: int = 1, port: int = 0) -> Iterator[Served]:
    """A server over `folder`, which is filled unless it has something already."""
    loaded = load("sandbox", None, (f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}"), {}, ROOT)
    where = folders(loaded)
    if not where.data.exists():
        fill(where, positions)
    token = machine_token(where.data / "admin.token")
    stores, guesses = Stores(loaded, EventLog()), list[str]()
    door, ending = Door(token, MonotonicClock(), SystemMarketClock()), threading.Event()
    app = application(stores, door, ("127.0.0.1", "localhost"), guesses.append, ending)
    server, listening = bound(app, "127.0.0.1", port, ending)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="dashboard")
    thread.start()
    try:
        yield Served(listening.getsockname()[1], token, where, guesses)
    finally:
        server.should_exit = True
        thread.join(60)
        listening.close()
        stores.close()
        assert not thread.is_alive(), "the server did not end"


def fill(where: Folders, positions: int) -> None:
    """One filled order, one unresolved one, bars, a curve, alerts, a log, a report."""
    where.data.mkdir(parents=True, mode=0o700)
    journal = SqliteJournal(where.journal, threading.Lock)
    journal.raise_risk_epoch()
    for accepted in (FILLED, LOST):
        journal.commit((accepted,))
        journal.commit((SendingClaimed(accepted.tag, NOW),))
    journal.commit(
        (
            OrderAcknowledged(FILLED.tag, "26112000001", "ma_crossover", NOW),
            FillSeen(FILLED.tag, "26112000001", "ma_crossover", 10, BrokerStatus.COMPLETE, NOW),
            TradeBooked(
                "7", "26112000001", FILLED.tag, "ma_crossover", TOKEN, "NSE:INFY", Side.BUY, Product.MIS, 10, e4("1501"), NOW, NOW
            ),
            OrderQuarantined(LOST.tag, "rsi_reversion", "timed out", NOW),
        )
    )  # fmt: skip
    journal.close()
    live = LiveFile(where.live)
    live.name({TOKEN: "NSE:INFY"})
    bars = tuple(
        Bar(TOKEN, 60, NOW - NOW % MINUTE + n * MINUTE, e4("1500"), e4("1510"), e4("1490"), e4("1505"), 100)
        for n in range(-50, 1)
    )
    points = tuple(CurvePoint(NOW + n * MINUTE, ACCOUNT, e4(str(n)), 0, e4("5")) for n in range(30))
    live.write(bars, points, books(positions), LIMITS)
    live.send("critical", "order.unresolved", "order of rsi_reversion is unresolved", NOW)
    live.send("info", "trading.active", "trading is ACTIVE", NOW)
    live.close()
    where.logs.mkdir()
    lines = (
        {"time": "t", "ns": 1, "level": "DEBUG", "event": "order.posted", "tag": FILLED.tag},
        {"time": "t", "ns": 2, "level": "WARNING", "event": "feed.disconnected", "reason": "cut"},
    )
    (where.logs / "patang.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    day = where.reports / "2026-11-20"
    day.mkdir(parents=True)
    (day / "eod.html").write_text("<!doctype html><title>a report</title>")


def books(positions: int) -> PortfolioSnapshot:
    """Books with so many open lines."""
    lines = tuple(
        PositionView("ma_crossover", f"NSE:S{n}", n, Product.MIS, 10, e4("15000"), 0, e4("1501"), e4("10"), e4("5"), 0)
        for n in range(positions)
    )
    return PortfolioSnapshot(
        seq=9, time=NOW, day="2026-11-20", opening_cash=e4("100000"), cash=e4("85000"), positions_value=e4("15010"),
        realised=0, unrealised=e4("10"), charges=e4("5"), round_trips=0, turnover=e4("15000"), positions=lines,
    )  # fmt: skip


def a_status(pid: int, process: str, wall_ns: int, state: str = "ACTIVE") -> Status:
    """What a running trader would write."""
    leaf = TreeNode("strategy.ma_crossover", "child", "up", 1, 0, 5.0)
    frozen = TreeNode("strategy.rsi_reversion", "child", "gave_up", 6, 5, None, "ValueError: broken")
    return Status(
        version=VERSION, pid=pid, process=process, run="r", env="sandbox", wall_ns=wall_ns, started_ns=wall_ns,
        state=state, why="everything is up", market_time=ist(NOW).isoformat(), orders=2, open=1, unresolved=1,
        feed=Feed(connected=True, epoch=1, frames=9, age_seconds=0.5),
        money=Money("0.0000", "10.0000", "5.0000", "5.0000", 3),
        tree=TreeNode("root", "supervisor", "up", 1, 0, 5.0, children=(leaf, frozen)),
    )  # fmt: skip
