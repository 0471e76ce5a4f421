"""Machine code on disk: kept whole with a digest, and brought into a process without numba, which takes half a second.

One piece is an object file as numba's compiler made it, and the name of the one function in it that is called:
`(address of the result, address of an exception, int64, …) -> 0 where it went well`. Each is linked by itself: names in
two of them may be the same. It is code, and so trusted as the program is: what others could write is not taken.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import struct
from collections.abc import Iterator
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

_MAGIC: Final = b"patang native 1\n"
_DIGEST: Final = 32
_ELF64: Final = b"\x7fELF\x02\x01"
_SYMBOLS: Final = 2  # SHT_SYMTAB
_alive: Final[list[Any]] = []
"""Engines: what they loaded goes away with them."""


class Code(Struct, frozen=True):
    """One function's machine code.

    symbol   its name in the object file
    arguments  how many whole numbers it takes
    """

    symbol: str
    arguments: int
    content: bytes


class Loaded(Struct, frozen=True):
    """The function in memory. `call` answers (status, result) and does not hold Python's lock meanwhile."""

    address: int
    arguments: int
    function: Any

    def call(self, *numbers: int) -> tuple[int, int]:
        """Status 0 and what it answers; any other status: it raised."""
        result, exception = ctypes.c_int64(0), ctypes.c_void_p()
        status: int = self.function(ctypes.byref(result), ctypes.byref(exception), *numbers)
        return status, result.value


def link(code: Code) -> Loaded:
    """Bring it into this process, and numba before it where the code may call numba's own. Raises LookupError."""
    import llvmlite.binding as llvm

    if not stands_alone(code):
        _with_numba()
        # A name that nobody has would end the process.
        lacking = [each for each in _undefined(code.content) or () if not (_in_process(each) or _in_llvm(each))]
        if lacking:
            raise LookupError(f"nothing here is called {', '.join(lacking)}")
    machine = _target().create_target_machine(opt=3, codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    address: int = engine.get_function_address(code.symbol)
    if not address:
        raise LookupError(f"no function {code.symbol} in the code")
    _alive.append(engine)
    return at_address(address, code.arguments)


def at_address(address: int, arguments: int) -> Loaded:
    """A function that is in memory already."""
    pointers = (ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_void_p))
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, *pointers, *[ctypes.c_int64] * arguments)
    return Loaded(address, arguments, kind(address))


def processor() -> str:
    """What code is compiled for: the kind of processor, and what it can do."""
    import llvmlite.binding as llvm

    with suppress(RuntimeError):
        return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()}"


def keep(path: Path, code: Code) -> None:
    """Write it, whole or not at all. Raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    body = struct.pack("<HH", code.arguments, len(code.symbol)) + code.symbol.encode() + code.content
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(aside, "xb", opener=partial(os.open, mode=0o644)) as file:
            file.write(_MAGIC + hashlib.blake2b(body, digest_size=_DIGEST).digest() + body)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def kept(path: Path) -> Code | None:
    """What was kept there; None where nothing is, where it is damaged, or where somebody else may have written it."""
    try:
        with path.open("rb") as file:
            if not _ours(os.fstat(file.fileno())):
                return None
            content = file.read()
    except OSError:
        return None
    begins = len(_MAGIC) + _DIGEST
    body = content[begins:]
    if content[:begins] != _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST).digest():
        return None
    arguments, length = struct.unpack_from("<HH", body)
    return Code(body[4 : 4 + length].decode(), arguments, body[4 + length :])


def _ours(found: os.stat_result) -> bool:
    """Nobody but its owner could write it, who is this user or root."""
    return os.name != "posix" or (found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022)


def stands_alone(code: Code) -> bool:
    """Whether all that it calls is in every Python process: then it can be linked without numba.

    Said of ELF files alone; of others nothing is known.
    """
    names = _undefined(code.content)
    return names is not None and all(map(_in_process, names))


def _in_process(name: str) -> bool:
    return hasattr(_process(), name)


def _in_llvm(name: str) -> bool:
    import llvmlite.binding as llvm

    return bool(llvm.address_of_symbol(name))


@cache
def _process() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _with_numba() -> None:
    from numba.core.registry import cpu_target
    from numba.core.runtime.nrt import rtsys

    rtsys.initialize(cpu_target.target_context)


def _undefined(content: bytes) -> list[str] | None:
    """The names in an ELF file's table of symbols that it uses and does not define; None: it is no such file."""
    if not content.startswith(_ELF64):
        return None
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count = struct.unpack_from("<HH", content, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", content, table + at * size) for at in range(count)]
    return [name for each in sections if each[1] == _SYMBOLS for name in _lacking(content, each, sections[each[6]])]


def _lacking(content: bytes, symbols: tuple[int, ...], names: tuple[int, ...]) -> Iterator[str]:
    for at in range(symbols[4], symbols[4] + symbols[5], symbols[9]):
        name, _, _, section, _, _ = struct.unpack_from("<IBBHQQ", content, at)
        if name and section == 0:
            begins = names[4] + name
            yield content[begins : content.index(b"\0", begins)].decode()


@cache
def _target() -> Any:  # noqa: ANN401 - llvmlite has no types
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(llvm.get_process_triple())
