"""`alerts test`: say something on every channel, and tell which of them took it."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.alerting import channels_of, heartbeat_of
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from domain.errors import PatangError

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
