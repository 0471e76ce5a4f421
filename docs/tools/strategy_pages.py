"""Writes docs/strategies/: a page for each sample in its own words, with a backtest on pretend prices, as a picture.

    .venv/bin/python -m docs.tools.strategy_pages

The prices are drawn by a seed (research/synthetic.py), so the figures are the same wherever it runs. They show how a
strategy behaves, not what it earns.
"""

from __future__ import annotations

import datetime as dt
import importlib
import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from domain.calendar import SessionCalendar
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.sizing import FixedQuantity
from domain.values import Product, rupees
from research.backtest import Backtest, backtest, figures
from research.data.candles import Candles
from research.settings import Charges, RunSettings, no_limits
from research.strategy_check import bounds_of
from research.synthetic import options, shares

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "strategies"
WIDTH, HEIGHT = 800, 220
_TARIFF: Final = dt.date(2026, 11, 20)


class Sample(NamedTuple):
    """A sample and what it is shown on."""

    path: str
    market: str
    instruments: int
    days: int
    interval: int = 60
    quantity: int = 50
    trend: float = 0.05


SAMPLES: Final = (
    Sample("ma_crossover:MaCrossover", "one share, minute bars", 1, 40),
    Sample("rsi_reversion:RsiReversion", "one share, minute bars", 1, 40),
    Sample("opening_range:OpeningRange", "one share, minute bars", 1, 60),
    Sample("supertrend:Supertrend", "one share, bars of five minutes", 1, 80, 300),
    Sample("vwap_reversion:VwapReversion", "one share, minute bars", 1, 40),
    Sample("pairs:Pairs", "two shares, minute bars", 2, 25),
    Sample("donchian:Donchian", "one share, day bars", 1, 500, 86_400),
    Sample("short_straddle:ShortStraddle", "the options of one NIFTY expiry, minute bars", 0, 5, quantity=65),
    Sample("momentum_rotation:MomentumRotation", "six shares, day bars", 6, 500, 86_400),
    Sample("grid:Grid", "one share, minute bars", 1, 40),
)


def main() -> int:
    """Write every page and picture."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    calendar = SessionCalendar(fallback_weekdays=True)
    for sample in SAMPLES:
        module_name, _, class_name = sample.path.partition(":")
        module = importlib.import_module(f"domain.strategies.{module_name}")
        strategy = getattr(module, class_name)()
        done = run(sample, strategy, calendar)
        words = inspect.getdoc(module) or ""
        (FOLDER / f"{module_name}.svg").write_text(picture(done), encoding="utf-8")
        (FOLDER / f"{module_name}.md").write_text(page(sample, words, strategy, done), encoding="utf-8")
    return 0


def run(sample: Sample, strategy: RuleStrategy | EventStrategy, calendar: SessionCalendar) -> Backtest:
    """The backtest of the page."""
    return backtest(strategy, market(sample, calendar), rules(sample), calendar, name=sample.path)


def market(sample: Sample, calendar: SessionCalendar) -> list[Candles]:
    """The pretend prices of the page."""
    if not sample.instruments:
        return options(sample.days, calendar, width=10)
    return shares(
        sample.instruments, sample.days, calendar, interval_seconds=sample.interval, trend=sample.trend,
        drift=0.03 if sample.interval >= 86_400 else 0.0,
    )  # fmt: skip


def rules(sample: Sample) -> RunSettings:
    """India's charges of one day, no risk limits; delivery for day bars, intraday otherwise."""
    daily = sample.interval >= 86_400
    return RunSettings(
        sizing=FixedQuantity(sample.quantity), limits=no_limits(), cash=10**10, charges=Charges(tariff=_TARIFF),
        product=Product.CNC if daily else Product.MIS,
    )  # fmt: skip


def page(sample: Sample, words: str, strategy: RuleStrategy | EventStrategy, done: Backtest) -> str:
    """The page as Markdown."""
    title, _, rest = words.partition("\n\n")
    idea, weakness = _part(rest, "Idea:"), _part(rest, "Weakness:")
    name = sample.path.partition(":")[0]
    meanings = _meanings(inspect.getdoc(type(strategy)) or "")
    numbers = {each.name: f"{each.low:g} to {each.high:g}" for each in bounds_of(strategy) if each.low is not None}
    rows = "\n".join(
        f"| `{field}` | {value} | {numbers.get(field, '')} | {meanings.get(field, '')} |"
        for field, value in msgspec.structs.asdict(strategy).items()
    )
    found = figures(done)
    shown = {
        "days": len(done.run.days), "orders": len(done.run.orders), "round trips": len(done.trips),
        "profit after charges": rupees(done.run.final_equity - done.opening_cash), "charges": rupees(done.run.charges),
        "winning trips": _percent(found["win_rate"]),
        "largest loss from a peak": rupees(-_fall(done)),
    }  # fmt: skip
    said = "\n".join(f"| {key} | {value} |" for key, value in shown.items())
    return f"""# {title.rstrip(".")}

`domain.strategies.{sample.path}`

**Idea.** {idea}

**Weakness.** {weakness}

| Parameter | Value | May be | Meaning |
|---|---|---|---|
{rows}

## A backtest on pretend prices

{sample.market[0].upper()}{sample.market[1:]}, drawn by a seed. They are no market: they show how the strategy behaves,
and that charges are paid whatever happens; they say nothing of what it earns.
Quantity {sample.quantity}, fills at the next open, India's charges.

![Equity]({name}.svg)

| | |
|---|---|
{said}

Made by `.venv/bin/python -m docs.tools.strategy_pages`. On your own data:

```
python3 run.py backtest --strategy domain.strategies.{sample.path} --data FILE
python3 run.py bias --strategy domain.strategies.{sample.path} --data FILE
```
"""


def picture(done: Backtest) -> str:
    """Equity after each day, rupees of profit, as a plain SVG line that reads on light and dark."""
    values = [0.0, *((row.equity - done.opening_cash) / 10_000 for row in done.run.days)]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    left, right, top, bottom = 90, WIDTH - 10, 10, HEIGHT - 10

    def x(at: int) -> float:
        return left + (right - left) * at / max(len(values) - 1, 1)

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / span

    line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(values))
    labels = "".join(
        f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:,.0f}</text>'
        for value in dict.fromkeys((low, 0.0, high))
        if low <= value <= high
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui" '
        f'font-size="12" fill="#888" role="img" aria-label="Profit in rupees by day">'
        f'<line x1="{left}" x2="{right}" y1="{y(0):.1f}" '
        f'y2="{y(0):.1f}" stroke="#888" stroke-dasharray="3 3"/>{labels}<polyline points="{line}" fill="none" '
        f'stroke="#3b82f6" stroke-width="2"/></svg>\n'
    )


def _part(text: str, label: str) -> str:
    _, _, rest = text.partition(label)
    words = " ".join(rest.partition("Weakness:")[0].split())
    return words[:1].upper() + words[1:]


def _meanings(text: str) -> dict[str, str]:
    """What a class's docstring says of each field: lines of a name (or several), two spaces, words."""
    found: dict[str, str] = {}
    for each in text.splitlines():
        names, gap, words = each.partition("  ")
        if gap and names and not names.startswith(" "):
            found.update({name.strip(): words.strip() for name in names.split(",")})
    return found


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"


def _fall(done: Backtest) -> int:
    equities = [done.opening_cash, *(row.equity for row in done.run.days)]
    peaks: Sequence[int] = [max(equities[: at + 1]) for at in range(len(equities))]
    return max(peak - now for peak, now in zip(peaks, equities, strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
