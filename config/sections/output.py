"""What people and programs are shown: logs, reports, recordings, the dashboard."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.types import AtLeastOne, Seconds


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The log on the terminal and the JSON lines beside it."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    file_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    console: bool
    colour: Literal["auto", "always", "never"]
    file_max_megabytes: Annotated[int, Meta(ge=1, le=4096)]
    file_keep: AtLeastOne


class ReportSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The end-of-day report."""

    equity_interval_seconds: Seconds


class RecorderSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The tape of a trading day, for `run.py replay`."""

    enabled: bool
    max_megabytes: Annotated[int, Meta(ge=1, le=65_536)]
    keep_days: AtLeastOne


class AdminSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The admin API and the dashboard, which `run.py dashboard` serves."""

    host: str
    port: Annotated[int, Meta(ge=0, le=65_535)]
    names: tuple[str, ...]
    allow_remote: bool
    certificate: str | None
    private_key: str | None
