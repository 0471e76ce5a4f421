"""`download`: candles from the broker into Parquet files, only those that are not there yet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from adapters.kite.history import INTERVALS
from adapters.kite.instruments import Catalog
from adapters.marketfiles.download import Downloaded, Step, download, plan, summarise
from app.logged_in import logged_in
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, UsageError, print_json, print_table
from app.world import folders
from domain.market.buckets import INTERVAL_SECONDS
from domain.values import Instrument, ist

Keys = Annotated[str, Parameter(name="--instruments", help="EXCHANGE:SYMBOL, separated by commas.")]
Words = Annotated[str, Parameter(name="--interval", help=f"{', '.join(INTERVAL_SECONDS)}; several with commas.")]
From = Annotated[str, Parameter(name="--from", help="First day, YYYY-MM-DD.")]
To = Annotated[str | None, Parameter(name="--to", help="Last day; without it, yesterday (of the market's clock).")]
Out = Annotated[Path | None, Parameter(name="--out", help="Folder; without it <data_dir>/<environment>/history.")]


def run(
    *,
    instruments: Keys,
    from_: From,
    to: To = None,
    interval: Words = "minute",
    out: Out = None,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Download candles. Run it again to go on where it stopped, or to add newer days."""
    words = _intervals(interval)
    loaded = load_settings(env, config, sets)
    with logged_in(loaded, "download") as (account, clock, calendar):
        today = ist(clock.now_ns()).date()
        wanted = (_day("--from", from_), today - dt.timedelta(days=1) if to is None else _day("--to", to))
        if wanted[0] > wanted[1]:
            raise UsageError(f"--from: found {wanted[0]}, which is after the last day {wanted[1]}")
        with closing(account.instruments()) as source:
            catalog = Catalog(source.load(today))
        chosen = [_instrument(catalog, key) for key in instruments.split(",") if key.strip()]
        folder = out or folders(loaded).data / "history"
        steps = [
            step
            for word in words
            for step in plan(folder, chosen, word, INTERVAL_SECONDS[word], wanted, INTERVALS[INTERVAL_SECONDS[word]][1])
        ]
        with closing(account.history()) as history, _progress(len(steps), quiet=as_json) as advance:
            done = download(steps, history, clock, advance)
        found = [
            summarise(
                folder,
                each,
                word,
                INTERVAL_SECONDS[word],
                wanted,
                done.get((each.key, word), (0, 0, 0)),
                calendar,
                clock,
            )
            for word in words
            for each in chosen
        ]
    _show(found, as_json=as_json)
    return DONE


def _show(found: list[Downloaded], *, as_json: bool) -> None:
    if as_json:
        print_json({"files": found})
        return
    print_table(
        "Candles",
        ("Instrument", "Interval", "In file", "New", "Twice", "Days missing", "Bars missing", "Outside", "File"),
        [
            (
                each.instrument,
                each.interval,
                each.bars,
                each.added,
                each.duplicates,
                each.gaps.missing_days_count,
                each.gaps.missing_bars,
                each.gaps.outside,
                each.path,
            )
            for each in found
        ],
    )
    for each in found:
        if each.gaps.missing_days:
            print(f"{each.instrument} {each.interval}: no candles on {', '.join(each.gaps.missing_days)}")
        if each.gaps.unchecked_years:
            years = ", ".join(map(str, each.gaps.unchecked_years))
            print(f"{each.instrument} {each.interval}: not checked, since there is no calendar for {years}")


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[Step, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, quiet=quiet)
    with Progress(console=console, transient=True, disable=quiet or not console.is_terminal) as bar:
        task = bar.add_task("candles", total=total)

        def advance(step: Step, _added: int) -> None:
            bar.update(task, advance=1, description=f"{step.instrument.key} {step.interval} to {step.days[1]}")

        yield advance


def _intervals(text: str) -> list[str]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in INTERVAL_SECONDS:
            raise UsageError(f"--interval: found {word!r}; allowed: {', '.join(INTERVAL_SECONDS)}")
    return words


def _instrument(catalog: Catalog, key: str) -> Instrument:
    found = catalog.by_key.get(key.strip())
    if found is None:
        raise UsageError(f"--instruments: {key.strip()!r} is not among the day's instruments; as in NSE:INFY,NSE:SBIN")
    return found


def _day(option: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option}: found {text!r}; allowed: a day YYYY-MM-DD") from None
