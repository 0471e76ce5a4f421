"""What a strategy has passed, kept by the fingerprint of its code, parameters and data: what `gate` asks for.

A file per check's strategy in the data folder's `checks/`: JSON lines, appended, never changed.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from domain.errors import PatangError
from research.strategy_check import Finding, Strategy


class ChecksUnreadable(PatangError):
    """The file of passed checks is no such file."""


class Checked(Struct, frozen=True):
    """One run of checks. passed, failed: their names. Times are not kept: only what was checked matters."""

    strategy: str
    code: str
    parameters: str
    data: str
    passed: tuple[str, ...]
    failed: tuple[str, ...]


_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Checked)


def code_print(strategy: Strategy) -> str:
    """Sixteen hexadecimal digits of the source of its module, and of its bases' that are not the framework's."""
    digest = hashlib.blake2b(digest_size=8)
    for module in dict.fromkeys(kind.__module__ for kind in type(strategy).__mro__):
        if module in {"builtins", "msgspec"} or module.startswith(("domain.strategy.", "msgspec.")):
            continue
        digest.update(inspect.getsource(sys.modules[module]).encode())
    return digest.hexdigest()


def parameters_print(strategy: Strategy) -> str:
    """The parameters as one line of JSON, keys in order."""
    return _encoder.encode(msgspec.to_builtins(strategy)).decode()


def record(folder: Path, strategy: Strategy, path: str, data: str, findings: Iterable[Finding]) -> Path:
    """Append what was found; the file."""
    listed = list(findings)
    line = Checked(
        strategy=path,
        code=code_print(strategy),
        parameters=parameters_print(strategy),
        data=data,
        passed=tuple(dict.fromkeys(each.name for each in listed if each.ok)),
        failed=tuple(dict.fromkeys(each.name for each in listed if not each.ok)),
    )
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{path.replace(':', '.')}.jsonl"
    with file.open("ab") as out:
        out.write(_encoder.encode(line) + b"\n")
    return file


def read(folder: Path, path: str) -> list[Checked]:
    """Every run of checks of that strategy, oldest first. Raises ChecksUnreadable."""
    file = folder / f"{path.replace(':', '.')}.jsonl"
    if not file.exists():
        return []
    try:
        return [_decoder.decode(line) for line in file.read_bytes().splitlines() if line.strip()]
    except msgspec.MsgspecError as error:
        raise ChecksUnreadable(f"{file}: no file of checks: {error}") from None


def lacking(
    checks: Sequence[Checked], strategy: Strategy, required: Sequence[str], data: str | None = None
) -> dict[str, str]:
    """Required checks that this very strategy has not passed, each with why.

    data  the fingerprint that they must have been passed on; None: on any. The newest run of a check counts.
    """
    code, parameters = code_print(strategy), parameters_print(strategy)
    missing: dict[str, str] = {}
    for name in required:
        mine = [each for each in checks if name in each.passed or name in each.failed]
        if not mine:
            missing[name] = "never asked"
            continue
        same_code = [each for each in mine if each.code == code]
        same = [each for each in same_code if each.parameters == parameters]
        fitting = [each for each in same if data is None or each.data == data]
        if not same_code:
            missing[name] = "asked of other code"
        elif not same:
            missing[name] = "asked with other parameters"
        elif not fitting:
            missing[name] = "asked on other data"
        elif name in fitting[-1].failed:
            missing[name] = "failed"
    return missing
