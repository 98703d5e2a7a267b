"""Example 4: the confirmation email, from Jinja2 templates, sent by SMTP."""

import os
import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, select_autoescape

from users import User

# A name is a person's own words: escaped in the .html, and as it is in the .txt.
templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=select_autoescape())


def send(user: User, message_id: str) -> None:
    """Send the message, or raise OSError (smtplib's errors are). Every step has 5 s."""
    message = EmailMessage()
    message["Subject"] = f"Welcome, {user.name}"
    message["From"] = "Signups <hello@signups.example>"
    message["To"] = user.email
    message["Message-ID"] = message_id
    message.set_content(templates.get_template("welcome.txt").render(user=user))
    message.add_alternative(templates.get_template("welcome.html").render(user=user), subtype="html")

    server = urlsplit(os.environ["SMTP_URL"])
    private = server.scheme == "smtps"
    with (smtplib.SMTP_SSL if private else smtplib.SMTP)(server.hostname, server.port or 0, timeout=5) as connection:
        connection.ehlo()
        if connection.has_extn("starttls"):
            connection.starttls(context=ssl.create_default_context())
            private = True
        if server.username and not private:
            raise smtplib.SMTPException("the mail server offers no TLS, and a password must not travel without")
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(message)
