"""`bias`: does a strategy know the future, depend on where it began, remember in secret, or owe its result to luck?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.checks_kept import keep
from app.options import ConfigFile, Env, Json
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from app.research_run import Asking, ask
from domain.values import rupees
from research.backtest import backtest
from research.bias import hidden_state, lookahead, recursive
from research.robust import monte_carlo
from research.strategy_check import check, pretend_market
from research.variants import overfit, stress

Trials = Annotated[int, Parameter(name="--trials", help="Random parameter sets that the result is held against.")]
Cuts = Annotated[int, Parameter(name="--cuts", help="Signals at which the future is cut off.")]
Quick = Annotated[
    bool, Parameter(name="--quick", negative=(), show_default=False, help="Without stress, neighbours and Monte Carlo.")
]

NOTES = (
    "survivorship: data of what trades today leave out what was delisted; a result on them is too good",
    "data snooping: every look at these data before counts as a trial; --trials knows only of its own",
)


def run(
    *,
    question: Asking,
    trials: Trials = 40,
    cuts: Cuts = 12,
    quick: Quick = False,
    env: Env = "sandbox",
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Look for what makes a backtest lie. Exit status 1 where something is found."""
    asked = ask(question, env, config)
    made, series, settings, calendar = asked.strategy, asked.series, asked.settings, asked.calendar
    word = "day" if series[0].interval_seconds >= 86_400 else "minute"
    try:
        found = [each for each in check(made, word, pretend_market(made, word, calendar), calendar) if not each.ok]
        found += [
            lookahead(made, series, settings, calendar, cuts),
            recursive(made, series, settings, calendar),
            hidden_state(made, series, settings, calendar),
        ]
        luck = overfit(made, series, settings, calendar, trials=trials)
        found.append(luck.finding)
        done = backtest(made, series, settings, calendar, name=asked.path)
        stressed = [] if quick else stress(made, series, settings, calendar)
    except ValueError as error:
        raise UsageError(str(error)) from None
    by_trades = monte_carlo([trip.gross / done.opening_cash for trip in done.trips])
    by_days = monte_carlo(done.returns, block=5)
    good = all(each.ok for each in found)
    kept = keep(env, config, made, asked.path, done.fingerprint, found)
    if as_json:
        print_json(
            {
                "strategy": asked.path,
                "parameters": done.parameters,
                "fingerprint": done.fingerprint,
                "ok": good,
                "findings": found,
                "overfit": luck,
                "monte_carlo": {"trades": by_trades, "days": by_days},
                "stress": stressed,
                "notes": NOTES,
                "kept": str(kept),
            }
        )
        return DONE if good else FAILED
    print_table(
        f"{asked.path} {done.parameters}",
        ("question", "answer", "what"),
        [(each.name, "ok" if each.ok else "FOUND", each.text) for each in found],
    )
    if not quick:
        print_table(
            "Monte Carlo: share of the cash in other samples of the same",
            ("of", "total 5 %", "50 %", "95 %", "loses", "drawdown 5 %"),
            [
                (name, *(f"{each:.4f}" for each in (*made.total, made.drawdown.low)))
                for name, made in (("trades, before charges", by_trades), ("days in fives", by_days))
            ],
        )
        rows = [(each.name, rupees(each.equity), f"{each.sharpe:.2f}") for each in stressed]
        print_table("Stress and neighbours", ("case", "final equity", "Sharpe a year"), rows)
    for note in NOTES:
        complain(note)
    return DONE if good else FAILED
