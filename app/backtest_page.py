"""A backtest as a page: one file, no script, no network, in the style of the reports, with trades on the price."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

import numpy as np

from adapters.report.page import KITE, _table
from adapters.report.period_charts import HEIGHT, WIDTH, Curve, curves, nice_ticks
from adapters.report.period_page import _css
from adapters.report.period_text import axis_percent, percent, ratio
from adapters.report.text import inr, signed
from adapters.report.writer import replace_whole
from domain.report import metrics
from domain.values import RUPEE, ist
from research.backtest import Backtest, figures
from research.data.candles import Candles
from research.data.days import DAY_NS, IST_NS
from research.records import REASONS, FillRow

POINTS_MAX: Final = 900
FILLS_MAX: Final = 300
"""Fills drawn on one chart of prices."""
ROWS_MAX: Final = 500
SHOWN_MAX: Final = 4
"""Instruments whose prices are drawn."""
CLOSE_DAYS: Final = 3
"""Days of the chart that shows every trade."""


def write_page(folder: Path, done: Backtest, series: Sequence[Candles]) -> Path:
    """Write `<folder>/<strategy>_<data>_<parameters>.html`, whole or not at all. Raises OSError."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", done.strategy.rpartition(":")[2] or done.strategy)
    key = re.sub(r"[^A-Za-z0-9_.=-]", "-", ",".join(f"{k}={v}" for k, v in done.parameters.items()))[:80]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}_{done.fingerprint}_{key or 'default'}.html"
    replace_whole(path, render(done, series).encode())
    return path


def render(done: Backtest, series: Sequence[Candles]) -> str:
    """The whole page."""
    net = done.run.final_equity - done.opening_cash
    name = done.strategy.rpartition(":")[2] or done.strategy
    parts = (
        _head(done, name),
        _hero(done, net),
        *(_prices(done, candles, where) for where, candles in enumerate(series[:SHOWN_MAX])),
        _figures(done),
        _trades(done),
        _foot(done),
    )
    body = "\n".join(filter(None, parts))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Patang · {escape(name)} · {signed(net)}</title>
<style>
{_css()}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def _head(done: Backtest, name: str) -> str:
    between = f"{ist(done.first):%d %b %Y} – {ist(done.last):%d %b %Y} · {done.bars} bars"
    keys = ", ".join(done.instruments[:6]) + (" …" if len(done.instruments) > 6 else "")
    return f"""<header>
{KITE}
<div><h1>Backtest: {escape(name)}</h1><p>{escape(keys)} · {between}</p></div>
<p class="env sandbox">{escape(done.engine)}</p>
</header>"""


def _hero(done: Backtest, net: int) -> str:
    returns = done.returns
    found = figures(done)
    days = done.days
    growth = [day.equity / done.opening_cash - 1 for day in done.run.days]
    chart = curves(
        f"Growth, ending at {percent(growth[-1] if growth else 0.0)}",
        days,
        [Curve("Account", "own", growth)],
        axis_percent,
    )
    falls = Curve("Fall from the peak", "fall", list(metrics.drawdowns(returns)))
    under = curves("Fall from the peak", days, [falls], axis_percent, fill=True, small=True)
    tiles = (
        ("Growth a year", percent(found["cagr"])),
        ("Sharpe", ratio(found["sharpe"])),
        ("Sortino", ratio(found["sortino"])),
        ("Deepest fall", percent(found["max_drawdown"])),
        ("Winning trades", percent(found["win_rate"])),
        ("Trades", str(len(done.trips))),
    )
    shown = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in tiles)
    tone = "gain" if net > 0 else "loss" if net < 0 else ""
    parameters = ", ".join(f"{name} {value}" for name, value in done.parameters.items())
    return f"""<section class="hero">
<div class="result">
<p class="label">Net profit and loss</p>
<p class="net {tone}"><small>₹</small>{signed(net)}</p>
<p class="of">₹ {inr(done.opening_cash)} at the start, charges of {inr(done.run.charges)}</p>
<p class="of">{escape(parameters)}</p>
</div>
<div class="curves">{chart}{under}</div>
<dl class="tiles">{shown}</dl>
</section>"""


def _prices(done: Backtest, candles: Candles, where: int) -> str:
    """The price over the whole time, and its last days, with the fills on it."""
    fills = [fill for fill in done.run.fills if fill.where == where]
    if len(candles) < 2:
        return ""
    day = (candles.start + IST_NS) // DAY_NS
    days = np.unique(day)
    # The last days on which anything was traded.
    traded = sorted({(fill.time + IST_NS) // DAY_NS for fill in fills}) or days.tolist()
    wanted = traded[-CLOSE_DAYS:]
    first = int(np.searchsorted(day, wanted[0]))
    end = int(np.searchsorted(day, wanted[-1], side="right"))
    whole = _price_chart(candles, fills, f"{candles.instrument.key}: all of it")
    close = _price_chart(candles.cut(first, end), fills, f"the last {len(wanted)} days with trades")
    return f'<section class="card"><h2>{escape(candles.instrument.key)}</h2>{whole}{close}</section>'


def _price_chart(candles: Candles, fills: Sequence[FillRow], name: str) -> str:
    if len(candles) < 2:
        return ""
    step = -(-len(candles) // POINTS_MAX)
    kept = np.append(np.arange(0, len(candles), step), len(candles) - 1)
    closes = candles.close[kept] / RUPEE
    first, last = int(candles.start[0]), int(candles.start[-1]) + candles.interval
    inside = [fill for fill in fills if first <= fill.time <= last][-FILLS_MAX:]
    prices = [fill.price / RUPEE for fill in inside]
    ticks = nice_ticks(float(min([closes.min(), *prices])), float(max([closes.max(), *prices])))
    low, high = ticks[0], ticks[-1]

    def across(time: int) -> float:
        # Places go by bars, not by hours: nights and weekends take no room.
        return float(np.searchsorted(candles.start, time, side="right") - 1) / (len(candles) - 1)

    def down(price: float) -> float:
        return (high - price) / (high - low)

    line = " ".join(
        f"{at / (len(candles) - 1) * WIDTH:.1f},{down(float(price)) * HEIGHT:.1f}"
        for at, price in zip(kept.tolist(), closes.tolist(), strict=True)
    )
    grid = "".join(
        f'<line class="grid" x1="0" x2="{WIDTH}" y1="{down(tick) * HEIGHT:.1f}" y2="{down(tick) * HEIGHT:.1f}"/>'
        for tick in ticks
    )
    dots = "".join(
        f'<i class="dot {"gain" if fill.signed > 0 else "loss"}" style="left:{100 * max(across(fill.time), 0):.2f}%;'
        f'top:{100 * down(fill.price / RUPEE):.2f}%" title="{ist(fill.time):%d %b %H:%M} '
        f'{"bought" if fill.signed > 0 else "sold"} {abs(fill.signed)} at {inr(fill.price)}"></i>'
        for fill in inside
    )
    labels = "".join(f'<span class="y" style="top:{100 * down(tick):.2f}%">{tick:g}</span>' for tick in ticks)
    places = [round(at * (len(candles) - 1) / 6) for at in range(1, 6)]
    times = "".join(
        f'<span style="left:{100 * at / (len(candles) - 1):.2f}%">{ist(int(candles.start[at])):%d %b %H:%M}</span>'
        for at in places
    )
    more = "" if len(inside) == len(fills) else f" (the last {len(inside)} fills of {len(fills)})"
    summary = escape(f"{name}{more}; green: bought, red: sold")
    return f"""<figure class="chart" role="img" aria-label="{summary}">
<p class="legend"><span class="own">{summary}</span></p>
<div class="plot">
<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{grid}
<polyline class="line own" points="{line}"/></svg>
{labels}{dots}
</div>
<div class="times">{times}</div></figure>"""


def _figures(done: Backtest) -> str:
    rows = [
        (name.replace("_", " "), "–" if value is None else str(value) if isinstance(value, int) else f"{value:.4f}")
        for name, value in figures(done).items()
    ]
    return f'<section class="card"><h2>Figures</h2>{_table(("Figure", "Value"), rows)}</section>'


def _trades(done: Backtest) -> str:
    trips = done.trips[-ROWS_MAX:]
    reasons = {(fill.time, fill.where): REASONS[done.run.orders[fill.order].reason] for fill in done.run.fills}
    where = {key: at for at, key in enumerate(done.instruments)}
    rows = [
        (
            f"{ist(trip.opened):%d %b %Y %H:%M}",
            f"{ist(trip.closed):%d %b %H:%M}",
            trip.instrument,
            "long" if trip.side.sign > 0 else "short",
            str(trip.quantity),
            signed(trip.gross),
            reasons.get((trip.closed, where[trip.instrument]), ""),
        )
        for trip in reversed(trips)
    ]
    if not rows:
        return ""
    heads = ("Opened", "Closed", "Instrument", "Side", "Quantity", "Before charges", "Left by")
    rest = len(done.trips) - len(trips)
    note = f'<p class="hint">{rest} earlier ones are in the JSON</p>' if rest else ""
    return f"""<section class="card folded"><details><summary><h2>Trades</h2> <span>{len(done.trips)}</span></summary>
{_table(heads, rows)}{note}</details></section>"""


def _foot(done: Backtest) -> str:
    spent = done.seconds
    return f"""<footer><p>Data {done.fingerprint} · {escape(done.engine)} engine ({escape(done.why_engine)}) ·
load {spent.load:.2f} s, compile {spent.compile:.2f} s, run {spent.run:.3f} s.
A past that was fitted is no promise: see docs/backtesting.md.</p></footer>"""
