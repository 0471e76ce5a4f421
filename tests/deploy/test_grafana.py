"""What Grafana, Loki and Alloy are given. None of the three runs here: their files are held against what is known.

What Prometheus is asked is run in test_prometheus.py. What Loki is asked is parsed by Grafana's own grammar, and every event
and key in it must be one that the code writes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.tools.events import events
from docs.tools.grafana import FOLDER, boards, events_of, expressions
from tests.support.npm import modules_of

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
GRAMMAR = Path(__file__).resolve().parent / "logql"
MAKE = "run: .venv/bin/python -m docs.tools.grafana"
EVERYWHERE = {"time", "ns", "level", "event", "market_time", "actor", "incarnation", "job", "env"}
"""Keys of every line, and the labels that Alloy gives."""
KEY = re.compile(r'\bunwrap (\w+)|\bby \((\w+)\)|(?<![\w"])(\w+)\s*(?:=~|!~|!=|=)\s*"')


def queries() -> list[str]:
    return [query for name in boards() for query in expressions(json.loads((FOLDER / name).read_text()), "loki")]


def wrong_in(query: str, names: set[str], keys: dict[str, set[str]]) -> list[str]:
    """What a query asks for that no line of the log can have."""
    wrong, seen = [], set[str]()
    for operator, words in events_of(query):
        for alternative in words.split("|") if "(" not in words else [words]:
            pattern = re.compile(alternative if operator in {"=~", "!~"} else re.escape(alternative))
            found = {name for name in names if pattern.fullmatch(name)}
            seen |= found
            if not found:
                wrong.append(f"no event is {alternative}")
    known = EVERYWHERE.union(*(keys[name] for name in seen)) if seen else EVERYWHERE
    asked = {next(filter(None, groups)) for groups in KEY.findall(query)}
    return wrong + [f"no such line has {key}" for key in sorted(asked - known)]


@cache
def known() -> tuple[set[str], dict[str, set[str]]]:
    found = {each.name: set(each.keys) for each in events()}
    return set(found), found


def test_the_dashboards_are_as_their_tables_say() -> None:
    assert {path.name: path.read_text() for path in FOLDER.glob("*.json")} == boards(), MAKE


def test_no_dashboard_is_empty_and_every_panel_asks_something_and_says_what() -> None:
    for name, text in boards().items():
        board = json.loads(text)
        sources = {panel["datasource"]["uid"] for panel in board["panels"]}
        assert sources == {"prometheus", "loki"}, name
        assert all(panel["targets"] and panel["title"] for panel in board["panels"]), name
        assert len({panel["title"] for panel in board["panels"]}) == len(board["panels"]), name
        places = [panel["gridPos"] for panel in board["panels"]]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(cells) == len(set(cells)), f"{name}: panels overlap"
        assert max(x for x, _ in cells) < 24, name


def test_every_event_and_key_that_loki_is_asked_for_is_one_that_the_code_writes() -> None:
    names, keys = known()
    assert len(queries()) >= 6
    assert {query: wrong for query in queries() if (wrong := wrong_in(query, names, keys))} == {}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ('{job="patang"} | json | event="order.gone"', ["no event is order.gone"]),
        ('{job="patang"} | json | event=~"order\\\\.trade|nothing\\\\..+"', ["no event is nothing\\..+"]),
        ('max(max_over_time({job="patang"} | json | event="order.posted" | unwrap miles [5m]))', ["no such line has miles"]),
        ('sum by (cause) (count_over_time({job="patang"} | json | event="strategy.denied" [5m]))', ["no such line has cause"]),
        ('{job="patang", host="x"} | json', ["no such line has host"]),
    ],
)  # fmt: skip
def test_the_lint_sees_what_is_wrong(query: str, wrong: list[str]) -> None:
    assert wrong_in(query, *known()) == wrong


@pytest.mark.slow
def test_grafanas_own_grammar_reads_every_query() -> None:
    asked = [*queries(), '{job="patang"} | json | event=', "sum by reason (rate({a='b'}[5m]))"]
    command = ["node", str(GRAMMAR / "parse.cjs"), json.dumps(asked)]
    environment = {**os.environ, "NODE_PATH": str(modules_of(GRAMMAR))}
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, env=environment)
    at = json.loads(done.stdout)
    assert at[:-2] == [-1] * len(queries())
    assert min(at[-2:]) >= 0, "and what is wrong it refuses"


def test_what_is_provisioned_has_the_names_that_the_dashboards_ask_for() -> None:
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/patang.yml").read_text())["datasources"]
    assert {each["uid"]: each["type"] for each in sources} == {"prometheus": "prometheus", "loki": "loki"}
    (provider,) = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/patang.yml").read_text())["providers"]
    services = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    mounted = {volume.split(":")[1] for volume in services["grafana"]["volumes"]}
    assert provider["options"]["path"] in mounted


def test_addresses_agree_and_nothing_listens_beyond_this_machine() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    loki = yaml.safe_load((DEPLOY / "loki/loki.yml").read_text())["server"]
    alloy = (DEPLOY / "alloy/config.alloy").read_text()
    address = f"http://{loki['http_listen_address']}:{loki['http_listen_port']}"
    assert f'"{address}/loki/api/v1/push"' in alloy
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/patang.yml").read_text())["datasources"]
    assert {each["url"] for each in sources} == {address, "http://127.0.0.1:9090"}
    assert loki["http_listen_address"] == loki["grpc_listen_address"] == "127.0.0.1"
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    for name in ("prometheus", "alloy"):
        assert any("127.0.0.1" in word for word in services[name]["command"]), name
    assert not any("ports" in service for service in services.values())


def test_every_file_that_compose_mounts_is_there_or_is_a_persons() -> None:
    persons = {"./live.yaml", "./admin.token", "./grafana.password"}
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())["services"]
    mounted = {volume.split(":")[0] for each in services.values() for volume in each["volumes"]}
    assert {name for name in mounted if name.startswith("./") and not (DEPLOY / name).exists()} == persons
    named = {name for name in mounted if not name.startswith("./")}
    assert named == set(yaml.safe_load((DEPLOY / "compose.yml").read_text())["volumes"])


def test_alloy_reads_the_file_that_the_trader_writes_by_keys_that_it_has() -> None:
    text = (DEPLOY / "alloy/config.alloy").read_text()
    assert text.count("{") == text.count("}")
    assert '"/data/*/logs/patang.jsonl"' in text
    (expressions_of,) = re.findall(r"stage\.json \{\s+expressions = \{(.*?)\}", text)
    assert set(re.findall(r'= "(\w+)"', expressions_of)) <= EVERYWHERE
    receivers = set(re.findall(r"\[(loki\.\w+\.\w+)\.receiver\]", text))
    assert receivers == {f"{kind}.{name}" for kind, name in re.findall(r'^(loki\.\w+) "(\w+)"', text, re.MULTILINE)}
