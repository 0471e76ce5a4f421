"""From the words of a configuration to a strategy."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import msgspec

from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy

StrategyClass = type[RuleStrategy] | type[EventStrategy]


def find_strategy(path: str) -> StrategyClass:
    """The class named by `MODULE:CLASS`. Raises ValueError with one line."""
    module_name, _, class_name = path.partition(":")
    if not module_name or not class_name:
        raise ValueError(f"strategy {path!r}: want MODULE:CLASS, such as domain.strategies.ma_crossover:MaCrossover")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(f"strategy {path!r}: cannot import {module_name} ({error})") from error
    found = getattr(module, class_name, None)
    if found is None:
        raise ValueError(f"strategy {path!r}: {module_name} has no class {class_name}")
    if not (isinstance(found, type) and issubclass(found, RuleStrategy | EventStrategy)):
        # A wrong name in a configuration, not a defect of the program: one kind of error for all of them.
        raise ValueError(f"strategy {path!r}: {class_name} is neither a RuleStrategy nor an EventStrategy")  # noqa: TRY004
    return found


def load_strategy(path: str, parameters: Mapping[str, object]) -> RuleStrategy | EventStrategy:
    """The strategy named by `MODULE:CLASS` with these parameters; bounds and names are checked.

    Raises ValueError with one line for an unknown module, class or parameter, a wrong type, a value out of bounds.
    """
    found = find_strategy(path)
    try:
        return convert(found, parameters)
    except msgspec.ValidationError as error:
        known = ", ".join(found.__struct_fields__) or "none"
        raise ValueError(f"strategy {path!r}: {_in_words(str(error))} (its parameters: {known})") from None


def convert(found: StrategyClass, parameters: Mapping[str, object]) -> RuleStrategy | EventStrategy:
    """The strategy of that class with these parameters. Raises ValueError (msgspec's ValidationError) as load does."""
    return msgspec.convert(dict(parameters), found)


def _in_words(text: str) -> str:
    """The path that msgspec names, `$.fast`, as the parameter's name."""
    what, separator, where = text.partition(" - at `$.")
    return f"{where.rstrip('`')}: {what}" if separator else what
