"""Who is befallen: matchers, windows, dice; and what is said of faults that make no sense."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.fault_plan import Faults, delay_seconds
from sandbox.faults import KINDS, AnyFault, Drop, Error, Latency, parse, parse_spec, snake
from sandbox.trading_days import at

TEN = at(date(2026, 11, 20), 36_000)


def faults(*given_: AnyFault, now: Callable[[], int] = lambda: TEN, seed: int = 1) -> Faults:
    return Faults(seed, now, given_)


@pytest.mark.parametrize(
    ("route", "method", "path", "fits"),
    [
        ("", "GET", "/orders", True),
        ("*", "POST", "/orders/regular", True),
        ("/orders", "GET", "/orders", True),
        ("/orders", "POST", "/orders/regular", False),
        ("/orders/*", "GET", "/orders/1", True),
        ("/orders/*", "GET", "/orders/1/trades", False),
        ("/orders/**", "GET", "/orders/1/trades", True),
        ("/orders/**", "GET", "/orders", True),
        ("GET /orders/*", "POST", "/orders/regular", False),
        ("POST /orders/*", "POST", "/orders/regular", True),
        ("POST *", "POST", "/session/token", True),
        ("POST", "GET", "/orders", False),
        ("/", "GET", "/", True),
    ],
)
def test_routes(route: str, method: str, path: str, fits: bool) -> None:
    assert bool(faults(Drop(route=route)).for_request(method, path, {})) == fits


@pytest.mark.parametrize(
    ("since", "until", "strikes"),
    [
        (None, None, True),
        ("10:00", None, True),
        ("10:00:01", None, False),
        ("09:00", "10:00", False),
        (None, "10:00:01", True),
        ("2026-11-20 10:00:00", "2026-11-20 10:00:01", True),
        ("2026-11-21 09:00:00", None, False),
        (None, "2026-11-21 00:00:00", True),
    ],
)
def test_windows_are_of_market_time_and_end_before_their_end(since: str, until: str, strikes: bool) -> None:
    assert bool(faults(Drop(since=since, until=until)).for_request("GET", "/", {})) == strikes


def test_a_window_of_the_day_comes_again_the_next_day() -> None:
    now = [TEN]
    plan = faults(Drop(since="09:59", until="10:01"), now=lambda: now[0])
    struck = []
    for seconds in (0, 3600, 86_400, 90_000):
        now[0] = TEN + seconds * 10**9
        struck.append(bool(plan.for_request("GET", "/", {})))

    assert struck == [True, False, True, False]


def test_after_then_next() -> None:
    plan = faults(Drop(after=2, next=3))

    assert [bool(plan.for_request("GET", "/", {})) for _ in range(8)] == [False] * 2 + [True] * 3 + [False] * 3


def test_where_looks_at_fields() -> None:
    plan = faults(Drop(where={"tag": "a", "side": "BUY"}))

    assert plan.for_request("POST", "/orders/regular", {"tag": "a", "side": "BUY", "x": ""})
    assert not plan.for_request("POST", "/orders/regular", {"tag": "a", "side": "SELL"})
    assert not plan.for_request("POST", "/orders/regular", {"tag": "a"})


def test_all_that_alter_and_the_first_that_answers() -> None:
    plan = faults(Latency(milliseconds=1), Drop(next=1), Error(), Latency(milliseconds=2))

    assert [armed.number for armed in plan.for_request("GET", "/", {})] == [1, 2, 4]
    assert [armed.number for armed in plan.for_request("GET", "/", {})] == [1, 3, 4]
    assert [row["matched"] for row in plan.rows()] == [2, 1, 1, 2]


@given(st.integers(0, 2**63), st.floats(0, 1))
def test_the_dice_are_the_seeds(seed: int, probability: float) -> None:
    def run() -> list[bool]:
        plan = faults(Drop(probability=probability), Drop(probability=0.5, route="GET /other"), seed=seed)
        return [bool(plan.for_request("GET", path, {})) for path in ("/a", "/other") * 20]

    assert run() == run()


def test_another_fault_does_not_change_the_dice_of_this_one() -> None:
    def run(*others: AnyFault) -> list[bool]:
        plan = faults(Drop(route="GET /a", probability=0.5), *others)
        return [any(armed.number == 1 for armed in plan.for_request("GET", "/a", {})) for _ in range(50)]

    assert run() == run(Error(route="GET /a", probability=0.1), Drop(route="WS"))
    assert len(set(run())) == 2


@pytest.mark.parametrize("distribution", ["fixed", "uniform", "exponential", "lognormal"])
def test_latency_has_its_mean_and_its_maximum(distribution: str) -> None:
    plan = faults(*parse_spec(f"latency:milliseconds=100,distribution={distribution},maximum=100000"))
    armed = plan.for_request("GET", "/", {})[0]
    assert isinstance(armed.fault, Latency)
    drawn = [delay_seconds(armed.fault, armed.dice) for _ in range(20_000)]
    capped = Latency(milliseconds=100, distribution="exponential", maximum=120)

    assert sum(drawn) / len(drawn) == pytest.approx(0.1, rel=0.05)
    assert (len(set(drawn)) == 1) == (distribution == "fixed")
    assert max(delay_seconds(capped, armed.dice) for _ in range(1000)) == 0.12


def test_replacing_begins_the_dice_again_and_is_all_or_nothing() -> None:
    plan = faults(Drop(probability=0.5))
    first = [bool(plan.for_request("GET", "/", {})) for _ in range(20)]
    with pytest.raises(ValueError, match="route"):
        plan.replace([Error(), Drop(route="nowhere")])
    assert [row["fault"] for row in plan.rows()] == ["drop"]

    plan.replace([Drop(probability=0.5)])
    assert [bool(plan.for_request("GET", "/", {})) for _ in range(20)] == first


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("explode", "Invalid value 'explode'"),
        ("drop:when=later", "when"),
        ("drop:next=0", "next"),
        ("drop:probability=2", "probability"),
        ("drop:soon", "name=value expected"),
        ("drop:reste=true", "reste"),
        ("latency", "milliseconds"),
        ("error:status=200", "status"),
        ("error:error_type=Oops", "error_type"),
        ("drop:since=late", "since: HH:MM"),
        ("drop:route=orders", "route: METHOD /path"),
        ("ghost:route=GET /orders", "befalls WS"),
        ("latency:milliseconds=1,route=WS", "befalls REST"),
        ("lose_update:route=WS", "befalls UPDATE"),
        ("clock_skew:seconds=999999", "seconds"),
    ],
)
def test_nonsense_is_refused_in_one_line(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(wrong)) as caught:
        faults(*parse_spec(text))

    assert "\n" not in str(caught.value)


def test_a_spec_is_the_same_as_its_json() -> None:
    spec = "drop:when=after,reset=true,next=2; content_type:value=null ;clock_skew:seconds=-5,since=10:00"
    json = b"""[{"fault":"drop","when":"after","reset":true,"next":2},{"fault":"content_type","value":null},
        {"fault":"clock_skew","seconds":-5,"since":"10:00"}]"""

    assert parse_spec(spec) == parse(json)
    assert parse_spec("") == parse(b"[]") == []


@settings(max_examples=60)
@given(st.binary(max_size=60) | st.text('ab:=;,*/ []{}"0.', max_size=60).map(str.encode))
def test_any_bytes_are_faults_or_a_value_error(content: bytes) -> None:
    with suppress(ValueError):
        faults(*parse(content))
    with suppress(ValueError):
        faults(*parse_spec(content.decode("latin-1")))


def test_every_kind_has_an_example_that_parses_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "faults.md").read_text()
    examples = [line.strip() for line in page.splitlines() if line.strip().startswith('{"fault"')]
    shown = {snake(type(fault).__name__) for line in examples for fault in parse(line)}
    for line in examples:
        faults(*parse(line))

    assert shown == {snake(kind.__name__) for kind in KINDS}
