"""Over TLS, as at the real broker: the certificate and the host's name are verified, for REST and for the socket."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.server import serve

from adapters.kite.http import Http, NotReached
from adapters.kite.ticker import FeedTimes, KiteFeed
from tests.kite.listening import Listener
from tests.kite.scripted import API_KEY, FixedClock, ScriptedServer, a_holder, success

BORN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
ENDS = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


def a_certificate(folder: Path, address: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for one address that vouches for itself: the file to trust, and the server's context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BORN)
        .not_valid_after(ENDS)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / f"{address}.pem", folder / f"{address}.key"
    trusted.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return trusted, context


def an_http(root: str, trusted: Path | None) -> Http:
    return Http(root, API_KEY, a_holder(), deadline_seconds=3, certificates=str(trusted) if trusted else None)


def test_a_trusted_server_is_spoken_to_over_one_connection(tmp_path: Path) -> None:
    trusted, context = a_certificate(tmp_path, "127.0.0.1")
    with ScriptedServer(success({"a": 1}), tls=context) as server:
        http = an_http(server.root, trusted)
        replies = [http.call("POST", "/x", form={"n": str(n)}).status for n in range(3)]
        http.close()

    assert replies == [200, 200, 200]
    assert server.connections == 1


@pytest.mark.parametrize("named", ["127.0.0.1", "127.0.0.2"], ids=["nobody vouches", "another address"])
def test_a_server_that_is_not_who_it_says_gets_no_byte_of_a_request(tmp_path: Path, named: str) -> None:
    trusted, context = a_certificate(tmp_path, named)
    with ScriptedServer(success({}), tls=context) as server:
        http = an_http(server.root, None if named == "127.0.0.1" else trusted)
        with pytest.raises(NotReached, match="TLS failed"):
            http.call("POST", "/orders/regular", form={})

    assert server.requests == []


def test_a_server_mute_in_the_middle_of_tls_is_not_reached_in_time() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        http = Http(f"https://127.0.0.1:{listening.getsockname()[1]}", API_KEY, a_holder(), deadline_seconds=0.3)
        with pytest.raises(NotReached, match="timed out"):
            http.call("POST", "/orders/regular", form={})
    stop.set()


@pytest.mark.parametrize(
    ("named", "connects"), [("127.0.0.1", True), ("127.0.0.2", False)], ids=["who it says", "another address"]
)
def test_the_socket_is_verified_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str, connects: bool
) -> None:
    from adapters.kite import connection

    trusted, context = a_certificate(tmp_path, named)
    monkeypatch.setattr(certifi, "where", lambda: str(trusted))
    connection._authorities.cache_clear()
    server = serve(lambda websocket: websocket.recv(), "127.0.0.1", 0, ssl=context)  # type: ignore[arg-type]  # it stays until the client goes
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    listener = Listener()
    feed = KiteFeed(
        f"wss://127.0.0.1:{server.socket.getsockname()[1]}",
        API_KEY,
        a_holder(),
        FixedClock(77),
        log=lambda *_, **__: None,
        times=FeedTimes(close_seconds=0.5),  # a busy machine may take its time over the handshake
    )
    feed.connect(1, listener)
    try:
        assert listener.wait(lambda: bool(listener.connected_epochs or listener.lost))
        assert bool(listener.connected_epochs) is connects
    finally:
        feed.close()
        server.shutdown()
        thread.join(60)
        connection._authorities.cache_clear()
