"""`kill -9` of the real program, again and again, against one running sandbox that breaks on purpose.

In blocks: each has an exchange and a folder of its own, its kills at moments that the seed draws, and a last life
after the faults are lifted, which squares off and is waited for until it is at rest. Then the exchange judges. A block
that is done is one line of a file: a run that was interrupted goes on after it.
"""

from __future__ import annotations

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from app.chaos.real_exchange import Exchange, an_exchange, wait_until
from app.chaos.real_judging import at_rest, books_unequal, doubled, not_effectively_once, unresolved_lines
from app.chaos.real_program import Program, journal_in, square_off_at

SPEED: Final = 4
BLOCK: Final = 50
"""Kills per block: each unresolved order takes one of twelve lines out of the game until a person looks."""

PATIENCE_SECONDS: Final = 120.0
"""For what takes a second or two by itself: a shared machine stretches it by any factor."""

FAST: Final = 30
STARTING_SHARE: Final = 0.3
"""Of the kills: before the first order of that life."""

FAULTS: Final[Sequence[Mapping[str, object]]] = (
    {"fault": "timed_out", "order": "placed", "probability": 0.03},
    {"fault": "timed_out", "order": "placed_late", "late_milliseconds": 300, "probability": 0.02},
    {"fault": "timed_out", "order": "not_placed", "probability": 0.001},
    {"fault": "drop", "when": "after", "route": "POST /orders/*", "probability": 0.02},
    {"fault": "error", "status": 503, "when": "after", "route": "POST /orders/*", "probability": 0.01},
    {"fault": "html", "status": 502, "when": "after", "route": "POST /orders/*", "probability": 0.01},
    {"fault": "rate_limit", "route": "POST /orders/*", "probability": 0.01},
    {
        "fault": "latency",
        "milliseconds": 40,
        "distribution": "lognormal",
        "maximum": 1_000,
        "route": "POST /orders/*",
        "probability": 0.5,
    },
    {"fault": "late_row", "milliseconds": 400, "route": "POST /orders/*", "probability": 0.05},
    {"fault": "error", "status": 500, "route": "GET /orders", "probability": 0.02},
    {"fault": "truncate", "how": "body", "keep": 0.5, "route": "GET /trades", "probability": 0.02},
    {"fault": "drop", "when": "after", "route": "WS", "probability": 0.1},
    {"fault": "lose_update", "probability": 0.1},
    {"fault": "duplicate_update", "probability": 0.1},
    {"fault": "delay_update", "milliseconds": 400, "probability": 0.1},
    {"fault": "reorder_update", "milliseconds": 300, "probability": 0.05},
)
"""All at once, all through the lives that are killed (docs/faults.md)."""


class Block(Struct, frozen=True):
    """What came of one block.

    orders, trades  at the exchange, over all its lives
    ordering        lives that gave orders
    unresolved      lines left to a person, each truly absent at the exchange
    violations      one line each; those of an order or trade that was lost or doubled begin with that word
    """

    seed: int
    block: int
    kills: int
    orders: int
    trades: int
    ordering: int
    unresolved: int
    seconds: float
    violations: tuple[str, ...] = ()


class Killer:
    """The lives of one block, on one exchange and one folder."""

    def __init__(self, folder: Path, exchange: Exchange, draw: random.Random) -> None:
        self.folder = folder
        self.exchange = exchange
        self.ordering = 0
        self._draw = draw

    def kill_once(self) -> list[str]:
        """Another life, killed at a moment that the dice choose; tags that stand on two orders after it."""
        before = self.exchange.books().orders
        if self._draw.random() < STARTING_SHARE:
            self.kill_while_starting()
        else:
            # 0: the answer to the first order is likely not journaled yet.
            self.kill_while_trading(self._draw.choice((0.0, 0.03, 1.5)))
        self.ordering += self.exchange.books().orders > before
        return doubled(self.exchange)

    def kill_while_starting(self) -> None:
        """Somewhere between the first instruction and the first orders."""
        with Program(self.folder, *self.exchange.sets) as program:
            program.lives(self._draw.uniform(0.05, 1.2))
            program.kill()

    def kill_while_trading(self, seconds: float) -> None:
        """Up to so long after this life's first order reached the exchange, or after it found nothing left to do."""
        with Program(self.folder, *self.exchange.sets) as program:
            before = self.exchange.books().orders
            wait_until(lambda: self.exchange.books().orders > before or not program.running, PATIENCE_SECONDS)
            assert program.running, program.said()[-2000:]
            program.lives(self._draw.uniform(0.0, seconds))
            program.kill()

    def last_life(self) -> list[str]:
        """Starts once more, squares off, and is stopped when it has come to rest; what is wrong then."""
        hours, minutes, _ = (int(part) for part in self.exchange.now().split(":"))
        end = hours * 60 + minutes + 2
        at = f"{end // 60:02d}:{end % 60:02d}"
        path = journal_in(self.folder)
        with Program(self.folder, *self.exchange.sets, *square_off_at(at)) as program:
            wait_until(lambda: "day.trading" in program.said() or not program.running, PATIENCE_SECONDS)
            self.exchange.set_clock(rate=FAST)
            wait_until(lambda: self.exchange.now() > f"{at}:00" or not program.running, PATIENCE_SECONDS)
            self.exchange.set_clock(rate=1)
            rested = wait_until(lambda: not program.running or at_rest(self.exchange, path), PATIENCE_SECONDS)
            program.signal(signal.SIGTERM)
            status = program.wait(PATIENCE_SECONDS)
            if status:
                return [f"the last life ended with {status}: {program.said()[-1000:]}"]
            report = program.report()
        wrong = [] if rested else [f"the last life did not come to rest within {PATIENCE_SECONDS:g} s"]
        lines, unlawful = unresolved_lines(self.exchange, path)
        if report["balanced"] is not True or report["books_agree"] is not True:
            wrong.append("the report is not balanced, or its books do not agree with the exchange's")
        return [
            *wrong,
            *unlawful,
            *not_effectively_once(self.exchange, path),
            *books_unequal(self.exchange, path, lines),
        ]


def run_block(seed: int, number: int, kills: int, tell: Callable[[str], None]) -> Block:
    """One block, judged. Where something is wrong its folder is kept, and named among the violations."""
    draw = random.Random(f"{seed}/{number}")  # noqa: S311 - moments, not secrets
    folder = Path(tempfile.mkdtemp(prefix="patang-kills-"))
    began = time.monotonic()
    wrong: list[str] = []
    with an_exchange(speed=SPEED, seed=draw.randrange(1 << 31), extra=("--faults", "on")) as exchange:
        killer = Killer(folder, exchange, draw)
        exchange.set_faults(FAULTS)
        for kill in range(kills):
            wrong += [f"after kill {kill + 1}: {each}" for each in killer.kill_once()]
            if (kill + 1) % 10 == 0:
                tell(f"block {number}: {kill + 1} of {kills} kills, {exchange.books().orders} orders")
        exchange.set_faults(())
        wrong += killer.last_life()
        books = exchange.books()
        lines, _ = unresolved_lines(exchange, journal_in(folder))
    if wrong:
        wrong.append(f"what is left of it is in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return Block(
        seed=seed,
        block=number,
        kills=kills,
        orders=books.orders,
        trades=books.trades,
        ordering=killer.ordering,
        unresolved=len(lines),
        seconds=round(time.monotonic() - began, 1),
        violations=tuple(wrong),
    )


def run_kills(seed: int, kills: int, state: Path, tell: Callable[[str], None], block: int = BLOCK) -> Iterator[Block]:
    """Every block up to so many kills: first those that the file has of this seed, then the missing ones."""
    done = blocks_in(state, seed)
    yield from done
    left, number = kills - sum(each.kills for each in done), len(done)
    while left > 0:
        result = run_block(seed, number, min(block, left), tell)
        state.parent.mkdir(parents=True, exist_ok=True)
        with state.open("ab") as out:
            out.write(msgspec.json.encode(result) + b"\n")
        yield result
        left, number = left - result.kills, number + 1


def blocks_in(state: Path, seed: int) -> list[Block]:
    """The blocks of that seed that the file has. Raises msgspec.MsgspecError for a file of something else."""
    if not state.exists():
        return []
    lines = state.read_bytes().splitlines()
    return [each for each in (msgspec.json.decode(line, type=Block) for line in lines) if each.seed == seed]
