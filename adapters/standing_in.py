"""Which market clock a broker's address goes by: our own sandbox tells its time, anything else goes by the wall's."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from adapters.clock import SandboxControl, SandboxMarketClock, SystemMarketClock
from domain.errors import BrokerUnavailable
from domain.ports import Clock


def sandbox_at(rest_url: str) -> SandboxControl | None:
    """The sandbox of ours that answers at this address; None for any other broker.

    Only plain addresses of this machine are asked: Zerodha is at none.
    """
    address = urlsplit(rest_url)
    if address.scheme != "http" or not is_loopback(address.hostname or ""):
        return None
    control = SandboxControl(f"http://{address.netloc}")
    try:
        control.instance()
    except BrokerUnavailable:
        return None
    return control


def market_clock_at(
    rest_url: str, control: SandboxControl | None, monotonic: Clock
) -> SandboxMarketClock | SystemMarketClock:
    """The clock of that sandbox, or the wall's."""
    return SystemMarketClock() if control is None else SandboxMarketClock(rest_url, monotonic)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
