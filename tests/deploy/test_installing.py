"""The installer in a throw-away root, and what systemd is told."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from app.service import ServiceManager
from config.loader import load
from domain.values import SECOND
from tests.timetable.market_clocks import SetClock

ROOT = Path(__file__).resolve().parents[2]
INSTALL = ROOT / "deploy" / "install.sh"


def installed(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([INSTALL, "--root", root, *words], capture_output=True, text=True, check=False)


def test_it_lays_everything_out_and_can_be_run_again(tmp_path: Path) -> None:
    assert installed(tmp_path, "--env", "paper").returncode == 0
    secrets, settings = tmp_path / "etc/patang/paper.env", tmp_path / "etc/patang/paper.yaml"
    assert secrets.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "var/lib/patang").stat().st_mode & 0o777 == 0o700
    secrets.write_text("PATANG_KITE_API_KEY=mine\n")
    settings.write_text("risk: {daily_loss_max: 1}\n")
    stale = tmp_path / "opt/patang/app/gone.py"
    stale.write_text("")
    assert installed(tmp_path, "--env", "paper").returncode == 0, "an upgrade"
    assert secrets.read_text() == "PATANG_KITE_API_KEY=mine\n"
    assert settings.read_text() == "risk: {daily_loss_max: 1}\n"
    assert not stale.exists(), "files that are gone go"
    assert not list((tmp_path / "opt/patang").rglob("__pycache__"))


def test_the_installed_program_runs_with_its_settings(tmp_path: Path) -> None:
    installed(tmp_path, "--env", "sandbox")
    program = tmp_path / "opt/patang"
    settings = str(tmp_path / "etc/patang/sandbox.yaml")
    command = [sys.executable, str(program / "run.py"), "check", "--config", settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_wrong_word_is_refused(tmp_path: Path) -> None:
    assert installed(tmp_path, "--env", "real").returncode == 2
    assert installed(tmp_path, "--zzz").returncode == 2


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("name", ["patang", "patang-dashboard"])
def test_systemd_understands_the_units(tmp_path: Path, name: str) -> None:
    installed(tmp_path, "--env", "live")
    text = (tmp_path / f"etc/systemd/system/{name}@.service").read_text()
    assert "@FOLDER@" not in text
    assert "@USER@" not in text
    unit = tmp_path / f"{name}-check.service"
    unit.write_text(text.replace("/opt/patang/.venv/bin/python", sys.executable).replace("/opt/patang/docs", "/docs"))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert complaints == []


def test_the_container_files_name_what_is_there() -> None:
    lines = (ROOT / "deploy" / "Dockerfile").read_text().splitlines()
    for words in (line.split() for line in lines if line.startswith("COPY ") and "--from" not in line):
        for name in words[1:-1]:
            assert (ROOT / name).exists(), name
    assert any(line.startswith("USER ") for line in lines)
    services = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())["services"]
    assert services["trader"]["read_only"]
    assert "ports" not in services["dashboard"], "it is for this machine alone"


def test_the_service_manager_hears_of_the_start_the_beats_and_the_stop(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        clock = SetClock(0)
        service = ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}, clock)
        service.ready()
        for seconds in range(21):
            clock.now = seconds * SECOND
            service.alive()
        service.stopping("a signal")
        heard: list[str] = []
        while not heard or not heard[-1].startswith("STOPPING"):
            heard.append(manager.recv(200).decode())
    assert heard == [
        "READY=1\nSTATUS=trading",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping: a signal",
    ]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/no/such/socket"}, {"WATCHDOG_USEC": "x", "NOTIFY_SOCKET": ""},
                                     {"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}])  # fmt: skip
def test_without_a_manager_nothing_happens(environ: dict[str, str]) -> None:
    service = ServiceManager(environ, SetClock(0))
    service.ready()
    service.alive()
    service.stopping("x")


def test_the_live_settings_that_the_installer_leaves_are_valid(tmp_path: Path) -> None:
    installed(tmp_path, "--env", "live")
    loaded = load("live", tmp_path / "etc/patang/live.yaml", (), {}, ROOT)
    assert loaded.settings.strategies == {}
