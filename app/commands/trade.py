"""`trade`: trade a session. Without any arguments: one whole fast day in the local sandbox, which needs no account."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from adapters.clock import MonotonicClock, SandboxMarketClock
from adapters.standing_in import market_clock_at, sandbox_at
from app import logs
from app.account import require_account
from app.alerting import channels_of
from app.checks_kept import require_checks
from app.interpreter import collect_rarely, keep_memory_together
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, GAVE_UP, USAGE, UsageError, complain
from app.sandboxed import LocalSandbox
from app.world import World, folders
from config.errors import ConfigError
from domain.calendar import SessionCalendar
from domain.errors import PatangError
from domain.values import IST, Nanos, ist, nanos, rupees

if TYPE_CHECKING:
    from app.day import Ended, StopRequest, TradingDay
    from app.reloading import Source
    from app.strategies import Cast
    from config.loader import Loaded

Speed = Annotated[
    float | None, Parameter(name="--speed", help="Market seconds per wall second, in a sandbox started for the run.")
]
Instruments = Annotated[
    int | None, Parameter(name="--instruments", help="How many of the configured instruments to trade.")
]
Seed = Annotated[int | None, Parameter(name="--seed", help="The sandbox's market: the same seed, the same prices.")]
Until = Annotated[str | None, Parameter(name="--until", help="Stop at this market time, HH:MM.")]
Days = Annotated[
    int,
    Parameter(name="--days", help="So many days with a session, one after the other; 0: until somebody stops it."),
]
MeanLive = Annotated[
    bool,
    Parameter(
        name="--yes-i-mean-live", negative=(), show_default=False, help="Needed for --env live: it trades real money."
    ),
]


def run(
    *,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    speed: Speed = None,
    instruments: Instruments = None,
    seed: Seed = None,
    until: Until = None,
    days: Days = 1,
    yes_i_mean_live: MeanLive = False,
    as_json: Json = False,
) -> int:
    """Trade a session; in the sandbox a whole day passes in about three minutes, and a report is left behind."""
    if env == "live" and not yes_i_mean_live:
        complain("live trades with real money: say --yes-i-mean-live if that is meant, or use --env sandbox or paper.")
        return USAGE
    stop_at = None if until is None else _time_of_day(until)
    if days < 0 or (days != 1 and (until is not None or as_json)):
        raise UsageError(
            f"--days: found {days}; allowed: 0 or more, and 1 with --until and --json, which are of one day"
        )
    overrides = [*sets]
    for key, value in (("speed", speed), ("seed", seed), ("instruments", instruments)):
        if value is not None:
            overrides.append(f"sandbox.{key}={value:g}" if isinstance(value, float) else f"sandbox.{key}={value}")
    loaded = load_settings(env, config, tuple(overrides))
    require_account(loaded)
    where = folders(loaded)
    log = logs.setup(loaded.settings.logs, where.logs)
    logs.redactor.add(*loaded.secrets())
    from app.day import StopRequest

    keep_memory_together()
    collect_rarely()
    stop = StopRequest(interrupting=True)
    try:
        with stop:
            read = partial(load_settings, env, config, tuple(overrides))
            if days == 1:
                world = World(env, loaded, where, log)
                return _trade(world, loaded, read, config, log, stop_at, stop, as_json=as_json)
            return _trade_on(env, loaded, read, config, log, days, stop)
    except KeyboardInterrupt:
        log("info", "day.ended", why="interrupted before trading began")
        complain("interrupted before trading began")
        return 128 + stop.number
    except PatangError as error:
        log("error", "day.failed", why=str(error))
        complain(str(error))
        return FAILED
    finally:
        logs.stop()


def _trade_on(
    env: str,
    loaded: Loaded,
    read: Callable[[], Loaded],
    file: Path | None,
    log: logs.EventLog,
    days: int,
    stop: StopRequest,
) -> int:
    """Day after day, each with its own settings, world, login and instruments; ends with the first that fails.

    days  so many with a session; 0: until a stop is asked for
    """
    from app.nights import at_rest, next_morning, session_ahead, session_classes, sleep_until

    settings = loaded.settings
    with ExitStack() as stack:
        shared = None
        if env == "sandbox" and settings.kite.rest_url is None:
            shared = stack.enter_context(LocalSandbox(settings.sandbox))
        rest_url = shared.address.rest if shared is not None else str(settings.kite.rest_url)
        control = sandbox_at(rest_url)
        clock = market_clock_at(rest_url, control, MonotonicClock())
        calendar = SessionCalendar(fallback_weekdays=control is not None)
        stop.listen()
        traded, books = 0, None
        while True:
            classes = session_classes(loaded.settings)
            if session_ahead(calendar, clock.now_ns(), classes):
                world = World(env, loaded, folders(loaded), log, shared, books)
                status = _trade(world, loaded, read, file, log, None, stop, as_json=False, unattended=True)
                del world  # with all that the day has read
                traded += 1
                if status != DONE or traded == days or stop.wait(0):
                    return status
            if isinstance(clock, SandboxMarketClock):
                clock.refresh()
            morning = next_morning(calendar, clock.now_ns(), classes, settings.schedule.login_reminder)
            log("info", "day.night", until=ist(morning).isoformat(timespec="minutes"), days=traded, **at_rest())
            if not sleep_until(morning, clock, stop, control if shared is not None else None):
                return DONE
            loaded = _anew(read, loaded, log)
            # Its books go on from day to day; our reports are of one.
            books = control.books() if control is not None else None


def _anew(read: Callable[[], Loaded], before: Loaded, log: logs.EventLog) -> Loaded:
    """The settings as they are written this morning; where they are wrong, yesterday's, which were not."""
    try:
        return read()
    except ConfigError as error:
        log("warning", "alert.configuration.refused", text=f"yesterday's settings stay: {error}")
        return before


def _trade(
    world: World,
    loaded: Loaded,
    read: Callable[[], Loaded],
    file: Path | None,
    log: logs.EventLog,
    stop_at: dt.time | None,
    stop: StopRequest,
    *,
    as_json: bool,
    unattended: bool = False,
) -> int:
    """One day, and the end of its world. unattended: a login that a person must make is waited for."""
    from app.nights import log_in
    from app.reloading import source_of
    from app.strategies import cast_of

    env = world.env
    try:
        if unattended and not log_in(world, channels_of(loaded.settings), stop, log):
            return DONE
        world.open_session()
        catalog = world.catalog()
        cast = cast_of(loaded, catalog)
        if env == "live":
            require_checks(loaded, cast)
            _announce(loaded, cast)
        return _run_day(world, cast, source_of(loaded, catalog, read, file), log, stop_at, stop, as_json=as_json)
    finally:
        world.close()


def _run_day(
    world: World,
    cast: Cast,
    source: Source,
    log: logs.EventLog,
    stop_at: dt.time | None,
    stop: StopRequest,
    *,
    as_json: bool,
) -> int:
    from actors.runtime import StartFailed
    from app.day import STOPPED_EARLY, TradingDay

    until: Nanos | None = None
    if stop_at is not None:
        until = nanos(dt.datetime.combine(ist(world.clock.now_ns()).date(), stop_at, IST))
    day = TradingDay(world, cast, log, until=until, source=source)
    try:
        ended = day.run(lambda now: _progress(log, day, now), stop)
    except StartFailed as error:
        log("error", "day.not_started", why=str(error))
        complain(f"trading did not start: {error}")
        return FAILED
    log("info", "day.ended", why=ended.why)
    if ended.why == "gave up":
        complain("supervision gave up; see the log")
        return GAVE_UP
    if ended.why == STOPPED_EARLY:
        complain(STOPPED_EARLY)
        return DONE
    return _summarise(day, ended, as_json=as_json)


def _progress(log: logs.EventLog, day: TradingDay, now: Nanos) -> None:
    log("info", "day.progress", market=f"{ist(now):%H:%M}", **day.progress())


def _summarise(day: TradingDay, ended: Ended, *, as_json: bool) -> int:
    report = day.report
    if report is None or ended.written is None:
        complain("no report could be written; see the log")
        return FAILED
    if as_json:
        sys.stdout.write(Path(ended.written.json_path).read_text(encoding="utf-8"))
        return DONE
    from adapters.report.tables import show, summary

    show(summary(report))
    print(f"\nreport: {ended.written.html_path}")
    return DONE


def _announce(loaded: Loaded, cast: Cast) -> None:
    """Before real money moves: with what, and within which limits."""
    risk = loaded.settings.risk
    for strategy in cast.strategies:
        names = ", ".join(instrument.key for instrument in strategy.instruments)
        complain(f"live: {strategy.id} trades {names}, {strategy.quantity} units, {strategy.product.value}")
    complain(
        f"live limits: {rupees(risk.max_value_per_order)} an order, {rupees(risk.gross_exposure_max)} in all, "
        f"a day's loss of {rupees(risk.daily_loss_max)}, {risk.orders_per_day} orders a day"
    )


def _time_of_day(text: str) -> dt.time:
    try:
        return dt.datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day has no zone
    except ValueError:
        raise ConfigError(f"--until: found {text!r}; allowed: a market time HH:MM, such as 11:30") from None
