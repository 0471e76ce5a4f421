"""The admin API: every route under /api, its body and its answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody, PathParameter, QueryParameter
from litestar.response import File, ServerSentEvent, ServerSentEventMessage
from msgspec import Meta, Struct

from adapters.web.backstage import Backstage, Document, Done
from adapters.web.door import CONFIRM_SECONDS, Door
from domain.messages.operator import Cancel, Flatten, Halt, OperatorCommand, Reload, Resolve, Resume

Why = Annotated[str, Meta(min_length=1, max_length=500, description="The reason; it is kept with the command.")]
Name = Annotated[str, Meta(max_length=100)]
NUMBER_MAX: Final = 1 << 62
"""The store's integers have 64 bits."""
Limit = Annotated[int, QueryParameter(ge=1, le=2_000, description="At most so many.")]

WHO: Final = "dashboard"
BEAT_SECONDS: Final = 1.0
LOOKS_PER_BEAT: Final = 5
"""Whether the server ends, between beats."""
CONFIRM_HEADER: Final = "x-confirmation"
REPORT_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; sandbox allow-scripts"
)


class HaltBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Stop entries; with `flatten`, close everything as well."""

    why: Why = "halted from the dashboard"
    flatten: bool = False


class ResumeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Clear a halt."""

    why: Why


class FlattenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Close what is held, of one strategy or (empty) of all."""

    why: Why
    strategy: Name = ""


class CancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Cancel one order by its tag, or what rests of one strategy, or (both empty) whatever rests."""

    why: Why
    tag: Name = ""
    strategy: Name = ""
    include_exits: bool = False


class ResolveBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What became of an unresolved order: the order id it was placed under, or (empty) absent."""

    why: Why
    tag: Annotated[str, Meta(min_length=1, max_length=20)]
    order_id: Name = ""


class ReloadBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Read the configuration again; with `dry_run`, only say what would change."""

    why: Why = "reloaded from the dashboard"
    dry_run: bool = False


class ConfirmBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The call that is to be confirmed: its action and the body it will have."""

    action: Name
    body: dict[str, Any]


class Confirmed(Struct, frozen=True):
    """A word for the X-Confirmation header of that one call."""

    confirmation: str
    expires_seconds: int


class Seen(Struct, frozen=True):
    """Whether it was for us to acknowledge."""

    acknowledged: bool


_bodies: Final[dict[str, type[Struct]]] = {
    "halt": HaltBody,
    "resume": ResumeBody,
    "flatten": FlattenBody,
    "cancel": CancelBody,
    "resolve": ResolveBody,
    "reload": ReloadBody,
}


def _fixed(body: Struct) -> str:
    """The same text for the same body, however it was written."""
    return msgspec.json.encode(body, order="deterministic").decode()


def _behind(state: State) -> Backstage:
    found: Backstage = state.backstage
    return found


async def _read(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever the reading gives
    """Off the event loop: a slow disk must not hold the others up."""
    return await asyncio.to_thread(call)


class Reading(Controller):
    """What can be seen."""

    path = "/api"

    @get("/status", sync_to_thread=False)
    def status(self, state: State) -> Document:
        """How the trader stands. `running` is false where none does, with the last one's end."""
        return _behind(state).status()

    @get("/tree")
    async def tree(self, state: State) -> Document | None:
        """The live tree of actors: state, lives, restarts, mailbox depth and age, last failure."""
        found: Document | None = await _read(_behind(state).tree)
        return found

    @get("/strategies")
    async def strategies(self, state: State) -> list[Document]:
        """Each configured strategy: result, state, what it holds."""
        return list(await _read(_behind(state).strategies))

    @get("/positions")
    async def positions(self, state: State) -> list[Document]:
        """Open lines first."""
        return list(await _read(_behind(state).positions))

    @get("/orders")
    async def orders(
        self, state: State, strategy: FromQuery[str] = "", order_state: FromQuery[str] = "", limit: Limit = 200
    ) -> list[Document]:
        """The newest orders first."""
        return list(await _read(lambda: _behind(state).orders(strategy, order_state, limit)))

    @get("/orders/{tag:str}")
    async def order(self, state: State, tag: FromPath[str]) -> Document:
        """One order with every step of its life."""
        found: Document | None = await _read(lambda: _behind(state).order(tag))
        if found is None:
            raise NotFoundException(f"there is no order {tag[:40]}")
        return found

    @get("/curve")
    async def curve(
        self,
        state: State,
        strategy: FromQuery[str] = "",
        after_ns: Annotated[int, QueryParameter(ge=0, le=NUMBER_MAX)] = 0,
        limit: Limit = 1_000,
    ) -> list[Document]:
        """The result over time, in rupees; without a strategy, of the account."""
        return list(await _read(lambda: _behind(state).curve(strategy, after_ns, limit)))

    @get("/charts")
    async def charts(self, state: State) -> list[Document]:
        """Instruments that there are bars of."""
        return list(await _read(_behind(state).charts))

    @get("/bars")
    async def bars(
        self,
        state: State,
        instrument: FromQuery[str],
        seconds: Annotated[int, QueryParameter(ge=1, le=86_400)] = 60,
        limit: Limit = 400,
    ) -> Document:
        """Bars of one instrument, and our fills on them."""
        found: Document = await _read(lambda: _behind(state).bars(instrument, seconds, limit))
        return found

    @get("/limits")
    async def limits(self, state: State) -> list[Document]:
        """Each limit with how much of it is used."""
        return list(await _read(_behind(state).limits))

    @get("/alerts")
    async def alerts(self, state: State, limit: Limit = 100) -> list[Document]:
        """The newest alerts first."""
        return list(await _read(lambda: _behind(state).alerts(limit)))

    @get("/logs")
    async def logs(
        self, state: State, level: FromQuery[str] = "INFO", text: FromQuery[str] = "", limit: Limit = 200
    ) -> list[Document]:
        """The newest log lines that are at least of this level and contain the text."""
        return list(await _read(lambda: _behind(state).logs(level, text, limit)))

    @get("/config")
    async def config(self, state: State) -> Document:
        """What is in force, secrets masked, and where each value came from."""
        found: Document = await _read(_behind(state).configuration)
        return found

    @get("/config/diff")
    async def config_diff(self, state: State) -> Document:
        """What the files say now and is not in force: each key with its old and new value, and when it takes effect."""
        found: Document = await _read(_behind(state).configuration_diff)
        return found

    @get("/reports")
    async def reports(self, state: State) -> list[Document]:
        """The reports that were written, newest first."""
        return list(await _read(_behind(state).reports))

    @get("/reports/{name:str}", include_in_schema=False)
    async def report(self, state: State, name: FromPath[str]) -> File:
        """One report's page, by its name in the list."""
        path = await _read(lambda: _behind(state).report(name))
        if path is None:
            raise NotFoundException("there is no such report")
        headers = {"content-security-policy": REPORT_POLICY}
        return File(path, media_type="text/html", content_disposition_type="inline", headers=headers)

    @get("/events", include_in_schema=False)
    async def events(self, state: State) -> ServerSentEvent:
        """A beat a second: the status, whose `versions` tell what is worth reading again."""
        return ServerSentEvent(_beats(_behind(state), state.ending))


class Acting(Controller):
    """What can be done. Each call stands in the audit trail with who and why."""

    path = "/api"

    @post("/confirm", status_code=200, sync_to_thread=False)
    def confirm(self, state: State, data: JSONBody[ConfirmBody]) -> Confirmed:
        """Ask for the word that lets one dangerous call through."""
        wanted = _bodies.get(data.action)
        if wanted is None:
            raise HTTPException(f"action: allowed: {', '.join(_bodies)}", status_code=400)
        try:
            body = msgspec.convert(data.body, wanted)
        except msgspec.ValidationError as error:
            raise HTTPException(f"body: {error}", status_code=400) from None
        door: Door = state.door
        return Confirmed(door.ask_confirmation(data.action, _fixed(body)), CONFIRM_SECONDS)

    @post("/halt", status_code=200)
    async def halt(self, request: Request[Any, Any, State], state: State, data: JSONBody[HaltBody]) -> Done:
        """Stop entries, now and after every restart. Needs no confirmation, but to flatten does."""
        if data.flatten:
            _demand_confirmation(request, state, "halt", data)
        return await _command(state, Halt(data.why, flatten=data.flatten))

    @post("/resume", status_code=200)
    async def resume(self, request: Request[Any, Any, State], state: State, data: JSONBody[ResumeBody]) -> Done:
        """Clear a halt. Needs a confirmation."""
        _demand_confirmation(request, state, "resume", data)
        return await _command(state, Resume(data.why))

    @post("/flatten", status_code=200)
    async def flatten(self, request: Request[Any, Any, State], state: State, data: JSONBody[FlattenBody]) -> Done:
        """Close what is held. Needs a confirmation."""
        _demand_confirmation(request, state, "flatten", data)
        return await _command(state, Flatten(data.why, data.strategy))

    @post("/cancel", status_code=200)
    async def cancel(self, request: Request[Any, Any, State], state: State, data: JSONBody[CancelBody]) -> Done:
        """Cancel orders. One order by its tag needs no confirmation."""
        if not data.tag:
            _demand_confirmation(request, state, "cancel", data)
        return await _command(state, Cancel(data.why, data.tag, data.strategy, data.include_exits))

    @post("/resolve", status_code=200)
    async def resolve(self, request: Request[Any, Any, State], state: State, data: JSONBody[ResolveBody]) -> Done:
        """Say what became of an unresolved order. Needs a confirmation."""
        _demand_confirmation(request, state, "resolve", data)
        return await _command(state, Resolve(data.why, data.tag, data.order_id))

    @post("/reload", status_code=200)
    async def reload(self, request: Request[Any, Any, State], state: State, data: JSONBody[ReloadBody]) -> Done:
        """Take over what may change while it trades. Needs a confirmation, but to ask what would change does not."""
        if not data.dry_run:
            _demand_confirmation(request, state, "reload", data)
        return await _command(state, Reload(data.why, dry_run=data.dry_run))

    @post("/alerts/{alert:int}/acknowledge", status_code=200)
    async def acknowledge(self, state: State, alert: Annotated[int, PathParameter(ge=0, le=NUMBER_MAX)]) -> Seen:
        """A person has seen it."""
        return Seen(await _read(lambda: _behind(state).acknowledge(alert, WHO)))


def _demand_confirmation(request: Request[Any, Any, State], state: State, action: str, body: Struct) -> None:
    word, door = request.headers.get(CONFIRM_HEADER, ""), state.door
    assert isinstance(door, Door)
    if not door.confirmed(word, action, _fixed(body)):
        raise HTTPException(
            "this needs a confirmation: POST /api/confirm with the action and the body, then X-Confirmation",
            status_code=409,
        )


async def _command(state: State, command: OperatorCommand) -> Done:
    done: Done = await _read(lambda: _behind(state).command(command, WHO))
    return done


async def _beats(behind: Backstage, ending: threading.Event) -> AsyncIterator[ServerSentEventMessage]:
    while not ending.is_set():
        status = await _read(behind.status)
        yield ServerSentEventMessage(data=msgspec.json.encode(status).decode(), event="beat", retry=2_000)
        for _ in range(LOOKS_PER_BEAT):
            if not ending.is_set():
                await asyncio.sleep(BEAT_SECONDS / LOOKS_PER_BEAT)


HANDLERS: Final[Sequence[type[Controller]]] = (Reading, Acting)
