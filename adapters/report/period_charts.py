"""Pictures of the period report: curves over trading days, bars, points and small curves, as inline SVG and HTML.

As in the day's chart, what stretches is SVG and what is read is HTML placed in percent over it.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from msgspec import Struct

from adapters.report.text import inr, short
from domain.report.period_figures import Bucket
from domain.report.period_trips import Trip
from domain.values import E4

WIDTH: Final = 1000
HEIGHT: Final = 300
POINTS_MAX: Final = 800
DOTS_MIN: Final = 8
DOTS_MAX: Final = 400
LABELS_MAX: Final = 6
TICKS_WANTED: Final = 4
FLAT: Final = 1e-9


class Curve(Struct, frozen=True):
    """One line of a chart: a value per day (None: not known yet), and the style class it is drawn in."""

    name: str
    style: str
    values: Sequence[float | None]


def curves(
    summary: str,
    days: Sequence[dt.date],
    drawn: Sequence[Curve],
    label: Callable[[float], str],
    *,
    fill: bool = False,
    small: bool = False,
) -> str:
    """Lines over the trading days; empty for fewer than two days or no value.

    label  how a value is written on the axis
    fill   the space between the first curve and zero is filled: for falls
    small  half as high
    """
    known = [value for curve in drawn for value in curve.values if value is not None]
    if len(days) < 2 or not known:
        return ""
    ticks = nice_ticks(min(0.0, *known), max(0.0, *known))
    low, high = ticks[0], ticks[-1]

    def y(value: float) -> float:
        return (high - value) / (high - low)

    grid = "".join(
        f'<line class="{"zero" if tick == 0 else "grid"}" x1="0" x2="{WIDTH}" y1="{at}" y2="{at}"/>'
        for tick, at in ((tick, f"{y(tick) * HEIGHT:.1f}") for tick in ticks)
    )
    lines = "".join(_line(curve, y, fill=fill and index == 0) for index, curve in reversed(list(enumerate(drawn))))
    labels = "".join(f'<span class="y" style="top:{_percent(y(tick))}">{label(tick)}</span>' for tick in ticks)
    legend = ""
    if len(drawn) > 1:
        legend = "".join(f'<span class="{curve.style}">{escape(curve.name)}</span>' for curve in drawn)
        legend = f'<p class="legend">{legend}</p>'
    return f"""<figure class="chart{" small" if small else ""}" role="img" aria-label="{escape(summary)}">{legend}
<div class="plot">
<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{grid}{lines}</svg>
{labels}
</div>
<div class="times">{"".join(_date_label(place, days) for place in _label_places(days))}</div>
</figure>"""


def spark(values: Sequence[float]) -> str:
    """A small curve for a table's cell; empty for fewer than two values."""
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    step = -(-len(values) // 120)
    shown = [*values[::step], values[-1]]
    points = " ".join(
        f"{100 * index / (len(shown) - 1):.1f},{24 - 22 * (value - low) / ((high - low) or 1):.1f}"
        for index, value in enumerate(shown)
    )
    tone = "gain" if values[-1] >= values[0] else "loss"
    return (
        '<svg class="spark" viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">'
        f'<polyline class="line {tone}" points="{points}"/></svg>'
    )


def histogram(buckets: Sequence[Bucket]) -> str:
    """How the results of trips are spread; empty for none."""
    if not buckets:
        return ""
    most = max(bucket.count for bucket in buckets)
    bars = "".join(
        f'<i class="{"gain" if bucket.low >= 0 else "loss"}" style="height:{100 * bucket.count / most:.1f}%" '
        f'title="{inr(bucket.low)} to {inr(bucket.high)}: {bucket.count}"><b>{bucket.count or ""}</b></i>'
        for bucket in buckets
    )
    every = -(-len(buckets) // 6)
    edges = [bucket.low for bucket in buckets] + [buckets[-1].high]
    labels = "".join(
        f'<span style="left:{100 * index / len(buckets):.2f}%">{short(edge)}</span>'
        for index, edge in enumerate(edges)
        if index % every == 0
    )
    return (
        '<figure class="chart bars" role="img" aria-label="Round trips by net result">'
        f'<div class="hist">{bars}</div><div class="times">{labels}</div></figure>'
    )


def excursions(trips: Sequence[Trip]) -> str:
    """Each sampled trip: how far it went against us (to the left) against what became of it (upwards).

    Empty for a handful: it would be taken for a picture of all.
    """
    points = [(trip.adverse, trip.net) for trip in trips if trip.adverse is not None][-DOTS_MAX:]
    if len(points) < DOTS_MIN:
        return ""
    across = nice_ticks(min(adverse for adverse, _ in points) / 10_000, 0.0)
    upwards = nice_ticks(min(0, *(net for _, net in points)) / 10_000, max(0, *(net for _, net in points)) / 10_000)
    dots = "".join(
        f'<i class="dot {"gain" if net > 0 else "loss"}" style="left:{_percent(_share(adverse, across))};'
        f'top:{_percent(1 - _share(net, upwards))}" title="{inr(adverse)} at worst, {inr(net)} in the end"></i>'
        for adverse, net in points
    )
    grid = "".join(
        f'<line class="{"zero" if tick == 0 else "grid"}" x1="0" x2="{WIDTH}" y1="{at}" y2="{at}"/>'
        for tick, at in ((tick, f"{(1 - _share(round(tick * 10_000), upwards)) * HEIGHT:.1f}") for tick in upwards)
    )
    ys = "".join(
        f'<span class="y" style="top:{_percent(1 - _share(round(tick * 10_000), upwards))}">'
        f"{short(round(tick * 10_000))}</span>"
        for tick in upwards
    )
    xs = "".join(
        f'<span style="left:{_percent(_share(round(tick * 10_000), across))}">{short(round(tick * 10_000))}</span>'
        for tick in across
    )
    return f"""<figure class="chart" role="img" aria-label="Worst excursion against net result">
<div class="plot">
<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">{grid}</svg>{ys}{dots}
</div>
<div class="times">{xs}</div></figure>"""


def nice_ticks(low: float, high: float) -> list[float]:
    """Round values from at or below `low` to at or above `high`, zero among them where it lies between."""
    # A curve that hardly moves is flat: it gets an axis of ordinary size.
    span = high - low if high - low > FLAT else 1.0
    exponent = math.floor(math.log10(span / TICKS_WANTED))
    step = next(
        size
        for size in (mantissa * 10.0**power for power in (exponent, exponent + 1) for mantissa in (1, 2, 5))
        if span <= size * TICKS_WANTED * (1 + 1e-9)
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(each * step, 12) + 0.0 for each in range(first, max(last, first + 1) + 1)]


def _line(curve: Curve, y: Callable[[float], float], *, fill: bool) -> str:
    """The curve in pieces: a day without a value interrupts it."""
    count = len(curve.values)
    step = -(-count // POINTS_MAX)
    kept = [index for index in range(count) if index % step == 0 or index == count - 1]
    drawn = ""
    for known, run in itertools.groupby(kept, key=lambda index: curve.values[index] is not None):
        if not known:
            continue
        places = [(index / (count - 1) * WIDTH, curve.values[index] or 0.0) for index in run]
        points = " ".join(f"{x:.1f},{y(value) * HEIGHT:.1f}" for x, value in places)
        if fill:
            zero = f"{y(0) * HEIGHT:.1f}"
            area = f"M{places[0][0]:.1f},{zero} L{points.replace(' ', ' L')} L{places[-1][0]:.1f},{zero} Z"
            drawn += f'<path class="area {curve.style}" d="{area}"/>'
        drawn += f'<polyline class="line {curve.style}" points="{points}"/>'
    return drawn


def _share(amount: E4, ticks: Sequence[float]) -> float:
    return (amount / 10_000 - ticks[0]) / (ticks[-1] - ticks[0])


def _label_places(days: Sequence[dt.date]) -> list[int]:
    """Where dates stand under the axis: first days of months where there are enough months, else evenly."""
    months = [index for index in range(1, len(days)) if days[index].month != days[index - 1].month]
    wanted = months if len(months) >= 3 else list(range(len(days)))
    every = -(-len(wanted) // LABELS_MAX)
    last = len(days) - 1
    return [place for place in wanted[every // 2 :: every] if 0.04 <= place / last <= 0.96]


def _date_label(place: int, days: Sequence[dt.date]) -> str:
    text = f"{days[place].day} {days[place]:%b}"
    if (days[-1] - days[0]).days > 300:
        text = f"{days[place]:%b} ’{days[place]:%y}"
    return f'<span style="left:{_percent(place / (len(days) - 1))}">{text}</span>'


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"
