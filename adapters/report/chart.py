"""The equity curve as an inline SVG that stretches to its box, with labels beside it that do not.

Labels and markers are HTML, placed in percent over the drawing: text inside a stretched SVG would be unreadable on a
phone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from msgspec import Struct

from adapters.report.text import minute, short, signed
from domain.report.eod import DayEvent, EquityPoint
from domain.values import E4, MINUTE, Nanos

WIDTH: Final = 1000
HEIGHT: Final = 300
POINTS_MAX: Final = 800
MARKED: Final = frozenset({"drill", "restart", "reconnect", "frozen", "start"})
TICKS_WANTED: Final = 4
MARKERS_MAX: Final = 24
"""More would be a hedge; the list of events has them all."""


class _Scale(Struct, frozen=True):
    first: Nanos
    last: Nanos
    low: E4
    high: E4

    def x(self, time: Nanos) -> float:
        return (time - self.first) / max(1, self.last - self.first)

    def y(self, amount: E4) -> float:
        return (self.high - amount) / max(1, self.high - self.low)


def equity_chart(curve: Sequence[EquityPoint], opening: E4, events: Sequence[DayEvent]) -> str:
    """Profit and loss over the day (equity less opening cash). Empty for fewer than two points."""
    if len(curve) < 2:
        return ""
    points = [(point.time, point.equity - opening) for point in _thinned(curve)]
    ticks = _ticks(min(0, *(amount for _, amount in points)), max(0, *(amount for _, amount in points)))
    scale = _Scale(points[0][0], points[-1][0], ticks[0], ticks[-1])
    marked = [each for each in events if each.kind in MARKED and scale.first <= each.time <= scale.last][:MARKERS_MAX]
    last = points[-1][1]
    summary = f"Profit and loss from {minute(scale.first)} to {minute(scale.last)}, ending at {signed(last)} rupees"
    return f"""<figure class="chart" role="img" aria-label="{escape(summary)}">
<div class="plot">
{_svg(points, scale, ticks, marked)}
{"".join(_y_label(tick, scale) for tick in ticks)}
{"".join(_marker(each, scale) for each in marked)}
<i class="end {"loss" if last < 0 else "gain"}" style="left:100%;top:{_percent(scale.y(last))}"></i>
</div>
<div class="times">{"".join(_x_label(time, scale) for time in _hours(scale))}</div>
</figure>"""


def _svg(points: Sequence[tuple[Nanos, E4]], scale: _Scale, ticks: Sequence[E4], marked: Sequence[DayEvent]) -> str:
    line = " ".join(f"{scale.x(time) * WIDTH:.1f},{scale.y(amount) * HEIGHT:.1f}" for time, amount in points)
    zero = f"{scale.y(0) * HEIGHT:.1f}"
    area = f"M0,{zero} L{line.replace(' ', ' L')} L{WIDTH},{zero} Z"
    grid = "".join(
        f'<line class="{"zero" if tick == 0 else "grid"}" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>'
        for tick, y in ((tick, f"{scale.y(tick) * HEIGHT:.1f}") for tick in ticks)
    )
    events = "".join(
        f'<line class="event" x1="{x}" x2="{x}" y1="0" y2="{HEIGHT}"/>'
        for x in (f"{scale.x(each.time) * WIDTH:.1f}" for each in marked)
    )
    return f"""<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" aria-hidden="true">
<clipPath id="above"><rect x="0" y="0" width="{WIDTH}" height="{zero}"/></clipPath>
<clipPath id="below"><rect x="0" y="{zero}" width="{WIDTH}" height="{HEIGHT}"/></clipPath>
{grid}{events}
<path class="area gain" clip-path="url(#above)" d="{area}"/><path class="area loss" clip-path="url(#below)" d="{area}"/>
<polyline class="line gain" clip-path="url(#above)" points="{line}"/>
<polyline class="line loss" clip-path="url(#below)" points="{line}"/>
</svg>"""


def _y_label(tick: E4, scale: _Scale) -> str:
    return f'<span class="y" style="top:{_percent(scale.y(tick))}">{short(tick)}</span>'


def _x_label(time: Nanos, scale: _Scale) -> str:
    return f'<span style="left:{_percent(scale.x(time))}">{minute(time)}</span>'


def _marker(event: DayEvent, scale: _Scale) -> str:
    title = escape(f"{minute(event.time)} {event.kind} {event.name} {event.text}")
    return f'<b class="mark {escape(event.kind)}" style="left:{_percent(scale.x(event.time))}" title="{title}"></b>'


def _percent(share: float) -> str:
    return f"{100 * share:.2f}%"


def _thinned(curve: Sequence[EquityPoint]) -> Sequence[EquityPoint]:
    step = -(-len(curve) // POINTS_MAX)
    kept = list(curve[::step])
    return kept if kept[-1] is curve[-1] else [*kept, curve[-1]]


def _ticks(low: E4, high: E4) -> list[E4]:
    """Round amounts from at or below `low` to at or above `high`, zero among them."""
    span = max(high - low, 10_000)
    step = 1
    for candidate in (mantissa * 10**exponent for exponent in range(16) for mantissa in (1, 2, 5)):
        step = candidate
        if span <= step * TICKS_WANTED:
            break
    first, last = low // step, -(-high // step)
    return [step * each for each in range(first, max(last, first + 1) + 1)]


def _hours(scale: _Scale) -> list[Nanos]:
    """Round times within the picture, about six, none too near its ends."""
    span = scale.last - scale.first
    step = next(
        (minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30, 60, 120, 180) if span <= minutes * MINUTE * 7),
        360 * MINUTE,
    )
    # Whole steps of IST, which is 5:30 ahead.
    offset = 330 * MINUTE
    first = -(-(scale.first + offset) // step) * step - offset
    return [time for time in range(first, scale.last + 1, step) if 0.03 <= scale.x(time) <= 0.97]
