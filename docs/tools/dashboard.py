"""Makes the pictures of the dashboard in docs/images, from a trader that really runs in the sandbox.

    .venv/bin/python -m docs.tools.dashboard

Needs Chromium as a system package. Takes about a minute and a half.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

ROOT: Final = Path(__file__).resolve().parents[2]
IMAGES: Final = ROOT / "docs" / "images"
VIEWS: Final = {"light": (1440, 1180, "light"), "dark": (1440, 1180, "dark"), "phone": (390, 844, "light")}
TRADES_FIRST_MS: Final = 60_000


def main() -> int:
    """Trade, serve, take the pictures; the exit status."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stdout.write("Chromium is needed: apt-get install chromium\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="patang-pictures-", ignore_cleanup_errors=True) as work:
        return _taken(Path(work), chromium)


def _taken(work: Path, chromium: str) -> int:
    folders = ("--set", f"data_dir={work / 'data'}", "--set", f"reports_dir={work / 'reports'}")
    with (
        subprocess.Popen(_command("trade", "--speed", "90", *folders), stderr=subprocess.DEVNULL) as trader,
        subprocess.Popen(_command("dashboard", "--port", "0", "--json", *folders), stdout=subprocess.PIPE) as server,
        sync_playwright() as playwright,
    ):
        try:
            assert server.stdout is not None
            said = json.loads("".join(line.decode() for line in iter(server.stdout.readline, b"}\n")) + "}")
            token = Path(said["token_file"]).read_text(encoding="ascii").strip()
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name in VIEWS:
                _picture(browser, name, said["address"], token, wait_ms=TRADES_FIRST_MS if name == "light" else 5_000)
            browser.close()
        finally:
            server.terminate()
            trader.terminate()
    return 0


def _picture(browser: Browser, name: str, address: str, token: str, wait_ms: int) -> None:
    width, height, scheme = VIEWS[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(address)
    page.fill("#token", token)
    page.click("button")
    page.wait_for_timeout(wait_ms)
    target = IMAGES / f"dashboard-{name}.png"
    target.write_bytes(page.screenshot())
    sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1000} kB\n")
    context.close()


def _command(*words: str) -> list[str]:
    return [sys.executable, str(ROOT / "run.py"), *words]


if __name__ == "__main__":
    sys.exit(main())
