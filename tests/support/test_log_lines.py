"""A log is read while its writer is in the middle of a line, by tests that wait for what it says."""

from pathlib import Path

import pytest

from tests.support.log_lines import LogLines


def test_half_a_line_is_no_line_until_its_end_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = LogLines(path)
    assert lines.rows() == ()

    with path.open("ab", buffering=0) as file:
        file.write(b'{"event": "one", "text": "na\xc3')
        assert lines.named("one") == []

        file.write(b'\xafve"}\n{"event": "tw')
        assert lines.named("one") == [{"event": "one", "text": "naïve"}]

        file.write(b'o"}\n')
        assert [row["event"] for row in lines.rows()] == ["one", "two"]


def test_what_was_said_before_can_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = LogLines(path)
    path.write_bytes(b'{"event": "before"}\n{"event": "bet')
    lines.forget()

    path.write_bytes(path.read_bytes() + b'ween"}\n')

    assert [row["event"] for row in lines.rows()] == ["between"]


def test_a_rotated_file_is_an_error_and_not_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = LogLines(path)
    path.write_bytes(b'{"event": "one"}\n')
    lines.rows()
    path.write_bytes(b"")

    with pytest.raises(AssertionError, match="became shorter"):
        lines.rows()
