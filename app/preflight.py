"""The questions of the checklist, asked of the real world; `domain.preflight` judges the answers."""

from __future__ import annotations

import datetime as dt
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from actors.risk import STATE_FLAG
from adapters.kite.history import KiteHistory
from adapters.kite.server_date import server_date
from adapters.store.journal import SqliteJournal
from app.strategies import Cast
from config.errors import ConfigError
from config.schema import Settings
from domain import preflight as judged
from domain.errors import PatangError
from domain.messages.broker import SessionFacts
from domain.messages.journal import OrderState
from domain.ports import Broker, Calendar, Clock
from domain.preflight import Check
from domain.values import E4, IST, Nanos, Product, ist, nanos

T = TypeVar("T")

DAY_SECONDS: Final = 86_400
LOOK_BACK_DAYS: Final = 14
"""So long no market is ever closed."""


class Asked(Struct, frozen=True):
    """Whom to ask.

    login    the login that is in use. Raises LoginNeeded
    cast     who trades what, with the day's instruments. Raises ConfigError
    broker   opens a broker for the funds; None where there is a sum of the settings' own to go by
    history  opens a source of candles
    data     the environment's folder
    """

    settings: Settings
    rest_url: str
    clock: Clock
    calendar: Calendar
    login: Callable[[], SessionFacts]
    cast: Callable[[], Cast]
    broker: Callable[[], Broker] | None
    history: Callable[[], KiteHistory]
    data: Path


def checklist(asked: Asked) -> tuple[Check, ...]:
    """Every line, in order. What cannot be asked is a line that failed; nothing is raised."""
    day = ist(asked.clock.now_ns()).date()
    login = _answer(asked.login)  # before all others: they rest on it
    cast, why_no_cast = _cast(asked)
    available = _answer(lambda: _funds(asked))
    return (
        judged.failed("token", login, "run.py login")
        if isinstance(login, str)
        else _line("token", lambda: judged.token(login.user_id, login.expires, _last_close(asked, cast, day)), ""),
        _line("calendar", lambda: judged.calendar(asked.calendar, day, () if cast is None else cast.sessions), ""),
        _line("clock", lambda: judged.clock(_offset(asked.rest_url)), "is the broker reachable from here?"),
        judged.funds(available, _wanted(asked.settings))
        if isinstance(available, int)
        else judged.failed("funds", available, "is the login good?"),
        judged.failed("instruments", why_no_cast, "mend the configuration: run.py check")
        if cast is None
        else judged.instruments(len(cast.instruments), _expiring(cast, day), day),
        _line("history", lambda: _history(asked, cast, day), "is the data plan of the app active?"),
        judged.disk(shutil.disk_usage(_existing(asked.data)).free, str(asked.data)),
        _limits(asked, available if isinstance(available, int) else None),
    )


def _line(name: str, ask: Callable[[], Check], act: str) -> Check:
    answer = _answer(ask)
    return answer if isinstance(answer, Check) else judged.failed(name, answer, act)


def _answer(ask: Callable[[], T]) -> T | str:
    """What was answered, or why nothing was."""
    try:
        return ask()
    except (PatangError, OSError) as error:
        return str(error)


def _cast(asked: Asked) -> tuple[Cast | None, str]:
    try:
        return asked.cast(), ""
    except (ConfigError, PatangError) as error:
        return None, str(error)


def _last_close(asked: Asked, cast: Cast | None, day: dt.date) -> Nanos | None:
    hours = [asked.calendar.hours(day, each) for each in (() if cast is None else cast.sessions)]
    return max((found[1] for found in hours if found is not None), default=None)


def _offset(rest_url: str) -> float:
    before = time.time_ns()
    theirs = server_date(rest_url)
    return judged.offset_seconds(before, time.time_ns(), theirs)


def _funds(asked: Asked) -> E4:
    if asked.broker is None:
        return asked.settings.portfolio.opening_cash or 0
    with closing(asked.broker()) as broker:
        return broker.funds().live_balance


def _wanted(settings: Settings) -> E4:
    """The margin that the capital of all enabled strategies would take."""
    risk = settings.risk
    percent = {
        Product.MIS.value: risk.margin_percent_mis,
        Product.CNC.value: risk.margin_percent_cnc,
        Product.NRML.value: risk.margin_percent_nrml,
    }
    return sum(each.capital * percent[each.product] // 100 for each in settings.strategies.values() if each.enabled)


def _expiring(cast: Cast, day: dt.date) -> list[str]:
    return sorted(each.key for each in cast.instruments.values() if each.expiry == day)


def _history(asked: Asked, cast: Cast | None, day: dt.date) -> Check:
    if cast is None:
        return judged.failed("history", "nothing to ask for", "mend the configuration: run.py check")
    instrument = cast.strategies[0].instruments[0]
    start = nanos(dt.datetime.combine(day - dt.timedelta(days=LOOK_BACK_DAYS), dt.time(), IST))
    with closing(asked.history()) as history:
        bars = history.bars(instrument, DAY_SECONDS, start, asked.clock.now_ns())
    expected = asked.calendar.previous_trading_day(day, instrument.session)
    return judged.history(instrument.key, ist(bars[-1].start).date() if bars else None, expected)


def _limits(asked: Asked, available: E4 | None) -> Check:
    state, unresolved = _kept(asked.data / "journal.db")
    risk = asked.settings.risk
    return judged.limits(state, unresolved, risk.daily_loss_max, risk.gross_exposure_max, available)


class _Kept(Struct):
    state: str = ""


def _kept(journal: Path) -> tuple[str, int]:
    """The trading state that the last run left, and how many orders are unresolved."""
    if not journal.exists():
        return "", 0
    opened = SqliteJournal(journal, threading.Lock, read_only=True)
    try:
        flag = opened.flag(STATE_FLAG)
        open_now = opened.open_records()
    finally:
        opened.close()
    state = msgspec.json.decode(flag, type=_Kept).state if flag else ""
    return state, sum(each.state is OrderState.QUARANTINED for each in open_now)


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder
