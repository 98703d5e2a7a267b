"""What every port for other machines is made of: TLS with a certificate that a code names, and requests of strangers.

port/ has the Prefect server behind it. This needs no Prefect, so that a process with another application stays small:
`listener(host, port)` and `config(app, folder, names)` are what a uvicorn.Server is given.
"""

import asyncio
import hmac
import ipaddress
import logging
import resource
import secrets
import socket
import ssl
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from h11 import LocalProtocolError
from uvicorn.protocols.http.h11_impl import H11Protocol

from durable.joining import in_base32, write_private
from durable.json_limits import NotPlain, parsed

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONNECTIONS = 1000  # at once, each a file of this process
OF_ONE_ADDRESS = 200  # of these: a whole network may share an address
YOUNG = 3.0  # seconds in which a connection makes way for nobody
A_TURN = 5  # new connections between two turns of others: each costs half a millisecond
FREE_GUESSES = 5  # wrong codes of one network in a minute; the answer to each more of them waits
GUESS_SECONDS = 1.0
PATIENCE = 15  # seconds for the first request on a connection, and for each part of a body: nobody holds many open


# --- certificates -----------------------------------------------------------------------------------


def _certificate(
    subject: str, key: Any, issuer: x509.Certificate | None, signer: Any, names: list[str]
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)  # and that clock may be wrong, as the other machine's
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None if issuer else 0), critical=True)
    )
    if issuer:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(_alternative, names))), critical=False)
    else:
        usage = {"digital_signature": False, "content_commitment": False, "key_encipherment": False}
        usage |= {"data_encipherment": False, "key_agreement": False, "encipher_only": False, "decipher_only": False}
        builder = builder.add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    if issuer:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(signer, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    with suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name.partition("%")[0]))
    return x509.DNSName(name)


def _private(key: Any) -> str:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem.decode()


def certificates(folder: Path, names: list[str]) -> tuple[Path, Path, bytes]:
    """The files of the chain and of its key, new for these names and addresses, and the CA that is kept (DER)."""
    ca_file, ca_key_file = folder / "ca.pem", folder / "ca.key"
    if not (ca_file.exists() and ca_key_file.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        ca = _certificate("durable: this machine", key, None, key, [])
        write_private(ca_key_file, _private(key))
        write_private(ca_file, ca.public_bytes(Encoding.PEM).decode())
    ca = x509.load_pem_x509_certificate(ca_file.read_bytes())
    signer = load_pem_private_key(ca_key_file.read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate("durable: a port", key, ca, signer, names)
    chain, key_file = folder / "chain.pem", folder / "chain.key"
    write_private(key_file, _private(key))
    write_private(chain, (leaf.public_bytes(Encoding.PEM) + ca.public_bytes(Encoding.PEM)).decode())
    return chain, key_file, ca.public_bytes(Encoding.DER)


def password_in(folder: Path) -> str:
    """60 bits, kept until the folder is deleted: machines that know the code can come back."""
    path = folder / "password"
    if not path.exists():
        write_private(path, in_base32(secrets.token_bytes(8)))
    return path.read_text()


# --- requests and answers ----------------------------------------------------------------------------


class Refusal(Exception):
    """An HTTP status and a sentence."""

    def __init__(self, status: int, detail: str, retry_after: int = 0) -> None:
        """retry_after: the seconds after which the same request is right; 0 where nobody knows."""
        super().__init__(detail)
        self.status, self.detail, self.retry_after = status, detail, retry_after


async def body_of(scope: Scope, receive: Receive, largest: int) -> bytes:
    """The whole body. Raises Refusal if it is compressed or too large."""
    headers = dict(scope["headers"])
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Refusal(415, "no compressed bodies")
    with suppress(ValueError):
        if int(headers.get(b"content-length", b"0")) > largest:
            raise Refusal(413, f"more than {largest:,} bytes")
    parts, size = [], 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), PATIENCE)
        except TimeoutError:
            raise Refusal(408, f"no more of the body came in {PATIENCE} s") from None
        if message["type"] != "http.request":
            raise ConnectionError("the other side went away")
        size += len(message.get("body", b""))
        if size > largest:
            raise Refusal(413, f"more than {largest:,} bytes")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def short(value: Any, longest: int = 100) -> str:
    """A text of the other side for people's eyes: printable, and not long. Raises Refusal for anything else."""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise Refusal(422, f"no text of at most {longest} characters")
    return value


def network(address: str) -> str:
    """Of how many addresses one machine may be the sender: an IPv4 address, or the /64 of an IPv6 address."""
    with suppress(ValueError):
        if ":" in address:
            return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False).network_address)
    return address


class LastMinute:
    """What came in the last minute, and from which network. clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times: dict[str, list[float]] = {}  # by their network

    def count(self, address: str) -> int:
        """How often note() was called for that network."""
        now = self._clock()
        recent = {each: [at for at in times if now - 60 < at <= now] for each, times in self._times.items()}
        self._times = {each: times for each, times in recent.items() if times}
        return len(self._times.get(network(address), ()))

    def note(self, address: str) -> None:
        self._times.setdefault(network(address), []).append(self._clock())


class WrongCodes:
    """The password of a port. Who guesses is slowed down, and the right one is never."""

    def __init__(self, password: str) -> None:
        self._password = password
        self._wrong = LastMinute()

    async def need(self, scope: Scope, receive: Receive, body: Any) -> None:
        """Of a request to join. Raises Refusal for another password than this, later for the sixth in a minute."""
        given = body.get("password") if isinstance(body, dict) else None
        if isinstance(given, str) and hmac.compare_digest(given.encode(), self._password.encode()):
            return
        address = address_of(scope)
        if self._wrong.count(address) >= FREE_GUESSES:
            with suppress(TimeoutError):  # who goes away meanwhile costs nothing any more
                await asyncio.wait_for(receive(), GUESS_SECONDS)
        else:
            self._wrong.note(address)
        raise Refusal(401, "another password")


def address_of(scope: Scope) -> str:
    """Where a request comes from."""
    return str((scope.get("client") or ("?",))[0])


def token_of(scope: Scope) -> str:
    """The token that a request shows; empty without one."""
    kind, _, token = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1").partition(" ")
    return token if kind == "Bearer" else ""


def parsed_body(body: bytes, largest: int = 10_000) -> Any:
    try:
        return parsed(body, largest)
    except NotPlain as error:
        raise Refusal(422, f"no body for this port: {error}") from None


async def answer(send: Send, status: int, body: Any = None, retry_after: int = 0) -> None:
    """retry_after: as of Refusal."""
    content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if retry_after:
        headers.append((b"retry-after", str(retry_after).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


# --- the server ------------------------------------------------------------------------------------------

silent = logging.getLogger("durable.tls")
silent.setLevel(logging.CRITICAL)  # once: each call makes every logger forget what it knew of its level


class Quiet(H11Protocol):
    """What strangers send is no news, and uvicorn would write a line or a stack trace for it."""

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self.logger = silent

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.silence = self.loop.call_later(PATIENCE, self.close_if_silent)

    def close_if_silent(self) -> None:
        """Close a connection that asks for nothing: it takes a slot from others."""
        if self.cycle is None:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.silence.cancel()
        super().connection_lost(error)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self.silence.cancel()  # from here on it is another protocol's connection
        super().handle_websocket_upgrade(event)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except LocalProtocolError:  # uvicorn answers "400" on a connection that is over for h11
            self.transport.close()


class Beside(uvicorn.Server):
    """A server in a process whose signals are somebody else's."""

    def capture_signals(self) -> Any:
        return nullcontext()


class _Taken(socket.socket):
    """A connection that knows where it came from and when, and says when it closes."""

    def __init__(self, connection: socket.socket, client: tuple[str, int], close: Callable[["_Taken"], None]) -> None:
        super().__init__(connection.family, connection.type, connection.proto, fileno=connection.detach())
        self.client, self.network, self.since = client, network(client[0]), time.monotonic()
        self.counts = False  # among those that are there
        self._forget = close

    def close(self) -> None:
        super().close()
        self._forget(self)


class Listener(socket.socket):
    """A listening socket that takes only so many connections at once: who opens many and says nothing shuts nobody out.

    Each costs some 250 kB before its first byte is decrypted, and asyncio waits a minute for that. Where there are too
    many, one of a stranger's ends: the oldest of the network that has most of them; and where that is no more than the
    new one's, only if it is not young, so a network that comes again and again costs little. Nobody is a stranger any
    more who has shown a token.
    """

    def __init__(self, family: int, most: int, of_one: int, young: float) -> None:
        super().__init__(family)
        self._most, self._of_one, self._young = most, of_one, young
        self._strangers: dict[str, dict[tuple[str, int], _Taken]] = {}  # by network and client, the oldest first
        self._crowd: Counter[str] = Counter()  # how many there are of each network, strangers or not
        self._now = 0  # how many were taken in this turn of the event loop, or of one before

    def trust(self, scope: Scope) -> None:
        """The connection of this request, which shows a token, makes way for nobody."""
        client = tuple(scope.get("client") or ("", 0))
        self._strangers.get(network(client[0]), {}).pop(client, None)

    def accept(self) -> tuple[socket.socket, Any]:
        """Raises ConnectionAbortedError, which asyncio takes for a connection that went away, if there are too many.

        asyncio takes all that wait in one turn of its loop, and a hundred would hold up everybody else's requests. So
        it raises BlockingIOError, "there are no more", after A_TURN of them; the next turn finds the others.
        """
        if self._now >= A_TURN:
            self._now = 0
            raise BlockingIOError
        self._now += 1
        connection, address = super().accept()
        new = _Taken(connection, address[:2], self._forget)
        if self._crowd[new.network] >= self._of_one or self._crowd.total() >= self._most:
            if not (old := self._makes_way_for(new)):
                new.close()
                raise ConnectionAbortedError("too many connections")
            with suppress(OSError):
                old.shutdown(socket.SHUT_RDWR)  # asyncio closes it
            self._forget(old)
        new.counts = True
        self._crowd[new.network] += 1
        self._strangers.setdefault(new.network, {})[new.client] = new
        return new, address

    def _forget(self, old: _Taken) -> None:
        """It has closed, or makes way."""
        if old.counts:
            old.counts = False
            self._crowd[old.network] -= 1
            strangers = self._strangers.get(old.network, {})
            if strangers.get(old.client) is old:
                del strangers[old.client]
            if not self._crowd[old.network]:
                del self._crowd[old.network]
                self._strangers.pop(old.network, None)

    def _makes_way_for(self, new: _Taken) -> _Taken | None:
        crowd = self._crowd
        own = crowd[new.network] >= self._of_one
        oldest = [next(iter(each.values())) for each in self._strangers.values() if each]
        strangers = [
            each
            for each in oldest
            if (each.network == new.network or not own)
            and (crowd[each.network] > crowd[new.network] + 1 or new.since - each.since >= self._young)
        ]
        return max(strangers, key=lambda each: crowd[each.network], default=None)


def listener(
    host: str, port: int, most: int = CONNECTIONS, of_one: int = OF_ONE_ADDRESS, young: float = YOUNG
) -> Listener:
    """most, of_one: connections at once, and of one network. Raises OSError if nobody can listen there."""
    found = Listener(socket.AF_INET6 if ":" in host else socket.AF_INET, most, of_one, young)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # asyncio does this only for sockets whose protocol is named (its _set_nodelay), else each answer waits 40 ms.
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found.bind((host, port))
    found.listen()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + 500  # macOS begins with 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most_files = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, hard))
    return found


def config(app: App, folder: Path, names: list[str], **more: Any) -> tuple[uvicorn.Config, bytes]:
    """What the server is given, with a new certificate for these names of this machine; and the CA (DER).

    more: of uvicorn's settings.
    """
    names = list(dict.fromkeys([*names, socket.gethostname(), "127.0.0.1", "::1", "localhost"]))
    chain, key, ca = certificates(folder, [name for name in names if name not in ("0.0.0.0", "::")])  # noqa: S104
    found = uvicorn.Config(
        app,
        http=Quiet,
        lifespan="off",
        ssl_certfile=chain,
        ssl_keyfile=key,
        loop="asyncio",  # another one accepts connections itself, past Listener
        h11_max_incomplete_event_size=32_000,
        timeout_keep_alive=60,
        proxy_headers=False,  # whom a request comes from is not for its sender to say (FORWARDED_ALLOW_IPS)
        server_header=False,
        log_level="warning",
        **more,
    )
    found.load()
    assert found.ssl
    found.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return found, ca
