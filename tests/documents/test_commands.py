"""The pages' commands: all of them are ones that the program knows; those marked as runnable are run (`test --long docs`)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from docs.tools.commands import (
    Refused,
    copy_of_the_repository,
    in_order,
    marked,
    mistakes,
    run_page,
    spoken,
    wrong_in,
)
from docs.tools.markdown import ROOT, pages


def test_no_page_speaks_of_a_command_or_an_option_that_is_not_there() -> None:
    assert sum(len(list(spoken(page.read_text(encoding="utf-8")))) for page in pages()) > 200
    assert [each for page in pages() for each in mistakes(page)] == []


def test_the_first_commands_of_all_and_many_others_are_run() -> None:
    assert in_order()[0] == ROOT / "README.md"
    assert sum(len(marked(page)) for page in in_order()) >= 9


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("python3 run.py status --tree", ""),
        ("python3 run.py --speed 300 --instruments 3", ""),
        ("python3 run.py strategy NAME", ""),
        ("run.py resolve TAG --as absent --why x", ""),
        ("/opt/patang/.venv/bin/python /opt/patang/run.py check --env live", ""),
        ("python3 run.py charges - --json < orders.json", ""),
        ("python3 run.py status --trees", "status has no option --trees"),
        ("python3 run.py alerts tests", "there is no command 'alerts tests'"),
        ("python3 run.py stat", "there is no command 'stat'"),
        ("python3 run.py --sped 300", "trade has no option --sped"),
    ],
)
def test_what_the_program_would_not_understand_is_seen(command: str, wrong: str) -> None:
    assert wrong_in(command) == wrong


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("```sh run\npython3 run.py test --fast\n```\n", "must not run them"),
        ("```python run\nx\n```\n", "allowed: sh run, console run"),
        ("```sh run later\nx\n```\n", "allowed: sh run, console run"),
    ],
)
def test_a_block_that_must_not_be_run_is_refused(tmp_path: Path, page: str, said: str) -> None:
    (tmp_path / "a.md").write_text(page)
    with pytest.raises(Refused, match=said):
        marked(tmp_path / "a.md", tmp_path)


def test_blocks_run_in_their_order_and_a_failure_names_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "a.md"
    page.write_text(
        "```sh run background\nsh -c 'echo up; exec sleep 60'\n```\n```sh\nfalse\n```\n```console run\n$ echo one > x\nout\n```\n"
        "```sh run\ncat x\necho ${PATANG_KITE_API_KEY-none}\n```\n```sh run\nfalse | true\necho never\n```\n"
    )
    monkeypatch.setenv("PATANG_KITE_API_KEY", "a person's")
    said = run_page(page, tmp_path, tmp_path, tmp_path)
    assert next(said) == ("a.md:7", "")
    assert next(said) == ("a.md:11", "one\nnone\n"), "no setting of whoever runs the tests"
    with pytest.raises(Refused, match=r"a\.md:15: exit status 1"):
        next(said)


@pytest.mark.long("docs")
def test_every_block_that_is_marked_runs(tmp_path: Path) -> None:
    """In a throw-away copy, the README's first: a whole demo day, then what the other pages do with what it left."""
    with socket.socket() as port:
        try:
            port.bind(("127.0.0.1", 8910))
        except OSError:
            pytest.skip("port 8910 is taken: a dashboard runs on this machine")
    folder, home = tmp_path / "patang", tmp_path / "home"
    home.mkdir()
    copy_of_the_repository(folder)
    for page in in_order():
        for where, _ in run_page(page, folder, home):
            print(f"ok {where}")  # noqa: T201 - minutes pass between the lines
