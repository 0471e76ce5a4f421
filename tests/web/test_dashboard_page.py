"""The page in a real Chromium: each panel, each button, a server that comes back, three thousand lines, and axe."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from adapters.store.journal import SqliteJournal
from adapters.store.live import LiveFile
from adapters.store.operator import OperatorDesk
from app.reloading import CONFIGURATION_FLAG, comparable
from app.status import FILE_NAME, process_identity
from config.loader import load
from domain.messages.operator import Cancel, Flatten, Halt, OperatorAnswered, OperatorCommand, Reload
from tests.support.orders import NOW
from tests.support.waiting import eventually
from tests.web.served import FILLED, LOST, ROOT, Served, a_server, a_status, books

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium as a system package: apt-get install chromium"),
]
WAIT_MS = 30_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with a_server(tmp_path) as running:
        trader(running)
        yield running


def trader(served: Served, state: str = "ACTIVE") -> None:
    """As if one ran: this very process. Written anew by who needs it fresh."""
    status = a_status(os.getpid(), process_identity(os.getpid()), time.time_ns(), state)
    part = served.where.data / "part"
    part.write_bytes(msgspec.json.encode(status))
    part.replace(served.where.data / FILE_NAME)


def opened(browser: Browser, served: Served, width: int = 1400, scheme: str = "light") -> tuple[Page, list[str]]:
    """The page, logged in, and what went wrong on it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]  # one of its words
    context.set_default_timeout(WAIT_MS)
    page, wrong = context.new_page(), list[str]()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "console", lambda said: wrong.append(said.text) if said.type == "error" and "401" not in said.text else None
    )
    page.goto(served.address)
    page.fill("#token", served.token)
    page.click("button")
    page.wait_for_selector("text=NSE:S0")
    return page, wrong


def answer(served: Served, wanted: type[OperatorCommand], text: str) -> OperatorCommand:
    """What a trader does with a command that waits."""
    desk = OperatorDesk(served.where.requests)
    try:
        (waiting,) = eventually(desk.waiting, what="a command")
        assert isinstance(waiting.request.command, wanted)
        assert waiting.request.who == "dashboard"
        desk.take(waiting.request.id, "a test")
        desk.answer(OperatorAnswered(waiting.request.id, done=True, text=text))
        return waiting.request.command
    finally:
        desk.close()


class Locked:
    """Holds the account's lock, as a trader does: so that commands wait for it."""

    def __init__(self, served: Served) -> None:
        from adapters.store.lock import AccountLock

        self._lock = AccountLock(served.where.lock)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_every_panel_shows_what_is_so(browser: Browser, served: Served) -> None:
    from playwright.sync_api import expect

    page, wrong = opened(browser, served)
    expect(page.locator(".bar")).to_contain_text("ACTIVE")
    expect(page.locator(".money .net")).to_have_text("₹ +5.00")
    expect(page.locator(".needs")).to_contain_text("order.unresolved")
    expect(page.locator(".strategies tbody tr")).to_have_count(2)
    expect(page.locator(".strategies")).to_contain_text("unresolved")
    bars = page.locator(".limits li")
    expect(bars).to_have_count(4)
    # The gate's own figures, the fullest first: full, near, far, empty.
    expect(bars.nth(0)).to_contain_text("units of NSE:INFY")
    expect(bars.nth(1)).to_contain_text("₹4,10,000 of ₹5,00,000")
    assert [bar.get_attribute("aria-valuenow") for bar in page.locator(".limits .meter").all()] == [
        "100",
        "82",
        "10",
        "0",
    ]
    assert [bar.get_attribute("class") for bar in page.locator(".limits .meter i").all()] == ["over", "near", "", ""]
    expect(page.locator(".positions tbody tr")).to_have_count(1)
    expect(page.locator(".orders tbody tr")).to_have_count(2)
    expect(page.locator(".tree tbody tr")).to_have_count(3)
    expect(page.locator(".logs")).to_contain_text("feed.disconnected")
    expect(page.locator(".reports a").first).to_have_text("2026-11-20.eod")
    expect(page.locator("#price")).to_have_attribute("aria-label", re.compile("51 bars"))
    assert page.locator("#curve canvas").count() > 0
    page.select_option(".orders select", "quarantined")
    expect(page.locator(".orders tbody tr")).to_have_count(1)
    page.select_option(".logs select", "DEBUG")
    expect(page.locator(".logs li")).to_have_count(2)
    page.fill(".logs input", "posted")
    expect(page.locator(".logs li")).to_have_count(1)
    assert wrong == []


def test_every_button_does_what_it_says(browser: Browser, served: Served) -> None:
    from playwright.sync_api import expect

    page, wrong = opened(browser, served)
    with Locked(served):
        page.click("text=HALT")
        assert answer(served, Halt, "halted; nothing was on the wire") == Halt("halted from the dashboard")
        expect(page.locator(".toast")).to_contain_text("halted; nothing was on the wire")
        page.click(f'[aria-label="Cancel order {FILLED.tag}"]')
        assert answer(served, Cancel, "cancelling") == Cancel("cancelled from the dashboard", FILLED.tag)
        page.click('[aria-label="Flatten ma_crossover"]')
        page.click("#confirm .danger")
        assert page.locator("#confirm").is_visible(), "without a reason nothing happens"
        page.fill("#why", "too much of it")
        page.click("#confirm .danger")
        assert answer(served, Flatten, "closing 1 line") == Flatten("too much of it", "ma_crossover")
        expect(page.locator(".toast")).to_contain_text("closing 1 line")
        expect(page.locator("#confirm")).to_be_hidden()
        page.click(".bar >> text=Flatten…")
        page.click("text=Leave it")
        expect(page.locator("#confirm")).to_be_hidden()
    page.click(f'[aria-label="Life of order {LOST.tag}"]')
    expect(page.locator("#life li")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator("#life")).to_be_hidden()
    page.click(".needs button")
    expect(page.locator(".needs")).to_contain_text("Nothing. All is well.")
    page.click('[aria-label="Dark colours"]')
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 19, 21)"
    desk = OperatorDesk(served.where.requests)
    assert desk.waiting() == []
    desk.close()
    assert wrong == []


def test_a_halt_shows_and_can_be_resumed(browser: Browser, served: Served) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, served)
    trader(served, "HALTED")
    expect(page.locator(".bar .pill")).to_contain_text("HALTED")
    expect(page.locator("button.halt")).to_be_disabled()
    page.click("text=Resume…")
    expect(page.locator("#confirm-title")).to_have_text("Resume trading?")


def test_a_reload_shows_what_would_change_and_asks_for_a_reason(browser: Browser, served: Served) -> None:
    from playwright.sync_api import expect

    page, wrong = opened(browser, served)
    page.click("text=Reload…")
    expect(page.locator(".toast")).to_contain_text("Nothing in the files is different.")
    journal = SqliteJournal(served.where.journal, threading.Lock)
    loaded = load("sandbox", None, (f"data_dir={served.where.data.parent}",), {}, ROOT)
    kept: Any = comparable(loaded)
    now, kept["risk"]["max_quantity_per_order"] = kept["risk"]["max_quantity_per_order"], 7
    journal.set_flag(CONFIGURATION_FLAG, msgspec.json.encode({"version": 3, "seq": 0, "settings": kept}).decode())
    journal.close()
    with Locked(served):
        page.click("text=Reload…")
        expect(page.locator("#confirm-title")).to_have_text("Take the configuration over?")
        expect(page.locator("#confirm")).to_contain_text(f"risk.max_quantity_per_order: 7 → {now} (live)")
        page.fill("#why", "more of it")
        page.click("#confirm .danger")
        assert answer(served, Reload, "version 4 is in force") == Reload("more of it")
        expect(page.locator(".toast")).to_contain_text("version 4 is in force")
    assert wrong == []


def test_it_comes_back_with_the_server(browser: Browser, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    with a_server(tmp_path) as first:
        trader(first)
        page, _ = opened(browser, first)
        port = first.port
    expect(page.locator(".banner")).to_contain_text("does not answer", timeout=WAIT_MS)
    with a_server(tmp_path, port=port) as again:
        live = LiveFile(again.where.live)
        live.send("critical", "feed.dead", "news from the new server", NOW)
        live.close()
        expect(page.locator(".needs")).to_contain_text("news from the new server", timeout=WAIT_MS)
        expect(page.locator(".banner")).to_be_hidden()


def test_a_server_that_went_before_its_first_beat_is_told_of_as_well(browser: Browser, served: Served) -> None:
    from playwright.sync_api import expect

    page, _ = opened(browser, served)
    page.route("**/api/events", lambda route: route.abort())
    page.reload()
    expect(page.locator(".banner")).to_contain_text("does not answer", timeout=WAIT_MS)
    page.unroute("**/api/events")
    page.reload()
    page.wait_for_selector("text=NSE:S0")
    expect(page.locator(".banner")).to_have_text("")


def test_three_thousand_lines_never_hold_the_page_up(browser: Browser, tmp_path: Path) -> None:
    with a_server(tmp_path, positions=3_000) as served:
        trader(served)
        page, _ = opened(browser, served)
        page.evaluate(
            "window.longest = 0; new PerformanceObserver((list) => { for (const each of list.getEntries()) "
            "window.longest = Math.max(window.longest, each.duration); }).observe({ type: 'longtask' })"
        )
        live = LiveFile(served.where.live)
        for _ in range(5):
            with page.expect_response("**/api/positions"):
                live.write((), (), books(3_000))
        live.close()
        assert page.locator(".positions tbody tr").count() == 150
        longest = page.evaluate("window.longest")
    # A busy machine stretches every task: what is proved here is that lines shown do not grow with lines held.
    assert longest < 1_000


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light")])
def test_axe_finds_nothing_serious(browser: Browser, served: Served, width: int, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, wrong = opened(browser, served, width, scheme)
    page.wait_for_selector(".tree tbody tr")
    found = Axe().run(page).response["violations"]
    serious = [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), (
        "no sideways scrolling"
    )
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip", (
        "the keyboard comes in by the link to the content"
    )
    assert wrong == []
