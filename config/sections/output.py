"""What people and programs are shown: logs, reports, recordings, the dashboard."""

from datetime import time
from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.types import AtLeastOne, ChannelId, Seconds, Secret


class LogSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The log on the terminal and the JSON lines beside it."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    file_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"]
    console: bool
    colour: Literal["auto", "always", "never"]
    file_max_megabytes: Annotated[int, Meta(ge=1, le=4096)]
    file_keep_megabytes: Annotated[int, Meta(ge=1, le=1_048_576)]
    file_keep_days: AtLeastOne


class ReportSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The end-of-day report."""

    equity_interval_seconds: Seconds
    parity: bool
    parity_seconds: Seconds


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


class ChannelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One channel of alerts; its address is a secret and comes from the variable PATANG_ALERT_<NAME>.

    level           the least that it is told
    quiet_from      from then on, warnings and less wait
    quiet_until     and are told together then
    per_hour        messages in an hour at most; the rest is summed up
    digest_minutes  wall minutes between sums of what was held back
    url             apprise's address of it; never in a file: PATANG_ALERT_<NAME>
    """

    level: Literal["info", "warning", "critical"] = "warning"
    quiet_from: time | None = None
    quiet_until: time | None = None
    per_hour: AtLeastOne = 30
    digest_minutes: AtLeastOne = 15
    url: Secret | None = None


class AlertSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told what needs a person, beside the log."""

    repeat_after_seconds: Seconds
    channels: dict[ChannelId, ChannelSettings]
    heartbeat_seconds: Seconds
    heartbeat_url: Secret | None
