"""What generated modules take from numba: decorators, and arrays at addresses. Imported to compile, not to run."""
# ruff: noqa: ARG001 - numba says what its functions are given

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.types import unliteral
from numba.extending import intrinsic
from numba.np import arrayobj

from research.kernel.native import Code

_WORD: Final = ir.IntType(64)
_BYTE: Final = ir.IntType(8).as_pointer()
_OPTIONS: Final[Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
_cgutils: Final[Any] = cgutils
_arrayobj: Final[Any] = arrayobj


def compiled(function: Callable[..., Any], forceinline: bool = False) -> Any:  # noqa: ANN401 - a dispatcher
    """Numba's function, for whole numbers and arrays."""
    # They make no array, and so need not count who refers to those they are given: a third of a fill's time.
    made: Any = njit(**_OPTIONS, forceinline=forceinline)(function)
    template = made.get_call_template
    # Once for whole numbers, not once more for each constant that somebody calls it with.
    made.get_call_template = lambda args, kws: template(tuple(map(unliteral, args)), kws)
    return made


def inlined(function: Callable[..., Any]) -> Any:  # noqa: ANN401 - as above
    """The same, written into whoever calls it."""
    # Arrays are given as seven words each: a call with six of them takes as long as what it does.
    return compiled(function, forceinline=True)


def code_of(function: Any, arguments: int) -> tuple[Code, int]:  # noqa: ANN401 - a dispatcher
    """Compile it for so many whole numbers: its machine code, and where that stands in this process."""
    signature = (types.int64,) * arguments
    function.compile(signature)
    made = function.overloads[signature]
    symbol = made.fndesc.llvm_func_name
    address = made.library.get_pointer_to_function(symbol)
    # numba keeps it for its own cache, and has no public way to it.
    return Code(symbol, arguments, made.library._get_compiled_object()), address  # noqa: SLF001


@intrinsic
def fetch(typing: Any, array: Any, index: Any) -> Any:  # noqa: ANN401 - numba's types
    """Begin to bring what stands there from memory."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - as above
        where = builder.gep(context.make_array(array)(context, builder, arguments[0]).data, [arguments[1]])
        kind = ir.FunctionType(ir.VoidType(), [_BYTE] + [ir.IntType(32)] * 3)
        called = _cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        how = [ir.Constant(ir.IntType(32), each) for each in (0, 3, 1)]
        builder.call(called, [builder.bitcast(where, _BYTE), *how])
        return context.get_dummy_value()

    return types.void(array, index), code


@intrinsic
def ask(typing: Any, at: Any, i: Any, upto: Any, held: Any) -> Any:  # noqa: ANN401 - as above
    """Call the function whose address is the sheet's first word; -1 where it raised."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - as above
        answers, raises = ir.PointerType(_WORD), ir.PointerType(_BYTE)
        kind = ir.FunctionType(ir.IntType(32), [answers, raises] + [_WORD] * 4)
        answer, exception = _cgutils.alloca_once(builder, _WORD), _cgutils.alloca_once(builder, _BYTE)
        address = builder.load(builder.inttoptr(arguments[0], answers))
        status = builder.call(builder.inttoptr(address, kind.as_pointer()), [answer, exception, *arguments])
        well = builder.icmp_signed("==", status, ir.Constant(ir.IntType(32), 0))
        return builder.select(well, builder.load(answer), ir.Constant(_WORD, -1))

    return types.int64(types.int64, types.int64, types.int64, types.int64), code


def _array_at(element: Any, dimensions: int) -> Any:  # noqa: ANN401 - as above
    """An intrinsic: (address, length in each dimension) as an array of memory that belongs to somebody else."""
    array = types.Array(element, dimensions, "C")

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401 - as above
        made = context.make_array(array)(context, builder)
        width = ir.Constant(_WORD, 8)
        strides = [width]
        for length in reversed(arguments[2:]):
            strides.insert(0, builder.mul(strides[0], length))
        _arrayobj.populate_array(
            made,
            data=builder.inttoptr(arguments[0], made.data.type),
            shape=arguments[1:],
            strides=strides,
            itemsize=width,
            meminfo=None,
        )
        return made._getvalue()  # noqa: SLF001

    def typed(*lengths: Any) -> Any:  # noqa: ANN401 - as above
        return array(*[types.int64] * len(lengths)), code

    return typed


@intrinsic
def ints(typing: Any, at: Any, length: Any) -> Any:  # noqa: ANN401 - as above
    """Whole numbers that stand at an address."""
    return _array_at(types.int64, 1)(at, length)


@intrinsic
def floats(typing: Any, at: Any, length: Any) -> Any:  # noqa: ANN401 - as above
    """The same for floats."""
    return _array_at(types.float64, 1)(at, length)


@intrinsic
def table(typing: Any, at: Any, rows: Any, words: Any) -> Any:  # noqa: ANN401 - as above
    """Whole numbers in rows."""
    return _array_at(types.int64, 2)(at, rows, words)
