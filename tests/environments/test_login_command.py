"""`run.py login`, as users run it: through a browser, pasted, and out again."""

from __future__ import annotations

import json
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.launch import RunningSandbox, launch
from tests.environments.visits import PERSONAL, log_in_at, visit
from tests.support.projects import ROOT


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with launch(hold=True) as running:
        yield running


def login(sandbox: RunningSandbox, folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "run.py"), "login", "--env", "sandbox", *words]
    sets = (
        f"kite.rest_url={sandbox.rest}",
        f"kite.ws_url={sandbox.ws}",
        "kite.redirect_port=0",
        f"data_dir={folder}",
        *PERSONAL,
    )
    for each in sets:
        command += ["--set", each]
    return subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def url_in(line: str) -> str:
    found = re.search(r"https?://\S+", line)
    assert found is not None, line
    return found.group().rstrip(";")


def test_a_person_logs_in_through_the_browser_and_out_again(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with login(sandbox, tmp_path, "--no-browser", "--json") as process:
        assert process.stderr is not None and process.stdout is not None
        page, catcher = url_in(process.stderr.readline()), url_in(process.stderr.readline())
        back = urlsplit(log_in_at(page))
        assert visit(f"{catcher}?{back.query.replace('state=', 'state=x')}") == 403
        assert visit(f"{catcher}?{back.query}") == 200
        document = json.loads(process.stdout.read())
        said = process.stderr.read()

    assert process.returncode == 0, said
    assert document == {"logged_in": True, "user_id": "SB0001", "expires": document["expires"]}
    assert document["expires"].endswith("T06:00:00+05:30")
    file = tmp_path / "sandbox" / "session.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    token = json.loads(file.read_bytes())["access_token"]
    assert token not in said + json.dumps(document)

    with login(sandbox, tmp_path, "--logout") as process:
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out.strip()) == (0, "logged out"), said
    assert not file.exists()


def test_a_headless_host_pastes_the_address(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with login(sandbox, tmp_path, "--paste") as process:
        assert process.stderr is not None and process.stdin is not None
        back = log_in_at(url_in(process.stderr.readline()))
        out, said = process.communicate(back + "\n", timeout=60)

    assert process.returncode == 0, said
    assert re.fullmatch(r"logged in as SB0001 until \w+ \d+ \w+ 06:00 India time", out.strip())


@pytest.mark.parametrize(("pasted", "words"), [("\n", "nothing was pasted"), ("x" * 32 + "\n", "log in again")])
def test_what_is_no_login_fails_in_one_line(sandbox: RunningSandbox, tmp_path: Path, pasted: str, words: str) -> None:
    with login(sandbox, tmp_path, "--paste") as process:
        out, said = process.communicate(pasted, timeout=60)

    assert (process.returncode, out) == (1, "")
    assert words in said.splitlines()[-1]
    assert "Traceback" not in said
    assert not (tmp_path / "sandbox" / "session.json").exists()


def test_an_environment_with_a_sandbox_of_its_own_needs_no_login(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "run.py"), "login", "--env", "sandbox", "--set", f"data_dir={tmp_path}"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert "logs in by itself" in ended.stderr
