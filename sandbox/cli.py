"""The command line of the sandbox."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import NoReturn

import msgspec
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.auth import API_KEY, API_SECRET, USER_ID
from sandbox.clock import RATE_MAX
from sandbox.exchange import Options
from sandbox.fault_plan import Faults
from sandbox.faults import AnyFault, parse, parse_spec
from sandbox.instruments import SHARE_COUNT, Universe
from sandbox.paths import FIRST_DAY, LAST_DAY, Paths
from sandbox.postback import parse_url
from sandbox.recorded import RecordingError, load
from sandbox.rules import RELAXABLE
from sandbox.server import Application, Extras
from sandbox.trading_days import IST, is_trading_day, last_trading_day

STOP_SECONDS = 0.3
_ORPHAN_CHECK_SECONDS = 0.25


def main(argv: list[str]) -> int:
    """Run the sandbox until SIGTERM or SIGINT. Exit status: 0 after a signal, 1 cannot listen, 2 bad usage."""
    arguments = _parser().parse_args(argv)
    options = _options(arguments)
    extras = _extras(arguments)
    try:
        listener = socket.create_server((arguments.host, arguments.port), backlog=512)
    except OSError as error:
        print(f"sandbox: cannot listen on {arguments.host}:{arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    with listener:
        # Accepted sockets inherit it; without it a reply's head and body wait 40 ms for each other.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _ignore)  # uvicorn hands the signal back after its own shutdown
        asyncio.run(_serve(listener, arguments.host, options, extras, arguments.exit_with_parent))
    return 0


class _Server(uvicorn.Server):
    """uvicorn, which says when it accepts connections and never waits long for them at the end."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._announce()

    def handle_exit(self, sig: int, frame: object) -> None:
        del frame
        self._captured_signals.append(sig)
        self.stop()

    def stop(self) -> None:
        """Exit soon: politely for a moment, then whatever is still connected."""
        self.should_exit = True
        asyncio.get_event_loop().call_later(STOP_SECONDS, self._force)

    def _force(self) -> None:
        self.force_exit = True


class _Http(H11Protocol):
    """uvicorn's protocol, which leaves its transport in the connection's state: faults need more than ASGI offers."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


async def _serve(listener: socket.socket, host: str, options: Options, extras: Extras, parent: int | None) -> None:
    application = Application(options, extras)
    config = uvicorn.Config(
        application,
        ws="websockets-sansio",
        http=_Http,
        loop="asyncio",
        lifespan="off",
        log_config=None,
        access_log=False,
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        server_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config, lambda: _announce(application, host, listener.getsockname()[1], options))
    beside = [
        asyncio.create_task(application.pump()),
        asyncio.create_task(_end_with_parent(server, parent)),
    ]
    if application.postbacks is not None:
        beside.append(asyncio.create_task(application.postbacks.run()))
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


def _announce(application: Application, host: str, port: int, options: Options) -> None:
    """The one line on stdout: where it is and how to get in."""
    where = f"[{host}]" if ":" in host else host
    line = {
        "rest": f"http://{where}:{port}",
        "ws": f"ws://{where}:{port}",
        "login_url": f"http://{where}:{port}/connect/login?v=3&api_key={API_KEY}",
        "api_key": API_KEY,
        "api_secret": API_SECRET,
        "user_id": USER_ID,
        "access_token": application.exchange.auth.issue(),
        "pid": os.getpid(),
        "date": options.day.isoformat(),
    }
    print(msgspec.json.encode(line).decode(), flush=True)


async def _end_with_parent(server: _Server, parent: int | None) -> None:
    """Ask the server to exit when the process `parent` is gone (a zombie counts as gone)."""
    if parent is None:
        return
    gone = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        handle = os.pidfd_open(parent)
    except ProcessLookupError:
        server.stop()
        return
    except (AttributeError, OSError):  # not Linux, or a kernel too old: ask again and again
        while _alive(parent):  # noqa: ASYNC110 - no event tells of it here
            await asyncio.sleep(_ORPHAN_CHECK_SECONDS)
        server.stop()
        return
    loop.add_reader(handle, gone.set)
    try:
        await gone.wait()
        server.stop()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _ignore(number: int, frame: object) -> None:
    del number, frame


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sandbox",
        description="A pretend Zerodha on loopback. Prints one JSON object (rest, ws, login_url, credentials, "
        "access_token) and runs until SIGTERM.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    parser.add_argument("--speed", type=float, default=1.0, help="market seconds per wall second; 0 is stepped by hand")
    parser.add_argument("--seed", type=int, default=1, help="the market's seed (default 1)")
    parser.add_argument("--date", default=None, help="trading day YYYY-MM-DD (default: today or the last trading day)")
    parser.add_argument("--start", default="09:15:00", help="market time of the start, IST (default 09:15:00)")
    parser.add_argument("--hold", action="store_true", help="hold the clock until POST /_sandbox/clock releases it")
    parser.add_argument("--market-protection", choices=("required", "optional"), default="required")
    parser.add_argument("--relax", default="", help=f"rules to switch off, comma-separated: {', '.join(RELAXABLE)}")
    parser.add_argument(
        "--instruments", type=int, default=SHARE_COUNT, help=f"how many NSE shares to list, 1 to {SHARE_COUNT}"
    )
    parser.add_argument("--opening-cash", type=int, default=1_000_000, help="rupees (default 1000000)")
    parser.add_argument(
        "--market",
        default="generated",
        metavar="generated|replay:FILE|bars:PATH",
        help="what drives prices: the seed (default), recorded ticks, or bars (a CSV file or a folder of them)",
    )
    parser.add_argument(
        "--busy", action="store_true", help="every instrument prints in every second: the heaviest feed"
    )
    parser.add_argument("--edis", action="store_true", help="sales of holdings need authorisation at the depository")
    parser.add_argument("--ban", default="", metavar="NAMES", help="names in the F&O ban period, comma-separated")
    parser.add_argument("--redirect-url", default="http://127.0.0.1/", help="where a login redirects to")
    parser.add_argument(
        "--faults", default=None, metavar="on|FILE|SPEC", help="enable faults, and set those of a JSON file or a spec"
    )
    parser.add_argument("--postback-url", default=None, metavar="URL", help="post order updates there")
    parser.add_argument("--as-hosted", action="store_true", help="behave as Zerodha's hosted sandbox: /oms, LIMIT only")
    parser.add_argument("--exit-with-parent", type=int, default=None, metavar="PID", help="exit when this process ends")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the first line is JSON always")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    """Checked options; exits 2 with one line for a value out of range."""
    relaxed = frozenset(name.strip() for name in arguments.relax.split(",") if name.strip())
    unknown = sorted(relaxed - set(RELAXABLE))
    if unknown:
        _refuse(f"--relax: unknown rule {', '.join(unknown)}; known are {', '.join(RELAXABLE)}")
    day = _day(arguments.date)
    if not 0 <= arguments.speed <= RATE_MAX:
        _refuse(f"--speed: 0 to {RATE_MAX:.0f}, found {arguments.speed}")
    if not 0 <= arguments.seed < 2**63:
        _refuse(f"--seed: 0 to 2^63 - 1, found {arguments.seed}")
    if not 1 <= arguments.instruments <= SHARE_COUNT:
        _refuse(f"--instruments: 1 to {SHARE_COUNT}, found {arguments.instruments}")
    if not 0 <= arguments.opening_cash <= 10**10:
        _refuse(f"--opening-cash: 0 to 10000000000 rupees, found {arguments.opening_cash}")
    if not 0 <= arguments.port <= 65535:
        _refuse(f"--port: 0 to 65535, found {arguments.port}")
    recording = None
    if arguments.market != "generated":
        paths = Paths(arguments.seed)
        try:
            recording = load(arguments.market, Universe(day, arguments.instruments, paths).by_key)
        except RecordingError as error:
            _refuse(str(error))
        if arguments.date is None:
            day = recording.last_day()
    return Options(
        day=day,
        start_seconds=_start(arguments.start),
        speed=arguments.speed,
        seed=arguments.seed,
        hold=arguments.hold,
        market_protection_required=arguments.market_protection == "required",
        relaxed=relaxed,
        instruments=arguments.instruments,
        opening_cash=arguments.opening_cash,
        redirect_url=arguments.redirect_url,
        edis=arguments.edis,
        banned=frozenset(name.strip().upper() for name in arguments.ban.split(",") if name.strip()),
        busy=arguments.busy,
        recording=recording,
    )


def _extras(arguments: argparse.Namespace) -> Extras:
    """Faults, postbacks and the hosted mode; exits 2 with one line for what makes no sense."""
    target = None
    if arguments.postback_url is not None:
        try:
            target = parse_url(arguments.postback_url)
        except ValueError as error:
            _refuse(f"--postback-url: {error}")
    return Extras(faults=_faults(arguments.faults), postback=target, hosted=arguments.as_hosted)


def _faults(text: str | None) -> tuple[AnyFault, ...] | None:
    if text is None:
        return None
    if text == "on":
        return ()
    try:
        if text.lstrip()[:1] in ("[", "{"):
            faults = parse(text)
        elif text.endswith(".json"):
            faults = parse(Path(text).read_bytes())
        else:
            faults = parse_spec(text)
        Faults(0, lambda: 0, faults)
    except OSError as error:
        _refuse(f"--faults: {text}: {error.strerror}")
    except ValueError as error:
        _refuse(f"--faults: {error}")
    return tuple(faults)


def _day(text: str | None) -> date:
    if text is None:
        today = datetime.now(IST).date()  # noqa: TID251 - a program of its own: its clock begins here
        return last_trading_day(today)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        _refuse(f"--date: YYYY-MM-DD, found {text!r}")
    if not FIRST_DAY.year < day.year < LAST_DAY.year:
        _refuse(f"--date: a year from {FIRST_DAY.year + 1} to {LAST_DAY.year - 1}, found {text}")
    if not is_trading_day(day):
        _refuse(f"--date: {text} is no trading day; the one before is {last_trading_day(day)}")
    return day


def _start(text: str) -> int:
    for form in ("%H:%M:%S", "%H:%M"):
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - a time of day, no instant
        except ValueError:
            continue
        return moment.hour * 3600 + moment.minute * 60 + moment.second
    return _refuse(f"--start: HH:MM:SS, found {text!r}")


def _refuse(message: str) -> NoReturn:
    print(f"sandbox: {message}", file=sys.stderr)
    raise SystemExit(2)
