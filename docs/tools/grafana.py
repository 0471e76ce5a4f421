"""Writes deploy/grafana/dashboards: what Grafana shows of a trader, from the tables of docs/tools/grafana_panels.py.

.venv/bin/python -m docs.tools.grafana
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from docs.tools.grafana_panels import BOARDS, Board, Panel

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "deploy" / "grafana" / "dashboards"
WIDTH: Final = 24
"""Grafana's grid is so many columns wide."""


def main() -> int:
    """Write them all; the exit status."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in boards().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{(FOLDER / name).relative_to(ROOT)}\n")
    return 0


def boards() -> dict[str, str]:
    """The text of each file, by its name."""
    return {f"{each.name}.json": json.dumps(_board(each), indent=1) + "\n" for each in BOARDS}


def expressions(board: dict[str, Any], source: str) -> Iterator[str]:
    """What a dashboard, as it is in its file, asks of `prometheus` or `loki`."""
    for panel in board["panels"]:
        if panel["datasource"]["uid"] == source:
            yield from (target["expr"] for target in panel["targets"])


def _board(board: Board) -> dict[str, Any]:
    links = [
        {"type": "link", "title": other.title, "url": f"/d/patang-{other.name}", "keepTime": True}
        for other in BOARDS
        if other is not board
    ]
    return {
        "uid": f"patang-{board.name}",
        "title": board.title,
        "tags": ["patang"],
        "timezone": "Asia/Kolkata",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "5s",
        "time": {"from": "now-6h", "to": "now"},
        "links": links,
        "panels": list(_panels(board.panels)),
    }


def _panels(panels: tuple[Panel, ...]) -> Iterator[dict[str, Any]]:
    """Side by side while they fit, then the next line."""
    x = y = tallest = 0
    for number, panel in enumerate(panels, start=1):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        yield _panel(panel, number) | {"gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height}}
        x, tallest = x + panel.width, max(tallest, panel.height)


def _panel(panel: Panel, number: int) -> dict[str, Any]:
    source = {"type": panel.source, "uid": panel.source}
    instant = panel.kind in {"stat", "bargauge", "table"}
    legend = panel.legend or "__auto"
    targets = [
        {
            "refId": chr(ord("A") + index),
            "datasource": source,
            "expr": expression,
            **({"legendFormat": legend, "instant": instant, "range": not instant} if panel.kind != "logs" else {}),
            **({"format": "table"} if panel.kind == "table" else {}),
        }
        for index, expression in enumerate(panel.expressions)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": source,
        "targets": targets,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel),
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    found: dict[str, Any] = {"unit": panel.unit, "noValue": "–"}
    if panel.most is not None:
        found |= {"min": 0, "max": panel.most}
    if panel.levels:
        steps: list[dict[str, Any]] = [{"color": panel.levels[0][1], "value": None}]
        steps += [{"color": color, "value": value} for value, color in panel.levels[1:]]
        found |= {"thresholds": {"mode": "absolute", "steps": steps}, "color": {"mode": "thresholds"}}
    if panel.words:
        options = {str(value): {"text": text, "index": index} for index, (value, text) in enumerate(panel.words)}
        found["mappings"] = [{"type": "value", "options": options}]
    return found


def _options(panel: Panel) -> dict[str, Any]:
    match panel.kind:
        case "logs":
            return {"showTime": True, "wrapLogMessage": True, "sortOrder": "Descending", "enableLogDetails": True}
        case "stat":
            reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduced, "colorMode": "background", "graphMode": "none", "textMode": "auto"}
        case "bargauge":
            reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduced, "orientation": "horizontal", "displayMode": "basic"}
        case "timeseries":
            return {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}}
        case _:
            return {}


EVENT = re.compile(r'\bevent\s*(=~|!~|!=|=)\s*"([^"]*)"')


def events_of(expression: str) -> Iterator[tuple[str, str]]:
    """(operator, name or pattern) of every condition on `event` in a query of the logs."""
    yield from ((found[1], found[2].replace("\\\\", "\\")) for found in EVENT.finditer(expression))


if __name__ == "__main__":
    sys.exit(main())
