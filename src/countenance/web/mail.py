"""Sending one mail that is always the same: something waits for you, and where."""

from __future__ import annotations

import contextlib
import smtplib
from uuid import uuid4

from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend

from countenance.config import Config
from countenance.errors import Unavailable

SUBJECT = "Something waits for you in Countenance"
TIMEOUT_SECONDS = 10


class Mailer:
    """A connection to the mail server, opened with the first mail. Says nothing about whom a mail is for."""

    def __init__(self, settings: Config) -> None:
        """Prepare; nothing is opened yet."""
        mail = settings.mail
        self._sender = mail.sender
        self._body = f"{SUBJECT}.\n\n{settings.web.address}/\n"
        self._backend = EmailBackend(
            host=mail.host,
            port=mail.port,
            username=mail.user,
            password="" if mail.password is None else mail.password.get_secret_value(),
            use_tls=mail.tls == "starttls",
            use_ssl=mail.tls == "implicit",
            timeout=TIMEOUT_SECONDS,
        )

    def send(self, address: str) -> bool:
        """Send it, and return whether the server took it for this address.

        Raises:
            Unavailable: the server does not answer, or takes no mail from us.
        """
        # Of its own, because it would be named after this machine otherwise, and be longer or shorter.
        domain = self._sender.rpartition("@")[2]
        message = EmailMessage(
            subject=SUBJECT,
            body=self._body,
            from_email=self._sender,
            to=[address],
            connection=self._backend,
            headers={
                "Message-ID": f"<{uuid4().hex}@{domain}>",
                "Auto-Submitted": "auto-generated",
            },
        )
        try:
            return bool(message.send())
        except (smtplib.SMTPRecipientsRefused, UnicodeError, ValueError):
            # The words of the error, which hold the address, go nowhere.
            return False
        except (OSError, smtplib.SMTPException):
            raise Unavailable("The mail server does not take mail.") from None

    def close(self) -> None:
        """End the connection; also if it was never opened."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._backend.close()
