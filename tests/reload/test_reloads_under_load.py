"""Random changes of the configuration, right and wrong ones, while a whole trader trades on the sandbox.

No intent meets two versions, in whatever actor; what is wrong changes nothing; the books balance.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from actors.routes import CONFIGURATION
from app.board import Board
from config.document import parse
from config.tree import Origin
from domain.messages.configuration import ReloadAsked
from domain.messages.versions import ConfigurationChanged
from tests.reload.probe import Probe
from tests.support.waiting import eventually
from tests.system.judging import assert_effectively_once
from tests.system.plant import STRESS, Trader, an_exchange

Document = dict[str, Any]
SECONDS: Final = 60.0
SPARE: Final = ("MARUTI", "LT", "TITAN", "ASIANPAINT", "SUNPHARMA", "KOTAKBANK")


def pulse(symbol: str, **more: object) -> Document:
    settings = {"kind": "domain.strategies.pulse:Pulse", "instruments": [f"NSE:{symbol}"], "interval": "minute"}
    return {**settings, "capital": 1_000_000, "quantity": 1, "parameters": {"period_seconds": 4}, **more}


class Author:
    """Writes a user's file again and again, now right, now wrong."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.now: Document = as_plain(STRESS)
        self.now["sandbox"]["instruments"] = None
        self.now["strategies"]["pulse_wipro"]["exits"] = {"hold": "client", "stop_percent": 5}

    def traders(self) -> list[str]:
        return [name for name, each in self.now["strategies"].items() if name.startswith("pulse_")]

    def right(self) -> str:
        """The file with one to three changes, of which one at least differs from what stands there."""
        before = as_text(self.now)
        while as_text(self.now) == before:
            for _ in range(self.random.randint(1, 3)):
                self.random.choice(RIGHT)(self)
        return as_text(self.now)

    def wrong(self) -> str:
        """The file with one mistake."""
        mistake = self.random.choice(WRONG)
        return mistake(self, as_text(self.now))


def _limits(author: Author) -> None:
    risk, choose = author.now["risk"], author.random
    risk["max_quantity_per_order"] = choose.randint(5, 100)
    risk["daily_loss_max"] = choose.randint(10_000_000, 100_000_000)
    risk["price_band_percent"] = choose.choice([2, 3, 5])


def _validity(author: Author) -> None:
    author.now["orders"] = {
        "intent_valid_seconds": author.random.choice([20, 30, 45]),
        "market_as_limit_percent": author.random.choice([0, 0.5]),
        "reconcile_seconds": author.random.choice([1, 2]),
    }


def _sizes(author: Author) -> None:
    for name in author.random.sample(author.traders(), 3):
        author.now["strategies"][name]["quantity"] = author.random.randint(1, 5)


def _parameters(author: Author) -> None:
    name = author.random.choice(author.traders())
    author.now["strategies"][name]["parameters"] = {"period_seconds": author.random.randint(3, 6)}


def _switch(author: Author) -> None:
    name = author.random.choice(author.traders()[:4])
    each = author.now["strategies"][name]
    each["enabled"] = not each.get("enabled", True)


def _come_and_go(author: Author) -> None:
    symbol = author.random.choice(SPARE)
    name = f"pulse_{symbol.lower()}"
    if name in author.now["strategies"]:
        del author.now["strategies"][name]
    else:
        more: Document = {"on_removal": author.random.choice(["keep", "flatten"])}
        if author.random.random() < 0.3:
            more["execution"] = {"style": "limit", "reprice_seconds": 2, "patience_seconds": 6}
        author.now["strategies"][name] = pulse(symbol, **more)


def _policies(author: Author) -> None:
    author.now["reconcile"] = {"positions_seconds": author.random.choice([2, 5, 60])}


RIGHT: Final[tuple[Callable[[Author], None], ...]] = (
    _limits,
    _validity,
    _sizes,
    _parameters,
    _switch,
    _come_and_go,
    _come_and_go,
    _policies,
)

WRONG: Final[tuple[Callable[[Author, str], str], ...]] = (
    lambda _a, text: text.replace("max_quantity_per_order: ", "max_quantity_per_order: -", 1),
    lambda _a, text: text.replace("daily_loss_max", "dayly_loss_max", 1),
    lambda _a, text: text.replace("strategies:", "strategies: [", 1),
    lambda _a, text: text.replace("strategies.pulse:Pulse", "strategies.pulse:Puls", 1),
    lambda _a, text: text.replace("period_seconds: ", "period_seconds: 0", 1),
    lambda _a, text: text.replace("NSE:INFY", "NSE:NOBODY", 1),
    lambda _a, text: text.replace("NSE:INFY", "NSE:NIFTY 50", 1),
    lambda _a, text: text + "\nrisk: {}\n",
    lambda _a, text: text + "\nreconcile: {policies: {funds_drift: adopt}}\n",
    lambda _a, text: text.replace("interval: minute", "interval: 7minute", 1),
    lambda a, _text: as_text(without_exits(a.now)),
    lambda a, text: text[: a.random.randrange(len(text) // 2, len(text) - 40)] + "\x00",
)


def without_exits(document: Document) -> Document:
    strategies = {name: dict(each) for name, each in document["strategies"].items()}
    del strategies["pulse_wipro"]["exits"]
    return {**document, "strategies": strategies}


def as_plain(path: Path) -> Document:
    node = parse(path.read_text(), Origin("file", "x"))

    def plain(at: Any) -> Any:
        if isinstance(at.value, dict):
            return {key: plain(each) for key, each in at.value.items()}
        if isinstance(at.value, list):
            return [plain(each) for each in at.value]
        return at.value

    found: Document = plain(node)
    return found


def as_text(document: Document) -> str:
    return yaml.safe_dump(document, sort_keys=False)


class Changing:
    """A trader whose file is changed."""

    def __init__(self, trader: Trader, file: Path) -> None:
        self.trader, self.file = trader, file
        board = trader.day._board
        assert isinstance(board, Board)
        self.board = board

    def asks(self) -> Document:
        found = self.trader.ask(CONFIGURATION)
        assert isinstance(found, dict)
        return found

    def save(self, text: str) -> None:
        beside = self.file.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.file)

    def right(self, text: str, *, wait: bool) -> None:
        before = self.board.known.settled
        self.save(text)
        self.trader.tell(CONFIGURATION, ReloadAsked("a test", "right"))
        if wait:
            eventually(lambda: self.board.known.settled > before, SECONDS, f"beyond version {before}: {self.asks()}")

    def wrong(self, text: str) -> None:
        eventually(lambda: self.asks()["changing"] is None, SECONDS, "the last change is settled")
        before = self.in_force()
        refusals = self.asks()["refusals"]
        self.save(text)
        self.trader.tell(CONFIGURATION, ReloadAsked("a test", "wrong"))
        eventually(lambda: self.asks()["refusals"] > refusals, SECONDS, "refused: " + text[-200:])
        assert self.in_force() == before, "what is wrong changes nothing"

    def in_force(self) -> tuple[object, ...]:
        board = self.board
        flag = self.trader.world.journal.flag("configuration")
        return board.known, board.settings, board.cast, board.topology, dict(board.shards), flag, len(self.versions())

    def versions(self) -> list[ConfigurationChanged]:
        events = (record.event for record in self.trader.world.journal.read(0))
        return [event for event in events if isinstance(event, ConfigurationChanged)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [30, pytest.param(1_000, marks=pytest.mark.long("reloads"))])
def test_no_intent_meets_two_versions(count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    probe, author = Probe(), Author(seed=count)
    probe.install(monkeypatch)
    file = tmp_path / "mine.yaml"
    file.write_text(as_text(author.now))
    right = wrong = 0
    with an_exchange(speed=4) as exchange, Trader(tmp_path, *exchange.sets, config=file) as trader:
        trader.trading(SECONDS)
        changing = Changing(trader, file)
        trader.trade_on(2, seconds=SECONDS)
        for number in range(count):
            if author.random.random() < 0.35:
                wrong += 1
                changing.wrong(author.wrong())
                changing.save(as_text(author.now))
            else:
                right += 1
                changing.right(author.right(), wait=number % 5 != 0)
            if number % 10 == 9:
                trader.trade_on(1, seconds=SECONDS)
        eventually(lambda: changing.asks()["changing"] is None, SECONDS, "the last change is settled")
        changing.right(author.right(), wait=True)
        trader.trade_on(3, seconds=SECONDS)
        told = changing.versions()
        trader.square_off(exchange, SECONDS)
        report = trader.finish()
        crashed = trader.events("child.crashed")
        assert_effectively_once(exchange, trader.journal_path)

    assert crashed == []
    assert [event.version for event in told] == list(range(2, 2 + len(told))), "one after the other, each once"
    assert len(told) >= right // 2, "several that were asked for at once are one"
    assert all(change.old != change.new for event in told for change in event.changes)
    mixed = {intent: versions for intent, versions in probe.by_intent().items() if len(versions) > 1}
    assert mixed == {}
    assert probe.wrong == []
    used = Counter(each.version for each in probe.seen if each.actor == "risk")
    assert len(used) >= min(len(told), count) // 6, f"intents under many versions: {used}"
    decided = [each for each in probe.seen if each.message in ("OrderIntent", "placing")]
    assert {"risk", "orders"} <= {each.actor for each in decided}
    assert all(each.used for each in decided if each.actor in ("risk", "orders")), "each by its own version's settings"
    assert (report.balanced, report.books_agree) == (True, True)
    assert right and wrong


@pytest.mark.long("reloads")
def test_a_removed_strategys_position_is_handed_over_kept_or_closed(tmp_path: Path) -> None:
    """Three that hold and never let go are taken out at once; the exchange's books say what became of each."""
    leaves: Document = {"parameters": {"period_seconds": 3_600}, "quantity": 7}
    document: Document = as_plain(STRESS)
    document["sandbox"]["instruments"] = None
    slow = {"kind": "domain.strategies.ma_crossover:MaCrossover", "interval": "60minute", "parameters": {}}
    document["strategies"] |= {
        "given": pulse("LT", **leaves, on_removal={"hand_over": "heir"}),
        "kept": pulse("MARUTI", **leaves, on_removal="keep"),
        "closed": pulse("TITAN", **leaves, on_removal="flatten"),
        "heir": {**pulse("LT"), **slow},
    }
    file = tmp_path / "mine.yaml"
    file.write_text(as_text(document))
    with an_exchange(speed=4) as exchange, Trader(tmp_path, *exchange.sets, config=file) as trader:
        trader.trading(SECONDS)
        for name in ("given", "kept", "closed"):
            eventually(partial(trader.trades, name), SECONDS, f"{name} holds something")
            del document["strategies"][name]
        Changing(trader, file).right(as_text(document), wait=True)

        def held() -> dict[str, int]:
            return {line.strategy: line.quantity for line in trader.snapshot().positions if line.quantity}

        wanted = {"heir": 7, "kept": 7}
        eventually(
            lambda: {k: v for k, v in held().items() if not k.startswith("pulse")} == wanted, SECONDS, "so it is"
        )
        realised = {line.strategy: line.realised for line in trader.snapshot().positions}
        assert (realised["given"], realised["heir"]) == (0, 0), "handed over at what it cost"
        names = {node.id for node in trader.day.tree().walk()}
        trader.square_off(exchange, SECONDS)
        report = trader.finish()
        assert not names & {"strategy.given", "strategy.kept", "strategy.closed"}
        assert_effectively_once(exchange, trader.journal_path)
    assert (report.balanced, report.books_agree) == (True, True)
