"""A backup taken while a trader writes, put back: whole, or refused with nothing changed. No secret in it."""

from __future__ import annotations

import tarfile
import threading
from pathlib import Path

import pytest

from adapters.store.backup import BackupFailed, make, restore
from adapters.store.journal import SqliteJournal
from app import cli
from tests.support.orders import NOW, an_accepted, an_intent


def a_data_folder(folder: Path) -> SqliteJournal:
    data = folder / "data" / "sandbox"
    journal = SqliteJournal(data / "journal.db", threading.Lock)
    journal.raise_risk_epoch()
    journal.commit((an_accepted(),))
    (data / "audit").mkdir()
    (data / "audit" / "2026-11-20.log").write_text("{}\n")
    (data / "admin.token").write_text("a secret token\n")
    (data / "session.json").write_text("a secret session")
    return journal


def test_what_was_committed_is_in_it_while_the_writer_goes_on(tmp_path: Path) -> None:
    journal = a_data_folder(tmp_path)
    manifest = make(tmp_path / "data" / "sandbox", "sandbox", tmp_path / "b.tar.gz", NOW)
    journal.commit((an_accepted(an_intent("ma:2:entry")),))
    journal.close()
    assert sorted(manifest.files) == ["audit/2026-11-20.log", "journal.db"]
    assert (tmp_path / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    restore(tmp_path / "b.tar.gz", "sandbox", tmp_path / "new" / "sandbox")
    again = SqliteJournal(tmp_path / "new" / "sandbox" / "journal.db", threading.Lock)
    assert [record.tag for record in again.records()] == [an_accepted().tag], "of one moment"
    again.commit((an_accepted(an_intent("ma:3:entry")),))
    again.close()


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    a_data_folder(tmp_path).close()
    make(tmp_path / "data" / "sandbox", "sandbox", tmp_path / "b.tar.gz", NOW)
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            assert b"secret" not in file.read(), member.name


def test_nothing_is_put_where_something_is(tmp_path: Path) -> None:
    a_data_folder(tmp_path).close()
    data = tmp_path / "data" / "sandbox"
    make(data, "sandbox", tmp_path / "b.tar.gz", NOW)
    (tmp_path / "new" / "sandbox" / "audit").mkdir(parents=True)
    (tmp_path / "new" / "sandbox" / "audit" / "2026-11-20.log").write_text("mine\n")
    with pytest.raises(BackupFailed, match="is there already"):
        restore(tmp_path / "b.tar.gz", "sandbox", tmp_path / "new" / "sandbox")
    assert not (tmp_path / "new" / "sandbox" / "journal.db").exists()
    with pytest.raises(BackupFailed, match="is of sandbox; allowed: one of live"):
        restore(tmp_path / "b.tar.gz", "live", tmp_path / "live")
    assert not list((tmp_path / "live").glob("*"))


def test_a_backup_that_was_changed_is_refused(tmp_path: Path) -> None:
    a_data_folder(tmp_path).close()
    make(tmp_path / "data" / "sandbox", "sandbox", tmp_path / "b.tar.gz", NOW)
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        archive.extractall(tmp_path / "x", filter="data")
        names = archive.getnames()
    (tmp_path / "x" / "audit" / "2026-11-20.log").write_text("other\n")
    with tarfile.open(tmp_path / "c.tar.gz", "w:gz") as archive:
        for name in names:
            archive.add(tmp_path / "x" / name, name)
    with pytest.raises(BackupFailed, match=r"2026-11-20\.log is not as it was"):
        restore(tmp_path / "c.tar.gz", "sandbox", tmp_path / "new" / "sandbox")
    (tmp_path / "d.tar.gz").write_bytes(b"no archive")
    with pytest.raises(BackupFailed):
        restore(tmp_path / "d.tar.gz", "sandbox", tmp_path / "new" / "sandbox")
    assert not (tmp_path / "new" / "sandbox").exists()


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a_data_folder(tmp_path).close()
    (tmp_path / "data" / "sandbox" / "audit" / "2026-11-20.log").unlink()
    assert cli.main(["backup", "--to", str(tmp_path), "--set", f"data_dir={tmp_path / 'data'}"]) == 0
    (backup,) = tmp_path.glob("patang-sandbox-*.tar.gz")
    assert cli.main(["restore", str(backup), "--set", f"data_dir={tmp_path / 'data'}"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert cli.main(["restore", str(backup), "--set", f"data_dir={tmp_path / 'new'}"]) == 0
    assert cli.main(["journal", "--json", "--set", f"data_dir={tmp_path / 'new'}"]) == 0
    assert an_accepted().tag in capsys.readouterr().out
    assert cli.main(["backup", "--to", str(tmp_path), "--set", f"data_dir={tmp_path / 'empty'}"]) == 1
