"""What time it is at the broker, to the second: every HTTP reply states it, also one that refuses."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from domain.errors import BrokerUnavailable
from domain.values import Nanos, nanos

TIMEOUT_SECONDS: Final = 7.0


def server_date(rest_url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Nanos:
    """The reply's own time, whole seconds. Needs no login. Raises BrokerUnavailable."""
    root = urlsplit(rest_url)
    kind = HTTPSConnection if root.scheme == "https" else HTTPConnection
    connection = kind(root.hostname or "", root.port, timeout=timeout_seconds)
    try:
        connection.request("HEAD", "/")
        stated = connection.getresponse().getheader("Date")
        if stated is None:
            raise BrokerUnavailable(f"{rest_url}: a reply without its time")
        return nanos(parsedate_to_datetime(stated))
    except (OSError, HTTPException, ValueError) as error:
        raise BrokerUnavailable(f"{rest_url}: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()
