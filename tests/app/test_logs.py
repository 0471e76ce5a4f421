"""The log: the shape of its lines, what it hides, and that it never stands in the way."""

import io
import json
import logging
import math
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from app import logs
from config.sections.output import LogSettings
from config.types import Secret

SETTINGS = LogSettings(level="INFO", file_level="DEBUG", console=True, colour="auto", file_max_megabytes=1, file_keep=3)


@pytest.fixture(autouse=True)
def _one_log_at_a_time() -> Iterator[None]:
    """Logging is the process's: begin and end with none, and with no secrets but the test's own."""
    former = logs.redactor._texts
    yield
    logs.stop()
    logs.redactor._texts = former


def started(folder: Path, settings: LogSettings = SETTINGS) -> tuple[logs.EventLog, io.StringIO]:
    console = io.StringIO()
    return logs.setup(settings, folder, console=console), console


def lines(folder: Path, name: str = "patang.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def test_an_event_is_one_json_object_with_both_times_and_its_keys(tmp_path: Path) -> None:
    log, _ = started(tmp_path)

    log.bind(actor="feed", incarnation=2)("info", "feed.connected", tokens=6, mode="full")

    (line,) = lines(tmp_path)
    assert list(line) == ["time", "ns", "level", "event", "actor", "incarnation", "tokens", "mode"]
    assert (line["level"], line["event"], line["actor"], line["incarnation"]) == ("INFO", "feed.connected", "feed", 2)
    assert isinstance(line["ns"], int)
    assert str(line["time"]).endswith("+05:30")


def test_the_time_is_india_s_whatever_the_host_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log, _ = started(tmp_path)
    monkeypatch.setattr("time.time_ns", lambda: 1_795_347_900_123_456_789)

    log("INFO", "tick")

    assert lines(tmp_path)[0]["time"] == "2026-11-22T17:15:00.123+05:30"


def test_a_registered_market_clock_adds_its_time(tmp_path: Path) -> None:
    log, console = started(tmp_path)

    log("INFO", "before")
    logs.set_market_clock(lambda: 1_795_347_900_000_000_000)
    log("INFO", "after")

    before, after = lines(tmp_path)
    assert "market_time" not in before
    assert after["market_time"] == "2026-11-22T17:15:00.000+05:30"
    assert console.getvalue().splitlines()[1].startswith("17:15:00 (")


def test_the_console_line_reads_left_to_right_and_has_no_colour_off_a_terminal(tmp_path: Path) -> None:
    log, console = started(tmp_path)

    log(
        "WARNING",
        "order.unresolved",
        actor="orders",
        incarnation=1,
        tag="a1",
        why="no reply in 7 s",
        braces="{x} <red>",
    )

    assert (
        console.getvalue()[13:]
        == 'WARNING  orders: order.unresolved  tag=a1 why="no reply in 7 s" braces="{x} <red>"\n'
    )
    assert "\x1b" not in console.getvalue()


def test_colour_can_be_asked_for(tmp_path: Path) -> None:
    log, console = started(tmp_path, msgspec.structs.replace(SETTINGS, colour="always"))

    log("ERROR", "bad")

    assert console.getvalue().startswith("\x1b[31m")
    assert console.getvalue().endswith("\x1b[0m\n")


def test_each_sink_has_its_own_level(tmp_path: Path) -> None:
    log, console = started(tmp_path)

    log("DEBUG", "detail")

    assert console.getvalue() == ""
    assert lines(tmp_path)[0]["event"] == "detail"


def test_secrets_are_masked_by_name_and_by_text_at_any_depth(tmp_path: Path) -> None:
    log, console = started(tmp_path)
    logs.redactor.add("tok-12345")

    log(
        "INFO",
        "session.opened",
        access_token="anything",
        Authorization="token k:t",
        url="https://x/?access_token=tok-12345&v=3",
        nested={"password": "p", "rows": [{"checksum": "c"}, "tok-12345"]},
        held=Secret("hidden"),
        error=ValueError("tok-12345 was refused"),
    )

    (line,) = lines(tmp_path)
    assert line["access_token"] == line["Authorization"] == "****"
    assert line["url"] == "https://x/?access_token=****&v=3"
    assert line["nested"] == {"password": "****", "rows": [{"checksum": "****"}, "****"]}
    assert (line["held"], line["error"]) == ("****", "**** was refused")
    assert "tok-12345" not in console.getvalue()


def test_a_record_that_cannot_be_written_never_raises(tmp_path: Path) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    log, _ = started(tmp_path)
    failures = logs.failures()

    log("INFO", "first", value=Broken())
    log("nonsense", "second", number=math.inf, time="mine", path=Path("x"))

    assert logs.failures() == failures + 1
    (line,) = lines(tmp_path)
    assert (line["event"], line["level"], line["time_"], line["path"]) == ("second", "WARNING", "mine", "x")


def test_a_folder_that_cannot_be_written_is_said_and_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    log, console = started(tmp_path / "file" / "logs")
    log("INFO", "still.here")

    said, event = console.getvalue().splitlines()
    assert said.startswith("patang: no log file: ")
    assert event.endswith("still.here")


def test_a_full_disk_does_not_reach_the_caller(tmp_path: Path) -> None:
    (tmp_path / "patang.jsonl").symlink_to("/dev/full")
    log, console = started(tmp_path)

    log("INFO", "still.here")

    assert "still.here" in console.getvalue()


def test_the_libraries_own_logging_arrives_from_warning_up(tmp_path: Path) -> None:
    logs.redactor.add("tok-12345")
    started(tmp_path)

    logging.getLogger("urllib3.pool").info("not this")
    logging.getLogger("urllib3.pool").warning("retry %d of %s", 2, "tok-12345")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)  # pytest has put its own capture in between since
        logging.captureWarnings(capture=True)
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        logging.captureWarnings(capture=False)

    first, second = lines(tmp_path)
    assert (first["event"], first["logger"], first["message"]) == ("library.message", "urllib3.pool", "retry 2 of ****")
    assert "old thing" in str(second["message"])


def test_the_file_rotates_by_size_and_keeps_so_many(tmp_path: Path) -> None:
    log, _ = started(tmp_path, msgspec.structs.replace(SETTINGS, console=False))
    filler = "x" * 300_000

    for number in range(20):
        log("INFO", "big", number=number, filler=filler)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["patang.1.jsonl", "patang.2.jsonl", "patang.3.jsonl", "patang.jsonl"]
    assert all(path.stat().st_size <= 1_000_000 for path in tmp_path.iterdir())
    numbers = [
        line["number"]
        for name in ("patang.3.jsonl", "patang.2.jsonl", "patang.1.jsonl", "patang.jsonl")
        for line in lines(tmp_path, name)
    ]
    assert numbers == list(range(9, 20))  # the newest, in order, none torn


def test_many_threads_write_whole_lines(tmp_path: Path) -> None:
    log, _ = started(tmp_path, msgspec.structs.replace(SETTINGS, console=False))

    def write(worker: int) -> None:
        for number in range(200):
            log("INFO", "busy", worker=worker, number=number)

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({(line["worker"], line["number"]) for line in lines(tmp_path)}) == 800


def test_after_stop_nothing_is_written_and_nothing_is_left_open(tmp_path: Path) -> None:
    log, console = started(tmp_path)
    logs.stop()

    log("ERROR", "late")

    assert console.getvalue() == ""
    assert lines(tmp_path) == []


def test_an_unexpected_error_is_kept_with_its_traceback_redacted(tmp_path: Path) -> None:
    logs.redactor.add("tok-12345")
    started(tmp_path)

    try:
        raise RuntimeError("with tok-12345")
    except RuntimeError as error:
        where = logs.record_crash(error)

    (line,) = lines(tmp_path)
    assert where == tmp_path / "patang.jsonl"
    assert line["event"] == "program.crashed"
    assert "RuntimeError: with ****" in str(line["traceback"])
