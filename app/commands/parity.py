"""`parity`: a traded day through the backtester, and what each fill's difference is due to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import msgspec
from cyclopts import Parameter

from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, print_json, print_table
from app.research_run import Question, ask
from app.stores import stored_journal
from domain.market.buckets import INTERVAL_SECONDS
from domain.messages.journal import JournalEvent
from domain.strategy.load import find_strategy
from domain.values import IST, SECOND, ist, nanos, rupees
from research.backtest import backtest
from research.parity import backtest_orders, compare, live_orders

Which = Annotated[str, Parameter(name="--strategy", help="The strategy's id, as in the configuration.")]
Data = Annotated[Path, Parameter(name="--data", help="Candles of the day and of the warm-up before it (`download`).")]
Day = Annotated[str, Parameter(name="--day", help="The traded day, YYYY-MM-DD.")]
Charged = Annotated[str, Parameter(name="--charges-paid", help="Rupees that the strategy was charged that day.")]


def run(
    *,
    strategy: Which,
    data: Data,
    day: Day,
    charges_paid: Charged = "0",
    fill: Annotated[str, Parameter(name="--fill", help="The backtest's fill model.")] = "next-open",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Compare; exit status 1 where one of the two ordered what the other did not."""
    loaded = load_settings(env, config, sets)
    each = loaded.settings.strategies.get(strategy)
    if each is None:
        raise UsageError(f"--strategy: found {strategy!r}; allowed: {', '.join(loaded.settings.strategies)}")
    try:
        first = nanos(dt.datetime.combine(dt.date.fromisoformat(day), dt.time(), IST))
    except ValueError:
        raise UsageError(f"--day: found {day!r}; allowed: a day YYYY-MM-DD") from None
    parameters = msgspec.structs.asdict(loaded.parameters(strategy, find_strategy(each.kind)))
    words = tuple(f"{name}={msgspec.json.encode(value).decode()}" for name, value in parameters.items())
    question = Question(
        strategy=each.kind,
        data=data,
        sets=words,
        start=day,
        end=day,
        interval=each.interval,
        fill=fill,
        product=each.product,
        quantity=each.quantity,
        capital=rupees(each.capital) if each.capital else None,
        cash="10000000",
    )
    asked = ask(question, env, config)
    wanted = set(each.instruments)
    series = tuple(one for one in asked.series if one.instrument.key in wanted)
    if {one.instrument.key for one in series} != wanted:
        raise UsageError(
            f"--data: found {len(series)} of the instruments; allowed: all of {', '.join(each.instruments)}"
        )
    try:
        done = backtest(
            asked.strategy, series, asked.settings, asked.calendar, engine="event", first_day=asked.first_day
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    seconds = INTERVAL_SECONDS[each.interval]
    live = live_orders(_events(env, config, sets, first), strategy, seconds)
    paid = round(float(charges_paid) * 10_000)
    found = compare(live, backtest_orders(done.run, series, first), seconds, (paid, done.run.charges))
    if as_json:
        print_json({"line": found.line, **msgspec.structs.asdict(found)})
    else:
        rows = [
            (
                f"{ist(one.time):%H:%M:%S}", one.instrument, one.quantity,
                *(f"{value / 10_000:+.2f}" for value in (one.total, one.data, one.latency, one.slippage, one.model)),
            )
            for one in found.matched
        ]  # fmt: skip
        print_table(
            f"{strategy} on {day}: what live paid more, rupees",
            ("decided", "instrument", "units", "total", "data", "latency", "slippage", "model"),
            rows,
        )
        alone = [
            (name, f"{ist(one.time):%H:%M:%S}", one.instrument, one.signed)
            for name, listed in (("missed", found.missed), ("extra", found.extra))
            for one in listed
        ]
        print_table("In one of the two alone", ("which", "decided", "instrument", "units"), alone)
        print(found.line)
    return FAILED if found.missed or found.extra else DONE


def _events(env: Env, config: ConfigFile, sets: Sets, first: int) -> list[JournalEvent]:
    last = first + 86_400 * SECOND
    with stored_journal(env, config, sets) as (journal, _):
        records = [] if journal is None else list(journal.read(0))
    return [
        record.event
        for record in records
        if first <= (getattr(record.event, "time", 0) or getattr(record.event, "event_time", 0)) < last
    ]
