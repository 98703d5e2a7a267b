"""Join another machine's Prefect server through its one port for other machines (port/). Standard library only.

The code that a person types has two halves: a password, and the hash of the certificate authority (CA) that signed the
port's certificate. So join() knows who answers before it sends anything: it compares the certificates that the port
shows with the code, and only then connects again, trusting that CA and no other, and sends the password.
"""

import contextlib
import hashlib
import http.client
import json
import platform
import re
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from durable.files import write_whole

PORT = 4243  # TCP, where an address names none: beside Prefect's 4200
SECONDS = 5  # that the port may take to answer: a handshake over a slow wireless network
CLOCKS = 2  # seconds that the clocks of two machines may differ by: with NTP it is milliseconds
PROTOCOL = 2  # the version of what is said through the port
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # base32 of Douglas Crockford: no I, L, O and U
LOOKALIKES = str.maketrans("OIL", "011", "- ")
HALF = 12  # characters of the code for the CA, and as many for the password: 60 bits, and short enough to type
OTHER_NAME = {62, 64}  # OpenSSL's codes for a certificate of another host or address
ROUNDS = 100_000  # of PBKDF2 over the CA: makes it that much dearer to look for another one with the same half


class NotJoined(Exception):
    """Why it did not work, and what helps."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. Try: {remedy}")
        self.what, self.remedy = what, remedy


class NoAnswer(NotJoined):
    """Nobody answers there."""


class AnotherAnswers(NotJoined):
    """Who answers there has another CA than the machine that was joined, or that of the code."""


# --- the code ---------------------------------------------------------------------------------------


def in_base32(data: bytes) -> str:
    """The first 60 bits as 12 characters."""
    number = int.from_bytes(data[:8], "big") >> 4
    return "".join(ALPHABET[number >> 5 * (HALF - 1 - place) & 31] for place in range(HALF))


def ca_fingerprint(ca: bytes) -> str:
    """The half of a code that stands for a CA's certificate (DER)."""
    return in_base32(hashlib.pbkdf2_hmac("sha256", ca, b"durable: CA of a port", ROUNDS))


def ca_fingerprint_of_pem(ca: str) -> str:
    return ca_fingerprint(ssl.PEM_cert_to_DER_cert(ca))


def code_of(password: str, ca: bytes) -> str:
    """The code, in groups of four, for people."""
    text = password + ca_fingerprint(ca)
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def split_code(code: str) -> tuple[str, str]:
    """The two halves: the password, and the fingerprint of the CA. O counts as 0, I and L as 1. Raises NotJoined."""
    text = code.strip().upper().translate(LOOKALIKES)
    if len(text) != 2 * HALF or set(text) - set(ALPHABET):
        raise NotJoined(
            f"that is no code: it has {len(text)} characters of 0-9 and A-Z, and a code has {2 * HALF}",
            "enter the code again, as the other machine shows it",
        )
    return text[:HALF], text[HALF:]


def address(at: str, default_port: int = PORT) -> tuple[str, int]:
    """Host and port of HOST:PORT, HOST or [IPV6]:PORT; default_port: the port where none is said.

    Raises NotJoined for anything else.
    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?", at.strip())
    port = int(found[3] or default_port) if found else 0
    if not found or not 0 < port < 65536:
        raise NotJoined(
            f"{at[:60]!r} is no address", f"enter it as the other machine shows it, such as 192.0.2.7:{default_port}"
        )
    return found[1] or found[2], port


def url_of(host: str, port: int) -> str:
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


# --- clocks ---------------------------------------------------------------------------------------


def difference(theirs: float, asked: float, answered: float) -> float:
    """By how many seconds the other machine's clock is ahead, beyond what the way there and back leaves in doubt.

    theirs: its time.time() as it answered. asked, answered: time.time() here before and after.
    """
    ahead, doubt = theirs - (asked + answered) / 2, max(0.0, answered - asked) / 2
    return max(0.0, ahead - doubt) + min(0.0, ahead + doubt)


def need_same_clock(ahead: float, there: str) -> None:
    """Raises NotJoined if a run's states, with the times of two clocks, could come in the wrong order.

    Prefect keeps a state only if it is later than the one before (task_run_recorder.py:554 in 3.9.1): a run that ended
    here before it was queued there is never seen to end. Nothing is corrected, for nobody knows whose clock is wrong.
    """
    if abs(ahead) <= CLOCKS:
        return
    seconds = f"{ahead:+.0f}"
    adjust = f"sudo date -s '{seconds} seconds'"
    if platform.system() == "Darwin":
        adjust = f"sudo date -f %s $(($(date +%s){seconds}))"
    which = "behind" if ahead > 0 else "ahead of"
    raise NotJoined(
        f"this machine's clock is {abs(ahead):.0f} s {which} that of {there}, and so no run would be seen to end",
        f"{adjust} (here, if this clock is the wrong one)",
    )


# --- the port -----------------------------------------------------------------------------------------


def own_address(host: str) -> str:
    """This machine's address towards that one; empty if there is no way."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))  # sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return ""


def no_answer(host: str, port: int, error: object) -> NoAnswer:
    if isinstance(error, ConnectionRefusedError):
        remedy = "use the port that the other machine shows, or start it there again"
        return NoAnswer(f"{host} is there, and nothing listens on port {port}", remedy)
    seconds = f" within {SECONDS} s" if isinstance(error, TimeoutError) else f" ({error})"
    return NoAnswer(
        f"{host}:{port} does not answer{seconds}",
        f"check in this order: another address of that machine; a VPN on either; its firewall, which must let TCP "
        f"{port} in; another network, because some keep machines apart (guests' Wi-Fi): a travel router, a phone's "
        "hotspot, a host that all can reach",
    )


def another_answers(host: str, port: int) -> AnotherAnswers:
    what = f"another one than was joined answers at {host}:{port}: its certificate is new"
    return AnotherAnswers(what, "join again, with the code that it shows now")


def shows_code(at: str, code: str, default_port: int = PORT) -> bool:
    """Whether the machine of this code answers there. Nothing is sent but TLS's own hello. Raises NotJoined."""
    certificates = shown_certificates(*address(at, default_port))
    return bool(certificates) and ca_fingerprint(certificates[-1]) == split_code(code)[1]


def shown_certificates(host: str, port: int) -> list[bytes]:
    """The certificates that the port shows (DER), the CA last. Nothing is sent but TLS's own hello.

    Raises NoAnswer, or NotJoined where something else than TLS answers.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((host, port), SECONDS) as plain, context.wrap_socket(plain) as secured:
            if hasattr(secured, "get_unverified_chain"):  # from Python 3.13 on
                return [bytes(each) for each in secured.get_unverified_chain()]
            chain = secured._sslobj.get_unverified_chain() or []  # type: ignore[attr-defined]
            return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in chain]
    except (ssl.SSLEOFError, ConnectionResetError):
        what = f"{host}:{port} is there, and ended the connection: it is busy, or is not running this kit"
        raise NoAnswer(what, "wait a few seconds, or check the address that the other machine shows") from None
    except ssl.SSLError as error:
        what = f"what answers at {host}:{port} is not a port of this kit ({getattr(error, 'reason', None) or error})"
        raise NotJoined(what, "use the address and the port that the other machine shows") from None
    except OSError as error:
        raise no_answer(host, port, error) from None


@dataclass(frozen=True)
class Joined:
    """How to speak to a port: its address, the CA it must show, the token of this session, and who answered."""

    at: str  # https://…
    ca: str  # PEM
    token: str
    there: str  # the name of that machine
    name: str  # what this one is called there

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One JSON request: the status, and the answer. Raises NoAnswer."""
        host, port = address(self.at.removeprefix("https://"))
        context = ssl.create_default_context(cadata=self.ca)
        connection = http.client.HTTPSConnection(host, port, timeout=SECONDS, context=context)
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            text = answer.read(1_000_000)
            return answer.status, json.loads(text) if text else None
        except ssl.SSLCertVerificationError as error:
            if error.verify_code not in OTHER_NAME:
                raise another_answers(host, port) from None
            what = f"{host} is no address in the certificate of that machine ({error.verify_message})"
            raise NotJoined(
                what, "use an address that it shows; or run its command again there, with this address in LISTEN"
            ) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise no_answer(host, port, error) from None
        finally:
            connection.close()

    def leave(self) -> None:
        """End this session there; where nobody answers it ends by itself."""
        with contextlib.suppress(NotJoined):
            self.request("DELETE", "/durable/session")


def verify_port(at: str, code: str, default_port: int = PORT) -> tuple[Joined, str]:
    """Check that the machine of this code answers there; returns it, without a token yet, and the password for it.

    Raises NotJoined: a misspelt code, another machine that answers, or nobody.
    """
    password, half = split_code(code)
    host, port = address(at, default_port)
    certificates = shown_certificates(host, port)
    if not certificates or ca_fingerprint(certificates[-1]) != half:
        raise AnotherAnswers(
            f"the certificate that {host}:{port} shows is not the one of this code: a slip in the code, or another "
            "machine answers there. Nothing was sent",
            "enter the code again, and the address, as the other machine shows them",
        )
    return Joined(url_of(host, port), ssl.DER_cert_to_PEM_cert(certificates[-1]), "", "", ""), password


def exchange_password(stranger: Joined, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """Exchange the password for a session token. Raises NotJoined if there is none."""
    status, answer = stranger.request("POST", path, body)
    if status == 401:
        raise NotJoined("the other machine rejected this code", "enter the code it shows now")
    if status != 200 or not isinstance(answer, dict):
        detail = answer.get("detail", status) if isinstance(answer, dict) else status
        remedy = "install the same version on both machines" if status == 409 else "wait a moment, then run it again"
        raise NotJoined(f"that machine answers: {detail}", remedy)
    return answer


def join(at: str, code: str, name: str, **about: Any) -> Joined:
    """Exchange the code for a session token. about: what the other side shows of this machine.

    Raises NotJoined: a misspelt or wrong code, another machine that answers, or nobody, or a clock that is wrong.
    """
    stranger, password = verify_port(at, code)
    asked = time.time()
    answer = exchange_password(
        stranger, "/durable/join", {"password": password, "name": name, "protocol": PROTOCOL, **about}
    )
    joined = Joined(stranger.at, stranger.ca, answer["token"], answer["machine"], answer["name"])
    try:
        need_same_clock(difference(answer["now"], asked, time.time()), joined.there)
    except NotJoined:
        joined.leave()
        raise
    return joined


# --- what is kept ---------------------------------------------------------------------------------------


def write_private(path: Path, text: str) -> None:
    """A file that only its owner may read, complete or not at all; of several that write it at once the last one's.

    Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, text, private=True)
