"""Wrong configuration ends in one line that says where, what was found, and what is allowed."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from msgspec.structs import fields

from config.errors import ConfigError
from config.loader import load
from config.sections.trading import RiskSettings
from tests.support.projects import ROOT, a_project, line_of

RISK_KEYS = ", ".join(field.name for field in fields(RiskSettings))
TOP_KEYS = "data_dir, reports_dir, kite, sandbox, market, feed, risk, orders, reconcile, postbacks, portfolio, schedule, strategies, drills, logs, reports, recorder, admin, alerts"
STRATEGY = "strategies:\n  mine:\n    kind: a.b:C\n    instruments: [NSE:INFY]\n    interval: minute\n    capital: 1\n"


class Wrong(NamedTuple):
    """A user's file, and the exact line that comes of it; `FILE` stands for the file's name."""

    rule: str
    text: str
    says: str


WRONG_FILES = (
    Wrong(
        "unknown key with a near name",
        "risk:\n  max_quantity_per_ordr: 5\n",
        "FILE:2: risk.max_quantity_per_ordr: found an unknown key (did you mean 'max_quantity_per_order'?); "
        f"allowed: {RISK_KEYS}",
    ),
    Wrong("unknown section", "zzz: 1\n", f"FILE:1: zzz: found an unknown key; allowed: {TOP_KEYS}"),
    Wrong(
        "limit below zero",
        "# mine\n\nrisk:\n  max_quantity_per_order: -1\n",
        "FILE:4: risk.max_quantity_per_order: found -1; allowed: a whole number ≥ 0",
    ),
    Wrong(
        "money below zero",
        "risk:\n  daily_loss_max: -0.01\n",
        "FILE:2: risk.daily_loss_max: found -0.01; allowed: rupees, whole or with up to 4 decimals ≥ 0",
    ),
    Wrong(
        "money finer than 1/10,000 rupee",
        "risk:\n  daily_loss_max: 1.00005\n",
        "FILE:2: risk.daily_loss_max: found 1.00005; allowed: rupees, whole or with up to 4 decimals ≥ 0",
    ),
    Wrong(
        "text for a number",
        "sandbox:\n  speed: fast\n",
        "FILE:2: sandbox.speed: found the text 'fast'; allowed: a number > 0 and ≤ 1000",
    ),
    Wrong(
        "number for true or false",
        "sandbox:\n  hold: 1\n",
        "FILE:2: sandbox.hold: found 1; allowed: true or false",
    ),
    Wrong(
        "YAML 1.1's yes",
        "sandbox:\n  hold: yes\n",
        "FILE:2: sandbox.hold: found the text 'yes'; allowed: true or false",
    ),
    Wrong(
        "true for a count",
        "risk:\n  orders_per_day: true\n",
        "FILE:2: risk.orders_per_day: found true; allowed: a whole number ≥ 0",
    ),
    Wrong(
        "decimal for a count",
        "sandbox:\n  instruments: 3.0\n",
        "FILE:2: sandbox.instruments: found 3.0; allowed: a whole number ≥ 1 and ≤ 40 or null",
    ),
    Wrong(
        "YAML 1.1's octal",
        "sandbox:\n  seed: 010\n",
        "FILE:2: sandbox.seed: found the text '010'; allowed: a whole number ≥ 0",
    ),
    Wrong(
        "a day has no 25th hour",
        "schedule:\n  eod_report: 25:00\n",
        "FILE:2: schedule.eod_report: found the text '25:00'; allowed: a time of day HH:MM",
    ),
    Wrong(
        "number for a time",
        "schedule:\n  eod_report: 915\n",
        "FILE:2: schedule.eod_report: found 915; allowed: a time of day HH:MM",
    ),
    Wrong(
        "a date that does not exist",
        "sandbox:\n  date: 2026-02-30\n",
        "FILE:2: sandbox.date: found the text '2026-02-30'; allowed: a date YYYY-MM-DD or null",
    ),
    Wrong(
        "not one of the words",
        "feed:\n  mode: fast\n",
        "FILE:2: feed.mode: found the text 'fast'; allowed: one of ltp, quote, full",
    ),
    Wrong(
        "null for a limit",
        "risk:\n  orders_per_day:\n",
        "FILE:2: risk.orders_per_day: found null; allowed: a whole number ≥ 0",
    ),
    Wrong(
        "scalar for a section",
        "feed: full\n",
        "FILE:1: feed: found the text 'full'; allowed: a mapping with the keys mode, stale_after_seconds, "
        "quiet_after_seconds, connect_timeout_seconds, backoff_min_seconds, backoff_max_seconds, backoff_jitter, instruments_max",
    ),
    Wrong(
        "quarantine shorter than the broker's slowest",
        "orders:\n  quarantine_seconds: 119\n",
        "FILE:2: orders.quarantine_seconds: found 119; allowed: a number ≥ 120",
    ),
    Wrong(
        "ten orders a second need a registration",
        "kite:\n  pacing:\n    orders_per_second: 10\n",
        "FILE:3: kite.pacing.orders_per_second: found 10; allowed: a number > 0 and < 10",
    ),
    Wrong(
        "market protection of zero",
        "orders:\n  market_protection: 0\n",
        "FILE:2: orders.market_protection: found 0; allowed: auto or a number > 0 and ≤ 100",
    ),
    Wrong(
        "duplicate key",
        "risk:\n  orders_per_day: 5\n  orders_per_minute: 5\n  orders_per_day: 6\n",
        "FILE:4: risk.orders_per_day: found a duplicate key, first seen in line 2; allowed: each key once",
    ),
    Wrong(
        "unclosed list",
        "market:\n  bar_intervals: [minute\nfeed:\n  mode: full\n",
        "FILE:3: cannot be read: while parsing a flow sequence did not find expected ',' or ']'; "
        "allowed: one well-formed YAML or JSON document",
    ),
    Wrong(
        "tab indentation",
        "risk:\n\torders_per_day: 5\n",
        "FILE:2: cannot be read: while scanning for the next token found character that cannot start any token; "
        "allowed: one well-formed YAML or JSON document",
    ),
    Wrong(
        "two documents",
        "risk: {}\n---\nfeed: {}\n",
        "FILE:2: cannot be read: expected a single document in the stream but found another document; "
        "allowed: one well-formed YAML or JSON document",
    ),
    Wrong("a list at the top", "- risk\n", "FILE:1: found a list of 1; allowed: a mapping of settings"),
    Wrong(
        "code in a tag",
        "data_dir: !!python/object/apply:os.system [ls]\n",
        "FILE:1: data_dir: found \"[ScalarNode(tag='tag:yaml.org,2002:str',\" tagged "
        "tag:yaml.org,2002:python/object/apply:os.system; allowed: plain texts, numbers, true, false, null, lists and mappings",
    ),
    Wrong(
        "a key that is no word",
        "risk:\n  5: 1\n",
        "FILE:2: risk: found the key 5; allowed: keys that are words",
    ),
    Wrong(
        "a strategy without quantity",
        STRATEGY,
        "FILE:2: strategies.mine.quantity: found nothing; allowed: a whole number ≥ 1",
    ),
    Wrong(
        "an instrument without exchange",
        STRATEGY.replace("NSE:INFY", "NSE:INFY, INFY") + "    quantity: 1\n",
        "FILE:4: strategies.mine.instruments[1]: found the text 'INFY'; allowed: EXCHANGE:SYMBOL, such as NSE:INFY",
    ),
    Wrong(
        "no instruments",
        STRATEGY.replace("NSE:INFY", "") + "    quantity: 1\n",
        "FILE:4: strategies.mine.instruments: found a list of 0; "
        "allowed: a list, each item EXCHANGE:SYMBOL, such as NSE:INFY, 1 at least",
    ),
    Wrong(
        "a strategy's name in capitals",
        STRATEGY.replace("mine", "Mine") + "    quantity: 1\n",
        "FILE:2: strategies.Mine: found the name 'Mine'; allowed: a name of up to 32 lower-case letters, digits and _",
    ),
    Wrong(
        "a parameter that is a list",
        STRATEGY + "    quantity: 1\n    parameters: {fast: [1]}\n",
        "FILE:8: strategies.mine.parameters.fast: found a list of 1; "
        "allowed: a whole number or a number or true or false or a text",
    ),
    Wrong(
        "a password sent in the clear",
        "kite:\n  rest_url: http://example.com\n  ws_url: wss://example.com\n",
        "FILE:2: kite.rest_url: found the text 'http://example.com'; "
        "allowed: https:// or wss://, or an address of this machine",
    ),
    Wrong(
        "a socket in the clear",
        "kite:\n  rest_url: https://example.com\n  ws_url: ws://example.com\n",
        "FILE:3: kite.ws_url: found the text 'ws://example.com'; allowed: https:// or wss://, or an address of this machine",
    ),
    Wrong(
        "one address without the other",
        "kite:\n  rest_url: http://127.0.0.1:8000\n",
        f"{line_of('config/sandbox.yaml', 'ws_url')}: kite.ws_url: found null; allowed: an address, since kite.rest_url has one",
    ),
    Wrong(
        "entries after the square-off",
        "risk:\n  mis_cutoff:\n    equity: 15:20\n",
        "FILE:3: risk.mis_cutoff.equity: found 15:20; allowed: no later than schedule.square_off.equity (15:15)",
    ),
    Wrong(
        "backoff the wrong way round",
        "feed:\n  backoff_min_seconds: 40\n",
        f"{line_of('config/base.yaml', 'backoff_max_seconds')}: feed.backoff_max_seconds: found 30; allowed: at least feed.backoff_min_seconds (40)",
    ),
    Wrong(
        "a place that is none",
        STRATEGY + "    quantity: 1\n    isolation: fork\n",
        "FILE:8: strategies.mine.isolation: found the text 'fork'; allowed: one of thread, process",
    ),
    Wrong(
        "handed over to nobody",
        STRATEGY + "    quantity: 1\n    on_removal: {hand_over: mine}\n",
        "FILE:8: strategies.mine.on_removal.hand_over: found the text 'mine'; allowed: ma_crossover, rsi_reversion",
    ),
    Wrong(
        "a secret that is a number is not shown",
        "kite:\n  totp: 123456\n",
        "FILE:2: kite.totp: found a value (not shown) that is not a text; allowed: a text in quotes",
    ),
)


@pytest.mark.parametrize("wrong", WRONG_FILES, ids=lambda wrong: wrong.rule)
def test_a_wrong_file_is_named_with_its_line(wrong: Wrong, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(wrong.text)

    with pytest.raises(ConfigError) as raised:
        load("sandbox", file, (), {}, ROOT)

    assert str(raised.value).replace(str(file), "FILE") == wrong.says


WRONG_SETS = (
    ("risk.orders_per_day=-5", "--set: risk.orders_per_day: found -5; allowed: a whole number ≥ 0"),
    ("risk.orders_per_day", "--set: found 'risk.orders_per_day' without a value; allowed: key.path=value, such as sandbox.speed=60"),
    ("risk..x=1", "--set: found 'risk..x' without a value; allowed: key.path=value, such as sandbox.speed=60"),
    ("strategies.x.quantity=5", "--set: strategies.x.kind: found nothing; allowed: MODULE:CLASS, such as package.module:MyStrategy"),
    ("feed.mode=[full", "--set: feed.mode: cannot be read: while parsing a flow sequence did not find expected ',' or ']'; "
     "allowed: one well-formed YAML or JSON document"),
    ("kite.api_secret=hush", "--set: kite.api_secret: found a secret; allowed: a file: command lines can be read by others"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "says"), WRONG_SETS)
def test_a_wrong_set_option_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load("sandbox", None, [text], {}, ROOT)

    assert str(raised.value) == says


def test_an_unknown_environment_is_refused_with_the_list() -> None:
    with pytest.raises(ConfigError) as raised:
        load("prod", None, (), {}, ROOT)

    assert str(raised.value) == "--env: found 'prod'; allowed: sandbox, kite-sandbox, paper, live"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        load("sandbox", tmp_path / "none.yaml", (), {}, ROOT)

    assert str(raised.value) == (
        f"{tmp_path}/none.yaml: cannot be read: No such file or directory; allowed: a readable YAML or JSON file"
    )


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"risk:\n  # caf\xe9\n  orders_per_day: 1\n")

    with pytest.raises(ConfigError) as raised:
        load("sandbox", file, (), {}, ROOT)

    assert str(raised.value) == f"{file}:2: found bytes that are not UTF-8; allowed: a YAML or JSON file in UTF-8"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n "risk": {\n  "orders_per_day": 5,\n }\n}', "FILE:4: cannot be read: "),
        (
            '{"risk": {\n "orders_per_day": 5,\n "orders_per_day": 6}}',
            "FILE:3: risk.orders_per_day: found a duplicate key",
        ),
        (
            '{\n\t"risk": {\n\t\t"orders_per_day": -5\n\t}\n}',
            "FILE:3: risk.orders_per_day: found -5; allowed: a whole number ≥ 0",
        ),
    ],
)
def test_json_is_read_as_strictly_as_yaml(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(text)

    with pytest.raises(ConfigError) as raised:
        load("sandbox", file, (), {}, ROOT)

    assert str(raised.value).replace(str(file), "FILE").startswith(says)


@pytest.mark.parametrize("wrong", WRONG_FILES, ids=lambda wrong: wrong.rule)
def test_every_message_is_one_line_and_says_what_is_allowed(wrong: Wrong) -> None:
    assert "\n" not in wrong.says
    assert "; allowed: " in wrong.says


@pytest.mark.parametrize("env", ["live", "paper"])
def test_a_real_account_takes_no_secret_from_a_file(env: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"kite": {"api_secret": "hush-hush"}}))

    with pytest.raises(ConfigError) as raised:
        load(env, file, (), {}, ROOT)

    assert "PATANG_KITE_API_SECRET" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_misspelt_variable_is_refused_without_showing_its_value() -> None:
    with pytest.raises(ConfigError) as raised:
        load("live", None, (), {"PATANG_KITE_ACESS_TOKEN": "hush-hush"}, ROOT)

    assert str(raised.value).startswith(
        "environment: PATANG_KITE_ACESS_TOKEN: found an unknown variable (did you mean 'PATANG_KITE_ACCESS_TOKEN'?); allowed: "
    )
    assert "hush" not in str(raised.value)


def test_a_line_of_dotenv_that_is_no_assignment_is_refused_without_showing_it(tmp_path: Path) -> None:
    root = a_project(tmp_path)
    (root / ".env").write_text("# mine\nPATANG_KITE_API_KEY=k\nhush-hush\n")

    with pytest.raises(ConfigError) as raised:
        load("live", None, (), {}, root)

    assert str(raised.value) == ".env:3: found a line (not shown) that is no assignment; allowed: NAME=value"
