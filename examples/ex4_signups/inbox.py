"""Example 4: a mailbox. A real SMTP server that keeps each message in a file, and a page to read them."""

import os
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import fastapi
from aiosmtpd.controller import Controller
from fastapi import HTTPException, Request
from fastapi.templating import Jinja2Templates
from fastapi_offline import FastAPIOffline

import faults

FOLDER = Path(os.environ["MAIL_FOLDER"])
MessageId = Annotated[str, fastapi.Path(pattern="^[0-9a-f]{16}$")]
templates = Jinja2Templates(Path(__file__).parent / "templates")


class Delivery:
    """What the SMTP server does with a message."""

    async def handle_DATA(self, server, session, envelope):
        fault = faults.draw()
        if fault == "before":
            return "451 the mailbox is busy, try again"
        message_id = message_from_bytes(envelope.content, policy=policy.default)["Message-ID"]
        # The same message again has the same Message-ID, so the same file: it is kept once.
        name = sha256((message_id or os.urandom(16).hex()).encode(errors="replace")).hexdigest()[:16]
        if not (FOLDER / f"{name}.eml").exists():
            (FOLDER / f"{name}.new").write_bytes(envelope.content)
            (FOLDER / f"{name}.new").replace(FOLDER / f"{name}.eml")
        if fault == "after":
            return "451 the message was taken, and the mailbox could not say so"
        return "250 taken"


@asynccontextmanager
async def smtp_server(app):
    FOLDER.mkdir(parents=True, exist_ok=True)
    host, port = os.getenv("SMTP_HOST", "127.0.0.1"), int(os.environ["SMTP_PORT"])
    controller = Controller(Delivery(), host, port, enable_SMTPUTF8=True, data_size_limit=1_000_000)
    controller.start()
    yield
    controller.stop()


app = FastAPIOffline(title="Mailbox", lifespan=smtp_server)


def read(file: Path) -> dict:
    """One message as JSON can hold it. Raises OSError if there is no such file."""
    message = message_from_bytes(file.read_bytes(), policy=policy.default)

    def part(kind: str) -> str:
        found = message.get_body([kind])
        payload = found.get_payload(decode=True) if found else None
        return payload.decode(errors="replace") if payload else ""

    headers = {name.lower(): str(message[name] or "") for name in ("From", "To", "Subject")}
    return {
        "id": file.stem,
        "message_id": str(message["Message-ID"] or ""),
        **headers,
        "received": file.stat().st_mtime,  # seconds since 1970
        "text": part("plain"),
        "html": part("html"),
    }


@app.get("/messages")
def messages():
    return sorted((read(file) for file in FOLDER.glob("*.eml")), key=lambda mail: mail["received"], reverse=True)


@app.get("/messages/{message_id}")
def message(message_id: MessageId):
    try:
        return read(FOLDER / f"{message_id}.eml")
    except OSError:
        raise HTTPException(404, "no such message") from None


@app.get("/", include_in_schema=False)
def list_page(request: Request):
    return templates.TemplateResponse(request, "inbox.html", {"mails": messages()})


@app.get("/read/{message_id}", include_in_schema=False)
def message_page(request: Request, message_id: MessageId):
    return templates.TemplateResponse(request, "message.html", {"mail": message(message_id)})


@app.get("/health")
def health():
    return {"status": "ok"}
