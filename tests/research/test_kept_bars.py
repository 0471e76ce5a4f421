"""What a file of candles said is kept, and never believed where the file or what was kept of it is another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from research.data import kept
from research.data.checked import Raw
from research.data.kept import raw_of


class Reader:
    """Reads a file of one number, and counts how often it had to."""

    def __init__(self, *, exact: bool = True) -> None:
        self.times = 0
        self.exact = exact

    def __call__(self, path: Path) -> Raw:
        self.times += 1
        number = float(path.read_text())
        start = np.arange(3, dtype=np.int64)
        kind = np.int64 if self.exact else np.float64
        price: Any = np.full(3, number).astype(kind)
        return Raw(start, price, price + 1, price + 2, price + 3, price + 4, self.exact)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATANG_BARS", str(tmp_path / "bars"))
    monkeypatch.setattr(kept, "_SETTLED_NS", 0)
    return tmp_path / "bars"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "INFY.csv"
    path.write_text("7")
    return path


def kept_file(folder: Path) -> Path:
    [found] = folder.iterdir()
    return found


@pytest.mark.parametrize("exact", [True, False])
def test_the_second_time_it_is_not_read(source: Path, folder: Path, exact: bool) -> None:
    reader = Reader(exact=exact)
    first, second = raw_of(source, reader), raw_of(source, reader)

    assert reader.times == 1
    assert second.exact is exact
    for name in ("start", "open", "high", "low", "close", "volume"):
        assert getattr(first, name).tolist() == getattr(second, name).tolist()
        assert getattr(first, name).dtype == getattr(second, name).dtype
    assert kept_file(folder).stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_a_file_that_changed_is_read_again(source: Path) -> None:
    reader = Reader()
    raw_of(source, reader)
    before = source.stat()
    source.write_text("8")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))  # its time says nothing

    assert raw_of(source, reader).open[0] == 8
    assert reader.times == 2


def test_another_file_in_its_place_is_read(source: Path) -> None:
    reader = Reader()
    raw_of(source, reader)
    other = source.with_name("other")
    other.write_text("9")
    other.replace(source)

    assert raw_of(source, reader).open[0] == 9


def test_a_file_that_may_still_change_is_not_kept(source: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_SETTLED_NS", 1 << 60)
    reader = Reader()
    raw_of(source, reader)
    raw_of(source, reader)

    assert reader.times == 2
    assert not list(folder.iterdir())


@pytest.mark.parametrize("at", [0, 20, 60, -1])
def test_what_is_damaged_is_not_believed(source: Path, folder: Path, at: int) -> None:
    reader = Reader()
    raw_of(source, reader)
    content = bytearray(kept_file(folder).read_bytes())
    content[at] ^= 1
    kept_file(folder).write_bytes(content)

    assert raw_of(source, reader).open.tolist() == [7, 7, 7]
    assert reader.times == 2


def test_half_of_it_is_not_believed(source: Path, folder: Path) -> None:
    reader = Reader()
    raw_of(source, reader)
    whole = kept_file(folder).read_bytes()
    for length in range(len(whole)):
        kept_file(folder).write_bytes(whole[:length])
        assert raw_of(source, reader).open.tolist() == [7, 7, 7]
    assert reader.times == len(whole) + 1


def test_what_others_may_have_written_is_not_believed(source: Path, folder: Path) -> None:
    reader = Reader()
    raw_of(source, reader)
    kept_file(folder).chmod(0o666)

    raw_of(source, reader)
    assert reader.times == 2


def test_where_nothing_can_be_written_it_is_read_each_time(source: Path, tmp_path: Path) -> None:
    (tmp_path / "bars").write_text("a file where the folder would be")
    reader = Reader()
    raw_of(source, reader)

    assert raw_of(source, reader).open[0] == 7
    assert reader.times == 2


def test_beyond_the_bound_the_oldest_goes(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    paths = [tmp_path / f"{name}.csv" for name in "abcd"]
    for at, path in enumerate(paths):
        path.write_text(str(at))
        raw_of(path, reader)
        size = max(each.stat().st_size for each in folder.iterdir())
        for age, each in enumerate(sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime_ns)):
            os.utime(each, ns=(age * 10**9, age * 10**9))
        monkeypatch.setattr(kept, "BYTES_MAX", 4 * size)
    assert len(list(folder.iterdir())) == 4
    last = tmp_path / "e.csv"
    last.write_text("5")
    raw_of(last, reader)

    assert len(list(folder.iterdir())) == 4
    reader.times = 0
    raw_of(last, reader)
    raw_of(paths[0], reader)
    assert reader.times == 1
