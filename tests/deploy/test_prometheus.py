"""A real Prometheus scrapes a real sandbox day through the dashboard: every rule's expression finds data, an alert fires."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
import yaml

from docs.tools.grafana import expressions
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "prometheus"
BOARDS = sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"))
PROMETHEUS, PROMTOOL = shutil.which("prometheus"), shutil.which("promtool")
needs_prometheus = pytest.mark.skipif(
    PROMETHEUS is None or PROMTOOL is None, reason="needs Prometheus as a system package: apt-get install prometheus"
)
CAN_BE_EMPTY = {"PatangSilent", "PatangDashboardGone", "PatangHalted", "PatangUnresolvedOrders", "PatangFeedDown",
                "PatangFeedStale", "PatangLimitNear", "PatangActorDown", "PatangRestarts", "PatangMailboxLags", "PatangDown", "PatangDiskLow",
                "PatangTooFast"}  # fmt: skip
"""Alerts: that nothing is wrong finds nothing. Their metrics must exist all the same."""


@needs_prometheus
def test_the_rules_are_right_and_the_alerts_fire_when_they_should() -> None:
    assert PROMTOOL is not None
    for words in (("check", "rules", "rules.yml", "alerts.yml"), ("test", "rules", "alerts_test.yml")):
        done = subprocess.run([PROMTOOL, *words], cwd=DEPLOY, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested() -> None:
    alerts = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
    names = {rule["alert"] for group in alerts["groups"] for rule in group["rules"]}
    tested = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text())
    fired = {each["alertname"] for test in tested["tests"] for each in test["alert_rule_test"] if each["exp_alerts"]}
    assert fired == names == CAN_BE_EMPTY


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def started(*command: str | Path, cwd: Path = ROOT, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([str(word) for word in command], cwd=cwd, stderr=subprocess.DEVNULL, **how) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


@needs_prometheus
@pytest.mark.slow
def test_every_expression_finds_data_in_a_day_that_is_really_scraped(tmp_path: Path) -> None:
    run, folders = (sys.executable, str(ROOT / "run.py")), ("--set", f"data_dir={tmp_path / 'data'}", "--set", f"reports_dir={tmp_path / 'reports'}")  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(started(*run, "trade", "--speed", "60", "--set", "logs.console=false", *folders))
        server = stack.enter_context(
            started(*run, "dashboard", "--port", "0", "--json", *folders, stdout=subprocess.PIPE)
        )
        assert server.stdout is not None
        said = json.loads("".join(line.decode() for line in iter(server.stdout.readline, b"}\n")) + "}")
        port = free_port()
        configure(tmp_path, said)
        assert PROMETHEUS is not None
        stack.enter_context(
            started(PROMETHEUS, "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}",
                    "--storage.tsdb.path=tsdb", cwd=tmp_path, stdout=subprocess.DEVNULL)
        )  # fmt: skip

        def ask(expression: str) -> list[Any]:
            with urlopen(f"http://127.0.0.1:{port}/api/v1/query?query={quote(expression)}", timeout=60) as reply:
                found: list[Any] = json.load(reply)["data"]["result"]
                return found

        eventually(lambda: ask('patang_trading_state{state="ACTIVE"} == 1'), 60, "it trades")
        eventually(lambda: ask("patang_trades_total > 0"), 60, "it has traded")
        for name in ("rules.yml", "alerts.yml"):
            for rule in (
                rule for group in yaml.safe_load((DEPLOY / name).read_text())["groups"] for rule in group["rules"]
            ):
                expression = rule["expr"]
                if "alert" in rule:
                    for metric in {
                        word
                        for word in expression.replace("{", " ").replace("(", " ").replace("[", " ").split()
                        if word.startswith("patang_")
                    }:
                        assert eventually(lambda metric=metric: ask(metric), what=metric)  # type: ignore[misc]  # a lambda's default
                else:
                    eventually(lambda expression=expression: ask(expression), what=f"{rule['record']}: {expression}")  # type: ignore[misc]  # as above
                    eventually(lambda name=rule["record"]: ask(name), what=f"recorded {rule['record']}")  # type: ignore[misc]  # as above
        for board in BOARDS:
            for expression in expressions(json.loads(board.read_text()), "prometheus"):
                eventually(lambda expression=expression: ask(expression), what=f"{board.name}: {expression}")  # type: ignore[misc]  # as above
        halted = subprocess.run([*run, "halt", "--why", "a test", *folders], capture_output=True, check=False)
        assert halted.returncode == 0, halted.stderr
        eventually(lambda: ask('ALERTS{alertname="PatangHalted", alertstate="firing"}'), 60, "the alert fires")


def configure(folder: Path, said: dict[str, str]) -> None:
    """The shipped configuration, on this test's ports and a quicker clock."""
    for name in ("rules.yml", "alerts.yml"):
        shutil.copy(DEPLOY / name, folder)
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = config["scrape_configs"]
    job["authorization"]["credentials_file"] = said["token_file"]
    job["static_configs"][0]["targets"] = [said["address"].removeprefix("http://").rstrip("/")]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
