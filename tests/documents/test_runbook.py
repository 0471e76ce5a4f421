"""docs/runbook.md has a section for every alert of the code and of Prometheus' rules, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from app import cli
from app.commands.alerts import RUNBOOK, explained
from docs.tools import alert_names
from docs.tools.markdown import anchors, slug

SECTIONS = explained(RUNBOOK.read_text(encoding="utf-8"))


def test_every_alert_has_its_section_and_none_is_left_over() -> None:
    names = alert_names.of_code() | alert_names.of_rules()
    assert len(names) > 50
    assert names - set(SECTIONS) == set(), "write their sections in docs/runbook.md: Means, Check, Act"
    assert set(SECTIONS) - names == set(), "these alerts are gone"


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_says_what_it_means_what_to_check_and_what_to_do(name: str) -> None:
    level, *lines = [line for line in SECTIONS[name].splitlines() if line]
    assert re.search(r"info|warning|critical|highest", level)
    assert [line.split(":")[0] for line in lines] == ["- Means", "- Check", "- Act"]
    assert all(len(line) > len("- Means: x.") for line in lines)


def test_prometheus_alerts_carry_the_address_of_their_section() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    for group in yaml.safe_load(alert_names.RULES.read_text())["groups"]:
        for rule in group["rules"]:
            page, _, anchor = rule["annotations"]["runbook"].partition("#")
            assert (page, anchor) == ("docs/runbook.md", slug(rule["alert"]))
            assert anchor in anchors(text)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('def f():\n publish(Alert("critical", "a.b", text))', {"a.b"}),
        ('def f():\n publish(Alert(level="info", name="a.b", text=text))', {"a.b"}),
        ('def f(self):\n self._alert("a.c" if x else "a.d", text)', {"a.c", "a.d"}),
        ('def _tell(self, level, name, text):\n Alert(level, name, text)\ndef f(self):\n self._tell("info", "a.e", t)', {"a.e"}),
        ('def _a(x, name):\n Alert("info", name, t)\ndef _b(name, y):\n _a(y, name)\ndef f():\n _b("a.f", 1)', {"a.f"}),
        ("def f(alert):\n Note(alert.level, alert.name, text)", set()),
    ],
)  # fmt: skip
def test_names_are_followed_through_the_functions_that_hand_them_on(source: str, names: set[str]) -> None:
    assert set(alert_names._named(ast.parse(source), Path(__file__))) == names


def test_a_name_that_cannot_be_followed_is_an_error() -> None:
    with pytest.raises(alert_names.NotFollowed, match=r"the name of an alert is names\[0\]"):
        list(alert_names._named(ast.parse("def f():\n Alert(level, names[0], text)"), Path(alert_names.__file__)))


def test_the_command_prints_a_section_lists_them_and_refuses_others(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["alerts", "explain", "alert.order.unresolved"]) == 0
    assert "never sent again" in capsys.readouterr().out
    assert cli.main(["alerts", "explain"]) == 0
    assert set(capsys.readouterr().out.split()) == set(SECTIONS)
    assert cli.main(["alerts", "explain", "zzz"]) == 2
