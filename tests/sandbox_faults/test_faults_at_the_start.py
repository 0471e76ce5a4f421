"""A start on which everything fails once: it comes up all the same, and its books agree.

In a file of its own: a process has one log, and one trader at a time.
"""

from __future__ import annotations

import json
from typing import Final

from tests.sandbox_faults.whole import Fault, a_pair


def a_fault(kind: str, **fields: object) -> Fault:
    return {"fault": kind, **fields}


EVERY_READ_ONCE: Final = tuple(
    {**kind, "route": route, "next": 1}
    for route, kind in (
        ("GET /user/profile", a_fault("error", status=502)),
        ("GET /instruments", a_fault("truncate", how="body", keep=0.6)),
        ("GET /orders", a_fault("html")),
        ("GET /trades", a_fault("truncate", how="wire")),
        ("GET /portfolio/positions", a_fault("half_open")),
        ("GET /portfolio/holdings", a_fault("content_type", value="text/plain")),
        ("GET /user/margins/equity", a_fault("drop")),
        ("WS", a_fault("drop")),
    )
)


def test_a_start_survives_one_failure_of_everything_it_reads() -> None:
    with a_pair(*EVERY_READ_ONCE) as pair:
        faults = json.loads(pair.exchange.call("GET", "/_sandbox/faults"))["faults"]
        pair.exchange.set_faults(())
        pair.begin()
        pair.end()

    assert {row["route"]: row["struck"] for row in faults} == {str(each["route"]): 1 for each in EVERY_READ_ONCE}
