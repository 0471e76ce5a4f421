"""The command line as a user meets it: help, exit statuses, streams, and no bare traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import cli, testing
from app.commands import lock
from app.output import print_json, print_table
from domain.errors import PatangError
from tests.support.projects import ROOT


def run(capfd: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    status = cli.main(argv)
    out, err = capfd.readouterr()
    return status, out, err


def test_help_lists_every_command_and_imports_none(capfd: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)

    status, out, _ = run(capfd, "--help")

    assert status == 0
    for command in cli.COMMANDS:
        assert command.words.split()[0] in out
    imported = {command.target.partition(":")[0] for command in cli.COMMANDS} & (set(sys.modules) - before)
    assert imported == set()


@pytest.mark.parametrize("argv", [("check", "--help"), ("report", "--help"), ("test", "--help"), ("lock", "--help")])
def test_help_at_every_level(argv: tuple[str, ...], capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, *argv)

    assert status == 0
    assert "usage: run.py" in out.lower()
    assert err == ""


def test_starting_is_quick() -> None:
    """The program's own share of a start: everything that importing the command line brings along."""
    code = "import sys; import app.cli; print(len([m for m in ('msgspec', 'yaml', 'pykka', 'numpy', 'litestar', 'talib', 'loguru') if m in sys.modules]))"

    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )

    heavy = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()} & {
        "pykka", "numpy", "litestar", "uvicorn", "talib", "apsw", "kiteconnect", "twisted", "plotly", "app.commands.trade",
    }  # fmt: skip
    assert heavy == set()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("nonsense",), "patang: found 'nonsense', which is no command; allowed: "),
        (("chek",), "patang: found 'chek', which is no command (did you mean 'check'?); allowed: "),
        (("report", "eof"), "patang: found 'report eof', which is no command (did you mean 'report eod'?); allowed: "),
        (("check", "--nonsense"), "patang: Unknown option: --nonsense"),
        (("check", "--env", "prod"), 'patang: Invalid value "prod" for --env'),
        (("check", "--set", "risk.orders_per_day=-1"), "patang: --set: risk.orders_per_day: found -1; allowed: a whole number ≥ 0"),
        (("check", "--config", "/nonexistent.yaml"), "patang: /nonexistent.yaml: cannot be read: No such file or directory"),
        (("check", "--set", "strategies.rsi_reversion.parameters.period=1"), "patang: --set: strategies.rsi_reversion.parameters.period: found 1; allowed: a whole number ≥ 2 and ≤ 100"),
        (("check", "--set", "strategies.rsi_reversion.kind=domain.strategies.rsi_reversion:Nobody"), "patang: --set: strategies.rsi_reversion.kind: strategy 'domain.strategies.rsi_reversion:Nobody': "),
        (("check", "--explain", "risk.nothing"), "patang: --explain: found 'risk.nothing', which is no setting"),
        (("test", "--fast", "--long", "x"), "patang: test: --fast and --long exclude each other"),
        (("test", "--long", "no-such-suite"), "patang: test: --long: found 'no-such-suite'"),
    ],
)  # fmt: skip
def test_bad_usage_and_bad_configuration_are_one_line_and_status_2(
    argv: tuple[str, ...], says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(capfd, *argv)

    assert status == 2
    assert out == ""
    assert err.startswith(says)
    assert err.count("\n") == 1


def test_check_prints_what_is_in_force_with_secrets_masked(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "check", "--json", "--set", "sandbox.seed=42", "--set", "risk.daily_loss_max=12.5")

    document = json.loads(out)
    assert status == 0
    assert document["environment"] == "sandbox"
    assert document["settings"]["sandbox"]["seed"] == 42
    assert document["settings"]["risk"]["daily_loss_max"] == "12.5"
    assert document["settings"]["kite"]["api_secret"] == "****"
    assert "sandboxsecret" not in out


def test_check_prints_yaml_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capfd, "check")

    assert status == 0
    assert "\nrisk:\n" in out
    assert "sandboxsecret" not in out
    assert err.startswith("patang: configuration of sandbox is valid: ")


def test_check_explains_where_a_value_came_from(capfd: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capfd, "check", "--json", "--explain", "sandbox.seed", "--set", "sandbox.seed=42")

    (row,) = json.loads(out)
    assert status == 0
    assert (row["key"], row["value"], row["from"][0]) == ("sandbox.seed", 42, "--set")
    assert row["takes_effect"] == "next session"
    assert row["from"][1].startswith("config/base.yaml:")


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("app.commands.check.load_settings", fail)


def test_an_unexpected_error_is_one_line_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    raising(monkeypatch, ZeroDivisionError("nobody\nexpected this"))

    status, out, err = run(capfd, "check")

    (kept,) = tmp_path.glob("patang-crash-*.txt")
    assert (status, out) == (1, "")
    assert err == f"patang: ZeroDivisionError: nobody expected this; the traceback is in {kept}\n"
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_a_named_failure_is_its_own_sentence_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, PatangError("another process trades this account"))

    assert run(capfd, "check") == (1, "", "patang: another process trades this account\n")


def test_an_interrupt_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    raising(monkeypatch, KeyboardInterrupt())

    assert run(capfd, "check") == (130, "", "patang: interrupted\n")


def test_a_reader_that_goes_away_is_no_failure() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "run.py", "check"], cwd=ROOT, check=False, stdout=write, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(write)

    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_no_arguments_play_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(cli, "_dispatch", seen.append)

    cli.main([])

    assert seen == [["trade", "--env", "sandbox"]]


def test_the_real_door_works_from_any_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "check", "--json"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0
    assert json.loads(done.stdout)["reports_path"] == str(ROOT / "reports")


def test_tables_say_when_they_are_empty(capfd: pytest.CaptureFixture[str]) -> None:
    print_table("Positions", ("instrument", "quantity"), [])
    empty = capfd.readouterr().out
    print_table("Positions", ("instrument", "quantity"), [("NSE:[INFY]", -5)])
    full = capfd.readouterr().out

    assert empty == "Positions: none\n"
    assert "NSE:[INFY]" in full


def test_json_is_one_document(capfd: pytest.CaptureFixture[str]) -> None:
    print_json({"path": Path("x"), "n": 1})

    assert json.loads(capfd.readouterr().out) == {"path": "x", "n": 1}


@pytest.mark.parametrize(
    ("fast", "long", "rest", "selects"),
    [
        (False, None, [], []),
        (True, None, ["-x"], ["-m", "not slow and not long and not live", "-x"]),
        (False, "week", [], ["-m", "long", "--long=week", "--timeout", "0"]),
    ],
)
def test_what_pytest_is_asked_for(fast: bool, long: str | None, rest: list[str], selects: list[str]) -> None:
    assert testing.pytest_arguments(fast, long, rest) == [*testing.PYTEST, *selects]


def test_long_suites_are_found_by_their_marks_without_importing(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(
        'import nothing_that_exists\nimport pytest\n@pytest.mark.long("week")\ndef test_a(): ...\n@pytest.mark.long("demo")\ndef test_b(): ...\n'
    )

    assert testing.long_names(tmp_path) == ["demo", "week"]


def test_a_failed_check_shows_its_output_and_the_tests_still_come_last(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failing = testing.Check("always wrong", ("timeit", "--nonsense"))
    monkeypatch.setattr(testing, "CHECKS", (failing,))
    monkeypatch.setattr(testing, "PYTEST", ("-q", "-n", "0"))

    status = testing.main(["--", str(ROOT / "tests/app/test_bootstrap_pins.py"), "-k", "no_environment"])

    out = capfd.readouterr().out
    assert status == 1
    assert "FAILED  always wrong" in out
    assert out.splitlines()[-1].startswith("1 passed")


def test_indexes_of_this_machine_stay_out_of_the_locked_file() -> None:
    text = "# header\n--index-url https://example.invalid/simple\n-f ./wheels\na==1 \\\n    --hash=sha256:aa\n"

    assert lock.without_indexes(text) == "# header\na==1 \\\n    --hash=sha256:aa\n"


def test_the_locked_files_name_no_machine() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / name).read_text()
        assert lock.without_indexes(text) == text
        assert "://" not in text
        assert "python3 run.py lock" in text.splitlines()[1]
