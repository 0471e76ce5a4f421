"""Each fault of the sandbox, met by a whole trader: what it does about it, and that all books agree afterwards.

A scenario: the trader trades; the fault strikes; it is lifted; entries end, everything is closed. Then no tag is on two
orders, every order and trade of the exchange is in the journal once, cash and charges agree to the last unit, no actor
has crashed, and trading goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import groupby
from typing import Final

import pytest
from msgspec import Struct

from domain.messages.journal import OrderState
from tests.sandbox_faults.whole import Fault, Pair, a_pair
from tests.support.waiting import eventually

POST: Final = "POST /orders/*"
BOOK: Final = "GET /orders"
TRADES: Final = "GET /trades"
ONE_ORDERS_TRADES: Final = "GET /orders/*/trades"

ADDRESS: Final = "IP not allowed to place orders for this app"
FEED_LOST: Final = ("feed.disconnected", "feed.connected")


class Scenario(Struct, frozen=True):
    """One row.

    faults  in force together until each has struck `times` times
    outcome what the request of an order must have come to, as its worker told it; empty: whatever
    says    log events that must come of it
    mute    log events that must not
    until_said  the faults stay until all of `says` has been said
    absent  whether orders may be left that never reached the exchange: only a person concludes that
    """

    name: str
    faults: tuple[Fault, ...]
    outcome: str = ""
    says: tuple[str, ...] = ()
    mute: tuple[str, ...] = ()
    times: int = 2
    absent: bool = False
    until_said: bool = False

    def __str__(self) -> str:
        return self.name


def fault(kind: str, **fields: object) -> Fault:
    return {"fault": kind, **fields}


UNRESOLVED: Final = "Unresolved"
"""Nothing is proved. (It may have been found before that is told: then there is no alert.)"""
ALERTED: Final = ("order.unresolved", "alert.order.unresolved")

PLACING: Final = (
    Scenario("slow", (fault("latency", milliseconds=200, route=POST),), mute=ALERTED),
    Scenario("slow for some", (fault("latency", milliseconds=100, distribution="lognormal", maximum=600, route=POST),), times=5, mute=ALERTED),
    Scenario("too slow, and taken meanwhile", (fault("latency", milliseconds=1_800, route=POST, when="after"),), UNRESOLVED),
    Scenario("too slow, and taken after we gave up", (fault("latency", milliseconds=1_800, route=POST),), UNRESOLVED),
    Scenario("dropped before", (fault("drop", route=POST),), UNRESOLVED, ALERTED, absent=True),
    Scenario("dropped after", (fault("drop", when="after", route=POST),), UNRESOLVED),
    Scenario("reset after", (fault("drop", when="after", reset=True, route=POST),), UNRESOLVED),
    Scenario("frozen before", (fault("freeze", route=POST),), UNRESOLVED, ALERTED, absent=True),
    Scenario("frozen after", (fault("freeze", when="after", route=POST),), UNRESOLVED),
    Scenario("half open", (fault("half_open", route=POST),), UNRESOLVED),
    Scenario("timed out, placed", (fault("timed_out", order="placed"),), UNRESOLVED),
    Scenario("timed out, placed late", (fault("timed_out", order="placed_late", late_milliseconds=700),), UNRESOLVED),
    Scenario("timed out, not placed", (fault("timed_out", order="not_placed"),), UNRESOLVED, ALERTED, absent=True),
    Scenario("500 before", (fault("error", status=500, route=POST),), UNRESOLVED, ALERTED, absent=True),
    Scenario("503 after", (fault("error", status=503, error_type="NetworkException", message="Request failed (kitetrade-oms).", when="after", route=POST),), UNRESOLVED),
    Scenario("504 after", (fault("error", status=504, when="after", route=POST),), UNRESOLVED),
    Scenario("HTML before", (fault("html", status=502, route=POST),), UNRESOLVED, ALERTED, absent=True),
    Scenario("HTML after", (fault("html", status=504, when="after", route=POST),), UNRESOLVED),
    Scenario("too many requests", (fault("rate_limit", route=POST),), "Rejected", ("order.rejected",), ALERTED),
    Scenario("refused", (fault("error", status=400, error_type="MarginException", message="Insufficient funds.", route=POST),), "Rejected", ("order.rejected",), (*ALERTED, "alert.broker.refuses")),
    Scenario("refused for the address", (fault("error", status=403, error_type="PermissionException", message=ADDRESS, route=POST),), "Rejected", ("order.rejected", "alert.broker.refuses"), ALERTED),
    Scenario("drip", (fault("drip", bytes=8, milliseconds=10, route=POST),), mute=ALERTED),
    Scenario("endless drip", (fault("drip", bytes=1, milliseconds=90, route=POST),), UNRESOLVED),
    Scenario("content type missing", (fault("content_type", route=POST),), mute=ALERTED),
    Scenario("content type wrong", (fault("content_type", value="text/html", route=POST),), mute=ALERTED),
    Scenario("cut in the body", (fault("truncate", how="body", route=POST),), UNRESOLVED),
    Scenario("cut on the wire", (fault("truncate", how="wire", route=POST),), UNRESOLVED),
    Scenario("late in the book", (fault("late_row", milliseconds=1_500),), mute=ALERTED),
    Scenario("late in the book, answer lost", (fault("late_row", milliseconds=1_500), fault("drop", when="after", route=POST)), UNRESOLVED),
)  # fmt: skip

READING: Final = tuple(
    Scenario(f"{what} at {route}", ({**kind, "route": route},), times=times)
    for route in (BOOK, TRADES, ONE_ORDERS_TRADES)
    for what, times, kind in (
        ("slow", 2, fault("latency", milliseconds=300)),
        ("dropped", 3, fault("drop")),
        ("frozen", 1, fault("freeze")),
        ("half open", 1, fault("half_open")),
        ("500", 5, fault("error", status=500)),
        ("HTML", 3, fault("html")),
        ("too many requests", 2, fault("rate_limit")),
        ("endless drip", 1, fault("drip", bytes=1, milliseconds=60)),
        ("content type missing", 2, fault("content_type")),
        ("cut in the body", 3, fault("truncate", how="body")),
        ("cut on the wire", 3, fault("truncate", how="wire")),
    )
)

UPDATES: Final = (
    Scenario("updates lost", (fault("lose_update"),), times=4, mute=ALERTED),
    Scenario("updates twice", (fault("duplicate_update", times=3),), times=4, mute=ALERTED),
    Scenario("updates out of order", (fault("reorder_update", milliseconds=500),), times=4, mute=ALERTED),
    Scenario("updates late", (fault("delay_update", milliseconds=800),), times=4, mute=ALERTED),
    Scenario("updates lost and the book late", (fault("lose_update"), fault("late_row", milliseconds=800)), times=3, mute=ALERTED),
    Scenario("updates in every disorder", (fault("lose_update", probability=0.3), fault("duplicate_update", probability=0.4), fault("reorder_update", probability=0.5), fault("delay_update", milliseconds=300)), mute=ALERTED),
)  # fmt: skip

SOCKETS: Final = (
    Scenario("socket dropped", (fault("drop", when="after", route="WS"),), "", FEED_LOST, times=1),
    Scenario("socket dropped again and again", (fault("drop", when="after", route="WS"),), "", FEED_LOST, times=4),
    Scenario("handshake dropped", (fault("drop", when="after", route="WS", next=1), fault("drop", route="WS")), "", FEED_LOST, times=1),
    Scenario("handshake frozen", (fault("drop", when="after", route="WS", next=1), fault("freeze", route="WS")), "", FEED_LOST, times=1),
    Scenario("handshake 502", (fault("drop", when="after", route="WS", next=1), fault("error", status=502, route="WS")), "", FEED_LOST, times=1),
    Scenario("handshake 403 though the token is good", (fault("drop", when="after", route="WS", next=1), fault("error", status=403, error_type="TokenException", route="WS")), "", (*FEED_LOST, "alert.feed.login", "session.opened"), ("session.lost",), times=1),
    Scenario("socket half open", (fault("half_open", route="WS"),), "", FEED_LOST, times=1),
    Scenario("socket without data and heartbeats", (fault("ghost", heartbeats=False),), "", ("feed.disconnected",), times=1, until_said=True),
)  # fmt: skip

CLOCKS: Final = (
    Scenario("broker's clock behind", (fault("clock_skew", seconds=-90),), times=10, mute=ALERTED),
    Scenario("broker's clock ahead", (fault("clock_skew", seconds=90),), times=10, mute=ALERTED),
)

ALL: Final = (*PLACING, *READING, *UPDATES, *SOCKETS, *CLOCKS)
NORMAL: Final = frozenset(
    {
        "too slow, and taken after we gave up", "dropped before", "reset after", "half open", "timed out, placed",
        "timed out, placed late", "503 after", "HTML after", "too many requests", "refused for the address",
        "drip", "content type missing", "cut on the wire", "late in the book, answer lost",
        f"frozen at {BOOK}", f"500 at {TRADES}", f"cut in the body at {ONE_ORDERS_TRADES}", f"HTML at {BOOK}",
        "updates lost", "updates in every disorder", "socket dropped again and again", "handshake frozen",
        "handshake 403 though the token is good", "socket half open", "broker's clock ahead",
    }
)  # fmt: skip
"""What every run of the tests has time for: each kind of fault at least once; the others are `--long faults`."""

REST_OF_THEM: Final = tuple(each for each in ALL if each.name not in NORMAL)


@pytest.fixture(scope="module")
def pairs() -> Iterator[Callable[[], Pair]]:
    """The pair in use; a new one where a scenario left it broken."""
    made: list[tuple[Pair, ExitStack]] = []

    def current() -> Pair:
        if made and not made[-1][0].whole:
            made.pop()[1].close()
        if not made:
            stack = ExitStack()
            made.append((stack.enter_context(a_pair()), stack))
        return made[-1][0]

    yield current
    for _, stack in made:
        stack.close()


def play(pairs: Callable[[], Pair], scenario: Scenario) -> None:
    pair = pairs()
    pair.whole = False
    pair.begin()
    pair.strike(*scenario.faults, times=scenario.times, lift=not scenario.until_said)
    if scenario.outcome:
        eventually(lambda: scenario.outcome in pair.outcomes(), what=scenario.outcome)
    for event in scenario.says:
        eventually(lambda: pair.said(event), what=event)  # noqa: B023 - called at once
    pair.exchange.set_faults(())

    lost = pair.end(scenario.absent)

    assert {record.state for record in lost} <= {OrderState.QUARANTINED}
    assert [event for event in scenario.mute if pair.said(event)] == []
    pair.goes_on()
    pair.whole = True


@pytest.mark.parametrize("scenario", [each for each in ALL if each.name in NORMAL], ids=str)
def test_a_fault(pairs: Callable[[], Pair], scenario: Scenario) -> None:
    play(pairs, scenario)


@pytest.mark.long("faults")
@pytest.mark.parametrize("scenario", REST_OF_THEM, ids=str)
def test_a_further_fault(pairs: Callable[[], Pair], scenario: Scenario) -> None:
    play(pairs, scenario)


def test_every_scenario_of_a_normal_run_is_there() -> None:
    assert {scenario.name for scenario in ALL} >= NORMAL


# -- what strikes more than a request or a socket ----------------------------------------------------------------------


def test_a_revoked_token_stops_entries_until_the_next_login_and_nothing_is_lost(pairs: Callable[[], Pair]) -> None:
    """The sandbox's own account logs in unattended; a person's login is in tests/environments."""
    pair = pairs()
    pair.whole = False
    pair.begin()
    pair.exchange.set_faults((fault("revoke_token"),))
    eventually(lambda: pair.said("session.opened"), what="a new login")
    eventually(lambda: pair.said("feed.connected"), what="a new socket")
    pair.log_in_ourselves()
    pair.exchange.set_faults(())

    pair.end()

    # Entries stop for the session, and may stop for the socket that went with it: one state, two reasons.
    states = [state for state, _ in groupby(row["state"] for row in pair.said("risk.state"))]
    assert states[:2] in (["REDUCING", "ACTIVE"], ["REDUCING"]), "entries stop with the session, and go on with it"
    pair.goes_on()
    pair.whole = True


def test_an_open_socket_without_data_is_replaced_and_fills_are_found_meanwhile(pairs: Callable[[], Pair]) -> None:
    """Heartbeats come, so the socket looks alive; what is bought is still followed through the order book."""
    pair = pairs()
    pair.whole = False
    pair.begin()
    pair.exchange.set_faults((fault("ghost", heartbeats=True),))
    pair.trader.trade_on(4)
    eventually(lambda: pair.said("alert.feed.no_prices"), what="its silence is noticed")
    eventually(lambda: pair.said("feed.connected"), what="a new socket")
    pair.exchange.set_faults(())

    pair.end()

    pair.goes_on()
    pair.whole = True


@pytest.mark.long("faults")
def test_a_fault_that_comes_again_is_told_again(pairs: Callable[[], Pair]) -> None:
    """One pair serves every scenario, in any order: none may be mute because another was told the same."""
    for _ in range(2):
        play(pairs, next(scenario for scenario in SOCKETS if "alert.feed.login" in scenario.says))


@pytest.mark.long("faults")
def test_everything_at_once_for_a_while(pairs: Callable[[], Pair]) -> None:
    """Each fault now and then, together, and trading goes on all through it.

    But for those that leave an order of which nothing is ever proved: its strategy waits for a person.
    """
    pair = pairs()
    pair.whole = False
    pair.begin()
    pair.exchange.set_faults(
        tuple(
            {**each, "probability": 0.02}
            for scenario in ALL
            if not scenario.absent
            for each in scenario.faults
            if "next" not in each
        )
    )
    pair.trader.trade_on(100, seconds=300)
    pair.exchange.set_faults(())

    pair.end(absent=True)

    pair.goes_on()
    pair.whole = True
