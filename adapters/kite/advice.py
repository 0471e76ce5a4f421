"""What a person should do about a refusal, for the refusals that only a person can end (kite-facts 1, 3, 8)."""

from __future__ import annotations

import re
from typing import Final

_ADVICE: Final[tuple[tuple[str, str], ...]] = (
    (
        r"no ips? configured",
        """orders are taken only from addresses registered with the app: add this machine's public address on
        developers.kite.trade""",
    ),
    (
        r"\bip\b.{0,20}not allowed|not allowed .{0,40}\bip\b",
        """orders are taken only from the addresses registered on developers.kite.trade (two at most, changed at most
        once a week), and this machine's is none of them""",
    ),
    (
        r"insufficient permission",
        """the app's plan does not include this: market data and history need the Connect plan, not the free Personal
        one""",
    ),
    (r"not enabled for the app", "enable this user for the app on developers.kite.trade, or log in as its owner"),
    (r"incorrect `?api_key`? or `?access_token`?", "the session is over: python3 run.py login"),
    (r"invalid `?api_key`? or `?access_token`?", "no login went with the request: python3 run.py login"),
    (r"without market protection", "set orders.market_protection to auto or a percentage"),
    (r"only limit orders", "set orders.market_as_limit_percent, as config/kite-sandbox.yaml does"),
    (r"maximum allowed order requests", "the broker's cap of orders is reached, for exits too: close by hand"),
    (
        r"needs authori[sz]ation at depository",
        "authorise the sale of holdings (eDIS) on kite.zerodha.com, or give the broker DDPI",
    ),
)
"""Pattern of the refusal's text, and the advice (its line breaks are blanks)."""

_COMPILED: Final = tuple((re.compile(pattern, re.IGNORECASE), " ".join(text.split())) for pattern, text in _ADVICE)


def advice(text: str) -> str:
    """What to do about a refusal with this text; empty where there is nothing special to do."""
    return next((found for pattern, found in _COMPILED if pattern.search(text)), "")


def advised(text: str) -> str:
    """The refusal with its advice, if there is one."""
    found = advice(text)
    return f"{text}: {found}" if found else text
