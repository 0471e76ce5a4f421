"""Pinned packages of npm for a test: installed once for each lock file and kept below `.cache`."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "npm"


def modules_of(project: Path) -> Path:
    """The `node_modules` of the project in that folder; the test is left out by name where Node or npm is absent."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node or npm is absent")
    lock = (project / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "installing").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)  # other workers wait here
        if not (folder / "installed").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(project / name, folder)
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=100)
            if done.returncode:
                pytest.skip(f"npm cannot install the client here: {done.stderr.strip()[-300:]}")
            (folder / "installed").touch()
    return folder / "node_modules"
