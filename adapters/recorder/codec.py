"""Values as they stand in a recording: plain ones as they are, our Structs by the name of their type.

Only types of this program are ever made when a recording is read: it is data, not code.
"""

from __future__ import annotations

import enum
import hashlib
import importlib
from functools import cache
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

OURS: Final = ("domain.", "actors.", "tests.")
"""Where the types of recorded values live."""

_PLAIN: Final = (bool, int, float, str, bytes)


class Unrecordable(ValueError):
    """A value that no recording can hold, or that names a type which is not ours."""


def encode(value: object) -> object:
    """The value in plain terms for msgpack."""
    if value is None or (isinstance(value, _PLAIN) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.StrEnum):
        return value.value  # a word of a closed list, and equal to it
    if isinstance(value, list | tuple | frozenset | set):
        return {"l": [encode(each) for each in value], "t": isinstance(value, tuple)}
    if isinstance(value, Struct):
        return {"s": _name(type(value)), "v": _encoder.encode(value)}
    if isinstance(value, BaseException):
        return {"e": _name(type(value)), "v": str(value)}
    if isinstance(value, dict):
        return {"m": [[encode(key), encode(each)] for key, each in value.items()]}
    raise Unrecordable(f"{type(value).__name__} cannot be recorded")


def decode(plain: object) -> object:
    """What `encode` was given. Raises Unrecordable for types that are not ours."""
    if not isinstance(plain, dict):
        return plain
    if "l" in plain:
        items = [decode(each) for each in plain["l"]]
        return tuple(items) if plain["t"] else items
    if "s" in plain:
        return _decoder(plain["s"]).decode(plain["v"])
    if "e" in plain:
        return _type(plain["e"])(plain["v"])
    if "m" in plain:
        return {decode(key): decode(each) for key, each in plain["m"]}
    raise Unrecordable("a recorded value of an unknown kind")


def fingerprint(message: object) -> bytes:
    """Eight bytes that tell messages apart by type and content."""
    content = _encoder.encode(message) if isinstance(message, Struct) else repr(message).encode()
    return hashlib.blake2b(type(message).__qualname__.encode() + b"\0" + content, digest_size=8).digest()


def _plain_array(value: object) -> object:
    if isinstance(value, np.ndarray):
        return hashlib.blake2b(value.tobytes(), digest_size=8).digest()
    if isinstance(value, BaseException):
        return str(value)
    return repr(value)


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_plain_array)


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


@cache
def _decoder(name: str) -> msgspec.msgpack.Decoder[object]:
    return msgspec.msgpack.Decoder(_type(name))


@cache
def _type(name: str) -> type:
    module, _, qualname = name.partition(":")
    if not f"{module}.".startswith(OURS):
        raise Unrecordable(f"{name} is not a type of this program")
    found: object = importlib.import_module(module)
    for part in qualname.split("."):
        found = getattr(found, part, None)
    if not isinstance(found, type) or not issubclass(found, Struct | Exception):
        raise Unrecordable(f"{name} is not a type of this program")
    return found
