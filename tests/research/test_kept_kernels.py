"""Machine code is kept for the next process, and made anew where what it was made from is another, or it is damaged."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest

from research.kernel import build, native
from research.kernel.native import Code
from tests.research.drawing import drawn

ROOT = Path(__file__).resolve().parents[2]

_NEW_PROCESS = """
import sys
from domain.calendar import SessionCalendar
from research.compiled import prepare
from research.settings import RunSettings
from tests.research.drawing import whole_days
from tests.research.shapes import Turning
run = prepare(Turning(), [whole_days(2)], RunSettings(), SessionCalendar(fallback_weekdays=True), 0).run()
print(len(run.orders), run.final_equity, "numba" in sys.modules)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATANG_KERNELS", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def said() -> list[str]:
    done = subprocess.run([sys.executable, "-c", _NEW_PROCESS], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.fixture
def with_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The part that is the same for every rule is there: it takes longest, and other tests need it as well."""
    monkeypatch.delenv("PATANG_KERNELS")
    build.compile_loop()
    folder.mkdir()
    for each in build.FOLDER.glob(f"loop_{build._digest(build._OF_LOOP)}.native"):
        shutil.copy(each, folder)
    monkeypatch.setenv("PATANG_KERNELS", str(folder))
    return folder


@pytest.mark.timeout(900)  # as in test_engines_agree
def test_the_next_process_needs_no_numba_and_damage_is_mended(with_loop: Path) -> None:
    first = said()
    assert first[2] == "True"
    assert said() == [*first[:2], "False"]

    [kept] = with_loop.glob("Turning_*.native")
    assert kept.stat().st_mode & 0o022 == 0
    content = bytearray(kept.read_bytes())
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert said() == first
    assert said() == [*first[:2], "False"]


@pytest.mark.timeout(900)
def test_code_that_may_call_numba_is_given_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    build.compile_loop()
    [path] = build.FOLDER.glob(f"loop_{build._digest(build._OF_LOOP)}.native")
    code = native.kept(path)
    assert code is not None
    assert native.stands_alone(code)
    monkeypatch.setattr(native, "stands_alone", lambda _: False)
    assert native.link(code).address

    monkeypatch.setattr(native, "_undefined", lambda _: ["a_name_that_nobody_has"])
    with pytest.raises(LookupError, match="a_name_that_nobody_has"):
        native.link(code)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_where_nothing_can_be_written_it_is_compiled_for_this_process(folder: Path) -> None:
    folder.write_text("a file where the folder would be")
    assert said()[2] == "True"


def test_half_of_a_file_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "one.native"
    code = Code("a_function", 4, b"its code")
    umask = os.umask(0o002)  # many systems' own
    try:
        native.keep(path, code)
    finally:
        os.umask(umask)
    assert native.kept(path) == code

    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert native.kept(path) is None
    path.write_bytes(whole)
    path.chmod(0o666)
    assert native.kept(path) is None
    assert native.kept(tmp_path / "other") is None


def test_what_is_no_elf_file_is_not_said_to_stand_alone() -> None:
    assert not native.stands_alone(Code("a_function", 1, b"something else"))


def first_helper(value: float) -> float:
    return value


def second_helper(value: float) -> float:
    return -value


def decide(now: float) -> tuple[float, int]:
    return helper(now), LIMIT  # type: ignore[name-defined] # noqa: F821 - given below


def texts(helper: object, limit: int, module: str = __name__) -> list[str]:
    space = {"__name__": module, "LIMIT": limit, "helper": helper}
    made = types.SimpleNamespace(decide=types.FunctionType(decide.__code__, space), __mro__=())
    return build._own_texts(made)  # type: ignore[arg-type]


def test_a_rule_is_known_by_the_constants_that_its_decide_reads() -> None:
    assert texts(first_helper, 1) == texts(first_helper, 1)
    assert texts(first_helper, 1) != texts(first_helper, 2)


def test_a_rule_is_known_by_the_modules_of_what_its_decide_calls() -> None:
    named = {each.partition("\n")[0] for each in texts(drawn, 1)}
    assert named >= {"tests.research.drawing"}
    assert any(each.startswith("math") for each in texts(math, 1))
    assert texts(math, 1) == texts(math, 1)
