"""Heat maps of a study: one HTML page, a map for each pair of parameters, without scripts and without the network."""

from __future__ import annotations

import html
import itertools
from pathlib import Path
from typing import Final

import numpy as np

from research.optimise import Found, Trial

CELLS: Final = 12
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:14px system-ui;margin:2rem}}table{{border-collapse:collapse;margin:.5rem 0 2rem}}
td,th{{border:1px solid #ccc;padding:.25rem .4rem;text-align:right;font-variant-numeric:tabular-nums}}</style>
<h1>{title}</h1><p>Median of the objective over the trials in each cell; empty where none lies.</p>{maps}</html>
"""


def write_heat_map(path: str, found: Found) -> None:
    """Write the page. The first objective is shown; only feasible trials count."""
    trials = [each for each in found.trials if each.feasible]
    names = sorted({name for each in trials for name in each.parameters})
    maps = "".join(_map(trials, one, other) for one, other in itertools.combinations(names, 2))
    Path(path).write_text(_PAGE.format(title=html.escape(found.study), maps=maps), encoding="utf-8")


def _map(trials: list[Trial], across: str, down: str) -> str:
    x, y = _edges(trials, across), _edges(trials, down)
    cells: dict[tuple[int, int], list[float]] = {}
    for each in trials:
        where = (_index(x, each.parameters[across]), _index(y, each.parameters[down]))
        cells.setdefault(where, []).append(each.values[0])
    medians = {where: float(np.median(values)) for where, values in cells.items()}
    low, high = min(medians.values()), max(medians.values())
    head = "".join(f"<th>{edge:.4g}</th>" for edge in x[:-1])
    rows = "".join(
        f"<tr><th>{y[row]:.4g}</th>"
        + "".join(_cell(medians.get((column, row)), low, high) for column in range(len(x) - 1))
        + "</tr>"
        for row in range(len(y) - 1)
    )
    title = f"<h2>{html.escape(across)} across, {html.escape(down)} down</h2>"
    return f"{title}<table><tr><th></th>{head}</tr>{rows}</table>"


def _edges(trials: list[Trial], name: str) -> list[float]:
    values = sorted({float(each.parameters[name]) for each in trials})
    if len(values) <= CELLS:
        return [*values, values[-1] + 1]
    return [float(edge) for edge in np.linspace(values[0], values[-1], CELLS + 1)]


def _index(edges: list[float], value: float) -> int:
    return min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2)


def _cell(value: float | None, low: float, high: float) -> str:
    if value is None:
        return "<td></td>"
    share = (value - low) / (high - low) if high > low else 0.5
    # Blue for low, white, orange for high: distinguishable without telling red from green.
    red, blue = 255 - int(max(0, 0.5 - share) * 300), 255 - int(max(0, share - 0.5) * 380)
    green = 235 - int(abs(share - 0.5) * 120)
    return f'<td style="background:rgb({red},{green},{blue})">{value:.4g}</td>'
