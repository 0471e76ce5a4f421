"""Logs: readable lines on the terminal, one JSON object per line in a file, secrets masked in both.

A record is an event: a fixed name (`order.unresolved`) and keys. Nothing here ever raises into the caller, and a record
below every sink's level costs one comparison. `EventLog` is what the rest of the program is handed.
"""

import logging
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import msgspec
from loguru import logger

from app.log_files import LogFile, Retention
from config.sections.output import LogSettings
from config.types import MASK
from domain.values import IST

if TYPE_CHECKING:
    from loguru import Message, Record

MEGABYTE: Final = 1_000_000
LEVELS: Final[Mapping[str, int]] = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}
SECRET_KEYS: Final = frozenset(
    {
        "access_token",
        "api_secret",
        "authorization",
        "checksum",
        "enctoken",
        "password",
        "public_token",
        "refresh_token",
        "request_token",
        "totp",
    }
)
"""Under these names (in any case, at any depth) nothing is shown."""
_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")
_OURS: Final = "patang"


class Redactor:
    """Masks secrets: whole values under telling key names, and the registered texts wherever they occur."""

    def __init__(self) -> None:
        self._texts: tuple[str, ...] = ()

    def add(self, *texts: str) -> None:
        """Register secret texts, such as a token just received. Very short ones are left to their key names."""
        long_enough = {text for text in texts if len(text) >= _SECRET_LENGTH_MIN}
        self._texts = tuple(sorted({*self._texts, *long_enough}, key=len, reverse=True))

    def text(self, text: str) -> str:
        """The text with every registered secret masked."""
        for secret in self._texts:
            if secret in text:
                text = text.replace(secret, MASK)
        return text

    def value(self, key: str, value: object) -> object:
        """A value fit to be written under `key`: masked, or with secrets masked inside it at any depth."""
        if key.lower() in SECRET_KEYS:
            return MASK
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return self.text(value)
            case dict():
                return {self.text(str(k)): self.value(str(k), v) for k, v in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.value(key, item) for item in value]
            case msgspec.Struct():
                fields = type(value).__struct_fields__
                return {name: self.value(name, getattr(value, name)) for name in fields}
            case _:
                return self.text(str(value))


_SECRET_LENGTH_MIN = 4
redactor: Final = Redactor()
"""The process's one redactor: both sinks use it."""


class EventLog:
    """Writes events. `log(level, event, **keys)`; `log.bind(**keys)` gives one that adds keys to every event.

    level  DEBUG, INFO, WARNING, ERROR or CRITICAL, in any case; an unknown one counts as WARNING
    """

    __slots__ = ("_keys", "_state")

    def __init__(self, keys: Mapping[str, object] | None = None) -> None:
        self._keys = dict(keys or {})
        self._state = _state

    def __call__(self, level: str, event: str, /, **keys: object) -> None:
        """Record one event. Never raises: a log that cannot be written must not stop trading."""
        try:
            number = LEVELS.get(level) or LEVELS.get(level.upper(), LEVELS["WARNING"])
            if number < self._state.threshold:
                return
            _emit(number, event, {**self._keys, **keys})
        except Exception:  # noqa: BLE001 — whatever is wrong with a record, the caller's work goes on
            self._state.failures += 1

    def bind(self, **keys: object) -> "EventLog":
        """A log that adds these keys to every event."""
        return EventLog({**self._keys, **keys})


class _State:
    """What the process's logging knows: the lowest level any sink wants, the market's clock, failures so far."""

    def __init__(self) -> None:
        self.threshold = 0
        self.market_now_ns: Callable[[], int] | None = None
        self.failures = 0
        self.file: Path | None = None
        self.sink: _FileSink | None = None

    def failed(self) -> None:
        self.failures += 1


_state = _State()


def failures() -> int:
    """Records that could not be written since the start."""
    return _state.failures


def set_market_clock(now_ns: Callable[[], int] | None) -> None:
    """From now on every record carries `market_time` beside wall time (nanoseconds UTC as the clock gives them)."""
    _state.market_now_ns = now_ns


def setup(
    settings: LogSettings, folder: Path, *, console: TextIO | None = None, name: str = "patang.jsonl"
) -> EventLog:
    """Start logging: lines to `console` (stderr by default), JSON lines to `folder/name`: a file of one process.

    A folder that cannot be written is one line on the console; the program goes on without the file.
    Call `stop` at the end. Calling this again replaces what was set up before.
    """
    logger.remove()
    levels: list[int] = []
    stream = console if console is not None else sys.stderr
    if settings.console:
        colour = {"auto": None, "always": True, "never": False}[settings.colour]
        colour = _wants_colour(stream) if colour is None else colour
        # ours draws the whole line, so that values with braces or tags in them are shown as they are
        logger.add(_ConsoleSink(stream, colour=colour), level=LEVELS[settings.level], format="{message}", catch=True)
        levels.append(LEVELS[settings.level])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        retention = Retention(
            settings.file_max_megabytes * MEGABYTE, settings.file_keep_megabytes * MEGABYTE, settings.file_keep_days
        )
        sink = _FileSink(LogFile(path, retention, _state.failed))
        logger.add(sink, level=LEVELS[settings.file_level], format="{message}", catch=True)
        levels.append(LEVELS[settings.file_level])
        _state.file, _state.sink = path, sink
    except OSError as error:
        _state.file = _state.sink = None
        stream.write(f"patang: no log file: {folder}: {error.strerror}\n")
    _state.threshold = min(levels, default=LEVELS["CRITICAL"] + 1)
    _intercept_standard_logging()
    return EventLog()


def stop() -> None:
    """Write what is pending, close the file, and log nothing further."""
    logger.remove()
    _state.threshold = LEVELS["CRITICAL"] + 1
    _state.market_now_ns = None
    _state.file = _state.sink = None  # closed: what crashes later is kept elsewhere


def rotate() -> bool:
    """Begin a new log file; whether there is one at all."""
    sink = _state.sink
    if sink is not None:
        sink.rotate()
    return sink is not None


def record_crash(error: BaseException) -> Path | None:
    """Keep an unexpected error's traceback, redacted: in the log file, or else in a private file. None if neither."""
    text = redactor.text("".join(traceback.format_exception(error)))
    if _state.file is not None:
        EventLog()("ERROR", "program.crashed", error=type(error).__name__, traceback=text)
        return _state.file
    try:
        handle, name = tempfile.mkstemp(prefix="patang-crash-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        return None
    return Path(name)


def _emit(number: int, event: str, keys: dict[str, object]) -> None:
    now_ns = time.time_ns()
    record: dict[str, object] = {"time": _ist(now_ns), "ns": now_ns, "level": _NAMES[number], "event": event}
    if _state.market_now_ns is not None:
        record["market_time"] = _ist(_state.market_now_ns())
    for key, value in keys.items():
        record[key if key not in _RESERVED else f"{key}_"] = redactor.value(key, value)
    logger.bind(**{_OURS: record}).log(_NAMES[number], "")


def _ist(ns: int) -> str:
    """`2026-11-20T09:15:00.125+05:30`, from integers alone: a float of this size has lost its last digits."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return f"{_ist_second(seconds)}.{rest // 1_000_000:03d}+05:30"


@lru_cache(maxsize=4)
def _ist_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, IST).strftime("%Y-%m-%dT%H:%M:%S")


_NAMES: Final = {number: name for name, number in LEVELS.items()}
_RESERVED: Final = frozenset({"time", "ns", "level", "event", "market_time"})


def _fields(record: "Record") -> dict[str, object]:
    """Our record; or one made of a plain loguru call, which only libraries make."""
    ours = record["extra"].get(_OURS)
    if isinstance(ours, dict):
        return ours
    return {
        "time": record["time"].astimezone(IST).isoformat(timespec="milliseconds"),
        "ns": int(record["time"].timestamp() * 1e9),
        "level": record["level"].name,
        "event": "library.message",
        "logger": record["name"] or "",
        "message": redactor.text(record["message"]),
    }


class _ConsoleSink:
    """Readable lines: time of day, level, event, keys; market time first where there is one: one follows that."""

    _COLOURS: Final = {
        "DEBUG": "\x1b[2m",
        "INFO": "",
        "WARNING": "\x1b[33m",
        "ERROR": "\x1b[31m",
        "CRITICAL": "\x1b[1;31m",
    }

    def __init__(self, stream: TextIO, *, colour: bool) -> None:
        self._stream = stream
        self._colour = colour

    def write(self, message: "Message") -> None:
        fields = dict(_fields(message.record))
        wall = str(fields.pop("time"))[11:23]
        market = fields.pop("market_time", None)
        fields.pop("ns", None)
        level, event = str(fields.pop("level")), str(fields.pop("event"))
        actor = fields.pop("actor", None)
        fields.pop("incarnation", None)
        fields.pop("traceback", None)  # in the file: a person at the terminal wants the one line
        keys = " ".join(f"{key}={_shown(value)}" for key, value in fields.items())
        when = f"{str(market)[11:19]} ({wall})" if market else wall
        who = f"{actor}: " if actor else ""
        line = f"{when} {level:<8} {who}{event}" + (f"  {keys}" if keys else "")
        paint = self._COLOURS.get(level, "") if self._colour else ""
        self._stream.write(f"{paint}{line}\x1b[0m\n" if paint else line + "\n")

    def flush(self) -> None:
        self._stream.flush()


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=str).decode()
    needs_quotes = isinstance(value, str) and (not text or any(sign in text for sign in ' "=\n'))
    return msgspec.json.encode(text).decode() if needs_quotes else text


class _FileSink:
    """One JSON object per line into the log's file."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self.rotate = file.rotate
        self.stop = file.stop

    def write(self, message: "Message") -> None:
        self._file.write(_ENCODER.encode(_fields(message.record)) + b"\n")


class _Intercept(logging.Handler):
    """Brings the libraries' own logging here: only what they call a warning or worse."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            keys: dict[str, object] = {"logger": record.name, "message": record.getMessage()}
            # stamina says why it retries in extra fields alone
            extras = ((key, value) for key, value in vars(record).items() if key.startswith("stamina."))
            keys.update((key.removeprefix("stamina."), value) for key, value in extras)
            if record.exc_info:
                keys["traceback"] = "".join(traceback.format_exception(*record.exc_info))
            EventLog()(_nearest(record.levelno), "library.message", **keys)
        except Exception:  # noqa: BLE001 — a library's broken log call is not worth an order
            _state.failures += 1


def _nearest(number: int) -> str:
    return next((name for level, name in sorted(_NAMES.items(), reverse=True) if number >= level), "DEBUG")


def _intercept_standard_logging() -> None:
    root = logging.getLogger()
    root.handlers = [handler for handler in root.handlers if not isinstance(handler, _Intercept)]
    root.addHandler(_Intercept(level=logging.WARNING))
    logging.captureWarnings(capture=True)


def _wants_colour(stream: TextIO) -> bool:
    return stream.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
