"""`parity`: a traded day through the backtester, and what each fill's difference is due to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from app.parity_chore import begin_as_chore
from app.stores import stored_journal
from domain.errors import PatangError
from domain.messages.journal import JournalRecord
from domain.parity import DayParity
from domain.report.replay import days
from domain.values import ist

Which = Annotated[
    str | None, Parameter(name="--strategy", help="Its id, as in the configuration; all that are enabled without it.")
]
Data = Annotated[
    Path | None,
    Parameter(name="--data", help="Candles of the day and of the warm-up before it; else the broker's are downloaded."),
]
Day = Annotated[str | None, Parameter(name="--day", help="The traded day, YYYY-MM-DD; the newest one if not given.")]
Charged = Annotated[
    str, Parameter(name="--charges-paid", help="Rupees that the strategy was charged that day, with --data.")
]
Chore = Annotated[
    bool, Parameter(name="--as-chore", negative=(), show=False, help="Of low priority; ends as its stdin does.")
]


def run(
    *,
    strategy: Which = None,
    data: Data = None,
    day: Day = None,
    charges_paid: Charged = "0",
    fill: Annotated[str, Parameter(name="--fill", help="The backtest's fill model.")] = "next-open",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_chore: Chore = False,
    as_json: Json = False,
) -> int:
    """Compare; exit status 1 where one of the two ordered what the other did not, or nothing could be compared."""
    if as_chore:
        begin_as_chore()
    wanted = None if day is None else _date(day)
    with stored_journal(env, config, sets) as (journal, _):
        records = [] if journal is None else list(journal.read(0))
    if wanted is None:
        known = days(records)
        if not known:
            complain("parity: no trading day is stored yet")
            return FAILED
        wanted = dt.date.fromisoformat(known[-1])
    try:
        found = _study(strategy, data, wanted, charges_paid, fill, env, config, sets, records)
    except PatangError as error:
        found = DayParity(wanted.isoformat(), why_not=str(error)), {}
    except ImportError as error:
        # The program that trades runs without them.
        why = f"{error.name or error} is not installed, which research needs: run.py makes its environment anew"
        found = DayParity(wanted.isoformat(), why_not=why), {}
    summed, strategies = found
    if as_json:
        print_json({"line": summed.line, "day": summed, "strategies": strategies})
    else:
        _show(wanted, summed, strategies)
    return FAILED if summed.missed or summed.added or summed.why_not else DONE


def _study(
    strategy: str | None,
    data: Path | None,
    day: dt.date,
    charges_paid: str,
    fill: str,
    env: Env,
    config: ConfigFile,
    sets: Sets,
    records: list[JournalRecord],
) -> tuple[DayParity, dict[str, object]]:
    from app.parity_day import study, study_files
    from app.research_run import fill_of

    loaded = load_settings(env, config, sets)
    if strategy is not None and strategy not in loaded.settings.strategies:
        raise UsageError(f"--strategy: found {strategy!r}; allowed: {', '.join(loaded.settings.strategies)}")
    if data is None:
        done = study(loaded, records, day, strategy, fill_of(fill))
    else:
        if strategy is None:
            raise UsageError("--data is of one strategy: give --strategy")
        done = study_files(loaded, records, day, strategy, data, fill, charges_paid)
    return done.day, dict(done.strategies)


def _show(day: dt.date, summed: DayParity, strategies: dict[str, object]) -> None:
    from research.parity import Parity

    for name, found in strategies.items():
        assert isinstance(found, Parity)
        rows = []
        for one in found.matched:
            money = (one.total, one.data, one.latency, one.slippage, one.model)
            said = (f"{amount / 10_000 + 0.0:+.2f}" for amount in money)
            rows.append((f"{ist(one.time):%H:%M:%S}", one.instrument, one.quantity, *said))
        print_table(
            f"{name} on {day}: what live paid more, rupees",
            ("decided", "instrument", "units", "total", "data", "latency", "slippage", "model"),
            rows,
        )
        alone = [
            (which, f"{ist(one.time):%H:%M:%S}", one.instrument, one.signed)
            for which, listed in (("missed", found.missed), ("extra", found.extra))
            for one in listed
        ]
        print_table("In one of the two alone", ("which", "decided", "instrument", "units"), alone)
    print(summed.line)


def _date(day: str) -> dt.date:
    try:
        return dt.date.fromisoformat(day)
    except ValueError:
        raise UsageError(f"--day: found {day!r}; allowed: a day YYYY-MM-DD") from None
