"""The first start makes a whole environment or none; later starts use it. With a real pip and a real package, offline."""

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from app import bootstrap, bootstrap_build
from app.bootstrap import Kind
from tests.support.projects import ROOT
from tests.support.waiting import eventually

CLI = '''"""Stands in for the application: says where and as what it runs."""
import json, os, sys
def main(argv):
    print(json.dumps({"prefix": sys.prefix, "pid": os.getpid(), "argv": argv, "cwd": os.getcwd()}))
    return 0
'''


def a_wheel(folder: Path, name: str, version: str) -> str:
    """Write a package that pip accepts; returns its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=').decode()},{len(text)}\n"
        for path, text in files.items()
    )
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for inner, text in {**files, f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}.items():
            wheel.writestr(inner, text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def a_checkout(folder: Path) -> Path:
    """A project with the real door and a tiny application behind it, in a folder with a space in its name."""
    root = folder / "a clone"
    (root / "app").mkdir(parents=True)
    shutil.copy(ROOT / "run.py", root)
    for name in ("__init__", "bootstrap", "bootstrap_build", "bootstrap_pins"):
        shutil.copy(ROOT / "app" / f"{name}.py", root / "app")
    (root / "app" / "cli.py").write_text(CLI)
    require(root, "runtime_thing", "1.0")
    return root


def require(root: Path, name: str, version: str, *, digest: str | None = None, kind: Kind = Kind.RUNTIME) -> None:
    """Pin a package, made on the spot, in one of the requirements files (the development one holds both)."""
    digest = digest or a_wheel(root.parent / "wheels", name, version)
    line = f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
    if kind is Kind.DEVELOPMENT:
        line = (root / Kind.RUNTIME.value).read_text() + line
    (root / kind.value).write_text(line)


def environment(root: Path) -> dict[str, str]:
    """An empty HOME, no active environment, no network, packages from a folder."""
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(root.parent / "wheels"),
    }


def start(root: Path, *argv: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    return subprocess.run(
        [str(base), str(root / "run.py"), *argv],
        check=False, capture_output=True, text=True, cwd=elsewhere, env={**environment(root), **(environ or {})}, timeout=280,
    )  # fmt: skip


@pytest.mark.slow
def test_the_first_start_installs_and_the_next_ones_do_not(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)

    first = start(root, "trade", "--json")
    second = start(root, "trade")
    require(root, "runtime_thing", "2.0")
    third = start(root, "trade")

    assert f'"prefix": "{root}/.venv"' in first.stdout
    assert '"argv": ["trade", "--json"]' in first.stdout
    assert f'"cwd": "{tmp_path}/elsewhere"' in first.stdout
    assert "installing 1 packages from requirements.txt with pip" in first.stderr
    assert (second.returncode, second.stderr) == (0, "")
    assert "environment ready" in third.stderr  # the pins changed
    assert pinned(root) == {"runtime-thing": "2.0"}
    assert sorted(path.name for path in root.glob(".venv*")) == [".venv"]
    scripts = subprocess.run([str(root / ".venv/bin/pip"), "--version"], check=False, capture_output=True, text=True)
    assert str(root / ".venv") in scripts.stdout  # launchers know where they were moved to


@pytest.mark.slow
def test_a_test_command_adds_the_development_tools_to_the_same_environment(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    require(root, "tool", "1.0", kind=Kind.DEVELOPMENT)

    start(root, "trade")
    before = pinned(root)
    added = start(root, "test")
    again = start(root, "test")
    plain = start(root, "trade")

    assert before == {"runtime-thing": "1.0"}
    assert "adding the development tools" in added.stderr
    assert pinned(root) == {"runtime-thing": "1.0", "tool": "1.0"}
    assert again.stderr == ""
    assert plain.stderr == ""


@pytest.mark.slow
def test_a_failed_install_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    require(root, "runtime_thing", "1.0", digest="0" * 64)

    failed = start(root, "trade")

    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.splitlines()[-1] == (
        "patang: cannot install requirements.txt: a downloaded file does not match its pinned hash; nothing was installed"
    )
    assert "Traceback" not in failed.stderr
    assert list(root.glob(".venv*")) == []


@pytest.mark.slow
def test_an_interrupted_install_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-I", "-S", str(root / "run.py"), "trade"],
        cwd=tmp_path, env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        installing = ".venv-new-*/lib/*/site-packages/pip"  # by a grandchild of the start
        eventually(lambda: list(root.glob(installing)), timeout=60, what="a build is under way")
        process.send_signal(signal.SIGTERM)
        _, complaint = process.communicate(timeout=60)

    assert process.returncode == 130
    assert complaint.splitlines()[-1] == "patang: interrupted; nothing half-made was kept"
    assert list(root.glob(".venv*")) == []


def pinned(root: Path) -> dict[str, str]:
    """What is installed in the checkout's environment, but for the installer itself."""
    from app.bootstrap_pins import installed

    return {name: version for name, version in installed(root / ".venv").items() if name not in {"pip", "setuptools"}}


def an_environment(folder: Path, **packages: str) -> Path:
    """A folder that looks like an environment with these packages, whose interpreter is this one."""
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    (folder / "pyvenv.cfg").write_text(f"home = {Path(os.path.realpath(sys.executable)).parent}\n")
    for name, version in packages.items():
        (site / f"{name}-{version}.dist-info").mkdir()
    return folder


def test_an_active_environment_that_satisfies_the_pins_is_used(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    own = an_environment(tmp_path / "own", runtime_thing="1.0")

    assert bootstrap.environment_for(root, Kind.RUNTIME, {"VIRTUAL_ENV": str(own)}) == own


def test_an_active_environment_with_another_version_is_left_alone(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    own = an_environment(tmp_path / "own", runtime_thing="1.1")
    venv = an_environment(root / ".venv", runtime_thing="1.0")
    bootstrap_build.stamp(root, venv, Kind.RUNTIME)

    assert bootstrap.environment_for(root, Kind.RUNTIME, {"VIRTUAL_ENV": str(own)}) == venv


def test_a_start_in_a_satisfying_environment_hands_over_with_the_same_process_id(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    venv = an_environment(root / ".venv", runtime_thing="1.0")
    bootstrap_build.stamp(root, venv, Kind.RUNTIME)

    with subprocess.Popen(
        [sys.executable, "-I", str(root / "run.py"), "x"], env=environment(root), stdout=subprocess.PIPE, text=True
    ) as process:
        out, _ = process.communicate(timeout=60)

    assert f'"pid": {process.pid}' in out
    assert f'"prefix": "{venv}"' in out


def test_an_environment_without_a_stamp_is_adopted_only_when_complete(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    whole = an_environment(tmp_path / "whole", runtime_thing="1.0")
    broken = an_environment(tmp_path / "broken")

    assert bootstrap_build.adopt(root, whole, Kind.RUNTIME)
    assert bootstrap.is_whole(whole, root, Kind.RUNTIME)
    assert not bootstrap_build.adopt(root, broken, Kind.RUNTIME)
    assert not bootstrap.is_whole(broken, root, Kind.RUNTIME)


def test_a_stamp_holds_for_these_requirements_and_this_interpreter_alone(tmp_path: Path) -> None:
    root = a_checkout(tmp_path)
    venv = an_environment(root / ".venv", runtime_thing="1.0")
    bootstrap_build.stamp(root, venv, Kind.RUNTIME)
    assert bootstrap.is_whole(venv, root, Kind.RUNTIME)

    other = tmp_path / "python-of-tomorrow"
    other.write_text("")
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(other)
    moved_interpreter = bootstrap.is_whole(venv, root, Kind.RUNTIME)
    (venv / "bin" / "python").unlink()
    no_interpreter = bootstrap.is_whole(venv, root, Kind.RUNTIME)
    (venv / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    back = bootstrap.is_whole(venv, root, Kind.RUNTIME)
    require(root, "runtime_thing", "1.1")
    other_pins = bootstrap.is_whole(venv, root, Kind.RUNTIME)

    assert (moved_interpreter, no_interpreter, back, other_pins) == (False, False, True, False)


def test_a_failed_addition_takes_the_old_stamp_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else going back to the former pins would take a half-changed environment for whole."""
    root = a_checkout(tmp_path)
    require(root, "tool", "1.0", kind=Kind.DEVELOPMENT)
    venv = an_environment(root / ".venv", runtime_thing="1.0", tool="1.0")
    for kind in Kind:
        bootstrap_build.stamp(root, venv, kind)
    former = (root / Kind.DEVELOPMENT.value).read_text()
    require(root, "tool", "2.0", kind=Kind.DEVELOPMENT)

    def fail(*_: object) -> None:
        raise bootstrap.BootstrapError("half-way")

    monkeypatch.setattr(bootstrap_build, "install", fail)
    with pytest.raises(bootstrap.BootstrapError):
        bootstrap_build.make(root, venv, Kind.DEVELOPMENT)
    (root / Kind.DEVELOPMENT.value).write_text(former)

    assert not bootstrap.is_whole(venv, root, Kind.DEVELOPMENT)
    assert bootstrap.is_whole(venv, root, Kind.RUNTIME)


def test_an_environment_that_does_not_run_as_itself_ends_in_a_sentence(tmp_path: Path) -> None:
    """Without the guard this would hand over to itself for ever."""
    root = a_checkout(tmp_path)
    venv = an_environment(root / ".venv", runtime_thing="1.0")
    (venv / "pyvenv.cfg").unlink()
    bootstrap_build.stamp(root, venv, Kind.RUNTIME)

    ended = start(root, "trade")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        f"patang: {venv}/bin/python does not run as part of {venv}; remove that folder and start again"
    ]


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (["WARNING: Retrying after NewConnectionError('<x>: Failed to establish a new connection: [Errno 111]')", "ERROR: No matching distribution found for a"],
         "cannot install requirements.txt: the package index cannot be reached; check the network and start again"),
        (["error: Failed to fetch: `u`", "  Caused by: dns error: failed to lookup address information"],
         "cannot install requirements.txt: the package index cannot be reached; check the network and start again"),
        (["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
         "cannot install requirements.txt: the disk is full"),
        (["ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."],
         "cannot install requirements.txt: a downloaded file does not match its pinned hash; nothing was installed"),
        (["lots of text", "ERROR: No matching distribution found for a==1", "[notice] a new pip"],
         "cannot install requirements.txt: ERROR: No matching distribution found for a==1"),
        ([], "cannot install requirements.txt: no output"),
    ],
)  # fmt: skip
def test_a_failed_install_is_explained_by_its_cause(output: list[str], says: str) -> None:
    assert bootstrap_build.explain(output, Kind.RUNTIME) == says


@pytest.mark.parametrize(
    ("argv", "kind"),
    [
        ([], Kind.RUNTIME),
        (["trade", "--env", "sandbox"], Kind.RUNTIME),
        (["test"], Kind.DEVELOPMENT),
        (["test", "--fast"], Kind.DEVELOPMENT),
        (["bench", "decode"], Kind.DEVELOPMENT),
        (["test", "--help"], Kind.RUNTIME),
        (["trade", "test"], Kind.RUNTIME),
    ],
)
def test_only_tests_and_benchmarks_need_the_development_tools(argv: list[str], kind: Kind) -> None:
    assert bootstrap.kind_for(argv) is kind
