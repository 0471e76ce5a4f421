"""The tape: what goes in comes out in order, within bounds, torn or not, and only our own types are ever made of it."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.gate import Refusal
from actors.session import _Doubted
from adapters.recorder import tape as tape_module
from adapters.recorder.codec import Unrecordable, decode, encode, fingerprint
from adapters.recorder.entries import Header, Kind
from adapters.recorder.tape import Tape, read_entries, read_header
from domain.errors import BrokerUnavailable, LoginNeeded
from domain.messages.broker import Accepted, Rejected, Unresolved
from domain.messages.control import JobDue, JobKind, SessionLost
from domain.messages.market import PriceChanged
from domain.values import SessionClass
from tests.domain.builders import GOLD_FUTURE, INFY
from tests.support.waiting import eventually

HEADER = Header("sandbox", "run1", "2026-11-20", 1, b"{}", b"", True)
VALUES = [
    None,
    True,
    7,
    1.5,
    "text",
    b"bytes",
    [1, 2],
    (1, (2, 3)),
    (Refusal.HALTED, "why"),
    {"a": 1.5},
    INFY,
    GOLD_FUTURE,
    Accepted("1"),
    (Rejected(400, "no"), Unresolved("?")),
    SessionLost("gone", 5),
    JobDue(JobKind.SQUARE_OFF, SessionClass.EQUITY.value, 1, 2),
    _Doubted(),
]


class Logged(list[str]):
    def __call__(self, level: str, event: str, /, **keys: object) -> None:
        self.append(event)


def a_tape(folder: Path, log: Logged, bytes_max: int = 1 << 30) -> Tape:
    return Tape(folder / "001", HEADER, frozenset({PriceChanged}), bytes_max, log)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_went_in(value: object) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("error", [BrokerUnavailable("no reply"), LoginNeeded("log in")])
def test_an_error_comes_back_with_its_type_and_words(error: Exception) -> None:
    found = decode(encode(error))

    assert type(found) is type(error) and str(found) == str(error)


@pytest.mark.parametrize(
    "plain",
    [
        {"e": "os:system", "v": "true"},
        {"s": "subprocess:Popen", "v": b""},
        {"e": "domain.ports:dt.date", "v": "x"},
        {"s": "domain.values:Decimal", "v": b""},
        {"s": "domain.nothing_like_it:X", "v": b""},
        {"x": 1},
    ],
)
def test_no_type_but_ours_is_ever_made(plain: dict[str, object]) -> None:
    with pytest.raises((Unrecordable, ModuleNotFoundError)):
        decode(plain)


def test_what_cannot_be_recorded_is_refused() -> None:
    with pytest.raises(Unrecordable):
        encode(threading.Lock())


@given(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62))
def test_fingerprints_tell_messages_apart(one: int, other: int) -> None:
    same = fingerprint(SessionLost("x", one)) == fingerprint(SessionLost("x", other))

    assert same == (one == other)


def test_entries_come_out_in_order_and_only_the_owner_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_module, "BLOCK_ENTRIES", 7)
    monkeypatch.setattr(tape_module, "PART_BYTES_MAX", 200)
    log = Logged()
    tape = a_tape(tmp_path, log)
    for number in range(100):
        tape.put(Kind.RESULT, "risk#1", "now", number)
    tape.put(Kind.HANDLED, "risk#1", "", SessionLost("gone", 5))
    tape.put(Kind.HANDLED, "risk#1", "", PriceChanged(1, 2, 3, 4, 5, 6, 7))
    tape.close()
    found = list(read_entries(tmp_path / "001"))

    assert [entry.value for entry in found[:100]] == list(range(100))
    assert [entry.what for entry in found[100:]] == ["SessionLost", "PriceChanged"]
    assert decode(found[100].value) == SessionLost("gone", 5)
    assert found[101].value is None and found[101].mark == fingerprint(PriceChanged(1, 2, 3, 4, 5, 6, 7))
    assert read_header(tmp_path / "001") == HEADER
    assert len(list((tmp_path / "001").glob("part-*"))) >= 3
    for path in (tmp_path / "001").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert log == []


def test_a_torn_block_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_module, "BLOCK_ENTRIES", 10)
    tape = a_tape(tmp_path, Logged())
    for number in range(30):
        tape.put(Kind.RESULT, "risk#1", "now", number)
    tape.close()
    (part,) = (tmp_path / "001").glob("part-*")
    os.truncate(part, part.stat().st_size - 3)
    told: list[str] = []

    assert [entry.value for entry in read_entries(tmp_path / "001", told.append)] == list(range(20))
    assert len(told) == 1


def test_a_full_recording_ends_and_says_so_and_nobody_waits(tmp_path: Path) -> None:
    log = Logged()
    tape = a_tape(tmp_path, log, bytes_max=50)
    for number in range(1000):
        tape.put(Kind.RESULT, "risk#1", "now", number)
    eventually(lambda: "recorder.full" in log)
    tape.put(Kind.RESULT, "risk#1", "now", 1)
    tape.close()

    assert tape.dropped > 500
    assert log == ["recorder.full", "recorder.dropped"]


def test_what_cannot_be_kept_up_with_is_counted_and_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_module, "ENTRIES_WAITING_MAX", 10)
    monkeypatch.setattr(tape_module, "WAIT_SECONDS", 60.0)
    log = Logged()
    tape = a_tape(tmp_path, log)
    for number in range(25):
        tape.put(Kind.RESULT, "risk#1", "now", number)
    tape.close()
    found = list(read_entries(tmp_path / "001"))

    assert [entry.value for entry in found[:10]] == list(range(10))
    assert [(entry.kind, entry.value) for entry in found[10:]] == [(Kind.LOST, 15)]
    assert log == ["recorder.dropped"]


def test_a_value_that_cannot_be_kept_is_a_marked_gap(tmp_path: Path) -> None:
    log = Logged()
    tape = a_tape(tmp_path, log)
    tape.put(Kind.RESULT, "risk#1", "odd", object())
    tape.close()

    assert [entry.kind for entry in read_entries(tmp_path / "001")] == [Kind.LOST]
    assert log == ["recorder.unrecordable"]
