"""The command line: which commands there are, and what becomes of their results and failures.

A command's module is imported when the command runs (or shows its own help), so that every start stays quick.
Exit status: 0 done, 1 the work failed, 2 bad usage or configuration, 3 supervision gave up. Nobody sees a bare
traceback: it goes into the log file, and one line to stderr.
"""

import difflib
import gc
import importlib
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NamedTuple

from cyclopts import App
from cyclopts.exceptions import CycloptsError

from app.output import FAILED, USAGE, UsageError, complain
from config.errors import ConfigError
from domain.errors import PatangError


class Command(NamedTuple):
    """One line of the table: the words typed, where its `run` lives, what help says.

    verbatim  the arguments are handed over as typed, `run(arguments: list[str]) -> int`: the command has a parser of
              its own (because it is another program, or takes another program's options)
    brief     it works and ends: it looks for garbage more seldom, which takes a tenth of its time
    """

    words: str
    target: str
    help: str
    verbatim: bool = False
    brief: bool = False


COMMANDS = (
    Command(
        "trade", "app.commands.trade:run", "Trade a session; without any arguments, a whole fast day in the sandbox."
    ),
    Command(
        "sandbox", "app.commands.sandbox:run", "Run the pretend exchange by itself, for other programs.", verbatim=True
    ),
    Command(
        "check", "app.commands.check:run", "Validate the configuration and print what is in force, secrets masked."
    ),
    Command("status", "app.commands.status:run", "How the trader stands, from another terminal; --tree: every actor."),
    Command("login", "app.commands.login:run", "Log in at the broker for today, also while trading; or log out."),
    Command("download", "app.commands.download:run", "Candles from the broker into Parquet files, resumably."),
    Command(
        "backtest", "app.commands.backtest:run", "A strategy over the past, under the rules of a live day.", brief=True
    ),
    Command("replay", "app.commands.replay:run", "Run a recorded day again, and compare."),
    Command("report eod", "app.commands.report:run", "The end-of-day report from what is stored."),
    Command("report period", "app.commands.report_period:run", "Tear sheet and tax sheet of a stretch of the journal."),
    Command("charges", "app.commands.charges:run", "What a list of orders costs, by the dated tables."),
    Command("journal", "app.commands.journal:run", "Every order intent with its state."),
    Command("positions", "app.commands.positions:run", "Positions by strategy."),
    Command("orders", "app.commands.orders:run", "Today's orders."),
    Command(
        "chaos", "app.commands.chaos:run", "The whole system in a simulated world, under faults that a seed chooses."
    ),
    Command("dashboard", "app.commands.dashboard:run", "Watch and command the trader in a browser; the admin API."),
    Command("halt", "app.commands.halt:run", "Stop entries, now and after every restart, until `resume`."),
    Command("reload", "app.commands.reload:run", "Read the configuration again, while it trades; --dry-run only says."),
    Command("resume", "app.commands.resume:run", "Clear a halt."),
    Command("flatten", "app.commands.flatten:run", "Close what is held, of one strategy or of all."),
    Command("cancel", "app.commands.cancel:run", "Cancel one order by its tag, or what rests."),
    Command("adjust", "app.commands.adjust:run", "Change the books by hand: split, conversion, settlement."),
    Command("accept", "app.commands.accept:run", "Accept a difference that stands, or say whose the units are."),
    Command("resolve", "app.commands.resolve:run", "Say what became of an unresolved order: placed, or absent."),
    Command("audit verify", "app.commands.audit:verify", "Prove that no byte of the audit trail has changed."),
    Command("audit show", "app.commands.audit:show", "One order's whole story, from decision to fills."),
    Command("audit export", "app.commands.audit:export", "The trail's entries as CSV or JSON lines."),
    Command(
        "preflight", "app.commands.preflight:run", "The checklist before a trading day: ok, warn or fail, and why."
    ),
    Command("jobs", "app.commands.jobs:run", "When each job of the time table runs next, and what if it is missed."),
    Command("strategy list", "app.commands.strategy:show", "The configured strategies, and whether each is on."),
    Command("strategy new", "app.commands.strategy:new", "Write a commented strategy and its test, to begin with."),
    Command("strategy check", "app.commands.strategy:check", "Parameters, warm-up, purity and speed of a strategy."),
    Command("strategy enable", "app.commands.strategy:enable", "Let a strategy enter positions again."),
    Command("strategy disable", "app.commands.strategy:disable", "Let a strategy only leave positions, until enabled."),
    Command("backup", "app.commands.backup:run", "Copy an environment's stores into one file, also while it trades."),
    Command("restore", "app.commands.backup:put_back", "Put a backup where nothing is yet, and prove it whole."),
    Command("alerts test", "app.commands.alerts:say", "Say something on every channel of alerts."),
    Command("alerts explain", "app.commands.alerts:explain", "What an alert means, what to check, what to do."),
    Command("optimise", "app.commands.optimise:run", "Search a strategy's bounds, on all cores or many machines."),
    Command("walk-forward", "app.commands.optimise:walk", "Choose on some days, trade the next, go on."),
    Command("gate", "app.commands.gate:run", "Which checks each strategy must have passed before it trades live."),
    Command("parity", "app.commands.parity:run", "A traded day through the backtester: why each fill differs."),
    Command("bias", "app.commands.bias:run", "Lookahead, recursion, hidden state and luck in a backtest, by name."),
    Command("test", "app.commands.test:run", "Checks and tests, as CI runs them.", verbatim=True),
    Command("bench", "app.commands.bench:run", "Measure on this machine; without a name, list what can be measured."),
    Command("lock", "app.commands.lock:run", "Write the hashed requirements files from the .in files."),
)
"""Every command. Two words make a command of a group, such as `report eod`; later commands take a line here."""

GROUPS = {
    "alerts": "What a person is told, and how.",
    "audit": "What was decided, sent, answered and done, and the proof that it was not changed.",
    "report": "Reports from what is stored.",
    "strategy": "Write, check, list and switch strategies.",
}

_SELDOM = 100_000
"""New objects between two looks for garbage; Python's own is 700 (2,000 from 3.13 on)."""

DEMO = ("trade", "--env", "sandbox")
"""What no arguments at all mean."""


def build() -> App:
    """The application with every command registered by name, none imported."""
    app = App(
        name="run.py",
        help="A headless trading system for Zerodha's Kite Connect. Without arguments: a fast day in the sandbox.",
        version="0.1.0",
        suppress_keyboard_interrupt=False,
        help_format="plaintext",
        usage="Usage: python3 run.py COMMAND [OPTIONS]",
    )
    groups = {name: App(name=name, help=text, version_flags=[]) for name, text in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    for command in COMMANDS:
        first, _, second = command.words.partition(" ")
        parent, name = (groups[first], second) if second else (app, first)
        parent.command(command.target, name=name, help=command.help, help_format="plaintext", version_flags=[])
    return app


def main(argv: Sequence[str]) -> int:
    """Run one command line (without the program's name); returns the exit status and never raises an Exception."""
    try:
        result = _dispatch(_with_demo(list(argv)))
    except (ConfigError, UsageError) as error:
        complain(str(error))
        return USAGE
    except PatangError as error:
        complain(str(error))
        return FAILED
    except CycloptsError as error:
        complain(f"{error} See --help.")
        return USAGE
    except KeyboardInterrupt:
        complain("interrupted")
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of our output went away: its choice, and no failure of ours
        _silence_stdout()
        return 0
    except Exception as error:  # noqa: BLE001 — the last place: what nobody expected becomes one line here
        return _unexpected(error)
    return result if isinstance(result, int) else 0


def _with_demo(argv: list[str]) -> list[str]:
    """Options without a command belong to the demo day: `run.py --speed 250` is the fast day, faster."""
    asks_about_us = {"--help", "-h", "--version"}
    if not argv or (argv[0].startswith("-") and argv[0] not in asks_about_us):
        return [*DEMO, *argv]
    return argv


def _dispatch(argv: list[str]) -> object:
    _refuse_unknown(argv)
    for command in COMMANDS:
        if command.brief and argv[0] == command.words:
            gc.set_threshold(_SELDOM)
        if command.verbatim and argv[0] == command.words:
            module, _, function = command.target.partition(":")
            try:
                return getattr(importlib.import_module(module), function)(argv[1:])
            except SystemExit as ended:  # how argparse says --help and bad usage
                return ended.code
    return build()(argv, exit_on_error=False, print_error=False, result_action="return_value")


def _refuse_unknown(argv: Sequence[str]) -> None:
    """Name a word that is no command. (The parser would import every command to list them.)"""
    known = {command.words for command in COMMANDS}
    groups = {words.partition(" ")[0] for words in known if " " in words}
    words = argv[:2] if argv[0] in groups else argv[:1]
    typed = " ".join(words)
    if typed in known | groups or words[-1].startswith("-"):
        return
    close = difflib.get_close_matches(typed, known, n=1, cutoff=0.6)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise UsageError(f"found {typed!r}, which is no command{hint}; allowed: {', '.join(sorted(known))}")


def _unexpected(error: Exception) -> int:
    from app import logs

    where = logs.record_crash(error)
    kept = f"; the traceback is in {where}" if where else ""
    text = str(error) or "no more is known"
    complain(f"{type(error).__name__}: {text}{kept}")
    if not where:
        last = traceback.extract_tb(error.__traceback__)[-1:]
        for frame in last:
            complain(f"raised in {frame.filename}:{frame.lineno} ({frame.name})")
    return FAILED


def _silence_stdout() -> None:
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
