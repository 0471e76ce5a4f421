"""The risk gate's thinking: limits, checks in order, what is held and open, and how positions are flattened.

`limits` are the figures, `exposure` is one order and one line, `lines` all of them, `book` what the journal and our own
holds say, `checks` one small function per way to be denied, `gate` asks them in order, `loss` watches the day's result,
`usage` says how much of each limit is used, `questions` what the broker is to be asked, `flatten` makes the exits of a
square-off or of a person's flatten, `state` says who may end what.

They are imported when they are asked for: who wants the limits alone does not wait for the book.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from domain.risk.book import RiskBook
    from domain.risk.exposure import Exposure, LineKey, OpenOrder, Standing
    from domain.risk.facts import Approval, MarketFacts, funds
    from domain.risk.flatten import flatten_intents, flatten_strategy_intents, is_flat
    from domain.risk.gate import check
    from domain.risk.limits import RiskLimits
    from domain.risk.loss import breached, day_pnl

__all__ = [
    "Approval",
    "Exposure",
    "LineKey",
    "MarketFacts",
    "OpenOrder",
    "RiskBook",
    "RiskLimits",
    "Standing",
    "breached",
    "check",
    "day_pnl",
    "flatten_intents",
    "flatten_strategy_intents",
    "funds",
    "is_flat",
]

_HOME: Final = {
    "RiskBook": "book",
    "Exposure": "exposure",
    "LineKey": "exposure",
    "OpenOrder": "exposure",
    "Standing": "exposure",
    "Approval": "facts",
    "MarketFacts": "facts",
    "funds": "facts",
    "flatten_intents": "flatten",
    "flatten_strategy_intents": "flatten",
    "is_flat": "flatten",
    "check": "gate",
    "RiskLimits": "limits",
    "breached": "loss",
    "day_pnl": "loss",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = found
    return found
