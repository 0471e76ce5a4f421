"""A person's command from this terminal: to the trader that runs, or carried out here where none does.

The request lies in the environment's table until a trader takes it. Where the account's lock is free no trader runs:
what can be done then (halt, resume, resolve) is done under that lock, so that none can start in the middle.
"""

from __future__ import annotations

import getpass
import threading
import time
from contextlib import closing
from typing import Final

import msgspec
from msgspec import Struct

from actors.audit import TrailKeeper
from actors.risk import STATE_FLAG
from actors.strategy import OFF_FLAG
from adapters.clock import SystemMarketClock
from adapters.store.audit import AuditTrail
from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from adapters.store.operator import OperatorDesk
from app.account import addresses_of
from app.logs import EventLog, redactor
from app.options import ConfigFile, Env, Sets, load_settings
from app.output import DONE, FAILED, UsageError, complain, print_json
from app.world import Folders, World, folders
from config.loader import Loaded
from domain.audit.chain import ChainBroken
from domain.audit.entries import draft
from domain.errors import AccountLocked, JournalUnavailable, PatangError
from domain.messages.control import TradingState
from domain.messages.operator import (
    Adjust,
    Halt,
    OperatorAnswered,
    OperatorCommand,
    OperatorRequest,
    Reload,
    Resolve,
    Resume,
    Switch,
    is_harmless_again,
    outlives_its_asker,
)
from domain.messages.versions import ConfigChange
from domain.orders.resolving import booked_by_hand, must_be_unresolved, resolution
from domain.portfolio import Book
from domain.portfolio.adjusting import adjustments
from domain.ports import Clock, Journal
from domain.values import SECOND

WAIT_SECONDS: Final = 30.0
"""Longer than the trader waits for its own actors' answers."""
STEP_SECONDS: Final = 0.05
LOCK_EVERY: Final = 20
"""Steps between looks at the account's lock: a trader that starts must find it free."""

NOBODY: Final = "no trader runs here: nothing was done"


class Outcome(Struct, frozen=True, omit_defaults=True):
    """What came of a command. by: `trader`, or `this terminal`; changes: of the configuration."""

    done: bool
    text: str
    tags: tuple[str, ...]
    request: int
    by: str
    changes: tuple[ConfigChange, ...] = ()


def operate(env: Env, config: ConfigFile, sets: Sets, command: OperatorCommand, who: str, *, as_json: bool) -> int:
    """Carry the command out, or have it carried out; show what came of it. The exit status."""
    if not command.why.strip():
        raise UsageError("--why: found nothing; allowed: a reason, which is kept with the command")
    outcome = carry_out(load_settings(env, config, sets), command, who or getpass.getuser())
    if as_json:
        print_json(outcome)
    elif outcome.done:
        print(outcome.text)
        for each in outcome.changes:
            print(f"  {each.path}: {each.old or 'absent'} -> {each.new or 'absent'} ({each.mark})")
    else:
        complain(outcome.text)
    return DONE if outcome.done else FAILED


def carry_out(loaded: Loaded, command: OperatorCommand, who: str) -> Outcome:
    """Have it carried out by the trader that runs, or here where none does; wait for what came of it."""
    where = folders(loaded)
    with closing(OperatorDesk(where.requests)) as desk:
        request = OperatorRequest(desk.put(time.time_ns(), who, command), time.time_ns(), who, command)
        deadline, steps = time.monotonic() + WAIT_SECONDS, 0
        try:
            while time.monotonic() < deadline:
                answer = desk.outcome(request.id)
                if answer is not None:
                    return _outcome(answer, "trader")
                if steps % LOCK_EVERY == 0 and _nobody_trades(where):
                    return _outcome(_here(loaded, where, desk, request), "this terminal")
                steps += 1
                time.sleep(STEP_SECONDS)
        except KeyboardInterrupt:
            if not outlives_its_asker(command):
                desk.withdraw(request.id)
            raise
        if outlives_its_asker(command):
            text = "the trader does not answer: the halt stays, and is carried out as soon as it does"
        elif desk.withdraw(request.id):
            text = "the trader does not answer: nothing was done, and the command is withdrawn"
        else:
            text = "the trader took the command and has not answered: see `run.py status` and the log"
        return _outcome(OperatorAnswered(request.id, done=False, text=text), "nobody")


def _outcome(answer: OperatorAnswered, by: str) -> Outcome:
    return Outcome(
        done=answer.done, text=answer.text, tags=answer.tags, request=answer.request, by=by, changes=answer.changes
    )


def _nobody_trades(where: Folders) -> bool:
    try:
        AccountLock(where.lock).release()
    except AccountLocked:
        return False
    return True


# -- where no trader runs ----------------------------------------------------------------------------------------------


def _here(loaded: Loaded, where: Folders, desk: OperatorDesk, request: OperatorRequest) -> OperatorAnswered:
    """Do it under the account's lock, keep the outcome, and write both into the trail. Raises PatangError."""
    taken = next((each.taken for each in desk.waiting() if each.request.id == request.id), None)
    if taken is None:
        answered = desk.outcome(request.id)
        assert answered is not None, "a request that does not wait has an outcome"
        return answered
    if taken and not is_harmless_again(request.command):
        answer = _failed(request, "the trader ended while it carried this out: see what is so, and say it again")
    else:
        try:
            answer = _carry_out(loaded, where, request)
        except PatangError as error:
            answer = _failed(request, str(error))
    desk.answer(answer)
    return answer


def _carry_out(loaded: Loaded, where: Folders, request: OperatorRequest) -> OperatorAnswered:
    match request.command:
        case Resume(thaw=thaw) if thaw:
            return _failed(request, NOBODY)
        case Reload():
            # The files were read to get here: they are right.
            return OperatorAnswered(request.id, done=True, text="no trader runs here; the files are right as they are")
        case Halt() | Resume() | Switch():
            lock = AccountLock(where.lock)
            try:
                with closing(SqliteJournal(where.journal, threading.Lock)) as journal:
                    answer = _set_state(journal, request)
                    _into_trail(where, journal, SystemMarketClock(), request, answer)
            finally:
                lock.release()
            return answer
        case Resolve() as finding if where.journal.exists():
            with closing(SqliteJournal(where.journal, threading.Lock, read_only=True)) as journal:
                must_be_unresolved(finding.tag, journal.record(finding.tag))
            if addresses_of(loaded.settings) is None:
                return _failed(request, "the broker's order book cannot be read: this sandbox is gone with its run")
            with closing(World(loaded.env, loaded, where, EventLog())) as world:
                answer = _resolve(world, finding, request)
                _into_trail(where, world.journal, world.clock, request, answer)
            return answer
        case Adjust() if where.journal.exists():
            lock = AccountLock(where.lock)
            try:
                with closing(SqliteJournal(where.journal, threading.Lock)) as journal:
                    answer = _adjust(journal, request)
                    _into_trail(where, journal, SystemMarketClock(), request, answer)
            finally:
                lock.release()
            return answer
        case _:
            return _failed(request, NOBODY)


def _adjust(journal: Journal, request: OperatorRequest) -> OperatorAnswered:
    """Into the journal, once the books have been seen to take it."""
    asked = request.command
    assert isinstance(asked, Adjust)
    book = Book()
    book.apply_all(journal.read(0))
    events = adjustments(book, asked, request.who, SystemMarketClock().now_ns())
    records = journal.commit(events)
    text = f"{asked.what.value}: {len(records)} lines of the journal, the last {records[-1].seq}"
    return OperatorAnswered(request.id, done=True, text=text)


def _set_state(journal: Journal, request: OperatorRequest) -> OperatorAnswered:
    """Keep the state as the risk gate keeps it: a halt outlives processes, anything else is forgotten at the start."""
    command = request.command
    if isinstance(command, Switch):
        journal.set_flag(OFF_FLAG + command.strategy, "" if command.on else f"{command.why} ({request.who})")
        word = "on" if command.on else "off"
        return OperatorAnswered(
            request.id, done=True, text=f"no trader runs here; {command.strategy} is {word} in the next"
        )
    halting = isinstance(command, Halt)
    state = TradingState.HALTED if halting else TradingState.ACTIVE
    kept = {"state": state, "why": f"{command.why} ({request.who})", "who": "operator", "run": "none"}
    journal.set_flag(STATE_FLAG, msgspec.json.encode(kept).decode())
    if not halting:
        return OperatorAnswered(request.id, done=True, text="no trader runs here; the next one will not be halted")
    text = "no trader runs here; the next one will be halted from its start"
    if isinstance(command, Halt) and command.flatten:
        return _failed(request, f"{text}; nothing was closed")
    return OperatorAnswered(request.id, done=True, text=text)


def _resolve(world: World, finding: Resolve, request: OperatorRequest) -> OperatorAnswered:
    """As actors.by_hand does it in a trader: the finding is held against the broker's order book of now."""
    journal = world.journal
    must_be_unresolved(finding.tag, journal.record(finding.tag))
    world.open_session()
    with closing(world.broker()) as broker:
        rows, trades = broker.orders(), broker.trades()
    record = journal.record(finding.tag)
    owner = journal.record_of(finding.order_id) if finding.order_id else None
    quarantine = int(world.settings.orders.quarantine_seconds * SECOND)
    now = world.clock.now_ns()
    by_hand = booked_by_hand(trades, journal.trade_ids(""))
    journal.commit(resolution(finding, request.who, record, owner, rows, quarantine, now, by_hand))
    found = f"order {finding.order_id}" if finding.order_id else "absent"
    return OperatorAnswered(request.id, done=True, text=f"{finding.tag} is resolved: {found}", tags=(finding.tag,))


def _into_trail(
    where: Folders, journal: Journal, clock: Clock, request: OperatorRequest, answer: OperatorAnswered
) -> None:
    trail = AuditTrail(where.audit, redactor.text)
    keeper = TrailKeeper(trail, journal, clock, "none")
    try:
        try:
            keeper.begin()
        except ChainBroken as error:
            complain(f"the audit trail is broken: {error}")
            keeper.begin()
        keeper.append(draft(request))
        keeper.append(draft(answer))
        trail.flush()
    except JournalUnavailable as error:
        complain(f"not in the audit trail: {error}")
    finally:
        trail.close()


def _failed(request: OperatorRequest, text: str) -> OperatorAnswered:
    return OperatorAnswered(request.id, done=False, text=text)
