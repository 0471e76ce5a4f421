"""The official JavaScript client, with nothing but its roots changed. Left out by name where Node or npm is absent."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.launch import launch

HERE = Path(__file__).resolve().parent
CACHE = HERE.parents[1] / ".cache" / "npm"
STEPS = (
    *("login", "instruments", "quote", "history", "full_mode_ticks", "place_and_order_updates", "modify_and_cancel"),
    *("margins", "contract_note", "postback", "gtt", "mutual_funds", "logout"),
)


@pytest.fixture
def modules() -> Path:
    """The pinned client's `node_modules`, installed once for each lock file and kept."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node or npm is absent")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "installing").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # other workers wait here
        if not (folder / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=100)
            if done.returncode:
                pytest.skip(f"npm cannot install the client here: {done.stderr.strip()[-300:]}")
            (folder / "installed").touch()
    return folder / "node_modules"


def test_the_official_javascript_client(modules: Path) -> None:
    """Login to logout in one run, every step of it well; what went wrong is told by step."""
    extra = ["--date", "2026-11-20", "--start", "10:00:00"]
    with launch(speed=20, seed=3, relax=["rate-limits", "order-caps"], extra=extra) as sandbox:
        command = ["node", str(HERE / "client.cjs"), json.dumps(sandbox.info)]
        environment = {**os.environ, "NODE_PATH": str(modules)}
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=100, env=environment)

    assert json.loads(done.stdout) == dict.fromkeys(STEPS, "ok")
