"""The log: the shape of its lines, what it hides, and that it never stands in the way."""

import gzip
import io
import json
import logging
import math
import os
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app import logs
from config.sections.output import LogSettings
from config.types import Secret

SETTINGS = LogSettings(
    level="INFO",
    file_level="DEBUG",
    console=True,
    colour="auto",
    file_max_megabytes=1,
    file_keep_megabytes=3,
    file_keep_days=9,
)


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


QUIET = msgspec.structs.replace(SETTINGS, console=False)


def packed(folder: Path) -> list[Path]:
    return sorted(folder.glob("patang-*.jsonl.gz"))


def numbers(folder: Path) -> list[object]:
    """Every line that is kept, oldest first."""
    older = b"".join(gzip.decompress(path.read_bytes()) for path in packed(folder))
    return [json.loads(line)["number"] for line in (older + (folder / "patang.jsonl").read_bytes()).splitlines()]


def test_a_file_that_is_large_is_packed_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    log, _ = started(tmp_path, QUIET)
    filler = "x" * 300_000

    for number in range(20):
        log("INFO", "big", number=number, filler=filler)
    logs.stop()

    assert numbers(tmp_path) == list(range(20))
    assert len(packed(tmp_path)) == 6
    assert sorted(tmp_path.iterdir()) == sorted([*packed(tmp_path), tmp_path / "patang.jsonl"]), "nothing unpacked"
    assert all(len(gzip.decompress(path.read_bytes())) <= 1_000_000 for path in packed(tmp_path))


def test_of_the_packed_ones_so_many_bytes_are_kept_the_newest(tmp_path: Path) -> None:
    log, _ = started(tmp_path, msgspec.structs.replace(QUIET, file_keep_megabytes=1))

    for number in range(20):
        log("INFO", "big", number=number, filler=os.urandom(150_000).hex())  # packs to half, no smaller
    logs.stop()

    assert sum(path.stat().st_size for path in packed(tmp_path)) <= 1_000_000
    assert 1 <= len(packed(tmp_path)) < 6
    assert numbers(tmp_path) == list(range(20))[-len(numbers(tmp_path)) :]


def test_a_packed_one_goes_with_age_and_what_a_death_left_unpacked_is_packed_at_the_next_start(tmp_path: Path) -> None:
    left = tmp_path / "patang-20261120-153000-000001.jsonl"
    left.write_text('{"number": 1}\n')
    old = tmp_path / "patang-20261101-153000-000001.jsonl.gz"
    old.write_bytes(gzip.compress(b'{"number": 0}\n'))
    os.utime(old, (time.time() - 10 * 86_400,) * 2)

    log, _ = started(tmp_path, QUIET)
    log("INFO", "one", number=2)
    logs.stop()

    assert [path.name for path in packed(tmp_path)] == [left.name + ".gz"]
    assert numbers(tmp_path) == [1, 2]


def test_the_timetable_begins_a_new_file_unless_it_is_empty(tmp_path: Path) -> None:
    log, _ = started(tmp_path, QUIET)

    assert logs.rotate()
    log("INFO", "one", number=1)
    assert logs.rotate()
    assert logs.rotate()
    logs.stop()

    assert numbers(tmp_path) == [1]
    assert len(packed(tmp_path)) == 1


def test_a_file_that_cannot_be_turned_over_grows_on_and_that_is_counted(tmp_path: Path, monkeypatch: Any) -> None:
    log, _ = started(tmp_path, QUIET)
    failed = logs.failures()

    def refuse(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "rename", refuse)
    for number in range(5):
        log("INFO", "big", number=number, filler="x" * 300_000)

    assert numbers(tmp_path) == list(range(5))
    assert logs.failures() > failed


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
