"""`accept`: a difference between our books and the broker's is known, and may stand; or whose the units are."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from app.output import UsageError
from domain.messages.operator import Accept
from domain.values import e4

Subject = Annotated[
    str, Parameter(help="What differs, as the alert names it: 'NSE:INFY MIS', 'order 2611…', 'opening cash'.")
]
Name = Annotated[
    str, Parameter(name="--name", show_default=False, help="Which difference, where the subject has several.")
]
To = Annotated[
    str | None,
    Parameter(name="--to", show_default=False, help="Whose the units are: a strategy, or external (made by hand)."),
]
Price = Annotated[
    str, Parameter(name="--price", show_default=False, help="Rupees per unit at which a strategy takes or loses them.")
]


def run(
    subject: Subject,
    /,
    *,
    why: Why,
    name: Name = "",
    to: To = None,
    price: Price = "",
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Accept a difference that stands: journaled, and what it froze is free again. Asked of the trader that runs."""
    if price and to in (None, "external"):
        raise UsageError("--price: only a strategy takes units at a price; allowed: with --to STRATEGY")
    try:
        each = e4(price or "0")
    except ValueError as error:
        raise UsageError(f"--price: {error}") from None
    command = Accept(why, subject=subject, name=name, to="" if to == "external" else to, price=each)
    return operate(env, config, sets, command, who, as_json=as_json)
