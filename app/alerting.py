"""From the settings to channels of alerts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from adapters.notify.apprise import AppriseNotifier, beat
from app.ports import Channel
from config.schema import Settings
from config.sections.output import ChannelSettings
from domain.alerting import ChannelRules


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """The channels that have an address; the others are configured for a day when they get one."""
    return tuple(
        Channel(name, partial(AppriseNotifier, name, each.url.reveal()), _rules(each))
        for name, each in settings.alerts.channels.items()
        if each.url is not None
    )


def heartbeat_of(settings: Settings) -> Callable[[], None] | None:
    """One beat of the dead man's switch, where there is one."""
    url = settings.alerts.heartbeat_url
    return None if url is None else partial(beat, url.reveal())


def _rules(channel: ChannelSettings) -> ChannelRules:
    quiet = None
    if channel.quiet_from is not None and channel.quiet_until is not None:
        quiet = (channel.quiet_from, channel.quiet_until)
    return ChannelRules(channel.level, quiet, channel.per_hour, channel.digest_minutes)
