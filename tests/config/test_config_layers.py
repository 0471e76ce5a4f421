"""Which layer wins, what values become, and where each is known to come from."""

from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Annotated

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from config.document import parse
from config.errors import ConfigError
from config.loader import ENVIRONMENTS, Loaded, load
from config.render import plain, rupees
from config.schema import Settings
from config.tree import Node, Origin, merge
from config.types import Secret
from domain.values import SessionClass, e4
from tests.support.projects import ROOT, a_project


def loaded(
    env: str = "sandbox", *sets: str, file: Path | None = None, environ: Mapping[str, str] | None = None
) -> Loaded:
    return load(env, file, sets, environ or {}, ROOT)


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_every_environment_loads_as_delivered(env: str) -> None:
    assert loaded(env).env == env


def test_the_base_file_states_every_key_of_the_schema() -> None:
    """A key whose default only the code knows could not be found by reading the file."""

    def missing(wanted: type[msgspec.Struct], stated: object, path: str) -> list[str]:
        assert isinstance(stated, dict), path
        gone: list[str] = []
        for field in msgspec.structs.fields(wanted):
            here = f"{path}{field.name}"
            if field.name not in stated:
                gone.append(here)
            elif isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
                gone += missing(field.type, stated[field.name], f"{here}.")
        return gone

    base = yaml.load((ROOT / "config" / "base.yaml").read_text(), Loader=yaml.BaseLoader)  # noqa: S506 — texts alone

    assert missing(Settings, base, "") == []


def test_every_key_of_the_base_file_has_its_meaning_beside_it() -> None:
    lines = (ROOT / "config" / "base.yaml").read_text().splitlines()
    freeze = next(number for number, line in enumerate(lines) if "freeze_quantities" in line)

    bare = [
        line
        for number, line in enumerate(lines)
        if ": " in line and "#" not in line and not freeze < number <= freeze + 7
    ]

    assert bare == []


def test_each_layer_overrides_the_one_below(tmp_path: Path) -> None:
    root = a_project(tmp_path, live="risk:\n  orders_per_day: 6\n  orders_per_minute: 6\n  max_quantity_per_order: 6\n")
    file = written(tmp_path, "risk:\n  orders_per_day: 7\n  orders_per_minute: 7\n")

    risk = load("live", file, ["risk.orders_per_day=8"], {}, root).settings.risk

    assert risk.orders_per_day == 8  # --set over file
    assert risk.orders_per_minute == 7  # file over overlay
    assert risk.max_quantity_per_order == 6  # overlay over base
    assert risk.orders_per_second == 9  # base


def test_the_origin_of_a_value_tells_what_it_replaced(tmp_path: Path) -> None:
    root = a_project(tmp_path, live="risk:\n  orders_per_day: 6\n")
    file = written(tmp_path, "\nrisk:\n  orders_per_day: 7\n")

    origin: Origin | None = load("live", file, ["risk.orders_per_day=8"], {}, root).origins["risk.orders_per_day"]

    chain = []
    while origin is not None:
        chain.append(origin.where())
        origin = origin.overrides
    assert chain[:3] == ["--set", f"{file}:3", "config/live.yaml:2"]
    assert chain[3].startswith("config/base.yaml:")


def test_a_later_set_wins() -> None:
    assert loaded("sandbox", "sandbox.seed=1", "sandbox.seed=2").settings.sandbox.seed == 2


def test_unquoted_times_of_day_are_times() -> None:
    """YAML 1.1 reads 15:15 as 915."""
    schedule = loaded("sandbox", "schedule.eod_report=15:15").settings.schedule

    assert schedule.eod_report == time(15, 15)
    assert schedule.square_off.equity == time(15, 15)


def test_every_traded_class_has_its_times_and_an_index_has_none() -> None:
    square_off = loaded().settings.schedule.square_off

    assert square_off.of(SessionClass.EQUITY_AUCTION) == time(15, 0)
    traded = [square_off.of(session) for session in SessionClass if session is not SessionClass.INDEX]
    assert all(isinstance(moment, time) for moment in traded)
    with pytest.raises(KeyError):
        square_off.of(SessionClass.INDEX)


def test_unquoted_dates_are_dates() -> None:
    assert loaded("sandbox", "sandbox.date=2026-11-20").settings.sandbox.date == date(2026, 11, 20)


@pytest.mark.parametrize(
    ("written_as", "units"),
    [
        ("1000", 10_000_000),
        ("1_000", 10_000_000),
        ("0.05", 500),
        ('"2500.50"', 25_005_000),
        ("0.0001", 1),
        ("1e3", 10_000_000),
    ],
)
def test_rupees_become_exact_integers(written_as: str, units: int) -> None:
    assert loaded("sandbox", f"risk.daily_loss_max={written_as}").settings.risk.daily_loss_max == units


@given(st.integers(min_value=0, max_value=10**15))
def test_rupees_are_read_back_as_they_are_shown(units: int) -> None:
    assert e4(rupees(units)) == units


def test_what_check_prints_loads_to_the_same_settings(tmp_path: Path) -> None:
    """So one can save the effective configuration as a file of one's own, but for the masked secrets."""
    first = loaded("sandbox")
    shown = plain(first.settings, Settings)
    assert isinstance(shown, dict)
    kite = shown["kite"]
    assert isinstance(kite, dict)
    for name in ("api_secret", "password", "totp"):
        assert kite[name] == "****"
        del kite[name]

    again = loaded("sandbox", file=written(tmp_path, yaml.safe_dump(shown)))

    assert again.settings == first.settings


def test_secrets_are_masked_wherever_they_are_printed() -> None:
    settings = loaded("sandbox").settings

    assert settings.kite.api_secret == Secret("sandboxsecret")
    assert "sandboxsecret" not in f"{settings!r} {settings} {settings.kite.api_secret}"
    assert settings.kite.api_secret is not None
    assert settings.kite.api_secret.reveal() == "sandboxsecret"


def test_live_credentials_come_from_variables_over_dotenv(tmp_path: Path) -> None:
    a_project(tmp_path)
    (tmp_path / ".env").write_text(
        "# mine\nexport PATANG_KITE_API_KEY='from-dotenv'\nPATANG_KITE_API_SECRET=dotenv-secret # it\n"
    )

    result = load("live", None, (), {"PATANG_KITE_API_KEY": "from-variable", "PATANG_KITE_USER_ID": ""}, tmp_path)

    assert result.settings.kite.api_key == "from-variable"
    assert result.settings.kite.api_secret == Secret("dotenv-secret")
    assert result.settings.kite.user_id is None
    assert result.origins["kite.api_key"].where() == "variable PATANG_KITE_API_KEY"
    assert result.origins["kite.api_secret"].where() == ".env:3"
    assert result.secrets() == ("dotenv-secret",)


@pytest.mark.parametrize("env", ["sandbox", "kite-sandbox"])
def test_the_real_account_s_credentials_never_reach_another_server(env: str) -> None:
    environ = {
        "PATANG_KITE_API_KEY": "real-key",
        "PATANG_KITE_API_SECRET": "real-secret",
        "PATANG_KITE_ACCESS_TOKEN": "real-token",
    }

    result = loaded(env, environ=environ)

    assert result.settings == loaded(env).settings


CROSS = """
strategies:
  cross: {kind: "own:Cross", instruments: [NSE:TCS], interval: day, capital: 5, quantity: 1, parameters: {fast: 10, slow: 30}}
  other: {kind: "own:Other", instruments: [NSE:TCS], interval: day, capital: 5, quantity: 1}
"""


def test_a_strategy_can_be_changed_replaced_or_removed(tmp_path: Path) -> None:
    root = a_project(tmp_path, sandbox=CROSS)
    file = written(
        tmp_path,
        "strategies:\n"
        "  other: null\n"
        "  cross: {kind: 'own:New', instruments: [NSE:TCS], interval: day, capital: 5, quantity: 1}\n",
    )

    changed = load("sandbox", None, ["strategies.cross.parameters.fast=5"], {}, root).settings.strategies["cross"]
    replaced = load("sandbox", file, [], {}, root).settings.strategies

    assert changed.parameters == {"fast": 5, "slow": 30}
    assert list(replaced) == ["cross"]
    assert replaced["cross"].parameters == {}


def test_set_changes_a_strategy_s_kind_alone(tmp_path: Path) -> None:
    result = load("sandbox", None, ["strategies.cross.kind=own:New"], {}, a_project(tmp_path, sandbox=CROSS))

    assert result.settings.strategies["cross"].kind == "own:New"
    assert result.settings.strategies["cross"].capital == e4(5)


def test_entries_may_stop_at_the_very_minute_of_the_square_off() -> None:
    risk = loaded("sandbox", "risk.mis_cutoff.equity=15:15").settings.risk

    assert risk.mis_cutoff.equity == time(15, 15)


@pytest.mark.parametrize(
    ("units", "shown"), [(0, 0), (10_000, 1), (125_000, "12.5"), (1, "0.0001"), (100_100, "10.01")]
)
def test_rupees_are_shown_without_idle_zeros(units: int, shown: int | str) -> None:
    assert rupees(units) == shown


def test_the_example_in_the_documentation_does_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "configuration.md").read_text()
    example = page.partition("```yaml\n")[2].partition("```")[0]

    strategies = loaded("sandbox", file=written(tmp_path, example)).settings.strategies

    assert list(strategies) == ["ma_crossover", "mine"]
    assert strategies["ma_crossover"].quantity == 10
    assert strategies["mine"].capital == e4(200_000)


class Parameters(msgspec.Struct, frozen=True):
    """A strategy's fields, as its own module would declare them."""

    fast: Annotated[int, msgspec.Meta(ge=2, le=200)]
    slow: Annotated[int, msgspec.Meta(ge=2, le=200)]
    trail: float = 1.5

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")


def test_a_strategy_s_parameters_are_checked_by_its_own_fields(tmp_path: Path) -> None:
    result = load("sandbox", None, [], {}, a_project(tmp_path, sandbox=CROSS))

    assert result.parameters("cross", Parameters) == Parameters(fast=10, slow=30)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fast=1", "--set: strategies.cross.parameters.fast: found 1; allowed: a whole number ≥ 2 and ≤ 200"),
        ("fast=40", "--set: strategies.cross.parameters: fast (40) must be below slow (30)"),
        (
            "fst=3",
            "--set: strategies.cross.parameters.fst: found an unknown key (did you mean 'fast'?); allowed: fast, slow, trail",
        ),
    ],
)
def test_a_wrong_parameter_is_named_where_it_stands(text: str, says: str, tmp_path: Path) -> None:
    root = a_project(tmp_path, sandbox=CROSS)
    result = load("sandbox", None, [f"strategies.cross.parameters.{text}"], {}, root)

    with pytest.raises(ConfigError) as raised:
        result.parameters("cross", Parameters)

    assert str(raised.value) == says


def test_environments_do_not_share_a_store() -> None:
    assert loaded("sandbox").data_path() == ROOT / "data" / "sandbox"
    assert loaded("live", "data_dir=/srv/patang").data_path() == Path("/srv/patang/live")


trees = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(trees, trees)
def test_merging_is_the_upper_layer_over_the_lower(under: object, over: object) -> None:
    assert values(merge(nodes(under), nodes(over))) == over_under(under, over)


def nodes(value: object) -> Node:
    origin = Origin("base", "x")
    if isinstance(value, dict):
        return Node({key: nodes(item) for key, item in value.items()}, origin)
    assert isinstance(value, int | str)
    return Node(value, origin)


def values(node: Node) -> object:
    return {key: values(item) for key, item in node.value.items()} if isinstance(node.value, dict) else node.value


def over_under(under: object, over: object) -> object:
    if isinstance(under, dict) and isinstance(over, dict):
        kept = {key: item for key, item in under.items() if key not in over}
        return kept | {key: over_under(under[key], item) if key in under else item for key, item in over.items()}
    return over


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        parse(text, Origin("file", "mine.yaml"))
    except ConfigError as error:
        assert "\n" not in str(error)
        assert "; allowed: " in str(error)
