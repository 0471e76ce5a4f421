"""A market made for a test: each share's prices as a path of (time, rupees), a print in every second between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

DAY = "2026-11-20"
OPEN = 9 * 3600 + 15 * 60

Path_ = Sequence[tuple[str, float]]


def a_market(folder: Path, paths: Mapping[str, Path_], until: str = "09:45:00", quantity: int = 20_000) -> str:
    """The option for a sandbox: between two points the price moves in a straight line, on half rupees."""
    lines = ["timestamp,instrument,price,quantity"]
    for instrument, path in paths.items():
        points = [(_second(at), price) for at, price in path]
        for second in range(OPEN, _second(until)):
            hours, rest = divmod(second, 3600)
            at = f"{DAY} {hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
            lines.append(f"{at},{instrument},{_price(points, second):.2f},{quantity}")
    file = folder / "market.csv"
    file.write_text("\n".join(lines) + "\n")
    return f"replay:{file}"


def _second(at: str) -> int:
    hours, minutes, seconds = (int(part) for part in at.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def _price(points: Sequence[tuple[int, float]], second: int) -> float:
    before = [point for point in points if point[0] <= second] or [points[0]]
    after = [point for point in points if point[0] > second] or [points[-1]]
    (start, low), (end, high) = before[-1], after[0]
    share = (second - start) / (end - start) if end > start else 0.0
    return round((low + (high - low) * share) * 2) / 2
