"""Compiling: the loop once, and for each rule the part that asks it. What numba makes of them is kept on disk.

A file's name is a digest of everything that went into it (sources, constants, numba, the processor), so a change of any
of them is another file, and what was compiled is found again in the next process, which then has no need of numba.
"""

from __future__ import annotations

import ast
import gc
import hashlib
import importlib.util
import os
import secrets
import sys
import sysconfig
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from domain.errors import PatangError
from domain.strategy.reads import reads_argument, reads_field
from domain.strategy.rule import NoState, RuleStrategy, parameters_of
from research.kernel import layout, native, slots

if TYPE_CHECKING:
    from research.kernel.native import Code, Loaded

FOLDER: Final = Path(__file__).resolve().parents[2] / ".cache" / "kernels"
"""Where machine code is kept unless PATANG_KERNELS says otherwise."""

_ROOT: Final = Path(__file__).resolve().parents[2]
_COMMON: Final = (
    "research/kernel/build.py",
    "research/kernel/toolbox.py",
    "research/kernel/native.py",
    "domain/values.py",
)
_OF_LOOP: Final = (
    *_COMMON,
    "research/kernel/exits.py",
    "research/kernel/loop.py",
    "research/kernel/money.py",
    "research/fills.py",
    "domain/strategy/exits.py",
    "domain/costs/tables/shape.py",
)
_OF_RULE: Final = (
    *_COMMON,
    "research/kernel/exits.py",
    "research/kernel/asking.py",
    "domain/strategy/exits.py",
    "research/kernel/slots.py",
    "research/decide.py",
    "domain/strategy/rule.py",
)
_REPLACED: Final = (
    "research.kernel.slots",
    "research.kernel.exits",
    "research.kernel.money",
    "domain.strategy.exits",
    "research.fills",
)
_WAIT_SECONDS: Final = 10.0
"""For another process that compiles the same: as long as it takes, unless that one has no processor."""

_LOOP: Final = """
from domain.strategy import exits as _exits
from research import fills as _fills
from research.kernel.toolbox import ask, compiled, floats, inlined, ints, table

better = compiled(_exits.better)
stop_level = compiled(_exits.stop_level)
trail_level = compiled(_exits.trail_level)
target_level = compiled(_exits.target_level)
worse_price = compiled(_fills.worse_price)
"""

_RULE: Final = """
from collections import namedtuple

from numba import njit

from research.decide import compiled as _rule
from research.kernel.toolbox import fetch, floats, ints


def compiled(function):
    return njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


Row = namedtuple("Row", {columns!r})
Params = namedtuple("Params", {params!r})

READS_SESSION = {reads_session}
READS_AGE = {reads_age}
AHEAD = {ahead}
WORDS = {words}

_decide = _rule(_Strategy)


@compiled
def state_in(sheet, levels):
    return {state_in}


@compiled
def keep_state(sheet, levels, state):
    {keep_state}


@compiled
def params_in(sheet, levels):
    return Params({params_in})


@compiled
def decide(now, before, book, session, state, params):
    wish, after = _decide(now, before, book, session, state, params)
    return wish.quantity, wish.stop, wish.target, wish.trail, after
"""


class NotCompilable(PatangError):
    """The rule cannot be compiled here; the text says why."""


class Kernel:
    """The loop and one rule's part, and where the rule's own words stand in the sheet.

    params, state, columns  the first word of each
    """

    def __init__(self, loop: Loaded, rule: Loaded, params: int, state: int, columns: int) -> None:
        self.loop = loop
        self.rule = rule
        self.params = layout.OWN
        self.state = layout.OWN + params
        self.columns = self.state + state
        self.words = self.columns + columns


def load_kernel(strategy: RuleStrategy) -> Kernel:
    """For this rule's class, its indicators' names and the kinds of its numbers. Raises NotCompilable."""
    names = tuple(strategy.indicators())
    fields = tuple(name for name in strategy.__struct_fields__ if isinstance(getattr(strategy, name), int | float))
    params, state = tuple(map(_kind, parameters_of(strategy))), tuple(map(_kind, strategy.initial()))
    return _kernel(type(strategy), type(strategy.initial()), names, fields, params, state)


def compile_loop() -> None:
    """Have the part that is the same for every rule on disk. Raises NotCompilable."""
    _loop()


def state_of(strategy: RuleStrategy) -> tuple[object, ...]:
    """The state before the first decision."""
    return strategy.initial()


def keeps_state(strategy: RuleStrategy) -> bool:
    """Whether the rule has a state at all."""
    return not isinstance(strategy.initial(), NoState)


def _kind(value: object) -> type:
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind
    raise NotCompilable(f"a state of {type(value).__name__} is no number")


@lru_cache(maxsize=1)
def _loop() -> Loaded:
    digest = _digest(_OF_LOOP)

    def make() -> tuple[Code, int]:
        from research.kernel import exits, loop, money, toolbox

        text = "\n\n".join((_LOOP, _body(exits), _body(money), _body(loop)))
        return toolbox.code_of(_executed(text, "loop", {})["whole"], 1)

    return _loaded(f"loop_{digest}", make)


@lru_cache(maxsize=256)
def _kernel(
    strategy: type[RuleStrategy],
    state: type,
    names: tuple[str, ...],
    fields: tuple[str, ...],
    params_kinds: tuple[type, ...],
    state_kinds: tuple[type, ...],
) -> Kernel:
    described = repr((strategy, state, names, fields, params_kinds, state_kinds))
    digest = _digest(_OF_RULE, described, *_own_texts(strategy))
    params_at, state_at = layout.OWN, layout.OWN + len(fields)
    columns_at = state_at + len(state_kinds)

    def make() -> tuple[Code, int]:
        from research.kernel import asking, exits, toolbox

        states = _read(state_at, state_kinds)
        prelude = _RULE.format(
            columns=("open", "high", "low", "close", "volume", *names),
            params=fields,
            reads_session=reads_argument(strategy.decide, 3),
            reads_age=reads_field(strategy.decide, 2, "bars_held"),
            ahead=slots.AHEAD,
            words=columns_at + len(names),
            state_in=f"_State({states})" if hasattr(state, "_fields") else f"({states},)" if state_kinds else "()",
            params_in=_read(params_at, params_kinds),
            keep_state="\n    ".join(_written(state_at, state_kinds)) or "pass",
        )
        tree = _Rows(columns_at, len(names)).visit(ast.parse(_body(asking)))
        text = "\n\n".join((prelude, _body(exits), ast.unparse(tree)))
        given = {"_Strategy": strategy, "_State": state}
        return toolbox.code_of(_executed(text, strategy.__qualname__, given)["quiet"], 4)

    name = "".join(each if each.isalnum() else "_" for each in strategy.__qualname__)[:40]
    return Kernel(_loop(), _loaded(f"{name}_{digest}", make), len(fields), len(state_kinds), len(names))


def _loaded(name: str, make: Callable[[], tuple[Code, int]]) -> Loaded:
    """From the disk, or made and kept there. Where the disk refuses it is made again next time."""
    path = Path(os.environ.get("PATANG_KERNELS") or FOLDER) / f"{name}.native"
    found = _from_disk(path)
    if found is not None:
        return found
    with _alone(path):
        found = _from_disk(path)  # another process may have made it while this one waited
        if found is not None:
            return found
        code, address = _compiled(make)
        with suppress(OSError):
            native.keep(path, code)
        return native.at_address(address, code.arguments)


def _from_disk(path: Path) -> Loaded | None:
    code = native.kept(path)
    with suppress(LookupError):
        return None if code is None else native.link(code)
    return None


def _compiled(make: Callable[[], tuple[Code, int]]) -> tuple[Code, int]:
    from numba.core.errors import NumbaError

    # It makes a million objects that all stay until the end: to look through them again and again takes a tenth longer.
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], 100_000) if before[0] else 0, *before[1:])
    try:
        return make()
    except NumbaError as error:
        raise NotCompilable(f"numba cannot compile it: {_first_line(error)}") from None
    finally:
        gc.set_threshold(*before)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Failed in")), "")[:200]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for a process that compiles the same, but not for ever: then it is compiled twice, and either is kept."""
    try:
        import fcntl

        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        file = path.with_suffix(".lock").open("wb")
    except (ImportError, OSError):
        yield
        return
    with file:
        until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    break
                time.sleep(0.02)
            except OSError:  # a disk that knows no locks
                break
        yield


def _digest(files: Iterable[str], *more: str) -> str:
    digest = hashlib.blake2b(digest_size=10)
    constants = sorted((name, value) for name, value in vars(layout).items() if isinstance(value, int))
    for part in (*map(_text, files), repr(constants), repr(layout.Rules._fields), _machine(), *more):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    return (_ROOT / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _machine() -> str:
    settings = sorted((name, value) for name, value in os.environ.items() if name.startswith("NUMBA_"))
    versions = [_version(each) for each in ("numba", "llvmlite", "numpy")]
    return repr((versions, sys.version, sysconfig.get_platform(), native.processor(), settings))


def _version(package: str) -> str:
    """What says which version it is, without importing it."""
    spec = importlib.util.find_spec(package)
    for folder in () if spec is None else spec.submodule_search_locations or ():
        for name in ("_version.py", "version.py"):
            path = Path(folder) / name
            if path.exists():
                return path.read_text(encoding="utf-8")
    return secrets.token_hex(8)


def _own_texts(strategy: type[RuleStrategy]) -> list[str]:
    """The sources of the rule, of what it inherits, and of whatever its `decide` calls; constants by what they are."""
    found: dict[str, str] = {}
    for each in strategy.__mro__:
        if issubclass(each, RuleStrategy):
            found[each.__module__] = _source(sys.modules.get(each.__module__))
    waiting: list[object] = [strategy.decide]
    seen: set[object] = set()
    while waiting:
        function = waiting.pop()
        if not isinstance(function, types.FunctionType) or function in seen:
            continue
        seen.add(function)
        found[function.__module__] = _source(sys.modules.get(function.__module__))
        for name in function.__code__.co_names:
            value = function.__globals__.get(name)
            if isinstance(value, types.FunctionType):
                waiting.append(value)
            elif isinstance(value, types.ModuleType):
                found[value.__name__] = _source(value)
            elif isinstance(value, bool | int | float | str | tuple):
                found[f"{function.__module__}:{function.__qualname__}:{name}"] = repr(value)
        waiting += [cell.cell_contents for cell in function.__closure__ or ()]
    return [f"{name}\n{text}" for name, text in sorted(found.items())]


def _source(module: types.ModuleType | None) -> str:
    """A module's text; of one without a file nothing can be known again, unless it is built into Python."""
    if module is not None and module.__name__ in sys.builtin_module_names:
        return module.__name__
    path = getattr(module, "__file__", None)
    try:
        return Path(path).read_bytes().hex() if path else secrets.token_hex(8)
    except OSError:
        return secrets.token_hex(8)


def _executed(text: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    space = {"__name__": f"patang_kernel_{name}", **given}
    exec(compile(text, f"<patang kernel of {name}>", "exec", dont_inherit=True), space)  # noqa: S102 - our own text
    return space


def _read(first: int, kinds: tuple[type, ...]) -> str:
    """The words as arguments: floats through the other view, and what is true as such."""
    forms = {bool: "sheet[{}] != 0", int: "sheet[{}]", float: "levels[{}]"}
    return ", ".join(forms[kind].format(first + at) for at, kind in enumerate(kinds))


def _written(first: int, kinds: tuple[type, ...]) -> list[str]:
    forms = {
        bool: "sheet[{0}] = 1 if state[{1}] else 0",
        int: "sheet[{0}] = state[{1}]",
        float: "levels[{0}] = state[{1}]",
    }
    return [forms[kind].format(first + at, at) for at, kind in enumerate(kinds)]


def _body(module: types.ModuleType) -> str:
    """A module's text without what the prelude supplies."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    kept = [
        node
        for node in tree.body
        if not (isinstance(node, ast.ImportFrom) and node.module in (*_REPLACED, "__future__"))
        and not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    ]
    return ast.unparse(_Places().visit(_Bare().visit(ast.Module(kept, []))))


class _Bare(ast.NodeTransformer):
    """Without annotations: numba looks at none, and they name what is not imported."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Take them away."""
        self.generic_visit(node)
        node.returns = None
        for each in node.args.args:
            each.annotation = None
        return node


class _Rows(ast.NodeTransformer):
    """`row_at(i, …)` and `finite_at(i)` written out: a call would count references to each array at each bar.

    An unsigned index is never one that counts from the end, which would be looked at each time.
    """

    def __init__(self, first: int, count: int) -> None:
        self._columns = {f"column_{at}": first + at for at in range(count)}

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """The columns as variables of their own, as soon as their length is known."""
        self.generic_visit(node)
        text = "\n".join(f"{name} = floats(sheet[{at}], bars)" for name, at in self._columns.items())
        for at, each in enumerate(node.body):
            if ast.unparse(each).startswith("bars = "):
                node.body[at + 1 : at + 1] = ast.parse(text).body
                break
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """Replace those two."""
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ("row_at", "finite_at"):
            return node
        at = ast.unparse(node.args[0])
        if name == "row_at":
            prices = ", ".join(f"{each}[uint64({at})] / 10000" for each in ("opens", "highs", "lows", "closes"))
            others = (f"float(volumes[uint64({at})])", *(f"{each}[uint64({at})]" for each in self._columns))
            text = ", ".join((prices, *others))
            return ast.parse(f"Row({text})", mode="eval").body
        # x - x is 0 for every number but infinities and NaN.
        text = " and ".join(f"{each}[uint64({at})] - {each}[uint64({at})] == 0.0" for each in self._columns)
        return ast.parse(text or "True", mode="eval").body


class _Places(ast.NodeTransformer):
    """`rules.tick` as `rules[8]`: sixty numbers as one array, which compiles ten times faster than as arguments."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        """Replace it where it is of the rules."""
        if not (isinstance(node.value, ast.Name) and node.value.id == "rules"):
            return ast.Attribute(self.visit(node.value), node.attr, node.ctx)
        return ast.Subscript(node.value, ast.Constant(layout.Rules._fields.index(node.attr)), ast.Load())
