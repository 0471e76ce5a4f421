"""Rules that tie settings together: each a small function, tried in order after every key is right by itself."""

import ipaddress
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import msgspec

from config.schema import Settings
from config.sections.trading import HandOver, TimesByClass

Complaint = tuple[str, str, str]
"""(key path, what was found, what is allowed)"""
Check = Callable[[Settings], Iterator[Complaint]]


def backoff_in_order(settings: Settings) -> Iterator[Complaint]:
    """The longest wait is no shorter than the first."""
    feed = settings.feed
    if feed.backoff_max_seconds < feed.backoff_min_seconds:
        allowed = f"at least feed.backoff_min_seconds ({feed.backoff_min_seconds:g})"
        yield "feed.backoff_max_seconds", f"{feed.backoff_max_seconds:g}", allowed


def square_off_in_order(settings: Settings) -> Iterator[Complaint]:
    """Warning before square-off, and no new entries once it has begun: an entry then would be left to the broker."""
    schedule, cutoff = settings.schedule, settings.risk.mis_cutoff
    for field in msgspec.structs.fields(TimesByClass):
        close = getattr(schedule.square_off, field.name)
        for path, earlier in (
            ("schedule.square_off_warning", getattr(schedule.square_off_warning, field.name)),
            ("risk.mis_cutoff", getattr(cutoff, field.name)),
        ):
            if earlier > close:
                allowed = f"no later than schedule.square_off.{field.name} ({close:%H:%M})"
                yield f"{path}.{field.name}", f"{earlier:%H:%M}", allowed


def encrypted_off_this_machine(settings: Settings) -> Iterator[Complaint]:
    """Credentials leave this machine only under TLS."""
    for name, url in (
        ("rest_url", settings.kite.rest_url),
        ("ws_url", settings.kite.ws_url),
        ("login_url", settings.kite.login_url),
    ):
        if (
            url is not None
            and urlsplit(url).scheme in {"http", "ws"}
            and not _is_loopback(urlsplit(url).hostname or "")
        ):
            yield f"kite.{name}", f"the text {url!r}", "https:// or wss://, or an address of this machine"


def both_addresses_or_none(settings: Settings) -> Iterator[Complaint]:
    """A REST address without a socket address (or the reverse) would mix two exchanges."""
    kite = settings.kite
    if (kite.rest_url is None) != (kite.ws_url is None):
        missing, given = ("kite.ws_url", "kite.rest_url") if kite.ws_url is None else ("kite.rest_url", "kite.ws_url")
        yield missing, "null", f"an address, since {given} has one"


def admin_stays_here(settings: Settings) -> Iterator[Complaint]:
    """The admin API can stop trading: other machines reach it under TLS alone, and only where that is said twice."""
    admin = settings.admin
    if (admin.certificate is None) != (admin.private_key is None):
        missing = "admin.private_key" if admin.private_key is None else "admin.certificate"
        yield missing, "null", "a file: a certificate and its key belong together"
    if _is_loopback(admin.host):
        return
    if not admin.allow_remote:
        yield "admin.host", f"the text {admin.host!r}", "127.0.0.1 or ::1; else admin.allow_remote: true as well"
    if admin.certificate is None:
        yield "admin.certificate", "null", f"a file, since {admin.host} may be reached from other machines"


def quiet_from_and_until(settings: Settings) -> Iterator[Complaint]:
    """Quiet hours have a beginning and an end."""
    for name, channel in settings.alerts.channels.items():
        if (channel.quiet_from is None) != (channel.quiet_until is None):
            pair = ("quiet_from", "quiet_until")
            given, other = pair if channel.quiet_until is None else pair[::-1]
            yield f"alerts.channels.{name}.{given}", f"a time without {other}", "both of them, or neither"


def beats_go_to_a_web_address(settings: Settings) -> Iterator[Complaint]:
    """A beat is a GET."""
    url = settings.alerts.heartbeat_url
    if url is not None and urlsplit(url.reveal()).scheme not in {"http", "https"}:
        yield "alerts.heartbeat_url", "another kind of address (not shown)", "https://…"


def handed_over_to_another(settings: Settings) -> Iterator[Complaint]:
    """Positions are handed over to a strategy that is there."""
    for name, each in settings.strategies.items():
        if isinstance(each.on_removal, HandOver):
            heirs = [other for other in settings.strategies if other != name]
            if each.on_removal.hand_over not in heirs:
                found = f"the text {each.on_removal.hand_over!r}"
                yield f"strategies.{name}.on_removal.hand_over", found, ", ".join(heirs) or "no other strategy is there"


CHECKS: tuple[Check, ...] = (
    backoff_in_order,
    square_off_in_order,
    encrypted_off_this_machine,
    both_addresses_or_none,
    admin_stays_here,
    quiet_from_and_until,
    beats_go_to_a_web_address,
    handed_over_to_another,
)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
