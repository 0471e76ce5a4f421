"""What a person does at the sandbox's login page, and a trader whose logins are a person's."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import HTTPConnection
from urllib.parse import parse_qs, urlencode, urlsplit

from sandbox.launch import RunningSandbox

PERSONAL = ("kite.password=null", "kite.totp=null")
"""Settings of a sandbox account that nobody logs in unattended."""


def log_in_at(login_url: str) -> str:
    """Fill the form of the sandbox's login page; the address that the browser is sent to."""
    page = urlsplit(login_url)
    fields: Mapping[str, str] = {name: values[0] for name, values in parse_qs(page.query).items()}
    form = urlencode({**fields, "user_id": "SB0001", "password": "sandbox", "totp": "000000"})
    connection = HTTPConnection(page.hostname or "", page.port, timeout=60)
    try:
        connection.request("POST", page.path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    assert answer.status == 302, answer.status
    return answer.headers["Location"]


def visit(address: str) -> int:
    """GET the address, as a browser that is sent there; the status."""
    target = urlsplit(address)
    connection = HTTPConnection(target.hostname or "", target.port, timeout=60)
    try:
        connection.request("GET", f"{target.path}?{target.query}")
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    return answer.status


def request_token(sandbox: RunningSandbox) -> str:
    """A request token, as the redirect of a login carries it."""
    query = urlsplit(log_in_at(sandbox.details.login_url)).query
    return parse_qs(query)["request_token"][0]


def end_session(sandbox: RunningSandbox, access_token: str) -> None:
    """What the broker does at 06:00, or at a logout elsewhere: this token is dead from here on."""
    address = urlsplit(sandbox.rest)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=60)
    query = urlencode({"api_key": sandbox.details.api_key, "access_token": access_token})
    headers = {"Authorization": f"token {sandbox.details.api_key}:{access_token}"}
    try:
        connection.request("DELETE", f"/session/token?{query}", headers=headers)
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    assert answer.status == 200, answer.status
