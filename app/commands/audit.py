"""`audit verify`, `audit show`, `audit export`: prove the trail, tell one order's story, hand it to others."""

from __future__ import annotations

import csv
import datetime as dt
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, TextIO

import msgspec
from cyclopts import Parameter

from adapters.store.audit import prove, read, trail_files
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from app.world import folders
from domain.audit.chain import ChainBroken
from domain.audit.entries import Entry
from domain.audit.story import Story, tell
from domain.values import Nanos, ist, rupees

OrderName = Annotated[str, Parameter(help="The order's tag, or the broker's order id.")]
From = Annotated[str | None, Parameter(name="--from", show_default=False, help="First day, YYYY-MM-DD.")]
To = Annotated[str | None, Parameter(name="--to", show_default=False, help="Last day, YYYY-MM-DD.")]
Format = Annotated[
    Literal["csv", "jsonl", "parquet"],
    Parameter(name="--format", help="csv; jsonl: the lines as they are; parquet, into a file."),
]
Out = Annotated[Path | None, Parameter(name="--out", show_default=False, help="A file; without it, stdout.")]

COLUMNS = ("seq", "time", "kind", "tag", "order_id", "strategy", "journal", "body", "prev", "hash")


def verify(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Prove that no byte of the trail has changed: names the first entry that does not fit. Exit status 1 then."""
    folder = folders(load_settings(env, config, sets)).audit
    try:
        proof = prove(folder)
    except ChainBroken as error:
        if as_json:
            print_json({"whole": False, "why": str(error)})
        complain(str(error))
        return FAILED
    if as_json:
        print_json({"whole": True, "files": len(trail_files(folder)), **msgspec.structs.asdict(proof)})
        return DONE
    print(f"whole: {proof.entries} entries in {len(trail_files(folder))} files, the last hash is {proof.hash}")
    if proof.torn:
        print(f"{proof.torn} lines were torn when a process died; the entry after each says so")
    if proof.torn_tail:
        print(
            f"the last line is torn ({proof.torn_tail} bytes): its writer died, or is writing; the next start says so"
        )
    return DONE


def show(
    order: OrderName,
    /,
    *,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Tell one order's whole story: decision, approval, request, reply, fills, with times and slippage."""
    folder = folders(load_settings(env, config, sets)).audit
    story = _story(folder, order)
    if story is None:
        complain(f"the audit trail has no order {order}; `run.py orders` lists tags and order ids")
        return FAILED
    if as_json:
        print_json(_document(story))
        return DONE
    for line in _summary(story):
        print(line)
    rows = [(f"{ist(step.time):%Y-%m-%d %H:%M:%S.%f}"[:-3], step.seq, step.kind, step.text) for step in story.steps]
    print_table("Story", ("market time", "entry", "what", "how"), rows)
    return DONE


def export(
    *,
    first: From = None,
    last: To = None,
    form: Format = "csv",
    out: Out = None,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
) -> int:
    """Write the entries of these days, both included, oldest first."""
    start, end = _day("--from", first) or "", _day("--to", last) or "~"
    folder = folders(load_settings(env, config, sets)).audit
    entries = read(folder, start, end)
    if form == "parquet":
        if out is None:
            raise UsageError("--format parquet: name a file with --out")
        complain(f"{_write_parquet(out, entries)} entries written to {out}")
        return DONE
    if out is None:
        _write(sys.stdout, entries, form)
        return DONE
    with out.open("w", encoding="utf-8", newline="") as file:
        count = _write(file, entries, form)
    complain(f"{count} entries written to {out}")
    return DONE


def _story(folder: Path, order: str) -> Story | None:
    """By tag; or by order id, which the first entry that has both gives the tag of."""
    needle = order.encode()
    tag = order
    for entry in read(folder, containing=needle):
        if entry.tag == order:
            break
        if entry.order_id == order and entry.tag:
            tag = entry.tag
            break
    return tell(tag, (entry for entry in read(folder, containing=tag.encode()) if entry.tag == tag))


def _summary(story: Story) -> Iterator[str]:
    yield f"order     {story.tag} of {story.strategy}: {story.state}" + (
        f", order id {story.order_id}" if story.order_id else ""
    )
    yield f"wanted    {story.side} {story.quantity} {story.instrument} at {rupees(story.reference_price)}"
    if story.filled:
        average = Fraction(story.value, story.filled)
        line = f"filled    {story.filled} for {rupees(story.value)}, {_rupees(average)} each"
        if story.slippage is not None and story.slippage_bps is not None:
            line += f"; slippage {_rupees(story.slippage)} each, {float(story.slippage_bps):.2f} bps"
        if story.arrival_bps is not None:
            line += f", {float(story.arrival_bps):.2f} bps against bid and ask on arrival"
        yield line
    took = "" if story.request_ns is None else f"; the request took {story.request_ns / 1e6:.1f} ms of wall time"
    yield f"took      {', '.join(_spans(story)) or 'nothing that was noted'}{took}"


def _spans(story: Story) -> Iterator[str]:
    """Market seconds from each station to the next."""
    before: Nanos | None = None
    for name, at in msgspec.structs.asdict(story.times).items():
        if at is None:
            continue
        if before is None:
            yield f"{name} {ist(at):%H:%M:%S}"
        else:
            yield f"{name.replace('_', ' ')} {(at - before) / 1e9:+.3f} s"
        before = at


def _document(story: Story) -> dict[str, object]:
    times = {
        name: None if at is None else ist(at).isoformat() for name, at in msgspec.structs.asdict(story.times).items()
    }
    steps = [
        {"time": ist(step.time).isoformat(), "entry": step.seq, "kind": step.kind, "text": step.text}
        for step in story.steps
    ]
    return {
        "tag": story.tag,
        "order_id": story.order_id or None,
        "strategy": story.strategy,
        "instrument": story.instrument,
        "side": story.side,
        "quantity": story.quantity,
        "state": story.state,
        "reference_price": rupees(story.reference_price),
        "filled": story.filled,
        "value": rupees(story.value),
        "slippage_bps": None if story.slippage_bps is None else round(float(story.slippage_bps), 4),
        "arrival_bps": None if story.arrival_bps is None else round(float(story.arrival_bps), 4),
        "request_milliseconds": None if story.request_ns is None else story.request_ns / 1e6,
        "times": times,
        "steps": steps,
    }


def _rupees(amount: Fraction) -> str:
    return f"{float(amount) / 10_000:.4f}"


def _write_parquet(path: Path, entries: Iterator[Entry]) -> int:
    """All of them in one table; `time` in nanoseconds with its zone, `body` as JSON text."""
    import polars as pl

    rows = [msgspec.structs.asdict(entry) | {"body": bytes(entry.body).decode()} for entry in entries]
    kinds = {"seq": pl.Int64, "time": pl.Int64, "journal": pl.Int64}
    table = pl.DataFrame(rows, schema={column: kinds.get(column, pl.String) for column in COLUMNS})
    instants = pl.from_epoch("time", time_unit="ns").dt.replace_time_zone("UTC")
    table.with_columns(instants.dt.convert_time_zone("Asia/Kolkata")).write_parquet(path)
    return table.height


def _write(file: TextIO, entries: Iterator[Entry], form: str) -> int:
    count = 0
    writer = csv.writer(file, lineterminator="\n")
    if form == "csv":
        writer.writerow(COLUMNS)
    for entry in entries:
        if form == "csv":
            row = msgspec.structs.asdict(entry)
            row |= {"time": ist(entry.time).isoformat(), "body": bytes(entry.body).decode()}
            writer.writerow([row[column] for column in COLUMNS])
        else:
            file.write(msgspec.json.encode(entry).decode() + "\n")
        count += 1
    return count


def _day(option: str, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{option}: found {text!r}; allowed: a day, such as 2026-11-20") from None
