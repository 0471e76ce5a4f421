"""Puts the API, the page and the guard together, and serves them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, cast

import uvicorn
from litestar import Litestar, MediaType, Request, Response, get
from litestar.config.compression import CompressionConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response import File
from litestar.static_files import create_static_files_router

from adapters.web.api import HANDLERS
from adapters.web.backstage import Backstage
from adapters.web.door import Door
from adapters.web.guard import BODY_MAX, Application, Guard
from adapters.web.metrics import CONTENT_TYPE, exposition
from adapters.web.operations_page import operations_page
from domain.errors import PatangError

STATIC: Final = Path(__file__).resolve().parent / "static"
CONNECTIONS_MAX: Final = 64
KEEP_ALIVE_SECONDS: Final = 5


@get("/", include_in_schema=False, sync_to_thread=False)
def _index() -> File:
    return File(STATIC / "index.html", media_type="text/html", content_disposition_type="inline")


@get("/schema", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def _operations(request: Request[Any, Any, State]) -> str:
    return operations_page(request.app.openapi_schema.to_schema())


@get("/healthz", include_in_schema=False, sync_to_thread=False)
def _healthz(state: State) -> Response[dict[str, object]]:
    """200 while the trader runs and tells of itself, 503 otherwise."""
    status = state.backstage.status()
    healthy = bool(status["running"]) and status["age_seconds"] < 10
    return Response({"healthy": healthy}, status_code=200 if healthy else 503)


@get("/readyz", include_in_schema=False, sync_to_thread=False)
def _readyz(state: State) -> Response[dict[str, object]]:
    """200 while it trades, or would with the market open; 503 while it starts, reduces, is halted or down."""
    status = state.backstage.status()
    ready = bool(status["running"]) and status["state"] == "ACTIVE"
    return Response({"ready": ready, "state": status["state"]}, status_code=200 if ready else 503)


@get("/metrics", include_in_schema=False)
async def _metrics(state: State) -> Response[bytes]:
    """For Prometheus: `authorization.credentials_file` names the token's file."""
    figures = await asyncio.to_thread(state.backstage.figures)
    return Response(exposition(figures), media_type=CONTENT_TYPE)


def application(
    backstage: Backstage,
    door: Door,
    hosts: Sequence[str],
    guessed: Callable[[str], None],
    ending: threading.Event,
    *,
    secure: bool = False,
) -> Application:
    """The whole ASGI application, guard outermost.

    hosts    names that the Host header may have
    guessed  called with the address of who tries one wrong token after the other
    ending   set when the server ends: pages that listen are let go
    """
    app = Litestar(
        route_handlers=[
            *HANDLERS,
            _index,
            _operations,
            _healthz,
            _readyz,
            _metrics,
            create_static_files_router("/static", directories=[STATIC], include_in_schema=False),
        ],
        state=State({"backstage": backstage, "door": door, "ending": ending}),
        openapi_config=OpenAPIConfig(
            title="Patang",
            version="1",
            path="/openapi",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            use_handler_docstrings=True,
        ),
        exception_handlers={PatangError: _refused, HTTPException: _http, Exception: _unexpected},
        compression_config=CompressionConfig(backend="gzip", minimum_size=1_000, exclude=["/api/events"]),
        request_max_body_size=BODY_MAX,
        logging_config=None,
        debug=False,
    )
    return Guard(cast("Application", app), door, hosts, guessed, secure=secure)


def _refused(_request: Request[Any, Any, Any], error: PatangError) -> Response[dict[str, str]]:
    """A store that cannot be read now: said in its own line."""
    return Response({"error": str(error)}, status_code=503)


def _http(_request: Request[Any, Any, Any], error: HTTPException) -> Response[dict[str, object]]:
    content: dict[str, object] = {"error": error.detail}
    if error.extra:
        content["where"] = error.extra
    return Response(content, status_code=error.status_code, headers=error.headers)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[dict[str, str]]:
    if isinstance(error, ValueError | TimeoutError):
        # What the guard's bounds raise while the body is read.
        return Response({"error": str(error) or "the body took too long"}, status_code=413)
    request.app.state.backstage.failed(error)
    return Response({"error": "this failed; the log has more"}, status_code=500)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ending: threading.Event) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let those go that would listen for ever, then wait for the rest."""
        self._ending.set()
        await super().shutdown(sockets)


def bound(
    app: Application,
    host: str,
    port: int,
    ending: threading.Event,
    certificate: Path | None = None,
    key: Path | None = None,
) -> tuple[uvicorn.Server, socket.socket]:
    """A server and the socket it is to be run on, listening. Raises OSError where it cannot listen."""
    config = uvicorn.Config(
        cast("Any", app),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=16 * 1024,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        http="h11",
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(CONNECTIONS_MAX)
    except BaseException:
        listening.close()
        raise
    return _Server(config, ending), listening
