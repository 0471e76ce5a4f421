"""Ten minutes of coverage-guided fuzzing per target: `python3 run.py test --long fuzz`.

The fuzzer is no dependency of ours. Install it beside: `python3 -m venv .venv-fuzz && .venv-fuzz/bin/pip install atheris`,
with the same Python as `.venv`. FUZZ_SECONDS changes how long it runs.
"""

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "600"))


def fuzzing_python() -> str | None:
    """An interpreter that has the fuzzer, or None."""
    if find_spec("atheris") is not None:
        return sys.executable
    beside = ROOT / ".venv-fuzz" / "bin" / "python"
    return str(beside) if beside.exists() else None


@pytest.mark.long("fuzz")
@pytest.mark.parametrize("target", ["wire", "replies"])
def test_no_input_found_in_ten_minutes_breaks_it(target: str, tmp_path: Path) -> None:
    python = fuzzing_python()
    if python is None:
        pytest.skip("atheris is not installed: neither in this environment nor in .venv-fuzz")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    for seconds in rounds(SECONDS):
        done = subprocess.run(
            [
                python,
                str(ROOT / "tests" / "fuzz" / "harness.py"),
                target,
                f"-max_total_time={seconds}",
                "-max_len=8000",
                "-timeout=10",
                f"-artifact_prefix={tmp_path}/",
                str(corpus),
            ],
            cwd=tmp_path,
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )

        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        assert "Done" in done.stderr


def rounds(seconds: int) -> list[int]:
    """The time in rounds of a minute, each a process of its own: the fuzzer's instrumentation never gives memory back."""
    whole, rest = divmod(seconds, 60)
    return [60] * whole + ([rest] if rest else [])
