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
    return _Targets(int(quantity), float(stop), float(target), float(trail))


def compilable(strategy: RuleStrategy | type[RuleStrategy]) -> Callable[..., Any]:
    """The function as numba takes it: the same code, with `Targets` and the helpers it calls as numba's functions."""
    decide = strategy.decide
    assert isinstance(decide, types.FunctionType), "a rule's decide is a static method"
    return _rebuilt(decide, frozenset())


def _rebuilt(function: types.FunctionType, within: frozenset[str]) -> types.FunctionType:
    """The same code, with numba's functions for `Targets` and for helpers that it calls by name."""
    known: dict[str, Any] = {"__builtins__": function.__globals__["__builtins__"]}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if value is rules.Targets:
            known[name] = _targets
        elif isinstance(value, types.FunctionType) and name not in within:
            known[name] = numba.njit(_rebuilt(value, within | {name}))
        elif name in function.__globals__:
            known[name] = value
    return types.FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)


def compiled(strategy: RuleStrategy | type[RuleStrategy]) -> Callable[..., Any]:
    """`decide` as a numba function. Raises numba's errors at its first call, where it cannot be compiled."""
    made: Callable[..., Any] = numba.njit(compilable(strategy))
    return made
