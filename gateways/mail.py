"""Mail over SMTP. Knows how to hand a message over; not what it says or to whom."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import unquote, urlsplit

SECONDS = 10
#: The most that a line may have (RFC 5322, 2.1.1). Python begins a shorter one with an empty line where a header's
#: first word and the rest do not fit on two, and readers then show a subject that begins with a space.
LONGEST_LINE = 998


class MailNotTaken(Exception):
    """The mail server did not take a message; worth another attempt."""


@dataclass(frozen=True)
class Mailer:
    """Hands mails to one SMTP server.

    Attributes:
        url: smtp://user:password@host:port (STARTTLS where the server offers it) or smtps://.
        sender: the From address.
    """

    url: str = field(repr=False)
    sender: str

    def send(self, recipient: str, subject: str, body: str, message_id: str) -> None:
        """Hand one plain-text mail over.

        Args:
            message_id: the same for each attempt at the same mail, so that a repeat can be told.

        Raises:
            MailNotTaken: with the reason, without any credentials.
        """
        # What has to be encoded is cut into words of 75 anyway, and needs the usual lines for that.
        message = EmailMessage(policy=SMTP.clone(max_line_length=LONGEST_LINE) if subject.isascii() else SMTP)
        message["From"] = self.sender
        message["To"] = recipient
        message["Subject"] = subject
        message["Message-ID"] = f"<{message_id}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        try:
            with self._connect() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise MailNotTaken(f"{type(error).__name__}") from None

    def _connect(self) -> smtplib.SMTP:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        if parts.scheme == "smtps":
            context = ssl.create_default_context()
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=SECONDS, context=context)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=SECONDS)
            server.ehlo()
            if server.has_extn("starttls"):
                # Made only where it is used: it reads every certificate authority of the system.
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        return server
