"""A copy of an environment's stores in one file, taken while a trader runs, and put back only whole.

Databases are copied by SQLite's own online backup, so the copy is of one moment; the audit trail is appended to and
never changed, so a plain copy is good up to its last whole line. No token and no secret goes into it.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import msgspec
from msgspec import Struct

from domain.errors import PatangError
from domain.values import Nanos

VERSION: Final = 1
DATABASES: Final = ("journal.db", "operator.db", "paper.db")
FOLDERS: Final = ("audit",)
MANIFEST: Final = "manifest.json"


class BackupFailed(PatangError):
    """A backup could not be made, or is not whole."""


class Manifest(Struct, frozen=True):
    """What a backup holds: file names below the environment's folder, each with its SHA-256."""

    version: int
    env: str
    made_ns: Nanos
    files: dict[str, str]


def make(data: Path, env: str, target: Path, now: Nanos) -> Manifest:
    """Write a backup of the folder to `target`, mode 0600, all or nothing. Raises BackupFailed."""
    try:
        with tempfile.TemporaryDirectory(prefix="patang-backup-") as name:
            copies = Path(name)
            files = {file: _hash(copies / file) for file in _copies(data, copies)}
            if not files:
                raise BackupFailed(f"{data}: nothing is kept here yet")
            manifest = Manifest(VERSION, env, now, files)
            _pack(copies, manifest, target)
    except (OSError, apsw.Error) as error:
        raise BackupFailed(f"{target}: {error}") from error
    return manifest


def restore(backup: Path, env: str, data: Path) -> Manifest:
    """Put a backup into the folder, which must hold none of its files. Raises BackupFailed: then nothing changed."""
    try:
        with tempfile.TemporaryDirectory(prefix=".restoring-", dir=_made(data.parent)) as name:
            fresh = Path(name) / "data"
            manifest = _unpack(backup, fresh)
            if manifest.env != env:
                raise BackupFailed(f"{backup}: is of {manifest.env}; allowed: one of {env}")
            for file in manifest.files:
                if (data / file).exists():
                    raise BackupFailed(f"{data / file}: is there already; allowed: a folder without it")
            for file in manifest.files:
                (data / file).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                (fresh / file).replace(data / file)
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{backup}: {error}") from error
    return manifest


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _copies(data: Path, target: Path) -> Iterator[str]:
    for name in DATABASES:
        if (data / name).exists():
            _copy_database(data / name, target / name)
            yield name
    for folder in FOLDERS:
        for file in sorted((data / folder).glob("*")):
            if file.is_file():
                (target / folder).mkdir(exist_ok=True)
                shutil.copyfile(file, target / folder / file.name)
                yield f"{folder}/{file.name}"


def _copy_database(source: Path, target: Path) -> None:
    read = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY)
    written = apsw.Connection(str(target))
    try:
        read.set_busy_timeout(5_000)
        with written.backup("main", read, "main") as backup:
            backup.step()
        written.pragma("journal_mode", "delete")
    finally:
        written.close()
        read.close()


def _pack(copies: Path, manifest: Manifest, target: Path) -> None:
    part = target.with_name(f"{target.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                text = msgspec.json.encode(manifest)
                head = tarfile.TarInfo(MANIFEST)
                head.size = len(text)
                archive.addfile(head, io.BytesIO(text))
                for name in manifest.files:
                    archive.add(copies / name, name, filter=_plain)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def _unpack(backup: Path, target: Path) -> Manifest:
    with tarfile.open(backup, "r:gz") as archive:
        head = archive.next()
        text = None if head is None or head.name != MANIFEST else archive.extractfile(head)
        if text is None:
            raise BackupFailed(f"{backup}: is no backup of Patang's")
        try:
            manifest = msgspec.json.decode(text.read(), type=Manifest)
        except msgspec.MsgspecError as error:
            raise BackupFailed(f"{backup}: its list cannot be read: {error}") from error
        if manifest.version != VERSION:
            raise BackupFailed(f"{backup}: version {manifest.version}; this program reads {VERSION}")
        # Only what the list names, by names that stay below the folder.
        archive.extractall(target, [archive.getmember(name) for name in manifest.files], filter="data")
    for name, digest in manifest.files.items():
        if _hash(target / name) != digest:
            raise BackupFailed(f"{backup}: {name} is not as it was")
        (target / name).chmod(0o600)
    return manifest


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
