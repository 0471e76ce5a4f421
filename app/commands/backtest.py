"""`backtest`: a strategy over the past, under the rules of a live day."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from app.options import ConfigFile, Env, Json, load_settings
from app.output import DONE, UsageError, complain, print_json, print_table
from app.research_run import Asked, Asking, ask
from domain.errors import RatesUnknown
from domain.values import ist, rupees
from research.backtest import Backtest, EngineName, backtest, figures
from research.document import document
from research.records import DENIALS, Outcome

Out = Annotated[Path | None, Parameter(name="--out", help="Folder of the page; without it <reports_dir>/backtest.")]
NoPage = Annotated[bool, Parameter(name="--no-page", negative=(), show_default=False, help="Write no HTML page.")]
Engine = Annotated[EngineName, Parameter(name="--engine", help="auto: compiled where it can do it, else event.")]


def run(
    *,
    question: Asking,
    engine: Engine = "auto",
    out: Out = None,
    no_page: NoPage = False,
    env: Env = "sandbox",
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Run a strategy over candles and say what would have come of it."""
    asked = ask(question, env, config)
    for each in asked.loaded:
        _warn(each.candles.instrument.key, each.report.bad, each.report.duplicates, each.report.outside)
    try:
        done = backtest(
            asked.strategy,
            asked.series,
            asked.settings,
            asked.calendar,
            engine=engine,
            first_day=asked.first_day,
            load_seconds=asked.load_seconds,
            name=asked.path,
        )
    except RatesUnknown as error:
        raise UsageError(f"--charges: {error}; --tariff YYYY-MM-DD charges that day's on every day") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    page = None if no_page else _page(done, asked, out or load_settings(env, config).reports_path() / "backtest")
    if as_json:
        print_json(document(done, asked.loaded, page))
        return DONE
    _show(done)
    if page is not None:
        print(f"\npage: {page}")
    return DONE


def _page(done: Backtest, asked: Asked, folder: Path) -> Path:
    from app.backtest_page import write_page

    try:
        return write_page(folder, done, asked.series)
    except OSError as error:
        raise UsageError(f"--out: {folder}: cannot be written: {error.strerror or error}") from None


def _warn(key: str, bad: int, twice: int, outside: int) -> None:
    if bad or twice or outside:
        complain(f"{key}: dropped {bad} bad rows, {twice} rows of a time already there, {outside} outside the session")


def _show(done: Backtest) -> None:
    found = figures(done)
    rows: list[tuple[str, object]] = [
        ("bars", done.bars),
        ("from, to", f"{ist(done.first):%Y-%m-%d %H:%M}, {ist(done.last):%Y-%m-%d %H:%M}"),
        ("data", done.fingerprint),
        ("engine", f"{done.engine} ({done.why_engine})"),
        ("orders, fills, round trips", f"{len(done.run.orders)}, {len(done.run.fills)}, {len(done.trips)}"),
        ("equity", f"{rupees(done.opening_cash)} → {rupees(done.run.final_equity)}"),
        ("charges", rupees(done.run.charges)),
        *(
            (name.replace("_", " "), value if isinstance(value, int) else _decimal(value))
            for name, value in found.items()
        ),
        ("seconds", f"load {done.seconds.load:.3f}, compile {done.seconds.compile:.3f}, run {done.seconds.run:.3f}"),
    ]
    print_table(f"{done.strategy} {done.parameters}", ("figure", "value"), rows)
    denied = Counter(order.denial for order in done.run.orders if order.outcome == Outcome.DENIED)
    for denial, count in denied.most_common():
        complain(f"{count} orders were denied: {DENIALS[denial - 1].value}")


def _decimal(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
