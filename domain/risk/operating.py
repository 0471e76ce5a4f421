"""Whether a person may let trading go on: only what a person or a limit has stopped."""

from __future__ import annotations

from domain.messages.control import TradingState


def why_not_resume(state: TradingState, who: str) -> str | None:
    """Why a person's resume is refused in this state, which `who` has set; None where it may be.

    What has a cause of its own ends with that cause: a resume would only send orders into it.
    """
    if state is TradingState.STARTING:
        return "trading has not started yet: it becomes active by itself"
    if state is TradingState.REDUCING and who == "session":
        return "there is no session at the broker: log in, then trading goes on by itself"
    if state is TradingState.REDUCING and who == "shutdown":
        return "the trader is stopping"
    return None
