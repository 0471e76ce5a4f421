"""The list of all keys and the editors' schema are what the code says, and what the loader accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from config import document
from config.errors import ConfigError
from config.loader import load
from config.reference import keys, written
from config.tree import Origin
from docs.tools.configuration import BASE, PAGE, SCHEMA, page, schema
from tests.config.test_config_errors import WRONG_FILES
from tests.support.projects import ROOT, a_project

MAKE = "run: .venv/bin/python -m docs.tools.configuration"
EVERY = keys(BASE)
DELIVERED = sorted([*(ROOT / "config").glob("*.yaml"), *(ROOT / "config" / "examples").glob("*.yaml")])


def the_schema() -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


def as_json(path: Path) -> Any:
    return written(document.read(path, path.name, "file"))


def test_the_page_and_the_schema_are_as_the_code_is() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert text == page(text, EVERY), MAKE
    assert SCHEMA.read_text(encoding="utf-8") == schema(EVERY), MAKE


def test_every_key_says_what_it_means_and_every_duration_on_which_clock() -> None:
    assert [key.path for key in EVERY if not key.meaning] == []
    assert [key.path for key in EVERY if key.meaning in {"likewise", "the same"}] == []
    assert [key.path for key in EVERY if key.unit in {"seconds", "minutes"}] == [], "wall or market?"


def test_the_list_has_every_key_that_is_in_force() -> None:
    loaded = load("sandbox", None, (), {}, ROOT)
    listed = {key.path for key in EVERY}
    open_ended = {key.path for key in EVERY if key.path.endswith(("parameters", "freeze_quantities"))}

    for path in loaded.origins:
        parts = path.split(".")
        if parts[0] == "strategies" and len(parts) > 1:
            parts[1] = "<ID>"
        known = ".".join(parts)
        assert known in listed or any(known.startswith(f"{each}.") for each in open_ended), path


@pytest.mark.parametrize("path", DELIVERED, ids=lambda path: path.name)
def test_the_schema_takes_what_is_delivered_and_each_file_names_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    named = first.partition("$schema=")[2]

    the_schema().validate(as_json(path))
    assert (path.parent / named).resolve() == SCHEMA


def test_the_schema_refuses_what_the_loader_refuses() -> None:
    """Where a file cannot even be read, or several keys are at odds, an editor says nothing; those are few."""
    checked = []
    for wrong in WRONG_FILES:
        try:
            tree = document.parse(wrong.text, Origin("file", "file"))
        except ConfigError:
            continue
        accepted = the_schema().is_valid(written(tree))
        checked.append((wrong.rule, accepted))

    assert len(checked) > 30
    assert {rule for rule, accepted in checked if accepted} == KNOWN_TO_THE_LOADER_ALONE


KNOWN_TO_THE_LOADER_ALONE = {
    "money finer than 1/10,000 rupee",  # a float, to an editor
    "decimal for a count",  # 3.0 is an integer in JSON Schema
    "a date that does not exist",
    "a strategy without quantity",  # a file may also change a single key of a strategy
    "a password sent in the clear",
    "a socket in the clear",
    "one address without the other",
    "entries after the square-off",
    "backoff the wrong way round",
    "handed over to nobody",
}


def test_a_json_overlay_is_read_as_a_yaml_one_is(tmp_path: Path) -> None:
    root = a_project(tmp_path)
    overlay = root / "config" / "paper.yaml"
    wanted = load("paper", None, ("kite.api_key=k",), {}, root)
    text = json.dumps({"$schema": "schema.json", **as_json(overlay)})
    overlay.unlink()
    (root / "config" / "paper.json").write_text(text)

    found = load("paper", None, ("kite.api_key=k",), {}, root)

    assert found.settings == wanted.settings
    assert found.origins["portfolio.opening_cash"].where().startswith("config/paper.json")


def test_two_overlays_for_one_environment_are_refused(tmp_path: Path) -> None:
    root = a_project(tmp_path)
    (root / "config" / "paper.json").write_text("{}")

    with pytest.raises(ConfigError, match=r"config/paper\.json: found beside config/paper\.yaml; allowed: one of"):
        load("paper", None, (), {}, root)
