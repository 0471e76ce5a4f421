"""`bench` lists and runs the measurements by name."""

import json

import pytest

from app import cli
from app.commands.bench import available


def test_every_measurement_is_listed_with_what_it_measures(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(("bench", "--json")) == 0
    listed = json.loads(capfd.readouterr().out)

    assert {"mailbox", "latch"} <= set(listed)
    assert all(text.endswith((".", "line")) and len(text) > 20 for text in listed.values())


def test_a_measurement_runs_by_name(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(("bench", "latch", "--quick", "--json")) == 0
    rows = json.loads(capfd.readouterr().out)["figures"]
    figures = {row["name"]: row["figure"]["ours"] for row in rows if row["benchmark"] == "latch"}

    # Whatever the machine's load: the latch does not wait for the queue.
    assert 0 < figures["told to halted, p50"] < figures["draining the queue, p50"]


def test_an_unknown_name_is_bad_usage(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(("bench", "nothing")) == 2
    assert f"found 'nothing'; allowed: all, {', '.join(available())}" in capfd.readouterr().err
