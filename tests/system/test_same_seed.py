"""The same seed gives the same market: two sandboxes, tick for tick; another seed gives another."""

from __future__ import annotations

import struct
from typing import Final

from websockets.sync.client import ClientConnection, connect

from tests.system.plant import Exchange, an_exchange

TOKENS: Final = (408065, 779521, 320001, 256265)
SECONDS: Final = 180

Tick = tuple[int, bytes]


def test_two_sandboxes_of_one_seed_tick_alike_and_another_seed_does_not() -> None:
    first, second, other = (ticks_of(seed) for seed in (7, 7, 8))
    assert len(first) > SECONDS, "a market that moves"
    assert first == second
    assert first != other


def ticks_of(seed: int) -> list[Tick]:
    """Every packet of some instruments over some market minutes, by token and exchange time."""
    extra = ("--date", "2026-11-20", "--start", "10:00:00")
    with an_exchange(speed=0, seed=seed, extra=extra) as exchange:
        details = exchange.running.details
        url = f"{details.ws}/?api_key={details.api_key}&access_token={details.access_token}"
        with connect(url, max_size=None, compression=None) as socket:
            socket.send('{"a":"mode","v":["full",' + str(list(TOKENS)).replace(" ", "") + "]}")
            found = packets(socket, exchange)
    return sorted(found)


def packets(socket: ClientConnection, exchange: Exchange) -> list[Tick]:
    """Steps the clock, and reads until the last second's packets are there."""
    found: list[Tick] = []
    last = 0
    while not found:
        found += split(socket.recv(5))  # the snapshot: subscribed
    begin = newest = max(stamp(packet) for _, packet in found)
    for _ in range(SECONDS // 20):
        exchange.set_clock(advance_seconds=20)
        last += 20
        while newest < begin + last - 5:
            for token, packet in split(socket.recv(5)):
                found.append((token, packet))
                newest = max(newest, stamp(packet))
    return [(token, packet) for token, packet in found if stamp(packet) <= begin + SECONDS - 20]


def split(frame: str | bytes) -> list[Tick]:
    """A binary frame's packets (kite-facts 5): count, then each with its length."""
    assert isinstance(frame, bytes)
    if len(frame) < 2:
        return []
    (count,) = struct.unpack_from(">H", frame)
    at, found = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">H", frame, at)
        packet = frame[at + 2 : at + 2 + length]
        found.append((struct.unpack_from(">I", packet)[0], packet))
        at += 2 + length
    return found


def stamp(packet: bytes) -> int:
    """The exchange time in a full packet, seconds: at 60 for tradable instruments, at 28 for indices."""
    return int(struct.unpack_from(">I", packet, 60 if len(packet) == 184 else 28)[0])
