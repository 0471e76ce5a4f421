"""Coverage-guided fuzzing of what reads the broker's bytes: `python tests/fuzz/harness.py TARGET [libFuzzer options] FOLDER`.

FOLDER keeps the inputs that reach new code.

Targets: `wire` (binary frames to rows of ticks) and `replies` (HTTP replies to verdicts, rows and errors). An exception
that the code under test does not promise is a finding; libFuzzer then writes the input beside it and ends with status 77.
Needs the package `atheris`, in an environment of its own (`tests/fuzz/test_fuzz_long.py` says how it is found).
"""

import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import atheris  # type: ignore[import-untyped]  # no stubs, and not installed where types are checked

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

with atheris.instrument_imports(include=["adapters", "domain"]):
    import msgspec

    from adapters.kite import outcome, rows, translate, wire
    from adapters.kite.http import Reply
    from adapters.kite.tokens import TokenHolder

NOW = 1_800_000_000
SECRET = "tok3nSECRETtok3n"
WORDS = translate.StatusWords(lambda word: None)
READERS: list[tuple[msgspec.json.Decoder[Any], Callable[[Any], object]]] = [
    (msgspec.json.Decoder(list[rows.OrderRow], strict=False), lambda row: translate.order(row, WORDS, 1)),
    (msgspec.json.Decoder(list[rows.TradeRow], strict=False), translate.trade),
    (msgspec.json.Decoder(list[rows.PositionRow], strict=False), translate.position),
    (msgspec.json.Decoder(list[rows.HoldingRow], strict=False), translate.holding),
    (msgspec.json.Decoder(list[rows.FundsData], strict=False), translate.funds),
    (msgspec.json.Decoder(list[rows.CandlesData], strict=False), repr),
]
TOKENS = TokenHolder((SECRET,))


def wire_target(data: bytes) -> None:
    """A frame never raises; what it dropped and what it gave are what it announced, and both ways agree."""
    counts = wire.DecodeCounts()
    ticks = wire.decode(data, counts, NOW)
    assert len(ticks) == counts.packets - counts.dropped
    few, vars(wire)["FEW"] = wire.FEW, 0
    try:
        again = wire.DecodeCounts()
        assert wire.decode(data, again, NOW).tobytes() == ticks.tobytes()
        assert again == counts
    finally:
        vars(wire)["FEW"] = few


def replies_target(data: bytes) -> None:
    """A reply is always classified; only whole 2xx envelopes are DONE; no text holds the secret."""
    given = atheris.FuzzedDataProvider(data)
    status = given.PickValueInList([200, 400, 403, 404, 428, 429, 500, 502, 503, 101, 302, 599])
    kind = given.ConsumeIntInRange(0, 7)
    if kind == 7:
        body = given.ConsumeBytes(given.remaining_bytes())
    else:
        rows_ = [_object(given, ROW_FIELDS) for _ in range(given.ConsumeIntInRange(0, 3))]
        body = json.dumps(_object(given, ENVELOPE_FIELDS) | ({"data": rows_} if kind else {})).encode()
    result = outcome.classify(Reply(status, "application/json", body, 1), TOKENS)
    assert SECRET not in result.text
    assert "\n" not in result.text
    if result.verdict is outcome.Verdict.DONE:
        assert 200 <= status < 300
    if result.data:
        _translate(result.data)


def _translate(data: bytes) -> None:
    """Rows are translated or refused with an error of the promised kinds."""
    for decoder, translated in READERS:
        try:
            for row in decoder.decode(data):
                translated(row)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            continue


ENVELOPE_FIELDS = {"status": "success", "data": None, "message": "Too many requests", "error_type": "TokenException"}
ROW_FIELDS = {
    "order_id": "1",
    "trade_id": "7",
    "status": "COMPLETE",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "product": "MIS",
    "quantity": 10,
    "filled_quantity": 10,
    "pending_quantity": 0,
    "average_price": 1500.05,
    "order_timestamp": "2026-11-20 10:00:00",
    "fill_timestamp": "2026-11-20 10:00:00",
    "tag": "t",
    "tags": ["t"],
    "multiplier": 1,
    "buy_quantity": 1,
    "buy_value": 1.5,
    "available": {"cash": 1},
    "candles": [["2026-11-20T09:15:00+0530", 1, 1, 1, 1, 1]],
}
ODD: list[Any] = [
    None,
    0,
    -1,
    1,
    10**18,
    2**70,
    0.1,
    1e308,
    -1e308,
    "",
    "1",
    "1e5",
    "inf",
    "error",
    SECRET,
    "2026-02-30 00:00:00",
]
ODD += ["9999-12-31T23:59:59-23:59", "request failed", "check the order book and", [], {}, [[]], True]


def _object(given: Any, fields: dict[str, Any]) -> dict[str, Any]:
    """Some of the fields, each right, odd or anything."""
    found: dict[str, Any] = {}
    for name, right in fields.items():
        match given.ConsumeIntInRange(0, 9):
            case 0:
                continue
            case 1:
                found[name] = given.PickValueInList(ODD)
            case 2:
                found[name] = given.ConsumeUnicodeNoSurrogates(12)
            case 3:
                found[name] = given.ConsumeInt(9)
            case 4:
                found[name] = given.ConsumeRegularFloat()
            case _:
                found[name] = right
    return found


TARGETS = {"wire": wire_target, "replies": replies_target}


def plant(folder: Path) -> None:
    """Possible frames as seeds, so that fuzzing begins where it matters."""
    from tests.kite.frames import a_packet, frame

    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(1)
    for count in (1, 2, 11, 12, 13, 14, 40):
        for length in (None, 8, 28, 32, 44, 184):
            packets = [a_packet(dice, NOW, length) for _ in range(count)]
            (folder / f"seed-{count}-{length}").write_bytes(frame(packets))


if __name__ == "__main__":
    target = TARGETS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if target is None:
        sys.exit(f"harness.py: one of {', '.join(TARGETS)} first")
    if sys.argv[1] == "wire":
        plant(Path(sys.argv[-1]))
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
