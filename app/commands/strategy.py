"""`strategy`: write one, check it, list those configured, switch one on or off while it trades."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ROOT, ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, print_json, print_table
from app.stores import stored_journal
from app.strategy_template import RULE, TEST
from domain.messages.operator import Switch

Name = Annotated[str, Parameter(help="The strategy's id, as in the configuration.")]
NewName = Annotated[str, Parameter(help="small_letters_with_underscores: the file's name, and the class's.")]
Into = Annotated[Path, Parameter(name="--into", help="Folder, beside run.py unless absolute.")]
ClassPath = Annotated[str, Parameter(help="MODULE:CLASS.")]
Fields = Annotated[
    tuple[str, ...],
    Parameter(name="--set", negative=(), show_default=False, help="field=value of the strategy; may be repeated."),
]
IntervalWord = Annotated[
    Literal["minute", "3minute", "5minute", "10minute", "15minute", "30minute", "60minute", "day"],
    Parameter(name="--interval", help="Length of the bars it is to run on."),
]


def show(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """List the configured strategies."""
    from actors.strategy import OFF_FLAG

    loaded = load_settings(env, config, sets)
    rows = []
    with stored_journal(env, config, sets) as (journal, _):
        for name, each in loaded.settings.strategies.items():
            off = (journal.flag(OFF_FLAG + name) if journal is not None else None) or ""
            state = "not loaded" if not each.enabled else f"off: {off}" if off else "on"
            rows.append((name, each.kind, ", ".join(each.instruments), each.interval, each.product, state))
    columns = ("id", "kind", "instruments", "interval", "product", "state")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Strategies", columns, rows)
    return DONE


def new(name: NewName, *, into: Into = Path("strategies")) -> int:
    """Write NAME.py and test_NAME.py; neither may be there already."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,40}", name) or keyword.iskeyword(name):
        raise UsageError(f"NAME: found {name!r}; allowed: small letters, digits and underscores, such as above_average")
    folder = into if into.is_absolute() else ROOT / into
    title = "".join(part.capitalize() for part in name.split("_"))
    try:
        parts = folder.resolve().relative_to(ROOT).parts
    except ValueError:
        parts = ()
    module = ".".join((*parts, name))
    rule, test = folder / f"{name}.py", folder / f"test_{name}.py"
    for path in (rule, test):
        if path.exists():
            raise UsageError(f"{path}: is there already; choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    rule.write_text(RULE.format(name=title, title=name.replace("_", " ").capitalize()), encoding="utf-8")
    test.write_text(TEST.format(name=title, module=module), encoding="utf-8")
    print(f"written: {rule}\nwritten: {test}")
    print(f"check it:  python3 run.py strategy check {module}:{title}")
    print(f"test it:   .venv/bin/python -m pytest -p no:randomly {test}")
    return DONE


def check(strategy: ClassPath, *, sets: Fields = (), interval: IntervalWord = "minute", as_json: Json = False) -> int:
    """Ask what can be asked of a strategy without a market. Exit status 1 where something is found."""
    from app.research_run import strategy_of
    from domain.calendar import SessionCalendar
    from research.strategy_check import check as look
    from research.strategy_check import pretend_market

    made = strategy_of(strategy, sets)
    calendar = SessionCalendar(fallback_weekdays=True)
    found = look(made, interval, pretend_market(made, interval, calendar), calendar)
    if as_json:
        print_json({"strategy": strategy, "ok": all(each.ok for each in found), "findings": found})
    else:
        rows = [(each.name, "ok" if each.ok else "FOUND", each.text) for each in found]
        print_table(f"{strategy} on bars of {interval}", ("question", "answer", "what"), rows)
    return DONE if all(each.ok for each in found) else FAILED


def enable(
    strategy: Name,
    *,
    why: Why,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Let the strategy enter positions again."""
    return _switch(strategy, why, who, env, config, sets, on=True, as_json=as_json)


def disable(
    strategy: Name,
    *,
    why: Why,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Let the strategy only leave positions, now and after every restart. `flatten --strategy` leaves them at once."""
    return _switch(strategy, why, who, env, config, sets, on=False, as_json=as_json)


def _switch(
    strategy: str, why: str, who: str, env: Env, config: ConfigFile, sets: Sets, *, on: bool, as_json: bool
) -> int:
    known = [name for name, each in load_settings(env, config, sets).settings.strategies.items() if each.enabled]
    if strategy not in known:
        raise UsageError(f"STRATEGY: found {strategy!r}; allowed: {', '.join(known) or 'none is enabled'}")
    return operate(env, config, sets, Switch(why, strategy, on=on), who, as_json=as_json)
