"""Mail over SMTP."""

import smtplib
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

from shop.errors import GatewayUnavailable

_TIMEOUT_SECONDS = 8.0


class Mailer(Protocol):
    """What the store asks of a mail server."""

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail over; the same Message-ID twice is one mail to whoever reads it.

        :raises GatewayUnavailable: when the server does not take it.
        """


class SmtpMailer:
    """A mail server spoken to without encryption, as one is on the same host."""

    def __init__(self, url: str, sender: str) -> None:
        self._server = urlsplit(url)
        self._sender = sender

    def send(self, mail: EmailMessage) -> None:
        mail["From"] = self._sender
        host, port = self._server.hostname or "127.0.0.1", self._server.port or 25
        try:
            with smtplib.SMTP(host, port, timeout=_TIMEOUT_SECONDS) as server:
                server.send_message(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise GatewayUnavailable("The mail server", repr(error)) from error
