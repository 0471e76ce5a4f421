"""Makes the pictures of docs/images: a real day in the sandbox, and twenty invented months.

    .venv/bin/python -m docs.tools.screenshots [FOLDER]

It trades a day in the sandbox first, which takes about two minutes. Needs Chromium as `chromium`. The reports
themselves are left in the folder (a temporary one if none is given), to be looked at; what is in it is not made again.
"""

from __future__ import annotations

import csv
import datetime as dt
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from docs.tools.chromium import Browser, browser
from docs.tools.sample_year import SampleYear

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / "docs" / "images"
START, END = dt.date(2025, 4, 1), dt.date(2026, 11, 20)
BYTES_MAX: Final = 200_000

DESKTOP: Final = (1100, 1010)
PHONE: Final = (390, 844)


def main(argv: list[str]) -> int:
    """Make the reports and their pictures; the exit status."""
    work = Path(argv[0]) if argv else Path(tempfile.mkdtemp(prefix="patang-pictures-"))
    pages = {"eod": _day(work / "day"), "period": _period(work / "period")}
    IMAGES.mkdir(exist_ok=True)
    with browser() as chromium:
        for name, page in pages.items():
            for view, picture in _views(chromium, page).items():
                target = IMAGES / f"{name}-{view}.png"
                target.write_bytes(picture)
                _say(f"{target.relative_to(ROOT)}: {len(picture) // 1000} kB")
                if len(picture) > BYTES_MAX:
                    _say(f"{target.name} is larger than {BYTES_MAX // 1000} kB")
                    return 1
    _say(f"the reports are in {work}")
    return 0


def _views(chromium: Browser, page: Path) -> dict[str, bytes]:
    return {
        "light": chromium.picture(page, *DESKTOP),
        "dark": chromium.picture(page, *DESKTOP, dark=True),
        "phone": chromium.picture(page, *PHONE, dark=False, scale=1.5),
    }


def _day(work: Path) -> Path:
    """A day in the sandbox, as a newcomer's first command trades it."""
    if not _found(work, "eod.html"):
        _run("trade", "--env", "sandbox", "--speed", "250", *_folders(work))
    return _found(work, "eod.html")[-1]


def _period(work: Path) -> Path:
    """The invented account's whole life, beside the market that it traded on."""
    if not _found(work, "eod.html"):
        year = SampleYear(work / "data" / "sandbox", work / "reports", START, END)
        year.trade()
        with (work / "NIFTY 50.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["date", "close"])
            rows.writerow([(START - dt.timedelta(days=4)).isoformat(), 100.0])
            rows.writerows([day.isoformat(), close] for day, close in year.index)
    _run("report", "period", "--benchmark", str(work / "NIFTY 50.csv"), *_folders(work))
    return _found(work, "period.html")[-1]


def _run(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "run.py"), *arguments], check=True, cwd=ROOT)


def _folders(work: Path) -> tuple[str, ...]:
    return "--set", f"data_dir={work / 'data'}", "--set", f"reports_dir={work / 'reports'}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _found(work: Path, name: str) -> list[Path]:
    return sorted((work / "reports").rglob(name))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
