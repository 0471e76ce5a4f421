"""Settings as plain values for people and programs to read: rupees, times of day, and secrets masked."""

import types
from datetime import date, time
from typing import Annotated, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from config.types import MASK, RupeeUnit, Secret
from domain.values import RUPEE

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


def plain(value: object, declared: object) -> Plain:
    """`value` of the declared type as it would be written in a file, with every secret as `****`."""
    if value is None:
        return None
    if get_origin(declared) in {Union, types.UnionType}:
        declared = next((option for option in get_args(declared) if option is not type(None)), declared)
    metas = get_args(declared)[1:] if get_origin(declared) is Annotated else ()
    match value:
        case Secret():
            return MASK
        case Struct():
            return {f.name: plain(getattr(value, f.name), f.type) for f in msgspec.structs.fields(type(value))}
        case dict():
            return {str(key): plain(item, get_args(declared)[1]) for key, item in value.items()}
        case tuple():
            return [plain(item, None) for item in value]
        case time():
            return value.strftime("%H:%M:%S" if value.second else "%H:%M")
        case date():
            return value.isoformat()
        case int() if RupeeUnit in metas:
            return rupees(value)
        case bool() | int() | str():
            return value
        case float():
            return int(value) if value.is_integer() else value
        case _:
            msg = f"no plain form for {type(value).__name__}"
            raise TypeError(msg)


def rupees(units: int) -> int | str:
    """1/10,000 rupee as rupees: a whole number, or an exact decimal as text."""
    whole, rest = divmod(units, RUPEE)
    return whole if rest == 0 else f"{whole}.{rest:04d}".rstrip("0")
