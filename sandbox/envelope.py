"""HTTP as the handlers see it: requests with lenient forms, replies with Kite's envelope and content type."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from sandbox.refusal import ErrorType, Refusal

JSON_TYPE = b"application/json"
CSV_TYPE = b"text/csv"
HTML_TYPE = b"text/html; charset=utf-8"

_encode = msgspec.json.Encoder().encode
_FIELDS_MAX = 20_000


class Request(msgspec.Struct, frozen=True):
    """A request: `query` and forms keep repeated fields; `parts` are the variable parts of the path."""

    method: str
    path: str
    parts: tuple[str, ...]
    query: list[tuple[str, str]]
    headers: Mapping[bytes, bytes]
    body: bytes

    def header(self, name: bytes) -> str | None:
        """A header's text by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def one(self, name: str, default: str = "") -> str:
        """The last value of a query field."""
        return dict(self.query).get(name, default)

    def form(self) -> dict[str, str]:
        """The form of the body, whatever its content type says; the last value of a field wins."""
        return dict(_pairs(self.body))

    def pairs(self) -> list[tuple[str, str]]:
        """The form of the body with repeated fields kept."""
        return _pairs(self.body)

    def json(self) -> object:
        """The JSON of the body; refuses what does not parse."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            raise Refusal("Invalid JSON in the request body.") from None


class Reply(msgspec.Struct, frozen=True):
    """A reply ready for the wire."""

    body: bytes
    status: int = 200
    content_type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()


def parse_query(text: bytes) -> list[tuple[str, str]]:
    """Query fields in order; refuses what cannot be a query."""
    return _pairs(text)


def success(data: object) -> Reply:
    """Kite's envelope around `data`."""
    return Reply(_encode({"status": "success", "data": data}))


def success_rows(rows: list[bytes]) -> Reply:
    """The envelope around a list of rows that are encoded already."""
    return Reply(b'{"status":"success","data":[' + b",".join(rows) + b"]}")


def failure(message: str, error_type: ErrorType, status: int) -> Reply:
    """Kite's error envelope."""
    body = {"status": "error", "message": message, "data": None, "error_type": error_type}
    return Reply(_encode(body), status)


def plain(data: object) -> Reply:
    """Bare JSON, for the sandbox's own routes."""
    return Reply(_encode(data))


def _pairs(text: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=_FIELDS_MAX
        )
    except ValueError:
        raise Refusal("Invalid request parameters.") from None
