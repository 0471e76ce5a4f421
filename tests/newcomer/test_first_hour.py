"""docs/newcomer.md, done: in a fresh copy, from the installation to the reports, with the time that each step takes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.tools.commands import CACHES, OF_THE_TOP
from tests.support.projects import ROOT
from tests.support.waiting import eventually

PAGE = ROOT / "docs" / "newcomer.md"
INSTALL_SECONDS = 1_500
STEP_SECONDS = 900


class Newcomer:
    """Somebody with a terminal and a fresh copy; `python` is the system's until the first command has made another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.took: list[tuple[str, float]] = []
        self._environ = {
            name: value
            for name, value in os.environ.items()
            if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"} and not name.startswith("PATANG_")
        }
        self._python = str(getattr(sys, "_base_executable", sys.executable))

    def types(self, line: str, seconds: float = STEP_SECONDS) -> str:
        """One command, as the page has it; what it prints. It must succeed."""
        began = time.monotonic()
        done = subprocess.run(
            self._words(line), cwd=self.folder, env=self._environ, check=False, capture_output=True, text=True, timeout=seconds
        )  # fmt: skip
        self.took.append((line, time.monotonic() - began))
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def another_terminal(self, line: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """A command that goes on; ended by Ctrl-C."""
        output = self.folder / f"output-{len(self.took)}.txt"
        with output.open("wb") as out:
            process = subprocess.Popen(
                self._words(line), cwd=self.folder, env=self._environ, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            try:
                yield process, output
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGINT)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(60)
                    if process.poll() is None:
                        process.kill()
                        process.wait()

    def _words(self, line: str) -> list[str]:
        import shlex

        program, *words = shlex.split(line)
        assert program == "python3"
        return [self._python, *words]


def commands() -> list[str]:
    """The page's commands in their order."""
    found = re.findall(r"`(python3 run\.py[^`]*)`", PAGE.read_text(encoding="utf-8").partition("| 1 |")[2])
    return [line for line in found if "--long" not in line]


@pytest.mark.long("newcomer")
@pytest.mark.timeout(5_400)
def test_the_first_hour_as_the_page_has_it(tmp_path: Path) -> None:
    folder = tmp_path / "patang"
    left_out = shutil.ignore_patterns(*CACHES)

    def ignored(where: str, names: list[str]) -> set[str]:
        return set(left_out(where, names)) | ({*OF_THE_TOP, ".venv"} if Path(where) == ROOT else set())

    shutil.copytree(ROOT, folder, ignore=ignored)
    me = Newcomer(folder)
    install, demo, dashboard, new, check, download, backtest, checked, preflight, trade, halt, eod, period, resume = (
        commands()
    )

    assert "ma_crossover" in me.types(install, INSTALL_SECONDS)
    assert "report:" in me.types(demo)
    with me.another_terminal(dashboard.replace(" --open", "")) as (_, shown):
        page = eventually(lambda: re.search(r"http://127\.0\.0\.1:\d+/", shown.read_text()), 60)
        assert page
        token = (folder / "data" / "sandbox" / "admin.token").read_text().strip()
        ask = urllib.request.Request(f"{page.group()}api/status", headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - loopback
        with urllib.request.urlopen(ask, timeout=60) as reply:  # noqa: S310 - loopback
            assert reply.status == 200
        me.types(new)
        assert "speed" in me.types(check)
        me.types(download)
        assert "total return" in me.types(backtest)
        [mine] = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
        (folder / "mine.yaml").write_text(mine)
        assert "is valid" in me.types(checked)
        assert "fail" not in me.types(preflight)
        began = time.monotonic()
        with me.another_terminal(trade) as (process, said):
            eventually(lambda: "order.trade" in said.read_text() or process.poll() is not None, 300, "a trade")
            assert process.poll() is None, said.read_text()[-2000:]
            (folder / "mine.yaml").write_text(mine.replace("quantity: 20", "quantity: 10"))
            changed = "strategies.first_steps.quantity: 20 -> 10"
            eventually(lambda: changed in said.read_text(), 60, "the change is in force")
            with urllib.request.urlopen(ask, timeout=60) as reply:  # noqa: S310 - loopback
                assert json.load(reply), "the dashboard follows it"
            assert "halted" in me.types(halt)
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0, said.read_text()[-2000:]
        me.took.append((f"{trade}, a change, a halt and Ctrl-C", time.monotonic() - began))
        assert "report:" in said.read_text()
    assert "first_steps" in me.types(eod)
    me.types(period)
    me.types(resume)
    for line, seconds in me.took:
        sys.stdout.write(f"{seconds:7.1f} s  {line}\n")
    assert sum(seconds for _, seconds in me.took) < 3_600, "an hour"


def test_the_page_has_the_commands_that_the_script_takes() -> None:
    assert [line.split()[2] for line in commands()] == [
        "strategy", "--speed", "dashboard", "strategy", "strategy", "download", "backtest", "check", "preflight", "trade", "halt",
        "report", "report", "resume",
    ]  # fmt: skip
