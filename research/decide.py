"""A rule's `decide`, compiled as it stands. The one place that knows how."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

import numba

from domain.strategy import rule as rules
from domain.strategy.rule import RuleStrategy

_Targets = rules.Targets


@numba.njit(inline="always")
def _targets(quantity: int, stop: float = 0.0, target: float = 0.0, trail: float = 0.0) -> rules.Targets:
    """Targets with its defaults, which numba does not give to a named tuple; whole numbers become prices."""
    return _Targets(quantity, float(stop), float(target), float(trail))


def compilable(strategy: RuleStrategy | type[RuleStrategy]) -> Callable[..., Any]:
    """The function as numba takes it: the same code, with `Targets` as a function."""
    decide = strategy.decide
    assert isinstance(decide, types.FunctionType), "a rule's decide is a static method"
    known = {
        name: _targets if value is rules.Targets else value
        for name, value in decide.__globals__.items()
        if name in decide.__code__.co_names or name == "__builtins__"
    }
    return types.FunctionType(decide.__code__, known, decide.__name__, decide.__defaults__, decide.__closure__)


def compiled(strategy: RuleStrategy | type[RuleStrategy]) -> Callable[..., Any]:
    """`decide` as a numba function. Raises numba's errors at its first call, where it cannot be compiled."""
    made: Callable[..., Any] = numba.njit(compilable(strategy))
    return made
