"""`kill -9` of the real program at random moments, started again each time against the same running exchange.

No tag twice at the exchange, every order of it journaled, every acknowledged one there, every trade booked once; after
the last life the books are equal and nothing is held. Many more kills: `run.py chaos --real --kills N`.
"""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest

from app import cli
from app.chaos.real import FAULTS, Block, Killer, blocks_in
from app.chaos.real_judging import doubled
from tests.system.plant import an_exchange

SPEED = 4
LONG_KILLS = 100


def test_three_kills(tmp_path: Path) -> None:
    with an_exchange(speed=SPEED, extra=("--faults", "on")) as exchange:
        killer = Killer(tmp_path, exchange, a_draw())
        exchange.set_faults(FAULTS)
        killer.kill_while_starting()
        killer.kill_while_trading(seconds=0.0)
        killer.kill_while_trading(seconds=1.5)
        assert doubled(exchange) == []
        exchange.set_faults(())

        assert killer.last_life() == []


@pytest.mark.long("kills")
def test_a_hundred_kills(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command, as users run it."""
    state = tmp_path / "kills.jsonl"
    seed = str(random.SystemRandom().randrange(1 << 32))
    words = ["chaos", "--real", "--kills", str(LONG_KILLS), "--seed", seed, "--state", str(state)]

    status = cli.main(words)

    said = capsys.readouterr()
    assert status == 0, said.err
    assert f"{LONG_KILLS} kills (seed {seed}): 0 lost, 0 doubled" in said.out


def test_blocks_that_are_done_are_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tmp_path / "kills.jsonl"
    done = Block(seed=7, block=0, kills=50, orders=400, trades=399, ordering=40, unresolved=1, seconds=60.0)
    other = msgspec.structs.replace(done, seed=8, violations=("lost: order 1", "doubled: the tag X is on 2 orders"))
    state.write_bytes(b"\n".join(map(msgspec.json.encode, (done, other))) + b"\n")

    assert blocks_in(state, 7) == [done]
    assert cli.main(["chaos", "--real", "--kills", "50", "--seed", "7", "--state", str(state)]) == 0
    assert "50 kills (seed 7): 0 lost, 0 doubled, 0 violations; 400 orders, 399 trades" in capsys.readouterr().out
    assert cli.main(["chaos", "--real", "--kills", "50", "--seed", "8", "--state", str(state)]) == 1
    assert "50 kills (seed 8): 1 lost, 1 doubled, 2 violations" in capsys.readouterr().out


def test_a_file_of_something_else_is_bad_usage(tmp_path: Path) -> None:
    state = tmp_path / "kills.jsonl"
    state.write_text("not a line of ours\n")

    assert cli.main(["chaos", "--real", "--kills", "1", "--state", str(state)]) == 2


def a_draw() -> random.Random:
    """Other moments in every run; pytest shows the seed where a test fails."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it
    return random.Random(seed)
