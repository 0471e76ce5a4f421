"""`alerts test`: say something on every channel, and tell which of them took it. `alerts explain`: what one means."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from app.alerting import channels_of, heartbeat_of
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from domain.errors import PatangError

RUNBOOK: Final = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
Name = Annotated[str, Parameter(show_default=False, help="As the alert gives it: order.unresolved, PatangHalted.")]
Only = Annotated[str | None, Parameter(name="--channel", show_default=False, help="This one alone.")]


def say(
    *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), channel: Only = None, as_json: Json = False
) -> int:
    """Send a test through every channel, whatever its level and hours. Exit status 1 where one did not take it."""
    settings = load_settings(env, config, sets).settings
    channels = [each for each in channels_of(settings) if channel in (None, each.name)]
    if channel is not None and not channels:
        known = ", ".join(each.name for each in channels_of(settings)) or "none has an address yet"
        raise UsageError(f"--channel: found {channel!r}; allowed: {known}")
    rows = []
    for each in channels:
        try:
            each.opened().send("info", "test", f"This is a test of the channel {each.name}, from {env}.")
            rows.append((each.name, True, "delivered"))
        except PatangError as error:
            rows.append((each.name, False, str(error)))
    beat = heartbeat_of(settings)
    if beat is not None and channel is None:
        try:
            beat()
            rows.append(("heartbeat", True, "delivered"))
        except PatangError as error:
            rows.append(("heartbeat", False, str(error)))
    if as_json:
        print_json([{"channel": name, "delivered": done, "text": text} for name, done, text in rows])
    elif rows:
        print_table("Alerts", ("channel", "delivered", "text"), rows)
    if not rows:
        complain("no channel has an address: set PATANG_ALERT_<NAME> in .env, such as PATANG_ALERT_PHONE=tgram://…")
        return FAILED
    return DONE if all(done for _, done, _ in rows) else FAILED


def explain(name: Name = "", /, *, as_json: Json = False) -> int:
    """Print what the runbook says of an alert; without a name, list them all."""
    sections = explained(RUNBOOK.read_text(encoding="utf-8"))
    if not name:
        print_json(sorted(sections)) if as_json else print("\n".join(sections))
        return DONE
    known = sections.get(name.removeprefix("alert."))
    if known is None:
        raise UsageError(f"alerts explain: found {name!r}; `alerts explain` without a name lists them all")
    print_json({"alert": name, "text": known}) if as_json else print(known)
    return DONE


def explained(page: str) -> dict[str, str]:
    """The runbook's sections by the names of their alerts, as plain text."""
    found = re.findall(r"^### (\S+)\n\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return {name: re.sub(r"\[([^\]]+)\]\([^)]+\)|\*+", r"\1", text).strip() for name, text in found}
