"""A recorded stretch, with crashes and a lost connection in it, runs again: the same journal, the same orders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import msgspec
import pytest
from msgspec.structs import replace

from actors.routes import FEED, ORDERS, PORTFOLIO, RISK, gateway_entry, strategy_name
from adapters.recorder.codec import decode
from adapters.recorder.entries import Kind
from adapters.recorder.tape import read_entries, read_header
from app.replaying import Replayed, replay
from domain.errors import PatangError
from domain.messages.market import DropFeed
from tests.support.log_lines import LogLines
from tests.support.projects import ROOT
from tests.support.waiting import eventually
from tests.system.plant import Trader, an_exchange


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a life with everything in it."""
    folder = tmp_path_factory.mktemp("recorded")
    with an_exchange(speed=60) as exchange:
        sets = (*exchange.sets, "recorder.enabled=true", "strategies.pulse_sbin.isolation=process")
        with Trader(folder, *sets) as trader:
            trader.trading()
            trader.trade_on(10)
            for name in (RISK, ORDERS, PORTFOLIO, gateway_entry(0), strategy_name("pulse_sbin")):
                trader.crash(name)
                trader.trade_on(2)
            trader.tell(FEED, DropFeed(why="a test"))
            eventually(lambda: len(trader.events("feed.connected")) == 2, what="connected again")
            trader.trade_on(5)
            trader.square_off(exchange)
            trader.finish()
            token = trader.world.account.tokens.current()
            (folder / "token").write_text("" if token is None else token.value, encoding="utf-8")
    return folder


@pytest.fixture
def life(recorded: Path) -> Path:
    (found,) = (recorded / "data" / "sandbox" / "recordings").glob("*/*")
    return found


def test_two_replays_do_what_the_day_did(life: Path) -> None:
    first, second = replay(life), replay(life)

    assert first.diverged == ""
    assert first == second
    assert first.equal and first.journal == first.original != ""
    assert first.messages > 1000
    assert len(first.orders) > 20
    assert len({order.tag for order in first.orders}) == len(first.orders)


def test_the_orders_are_those_that_went_out(life: Path, recorded: Path) -> None:
    log = LogLines(recorded / "data" / "sandbox" / "logs" / "patang.jsonl")
    tags = [row["tag"] for row in log.named("order.intent")]

    assert [order.tag for order in replay(life).orders] == tags


def test_other_settings_or_another_market_diverge_in_words(life: Path, tmp_path: Path) -> None:
    copy = a_copy(life, tmp_path)
    header = read_header(copy)
    settings = json.loads(header.settings)
    settings["risk"]["max_quantity_per_order"] = 0
    (copy / "header.json").write_bytes(msgspec.json.encode(replace(header, settings=json.dumps(settings).encode())))
    found = replay(copy)

    assert not found.equal
    assert found.diverged.startswith("entry ")
    assert "but now it wants" in found.diverged or "nobody has told it now" in found.diverged


def test_a_gap_ends_the_replay_in_words(life: Path, tmp_path: Path) -> None:
    copy = a_copy(life, tmp_path)
    (copy / "part-000.rec").unlink()
    (copy / "end.json").unlink()
    found: Replayed = replay(copy)
    assert (found.messages, found.diverged) == (0, "")

    with pytest.raises(PatangError, match="not a recording"):
        replay(tmp_path / "nothing")


def test_no_secret_is_on_the_tape(life: Path, recorded: Path) -> None:
    token = (recorded / "token").read_text(encoding="utf-8")
    settings = json.loads(read_header(life).settings)
    assert {settings["kite"][key] for key in ("api_secret", "password", "totp", "access_token")} == {None}
    assert len(token) > 20
    content = b"".join(msgspec.msgpack.encode(entry) for entry in read_entries(life))
    assert token.encode() not in content + (life / "header.json").read_bytes()
    assert b"sandboxsecret" not in content


def test_every_kind_of_entry_is_there(life: Path) -> None:
    kinds = {entry.kind for entry in read_entries(life)}

    assert kinds >= {Kind.STARTED, Kind.HANDLED, Kind.RESULT, Kind.ORDERED, Kind.STOPPING}


def test_raw_replies_are_there_for_people(life: Path) -> None:
    replies = [entry for entry in read_entries(life) if entry.kind is Kind.REPLY]
    book = next(entry for entry in replies if entry.what == "GET /orders" and entry.actor.startswith("gateway.read"))
    status, length, body = cast("tuple[int, int, bytes]", decode(book.value))

    assert (status, length) == (200, len(body))
    assert json.loads(body)["status"] == "success"
    assert {entry.what.partition(" ")[0] for entry in replies} >= {"GET", "POST"}
    assert not [entry for entry in replies if "/session" in entry.what and entry.value["l"][2]]  # type: ignore[index]  # a recorded tuple


def test_the_command_compares_and_names_the_days(recorded: Path, life: Path) -> None:
    def run(day: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "run.py"), "replay", day, "--json"]
        command += ["--set", f"data_dir={recorded / 'data'}"]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    ended = run(life.parent.name)
    assert (ended.returncode, json.loads(ended.stdout)["equal"]) == (0, True), ended.stderr
    missing = run("2020-01-01")
    assert missing.returncode == 2
    assert f"recorded days: {life.parent.name}" in missing.stderr


def a_copy(life: Path, folder: Path) -> Path:
    copy = folder / "copy"
    copy.mkdir()
    for path in life.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy
