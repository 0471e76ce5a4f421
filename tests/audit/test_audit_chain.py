"""No byte of the trail changes unnoticed, and a crash in the middle of a line is told, not mistaken for a change."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import random
import stat
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.store.audit import AuditTrail, prove, read
from domain.audit.chain import ChainBroken, Head, TornLine, is_whole, seal, verify
from domain.audit.entries import KINDS, draft
from domain.errors import JournalUnavailable
from domain.messages.control import SessionLost
from domain.values import SECOND
from tests.audit.making import a_life, a_trail, as_draft, plain, the_file
from tests.support.orders import NOW

DAY = 86_400 * SECOND


def test_the_documented_rule_proves_it_without_our_code(tmp_path: Path) -> None:
    a_trail(tmp_path, lives=3).close()

    prev = "0" * 64
    for number, line in enumerate(the_file(tmp_path).read_text().splitlines(), 1):
        entry = json.loads(line)
        body = line[: line.rindex(',"prev"')]
        assert (entry["seq"], entry["prev"]) == (number, prev)
        prev = hashlib.sha256((prev + body).encode()).hexdigest()
        assert entry["hash"] == prev
    assert prove(tmp_path).hash == prev


def test_every_single_flipped_byte_is_found_and_its_entry_named(tmp_path: Path) -> None:
    a_trail(tmp_path).close()
    whole = the_file(tmp_path).read_bytes()
    entries = prove(tmp_path).entries

    unnoticed, misnamed, seq = [], [], 1
    for at, byte in enumerate(whole):
        changed = whole[:at] + bytes([byte ^ (1 << at % 8)]) + whole[at + 1 :]
        try:
            verify(("it", line) for line in io.BytesIO(changed))
            unnoticed.append(at)
        except ChainBroken as error:
            if f"it: entry {seq} " not in str(error):
                misnamed.append((at, str(error)))
        seq += byte == 10
    assert unnoticed == []
    assert misnamed == []
    assert seq == entries + 1


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(0, 255))
def test_any_byte_put_anywhere(place: int, byte: int) -> None:
    lines, prev = [], b"0" * 64
    for number in range(1, 8):
        line, prev = seal(b'{"seq":%d,"kind":"a \\" b"' % number, prev)
        lines.append(line)
    whole = b"".join(lines)
    at = place % len(whole)
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]

    def proved() -> bool:
        try:
            verify(("it", line) for line in io.BytesIO(changed))
        except ChainBroken:
            return False
        return True

    assert proved() == (changed == whole)


@pytest.mark.parametrize("change", ["dropped", "swapped", "repeated", "inserted", "first dropped"])
def test_lines_cannot_be_moved(tmp_path: Path, change: str) -> None:
    a_trail(tmp_path, lives=2).close()
    path = the_file(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    if change == "dropped":
        del lines[5]
    elif change == "swapped":
        lines[5], lines[6] = lines[6], lines[5]
    elif change == "repeated":
        lines.insert(5, lines[5])
    elif change == "inserted":
        lines.insert(5, seal(b'{"seq":6,"kind":"alert"', lines[4][-67:-3])[0])
    else:
        del lines[0]
    path.write_bytes(b"".join(lines))

    with pytest.raises(ChainBroken, match=r"\.log: entry \d+ does not follow"):
        prove(tmp_path)


def test_a_number_that_is_left_out_is_found_even_in_a_chain_that_fits() -> None:
    first, prev = seal(b'{"seq":1,"kind":"a"', b"0" * 64)
    third, _ = seal(b'{"seq":3,"kind":"a"', prev)

    with pytest.raises(ChainBroken, match=r"entry 2 does not follow .*found entry 3 in its place"):
        verify([("it", first), ("it", third)])


@pytest.mark.parametrize("taken", [0, 1, 100])
def test_a_disk_that_takes_half_of_a_line_leaves_no_half_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    trail = a_trail(tmp_path)
    real = os.write

    def full(descriptor: int, content: bytes) -> int:
        if taken:
            real(descriptor, content[:taken])
        raise OSError(errno.ENOSPC, "No space left on device")

    trail.append(draft(SessionLost("why", 1)), NOW)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(JournalUnavailable, match="No space left on device"):
            trail.flush()
    between = prove(tmp_path)
    trail.flush()
    trail.close()

    assert (between.entries, between.torn_tail) == (10, 0)
    assert prove(tmp_path).entries == 11


def test_the_chain_goes_on_across_days_and_a_missing_day_is_found(tmp_path: Path) -> None:
    for day in range(3):
        a_trail(tmp_path, start=day, time=NOW + day * DAY).close()
    files = sorted(path.name for path in tmp_path.iterdir())
    assert len(files) == 3
    assert prove(tmp_path).entries == 30

    (tmp_path / files[1]).rename(tmp_path / "kept elsewhere")

    with pytest.raises(ChainBroken, match=f"{files[2]}: entry 11 .*found entry 21"):
        prove(tmp_path)


def test_a_clock_that_goes_back_goes_on_in_the_newest_file(tmp_path: Path) -> None:
    a_trail(tmp_path, time=NOW + DAY).close()
    a_trail(tmp_path, start=1, time=NOW).close()

    assert len(list(tmp_path.iterdir())) == 1
    assert prove(tmp_path).entries == 20


@pytest.mark.parametrize("cut", [1, 2, 70, 100, 150, 300])
def test_a_torn_line_is_told_at_once_and_named_by_the_next_start(tmp_path: Path, cut: int) -> None:
    """A kill in the middle of a write, at several places of the line (cut: bytes that never reached the disk)."""
    a_trail(tmp_path).close()
    path, whole = the_file(tmp_path), the_file(tmp_path).read_bytes()
    path.write_bytes(whole[:-cut])

    before = prove(tmp_path)
    a_trail(tmp_path, start=1).close()
    after = prove(tmp_path)

    assert before.entries == 9 and before.torn_tail > 0
    if cut == 1:  # nothing but the end of the line: the entry is whole
        assert (after.entries, after.torn, after.torn_tail) == (20, 0, 0)
        return
    assert (after.entries, after.torn, after.torn_tail) == (9 + 1 + 10, 1, 0)
    lines = path.read_bytes().splitlines(keepends=True)
    assert lines[9] == whole.splitlines(keepends=True)[9][:-cut] + b"\n"
    assert json.loads(lines[10])["kind"] == KINDS[TornLine]


@pytest.mark.parametrize("at", [0, 10, -2])
def test_a_torn_line_that_is_changed_afterwards_is_found(tmp_path: Path, at: int) -> None:
    a_trail(tmp_path).close()
    path, whole = the_file(tmp_path), the_file(tmp_path).read_bytes()
    path.write_bytes(whole[:-100])
    a_trail(tmp_path, start=1).close()
    lines = path.read_bytes().splitlines(keepends=True)
    changed = bytearray(lines[9])
    changed[at] ^= 1
    path.write_bytes(b"".join([*lines[:9], changed, *lines[10:]]))

    with pytest.raises(ChainBroken, match="entry 10 does not follow"):
        prove(tmp_path)


def test_a_change_in_the_last_line_is_not_healed_by_the_next_start(tmp_path: Path) -> None:
    """A finished line is never taken for a torn one: writing goes on, and the break stays visible."""
    a_trail(tmp_path).close()
    path = the_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[-200] ^= 1
    path.write_bytes(content)

    trail = AuditTrail(tmp_path, plain)
    with pytest.raises(ChainBroken, match="its last line is no entry"):
        trail.open(NOW)
    trail.append(draft(SessionLost("why", 1)), NOW)
    trail.flush()
    trail.close()

    assert trail.head.seq == 10
    with pytest.raises(ChainBroken, match="entry 10 does not follow from the one before it: its hash does not fit"):
        prove(tmp_path)


def test_an_empty_trail_is_whole() -> None:
    assert verify([]).entries == 0


def test_the_head_is_found_again_over_files_of_any_size(tmp_path: Path) -> None:
    """More than one block from the end, and empty files after it."""
    trail = a_trail(tmp_path, lives=1)
    trail.append(draft(SessionLost("x" * 200_000, 1)), NOW)
    trail.flush()
    trail.close()
    (tmp_path / "2099-01-01.log").touch()

    again = AuditTrail(tmp_path, plain)
    assert again.open(NOW) == trail.head != Head()
    again.close()


def test_the_files_are_private_and_read_back_as_written(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    a_trail(folder, lives=2).close()

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(the_file(folder).stat().st_mode) == 0o600
    entries = list(read(folder))
    assert [entry.seq for entry in entries] == list(range(1, 21))
    assert all(is_whole(line) for line in the_file(folder).read_bytes().splitlines(keepends=True))


def test_secrets_are_masked_before_they_are_chained_and_numbers_stay_whole(tmp_path: Path) -> None:
    secrets = ("enctoken-4711", "1790")
    trail = AuditTrail(tmp_path, lambda text: text.replace(secrets[0], "***").replace(secrets[1], "***"))
    trail.open(NOW)
    trail.append(draft(SessionLost(f"refused: {secrets[0]} and {secrets[1]}", NOW)), NOW)
    trail.flush()
    trail.close()

    [entry] = read(tmp_path)
    assert json.loads(bytes(entry.body)) == {"type": "SessionLost", "why": "refused: *** and ***", "time": NOW}
    assert entry.time == NOW
    assert prove(tmp_path).entries == 1


@pytest.mark.long("audit")
def test_a_million_entries_are_proved_in_ten_seconds(tmp_path: Path) -> None:
    trail, lives = AuditTrail(tmp_path, plain), 100_000
    trail.open(NOW)
    messages = [as_draft(message) for message in a_life()]
    for number in range(lives):
        for message in messages:
            trail.append(message, NOW, number)
        if trail.waiting >= 10_000:
            trail.flush()
    trail.flush()
    trail.close()
    megabytes = the_file(tmp_path).stat().st_size / 1e6
    began = time.monotonic()

    proof = prove(tmp_path)

    took = time.monotonic() - began
    print(f"{proof.entries} entries, {megabytes:.0f} MB: {took:.2f} s")  # noqa: T201 - the result
    assert proof.entries == 1_000_000
    assert took < 10
    flip_one(the_file(tmp_path))
    with pytest.raises(ChainBroken):
        prove(tmp_path)


def flip_one(path: Path) -> None:
    """One bit somewhere."""
    at = random.Random().randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))
