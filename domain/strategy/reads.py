"""What a rule's `decide` looks at, by its byte code: what nobody reads need not be worked out."""

from __future__ import annotations

import dis
import itertools
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any


def reads_argument(decide: Callable[..., Any], place: int) -> bool:
    """Whether it uses that argument at all."""
    wanted = decide.__code__.co_varnames[place]
    return any(wanted in _loaded(each) for each in _instructions(decide.__code__))


def reads_field(decide: Callable[..., Any], place: int, name: str) -> bool:
    """Whether it uses that field of that argument; an argument that is taken apart or handed on counts as used."""
    wanted = decide.__code__.co_varnames[place]
    for one, after in itertools.pairwise(_instructions(decide.__code__)):
        loaded = _loaded(one)
        if wanted not in loaded:
            continue
        if loaded[-1] != wanted or loaded.count(wanted) > 1 or after.opname != "LOAD_ATTR" or after.argval == name:
            return True
    return False


@lru_cache(maxsize=256)
def _instructions(code: CodeType) -> tuple[dis.Instruction, ...]:
    return tuple(dis.get_instructions(code))


def _loaded(one: dis.Instruction) -> tuple[object, ...]:
    """The variables that the instruction puts on the stack: newer interpreters load two at once."""
    if not one.opname.startswith("LOAD_") or one.opname == "LOAD_ATTR":
        return ()
    return one.argval if isinstance(one.argval, tuple) else (one.argval,)
