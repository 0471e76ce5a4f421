"""The real program on a real exchange, and a person at another terminal: halt, resume, flatten, resolve, audit."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from urllib.parse import urlencode

import pytest

from adapters.store.audit import prove
from domain.messages.journal import OrderRecord, OrderState
from tests.operator.terminal import Terminal, one
from tests.support.waiting import eventually
from tests.system.judging import assert_effectively_once, journaled
from tests.system.plant import STRESS, Exchange, Program, an_exchange

pytestmark = pytest.mark.slow  # whole programs

JOURNAL = Path("data") / "sandbox" / "journal.db"
AUDIT = Path("data") / "sandbox" / "audit"


def entries(exchange: Exchange, folder: Path) -> set[str | None]:
    """Tags of the entries that the exchange has been sent."""
    exits = {record.tag for record in journaled(folder / JOURNAL)[0] if record.intent.reduce_only}
    return {row.tag for row in exchange.orders()} - exits


def test_a_halt_outlives_the_program_until_a_person_resumes(tmp_path: Path) -> None:
    with an_exchange(speed=4) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, STRESS)
        with Program(tmp_path, *exchange.sets) as program:
            eventually(lambda: exchange.books().trades >= 12 or not program.running, what="it trades")

            halted = terminal.say("halt", "--why", "a test", "--who", "asha")
            sent = entries(exchange, tmp_path)
            program.lives(1.0)

            assert halted["done"] is True and halted["by"] == "trader"
            on_the_wire = halted["tags"]
            assert isinstance(on_the_wire, list)
            assert entries(exchange, tmp_path) - sent <= set(on_the_wire), "an entry left after the halt"
            # The status is written once a second.
            eventually(lambda: terminal.say("status")["state"] == "HALTED", what="it says so")
            program.kill()

        with Program(tmp_path, *exchange.sets) as program:
            eventually(lambda: terminal.say("status")["state"] == "HALTED" or not program.running, what="it is up")
            program.says("day.trading")
            before = entries(exchange, tmp_path)
            program.lives(1.0)
            assert entries(exchange, tmp_path) == before, "an entry left though it was halted"

            assert terminal.say("resume", "--why", "the test goes on")["done"] is True

            eventually(lambda: entries(exchange, tmp_path) > before, what="it trades again")
        whole = terminal.say("audit", "verify")
        assert whole["whole"] is True


def test_said_while_nothing_runs(tmp_path: Path) -> None:
    with an_exchange(speed=4) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, STRESS)
        for words in (("flatten",), ("cancel", "--all")):
            assert terminal.refused(*words, "--why", "x") == "patang: no trader runs here: nothing was done"
        assert terminal.say("halt", "--why", "not today")["by"] == "this terminal"

        with Program(tmp_path, *exchange.sets) as program:
            program.says("day.trading")
            program.lives(1.0)
            assert exchange.books().orders == 0
            program.kill()

        terminal.say("resume", "--why", "yes today")
        with Program(tmp_path, *exchange.sets) as program:
            eventually(lambda: exchange.books().orders or not program.running, what="it trades")


def test_flatten_closes_what_is_held_and_trading_goes_on(tmp_path: Path) -> None:
    with an_exchange(speed=4) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, STRESS)
        with Program(tmp_path, *exchange.sets) as program:
            eventually(lambda: not exchange.books().flat or not program.running, what="it holds something")

            closed = terminal.say("halt", "--flatten", "--why", "enough")
            eventually(lambda: exchange.books().flat, what="flat")
            assert closed["done"] is True
            # The status is written once a second.
            eventually(lambda: terminal.say("status")["state"] == "HALTED", what="it says so")
            terminal.say("resume", "--why", "again")
            before = exchange.books().orders
            eventually(lambda: exchange.books().orders > before, what="it trades again")
            program.signal(signal.SIGINT)
            assert program.wait() == 0, program.said()[-2000:]
        assert_effectively_once(exchange, tmp_path / JOURNAL)


@pytest.mark.parametrize(
    ("found", "running"),
    [
        ("absent", True),
        ("placed", False),
        pytest.param("absent", False, marks=pytest.mark.long("operator")),
        pytest.param("placed", True, marks=pytest.mark.long("operator")),
    ],
)
def test_an_order_that_the_broker_never_answered_is_resolved_by_a_person(
    tmp_path: Path, found: str, running: bool
) -> None:
    """The request is lost. Absent, it is so; placed: a person has placed it by hand meanwhile, without our tag."""
    config = one(tmp_path)
    with an_exchange(speed=60, extra=("--faults", "on")) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, config)
        fault = {"fault": "timed_out", "order": "not_placed", "next": 1}
        exchange.call("PUT", "/_sandbox/faults", json.dumps(fault).encode())
        with Program(tmp_path, *exchange.sets, config=config) as program:
            record = eventually(lambda: unresolved(tmp_path), what="an unresolved order")
            assert record is not None, "eventually gives what is true"
            before = exchange.books().orders
            if not running:
                program.kill()
            if found == "placed":
                finding = f"placed:{by_hand(exchange, record)}"
                wrong = terminal.refused("resolve", record.tag, "--as", "placed:4711", "--why", "a guess")
                assert wrong == "patang: the broker knows no order 4711 today"
            else:
                finding = "absent"
                eventually(lambda: "can be called absent in" not in try_absent(terminal, record), what="long enough")
                assert not unresolved(tmp_path)
            if found == "placed":
                said = terminal.say("resolve", record.tag, "--as", finding, "--why", "looked in Kite", "--who", "asha")
                assert said["by"] == ("trader" if running else "this terminal")

            after = of_tag(tmp_path, record.tag)
            if found == "absent":
                assert after.state is OrderState.EXPIRED
            else:
                assert after.order_id == finding.partition(":")[2]
            assert "only an unresolved one" in terminal.refused(
                "resolve", record.tag, "--as", "absent", "--why", "once more"
            )
            if running:
                eventually(lambda: exchange.books().orders > before + (found == "placed"), what="the strategy is free")
        with Program(tmp_path, *exchange.sets, config=config) as program:
            program.says("day.trading")
            eventually(lambda: exchange.books().orders > before + (found == "placed"), what="the strategy is free")
        story = terminal.say("audit", "show", record.tag)
        steps = story["steps"]
        assert isinstance(steps, list)
        [resolved] = [step for step in steps if step["kind"] == "order.resolved"]
        assert (
            resolved["text"]
            == f"asha says {'absent' if found == 'absent' else f'order {after.order_id}'}: looked in Kite"
        )
        assert prove(tmp_path / AUDIT).torn == 0


def test_the_story_of_an_order_and_a_trail_that_was_killed(tmp_path: Path) -> None:
    with an_exchange(speed=4) as exchange:
        terminal = Terminal(tmp_path, exchange.sets, STRESS)
        for _ in range(2):
            with Program(tmp_path, *exchange.sets) as program:
                before = exchange.books().trades
                eventually(lambda: exchange.books().trades >= before + 12 or not program.running, what="it trades")  # noqa: B023 - asked at once
                program.kill()
                assert terminal.say("audit", "verify")["whole"] is True
        records, trades, _ = journaled(tmp_path / JOURNAL)
        with Program(tmp_path, *exchange.sets) as program:
            program.says("day.trading")
        proof = prove(tmp_path / AUDIT)
        filled = next(record for record in records if record.state is OrderState.COMPLETE)

        by_tag = terminal.say("audit", "show", filled.tag)
        by_id = terminal.say("audit", "show", filled.order_id)
        status, table, _ = terminal.run("audit", "show", filled.tag)
        exported = terminal.run("audit", "export", "--format", "jsonl")[1].splitlines()

        assert proof.entries == len(exported)
        assert b"".join(line.encode() + b"\n" for line in exported) == b"".join(
            path.read_bytes() for path in sorted((tmp_path / AUDIT).iterdir())
        )
        assert by_id == by_tag
        kinds = [step["kind"] for step in steps(by_tag)]
        wanted = ["strategy.decided", "risk.approved", "order.intent", "order.sending", "order.posted"]
        assert [kind for kind in kinds if kind in wanted] == wanted
        assert kinds.count("order.trade") == sum(trade.tag == filled.tag for trade in trades)
        assert (by_tag["state"], by_tag["filled"]) == ("complete", filled.order.quantity)
        assert status == 0 and filled.order_id in table and "slippage" in table
        kept = {json.loads(line)["tag"] for line in exported if json.loads(line)["kind"] == "order.intent"}
        assert kept >= {record.tag for record in records}, "what the killed lives had journaled is in the trail"
        assert exchange.running.details.access_token not in "".join(exported)


def steps(story: dict[str, object]) -> list[dict[str, str]]:
    found = story["steps"]
    assert isinstance(found, list)
    return found


def unresolved(folder: Path) -> OrderRecord | None:
    if not (folder / JOURNAL).exists():
        return None
    found = [record for record in journaled(folder / JOURNAL)[0] if record.state is OrderState.QUARANTINED]
    return found[0] if found else None


def of_tag(folder: Path, tag: str) -> OrderRecord:
    return next(record for record in journaled(folder / JOURNAL)[0] if record.tag == tag)


def try_absent(terminal: Terminal, record: OrderRecord) -> str:
    words = ("resolve", record.tag, "--as", "absent", "--why", "looked in Kite", "--who", "asha")
    status, _, err = terminal.run(*words)
    assert (status == 0) == (err == ""), err
    return err


def by_hand(exchange: Exchange, record: OrderRecord) -> str:
    """The same order again, placed in Kite's own app; its order id."""
    order = record.order
    form = {
        "exchange": order.exchange, "tradingsymbol": order.symbol, "transaction_type": order.side.value,
        "quantity": order.quantity, "product": order.product.value, "order_type": "MARKET", "validity": "DAY",
        "market_protection": -1,
    }  # fmt: skip
    reply = exchange.call("POST", "/orders/regular", urlencode(form).encode())
    return str(json.loads(reply)["data"]["order_id"])
