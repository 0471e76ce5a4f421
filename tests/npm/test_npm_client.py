"""The official JavaScript client, with nothing but its roots changed. Left out by name where Node or npm is absent."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sandbox.launch import launch
from tests.support.npm import modules_of

HERE = Path(__file__).resolve().parent
STEPS = (
    *("login", "instruments", "quote", "history", "full_mode_ticks", "place_and_order_updates", "modify_and_cancel"),
    *("margins", "contract_note", "postback", "gtt", "mutual_funds", "logout"),
)


@pytest.fixture
def modules() -> Path:
    """The pinned client's `node_modules`."""
    return modules_of(HERE)


def test_the_official_javascript_client(modules: Path) -> None:
    """Login to logout in one run, every step of it well; what went wrong is told by step."""
    extra = ["--date", "2026-11-20", "--start", "10:00:00"]
    with launch(speed=20, seed=3, relax=["rate-limits", "order-caps"], extra=extra) as sandbox:
        command = ["node", str(HERE / "client.cjs"), json.dumps(sandbox.info)]
        environment = {**os.environ, "NODE_PATH": str(modules)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=280, env=environment)

    assert json.loads(done.stdout) == dict.fromkeys(STEPS, "ok")
