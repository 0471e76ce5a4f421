"""Instruments, quotes and history."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import numpy as np

from sandbox.envelope import CSV_TYPE, Reply, Request, success
from sandbox.exchange import Exchange
from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE, to_rupees
from sandbox.refusal import Refusal
from sandbox.tape import Bars
from sandbox.trading_days import (
    IST,
    NS,
    at,
    is_trading_day,
    open_seconds,
    text_of,
)
from sandbox.wire import LEVELS

QUOTES_MAX = 500
PRICES_MAX = 1000

WEEK = -1
# interval: (minutes per bar, most days per call); a day is 0 minutes, a week WEEK
INTERVALS = {
    "minute": (1, 60),
    "2minute": (2, 60),
    "3minute": (3, 100),
    "4minute": (4, 100),
    "5minute": (5, 100),
    "10minute": (10, 100),
    "15minute": (15, 200),
    "30minute": (30, 200),
    "60minute": (60, 400),
    "hour": (60, 400),
    "2hour": (120, 400),
    "3hour": (180, 400),
    "4hour": (240, 400),
    "week": (WEEK, 2000),
    "day": (0, 2000),
}
FIRST_HISTORY = datetime(2015, 2, 2, tzinfo=IST)


def instruments(exchange: Exchange, request: Request) -> Reply:
    """GET /instruments and /instruments/{exchange}"""
    packed = "gzip" in (request.header(b"accept-encoding") or "")
    wanted = request.parts[0] if request.parts else None
    dump = exchange.universe.csv_gzip(wanted) if packed else exchange.universe.csv(wanted)
    if dump is None:
        raise Refusal("Invalid `exchange`.")
    return Reply(dump, 200, CSV_TYPE, ((b"content-encoding", b"gzip"),) if packed else ())


def prepare_quotes(exchange: Exchange, request: Request) -> Iterator[None]:
    """Make the tapes that quotes need, one at a time, so that the server can breathe in between."""
    for _, one in _asked(exchange, request, PRICES_MAX):
        if not exchange.market.known(one, exchange.engine.day):
            exchange.engine.tape(one)
            yield


def quote(exchange: Exchange, request: Request) -> Reply:
    """GET /quote"""
    return success({name: _full_quote(exchange, one) for name, one in _asked(exchange, request, QUOTES_MAX)})


def ohlc(exchange: Exchange, request: Request) -> Reply:
    """GET /quote/ohlc"""
    rows = {}
    for name, one in _asked(exchange, request, PRICES_MAX):
        rows[name] = {
            "instrument_token": one.token,
            "last_price": to_rupees(exchange.engine.quote(one).last_price),
            "ohlc": _day_prices(exchange, one),
        }
    return success(rows)


def ltp(exchange: Exchange, request: Request) -> Reply:
    """GET /quote/ltp"""
    rows = {}
    for name, one in _asked(exchange, request, PRICES_MAX):
        rows[name] = {"instrument_token": one.token, "last_price": to_rupees(exchange.engine.quote(one).last_price)}
    return success(rows)


def historical(exchange: Exchange, request: Request) -> Reply:
    """GET /instruments/historical/{token}/{interval}"""
    token, interval = request.parts
    known = exchange.universe.by_token.get(int(token)) if token.isascii() and token.isdigit() else None
    if known is None:
        raise Refusal("invalid token")
    if interval not in INTERVALS:
        raise Refusal("invalid interval")
    minutes, days_max = INTERVALS[interval]
    start, end = _moment(request.one("from"), "from"), _moment(request.one("to"), "to")
    if start > end:
        raise Refusal("invalid from date: it is after the to date")
    if (end - start).days > days_max:
        raise Refusal(f"interval exceeds max limit: {days_max} days")
    if request.one("continuous", "0") == "1" and (interval != "day" or not known.is_future):
        raise Refusal("continuous data is available for day candles of futures only")
    with_oi = request.one("oi", "0") == "1"
    return success({"candles": _candles(exchange, known, minutes, start, end, with_oi=with_oi)})


def _asked(exchange: Exchange, request: Request, count_max: int) -> list[tuple[str, Instrument]]:
    names = [value for name, value in request.query if name == "i"]
    if not names:
        raise Refusal("Missing or empty field `i`")
    if len(names) > count_max:
        raise Refusal(f"Too many instruments: {len(names)} of at most {count_max}.")
    found = ((name, exchange.universe.find(name)) for name in names)
    return [(name, one) for name, one in found if one is not None]


def _day_prices(exchange: Exchange, one: Instrument) -> dict[str, float]:
    tape = exchange.engine.tape(one)
    printed = tape.printed(exchange.clock.now_ns())
    if not printed:
        return {"open": 0, "high": 0, "low": 0, "close": to_rupees(tape.previous_close)}
    return {
        "open": to_rupees(tape.open),
        "high": to_rupees(int(tape.price[:printed].max())),
        "low": to_rupees(int(tape.price[:printed].min())),
        "close": to_rupees(tape.previous_close),
    }


def _full_quote(exchange: Exchange, one: Instrument) -> dict[str, object]:
    tape = exchange.engine.tape(one)
    now = exchange.clock.now_ns()
    last = tape.printed(now) - 1
    market = exchange.engine.quote(one)
    row: dict[str, object] = {
        "instrument_token": one.token,
        "timestamp": text_of(now),
        "last_trade_time": text_of(tape.time_ns(last)) if last >= 0 and not one.is_index else None,
        "last_price": to_rupees(market.last_price),
    }
    change = to_rupees(market.last_price - tape.previous_close)
    if one.is_index:
        return {**row, "net_change": change, "ohlc": _day_prices(exchange, one)}
    empty: list[dict[str, object]] = [{"price": 0, "quantity": 0, "orders": 0}] * LEVELS
    depth: dict[str, list[dict[str, object]]] = {"buy": empty, "sell": empty}
    buy_total = sell_total = volume = average = interest = interest_high = interest_low = 0
    if last >= 0:
        book = exchange.engine.books.after(tape, last)
        for name, levels in (("buy", book.bids), ("sell", book.asks)):
            depth[name] = [
                {"price": to_rupees(level.price), "quantity": level.quantity, "orders": level.orders}
                for level in levels
            ]
        chunk = exchange.engine.chunks.at(tape, last)
        buy_total = int(chunk.depth.buy_total[last - chunk.first])
        sell_total = int(chunk.depth.sell_total[last - chunk.first])
        running = tape.running(last, last + 1)
        volume, interest = int(running.volume[0]), int(running.interest[0])
        interest_high, interest_low = int(running.interest_high[0]), int(running.interest_low[0])
        average = int(running.value[0]) // max(volume, 1)
    return {
        **row,
        "last_quantity": int(tape.quantity[last]) if last >= 0 else 0,
        "buy_quantity": buy_total,
        "sell_quantity": sell_total,
        "volume": volume,
        "average_price": average // 100 / 100 if one.session != "currency" else average / UNITS_PER_RUPEE,
        "oi": interest,
        "oi_day_high": interest_high,
        "oi_day_low": interest_low,
        "net_change": change,
        "lower_circuit_limit": to_rupees(market.lower_circuit),
        "upper_circuit_limit": to_rupees(market.upper_circuit),
        "ohlc": _day_prices(exchange, one),
        "depth": depth,
    }


def _moment(text: str, name: str) -> datetime:
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=IST)
        except ValueError:
            continue
    raise Refusal(f"invalid {name} date")


def prepare_history(exchange: Exchange, request: Request) -> Iterator[None]:
    """Make the past days that a history request needs, a day at a time, so that the server can breathe in between."""
    token, interval = request.parts
    one = exchange.universe.by_token.get(int(token)) if token.isascii() and token.isdigit() else None
    if one is None or interval not in INTERVALS:
        return
    minutes, days_max = INTERVALS[interval]
    start, end = _moment(request.one("from"), "from"), _moment(request.one("to"), "to")
    if (end - start).days > days_max:
        return
    if minutes == WEEK:
        start, end = _whole_weeks(start, end)
    for day in _days(exchange, one, start, end):
        if day != exchange.engine.day:
            if minutes > 0:
                exchange.market.past_bars(one, day)
            else:
                exchange.market.past_day_bar(one, day)
            yield


def _days(exchange: Exchange, one: Instrument, start: datetime, end: datetime) -> Iterator[date]:
    """Trading days from `start` to `end` that have begun and on which the instrument trades."""
    now = exchange.clock.now_ns()
    day = max(start, FIRST_HISTORY).date()
    last = end.date() if one.expiry is None else min(end.date(), one.expiry)
    while day <= last and at(day, 0) <= now:
        if is_trading_day(day):
            yield day
        day += timedelta(days=1)


def _candles(
    exchange: Exchange, one: Instrument, minutes: int, start: datetime, end: datetime, *, with_oi: bool
) -> list[list[object]]:
    now = exchange.clock.now_ns()
    if minutes == WEEK:
        return _week_candles(exchange, one, start, end, with_oi=with_oi)
    first = int(start.timestamp()) * NS
    last = min(int(end.timestamp()) * NS, now)
    candles: list[list[object]] = []
    for day in _days(exchange, one, start, end):
        if minutes == 0:
            bar = _day_bar(exchange, one, day, now)
            if bar is not None and first <= at(day, 0) <= last:
                candles.append([f"{day}T00:00:00+0530", *_numbers(bar, with_oi=with_oi)])
            continue
        opening = at(day, open_seconds(one.session))
        for row in _merged(_bars_of(exchange, one, day, now), minutes):
            offset = row[0] * minutes
            if first <= opening + offset * 60 * NS <= last:
                hour, minute = divmod(open_seconds(one.session) // 60 + offset, 60)
                candles.append([f"{day}T{hour:02d}:{minute:02d}:00+0530", *_numbers(row, with_oi=with_oi)])
    return candles


def _whole_weeks(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """From the first Monday at or after `start` to the Sunday of the week of `end`."""
    monday = start + timedelta(days=-start.weekday() % 7)
    return monday.replace(hour=0, minute=0, second=0), end + timedelta(days=6 - end.weekday())


def _week_candles(
    exchange: Exchange, one: Instrument, start: datetime, end: datetime, *, with_oi: bool
) -> list[list[object]]:
    """Day candles by week, each stamped with its Monday; a week belongs where its Monday does."""
    now = exchange.clock.now_ns()
    weeks: dict[date, list[Sequence[int]]] = {}
    for day in _days(exchange, one, *_whole_weeks(start, end)):
        bar = _day_bar(exchange, one, day, now)
        if bar is not None:
            weeks.setdefault(day - timedelta(days=day.weekday()), []).append(bar)
    candles: list[list[object]] = []
    for monday, bars in weeks.items():
        opened, highs, lows, volumes = bars[0][1], [b[2] for b in bars], [b[3] for b in bars], [b[5] for b in bars]
        merged = (0, opened, max(highs), min(lows), bars[-1][4], sum(volumes), bars[-1][6])
        candles.append([f"{monday}T00:00:00+0530", *_numbers(merged, with_oi=with_oi)])
    return candles


def _day_bar(exchange: Exchange, one: Instrument, day: date, now: int) -> Sequence[int] | None:
    if day != exchange.engine.day:
        return exchange.market.past_day_bar(one, day)
    merged = _merged(_bars_of(exchange, one, day, now), 10**6)
    return merged[0] if merged else None


def _bars_of(exchange: Exchange, one: Instrument, day: date, now: int) -> Bars:
    today = exchange.engine.day
    if day == today:
        tape = exchange.engine.tape(one)
        return tape.minute_bars(tape.printed(now))
    return exchange.market.past_bars(one, day)


def _merged(bars: Bars, minutes: int) -> list[list[int]]:
    """Minute bars merged into bars of `minutes`, numbered from the session's start, as plain integers."""
    if minutes == 1 or not len(bars):
        return bars.tolist()  # type: ignore[no-any-return]  # numpy types tolist as Any
    number = bars[:, 0] // minutes
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    ends = np.append(starts[1:], len(bars)) - 1
    merged = np.column_stack(
        [
            number[starts],
            bars[starts, 1],
            np.maximum.reduceat(bars[:, 2], starts),
            np.minimum.reduceat(bars[:, 3], starts),
            bars[ends, 4],
            np.add.reduceat(bars[:, 5], starts),
            bars[ends, 6],
        ]
    )
    return merged.tolist()  # type: ignore[no-any-return]  # as above


def _numbers(row: Sequence[int], *, with_oi: bool) -> list[object]:
    _, open_, high, low, close, volume, interest = row
    out: list[object] = [
        open_ / UNITS_PER_RUPEE,
        high / UNITS_PER_RUPEE,
        low / UNITS_PER_RUPEE,
        close / UNITS_PER_RUPEE,
        volume,
    ]
    if with_oi:
        out.append(interest)
    return out
