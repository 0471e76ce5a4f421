"""The program: its first line, its end, its refusals, and that it outlives nobody."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from sandbox import cli
from sandbox.launch import RunningSandbox, launch
from tests.sandbox.desk import FRIDAY
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
DATE = ["--date", FRIDAY.isoformat()]


def open_socket(sandbox: RunningSandbox, token: str = "") -> ClientConnection:
    url = f"{sandbox.ws}/?api_key=sandboxkey&access_token={token or sandbox.access_token}&uid=1"
    return connect(url, compression=None, max_size=None, legacy=True)


def binary(socket: ClientConnection) -> bytes:
    """The next binary frame."""
    while True:
        message = socket.recv(timeout=60)
        if isinstance(message, bytes):
            return message


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_upon_a_signal_with_status_zero_though_a_socket_is_open(number: signal.Signals) -> None:
    with launch(extra=DATE) as sandbox, open_socket(sandbox) as socket:
        socket.send('{"a":"subscribe","v":[408065]}')
        binary(socket)
        sandbox.process.send_signal(number)

        assert sandbox.process.wait(60) == 0
        assert sandbox.process.stdout is not None
        assert sandbox.process.stdout.read() == b""


def test_the_first_line_says_where_and_how() -> None:
    with launch(extra=DATE) as sandbox:
        info = sandbox.info
        assert set(info) == {
            "rest",
            "ws",
            "login_url",
            "api_key",
            "api_secret",
            "user_id",
            "access_token",
            "pid",
            "date",
        }
        assert not str(info["rest"]).endswith("/")
        assert info["pid"] == sandbox.process.pid
        assert requests.get(str(info["login_url"]), timeout=60).status_code == 200


def test_it_ends_when_its_parent_is_killed() -> None:
    code = (
        "import sys, time; from sandbox.launch import launch; s = launch(); print(s.info['pid'], flush=True); "
        "sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    assert parent.stdout is not None
    assert parent.stdin is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    parent.stdin.close()

    eventually(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--relax", "gravity"], "unknown rule gravity; known are rate-limits"),
        (["--date", "2026-11-22"], "no trading day; the one before is 2026-11-20"),
        (["--date", "tomorrow"], "--date: YYYY-MM-DD"),
        (["--speed", "-1"], "--speed"),
        (["--instruments", "0"], "--instruments: 1 to"),
        (["--start", "9am"], "--start: HH:MM:SS"),
        (["--port", "99999"], "--port"),
    ],
)
def test_bad_usage_is_one_line_and_status_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)

    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1


def test_a_taken_port_is_one_line_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    with launch(extra=DATE) as sandbox:
        assert cli.main(["--port", sandbox.rest.rsplit(":", 1)[1]]) == 1

    assert "cannot listen on" in capsys.readouterr().err


def test_a_held_clock_stands_until_released() -> None:
    with launch(speed=100, hold=True, extra=DATE) as sandbox:
        url = f"{sandbox.rest}/_sandbox/clock"
        first = requests.get(url, timeout=60).json()
        assert (first["held"], first["now"]) == (True, "2026-11-20T09:15:00+05:30")
        assert requests.get(url, timeout=60).json()["now_ns"] == first["now_ns"]

        requests.post(url, json={"release": True}, timeout=60)
        eventually(lambda: requests.get(url, timeout=60).json()["now_ns"] > first["now_ns"] + 10**10)


def test_a_bad_token_is_refused_at_the_handshake_with_kites_body(fast: RunningSandbox) -> None:
    with pytest.raises(InvalidStatus) as caught:
        open_socket(fast, "wrong")

    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body or b"") == {"status": "error", "message": "Authentication failed."}


def test_three_sockets_and_no_fourth(capfd: pytest.CaptureFixture[str]) -> None:
    with launch(extra=DATE) as sandbox:
        sockets = [open_socket(sandbox) for _ in range(3)]
        with pytest.raises(InvalidStatus) as caught:
            open_socket(sandbox)
        assert caught.value.response.status_code == 429

        sockets.pop().close()
        sockets.append(eventually(lambda: open_socket(sandbox)))
        for socket in sockets:
            socket.close()
    assert "handshake" not in capfd.readouterr().err, "a refusal is an answer, and no fault of the server"


def test_unsubscribing_stops_the_ticks() -> None:
    with launch(hold=True, extra=DATE) as sandbox, open_socket(sandbox) as socket:
        socket.send('{"a":"subscribe","v":[408065, 779521]}')
        assert binary(socket)[:2] == b"\x00\x02"
        socket.send('{"a":"unsubscribe","v":[408065]}')
        socket.send('{"a":"mode","v":["ltp",[779521]]}')
        assert binary(socket)[:2] == b"\x00\x01"

        requests.post(f"{sandbox.rest}/_sandbox/clock", json={"rate": 200, "release": True}, timeout=60)
        tokens = {socket_frame[4:8] for socket_frame in (binary(socket) for _ in range(20)) if len(socket_frame) > 1}
        assert tokens == {(779521).to_bytes(4, "big")}


def test_an_idle_socket_gets_one_byte_heartbeats_also_before_the_market() -> None:
    with launch(extra=[*DATE, "--start", "08:00:00"]) as sandbox, open_socket(sandbox) as socket:
        socket.send('{"a":"subscribe","v":[408065]}')

        assert socket.recv(timeout=60) == b"\x00"


def test_a_snapshot_follows_a_subscription_at_once_and_the_default_mode_is_quote() -> None:
    with launch(hold=True, extra=DATE) as sandbox, open_socket(sandbox) as socket:
        socket.send('{"a":"subscribe","v":[408065, 1, "x", 256265]}')
        frame = binary(socket)
        assert (frame[:4], len(frame)) == (b"\x00\x02\x00\x2c", 2 + 46 + 30)

        socket.send('{"a":"mode","v":["full",[408065]]}')
        frame = binary(socket)
        assert (frame[:4], len(frame)) == (b"\x00\x01\x00\xb8", 2 + 186)

        socket.send('{"a":"mode","v":["ltp",[408065]]}')
        assert binary(socket)[:4] == b"\x00\x01\x00\x08"


@pytest.mark.parametrize(
    "text", ["{", "[]", "5", '{"a":"dance"}', '{"a":"mode","v":["loud",[1]]}', '{"a":"subscribe"}']
)
def test_nonsense_is_answered_with_an_error_text_and_the_socket_stays(fast: RunningSandbox, text: str) -> None:
    with open_socket(fast) as socket:
        socket.send(text)
        messages = iter(lambda: socket.recv(timeout=60), None)
        answer = json.loads(next(message for message in messages if isinstance(message, str)))
        assert answer["type"] == "error"
        assert isinstance(answer["data"], str)

        socket.send('{"a":"subscribe","v":[408065]}')
        assert binary(socket)[2:4] in {b"", b"\x00\x2c"}


def test_a_client_that_takes_every_tick_builds_the_bars_of_history() -> None:
    """At 300 times real speed, for a liquid and an illiquid share and an index, to the last unit of volume."""
    with launch(speed=300, hold=True, relax=["rate-limits"], extra=DATE) as sandbox, open_socket(sandbox) as socket:
        tokens = [408065, 1576 * 256 + 1, 256265]
        socket.send(json.dumps({"a": "mode", "v": ["full", tokens]}))
        prints: dict[int, dict[int, tuple[int, int]]] = {token: {} for token in tokens}
        last = _read(binary(socket), prints)  # the snapshot of the first second
        requests.post(f"{sandbox.rest}/_sandbox/clock", json={"release": True}, timeout=60)
        while last < 33_300 + 20 * 60:
            frame = binary(socket)
            last = max(last, _read(frame, prints) if len(frame) > 1 else 0)
        headers = {"Authorization": f"token sandboxkey:{sandbox.access_token}"}
        for token in tokens:
            url = f"{sandbox.rest}/instruments/historical/{token}/minute"
            params = {"from": "2026-11-20 09:15:00", "to": "2026-11-20 09:34:00"}
            history = requests.get(url, params=params, headers=headers, timeout=60).json()["data"]["candles"]
            assert _bars(prints[token]) == history


def _read(frame: bytes, prints: dict[int, dict[int, tuple[int, int]]]) -> int:
    """Note each packet's price and running volume by its second; the latest second of day seen."""
    at, second = 2, 0
    for _ in range(int.from_bytes(frame[:2], "big")):
        size = int.from_bytes(frame[at : at + 2], "big")
        packet = frame[at + 2 : at + 2 + size]
        words = [int.from_bytes(packet[i : i + 4], "big") for i in range(0, min(size, 64), 4)]
        second = (words[7 if size == 32 else 15] + 19_800) % 86_400
        prints[words[0]][second] = (words[1], 0 if size == 32 else words[4])
        at += 2 + size
    return second


def _bars(prints: dict[int, tuple[int, int]]) -> list[list[object]]:
    bars: dict[int, list[float]] = {}
    before = 0
    for second, (paise, volume) in sorted(prints.items()):
        price = paise / 100
        bar = bars.setdefault(second // 60, [price, price, price, price, 0])
        bar[1], bar[2], bar[3] = max(bar[1], price), min(bar[2], price), price
        bar[4] += volume - before
        before = volume
    return [
        [f"2026-11-20T{minute // 60:02d}:{minute % 60:02d}:00+0530", *bar]
        for minute, bar in bars.items()
        if minute <= 9 * 60 + 34
    ]


def test_no_descriptor_is_left_behind() -> None:
    with launch(extra=DATE) as sandbox:
        count = len(list(Path(f"/proc/{sandbox.process.pid}/fd").iterdir()))
        for _ in range(5):
            with open_socket(sandbox) as socket:
                socket.send('{"a":"subscribe","v":[408065]}')
                binary(socket)

        eventually(lambda: len(list(Path(f"/proc/{sandbox.process.pid}/fd").iterdir())) <= count)
