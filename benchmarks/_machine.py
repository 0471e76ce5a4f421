"""The machine, and the versions of whatever was measured: without them no figure means anything."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import tempfile
from pathlib import Path
from typing import Final

from msgspec import Struct

PACKAGES: Final = ("pykka", "kiteconnect", "loguru", "msgspec", "apsw", "numpy", "numba", "TA-Lib", "requests")


class Machine(Struct, frozen=True):
    """Where and when the figures are from.

    load      processes that wanted a processor during the last minute: above the cores, figures are noise
    disk      the file system that what is durable was written to
    versions  of the packages that are measured, or beside which is measured
    """

    cpu: str
    cores: int
    kernel: str
    python: str
    load: float
    disk: str
    versions: dict[str, str]


def machine() -> Machine:
    """This one, now."""
    return Machine(
        cpu=_cpu(),
        cores=os.cpu_count() or 1,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        load=round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0,
        disk=_file_system(Path(tempfile.gettempdir())),
        versions={name: found for name in PACKAGES if (found := _version(name))},
    )


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _file_system(folder: Path) -> str:
    """Its type, by the longest mount point above the folder; empty where nobody tells."""
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    inside = str(folder.resolve())
    found = [line.split()[1:3] for line in mounts]
    holding = [(point, kind) for point, kind in found if inside == point or inside.startswith(point.rstrip("/") + "/")]
    return max(holding, key=lambda each: len(each[0]))[1] if holding else ""
