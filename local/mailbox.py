"""A mailbox that catches every mail: SMTP on one port, a page that shows the mails on another.

Knows mails as files, newest first. Shows nothing as it came: text is text, and only links to the product are links.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiosmtpd.controller import Controller
from flask import Flask, abort, render_template
from markupsafe import Markup, escape
from werkzeug.serving import make_server

from local.plan import HOST, Plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiosmtpd.smtp import SMTP, Envelope, Session

LARGEST_MAIL_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Mail:
    """One caught mail, as shown. `name` is its file's name without the ending."""

    name: str
    sender: str
    recipients: str
    subject: str
    text: str
    caught_at: datetime


class Mailbox:
    """A folder of mails, one `.eml` file each; file names sort by the time of arrival."""

    def __init__(self, folder: Path, on_mail: Callable[[Mail], object] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.on_mail = on_mail

    async def handle_DATA(  # noqa: N802  (aiosmtpd calls it by this name)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep one mail; a mail is in the folder before the sender is told that it was taken."""
        name = f"{time.time_ns():020d}"
        draft = self.folder / f"{name}.draft"
        recipients = ", ".join(envelope.rcpt_tos)
        received = f"X-Envelope-To: {recipients}\r\n".encode()
        draft.write_bytes(received + bytes(envelope.original_content or b""))
        draft.rename(self.folder / f"{name}.eml")
        if self.on_mail:
            self.on_mail(self.mail(name))
        return "250 Message accepted for delivery"

    def names(self) -> list[str]:
        """The names of all mails, newest first."""
        return sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)

    def mail(self, name: str) -> Mail:
        """One mail. Raises FileNotFoundError."""
        raw = (self.folder / f"{name}.eml").read_bytes()
        message = message_from_bytes(raw, policy=policy.default)
        return Mail(
            name=name,
            sender=str(message.get("From", "")),
            recipients=str(message.get("X-Envelope-To", "")),
            subject=str(message.get("Subject", "")) or "(no subject)",
            text=_text_of(message),
            caught_at=datetime.fromtimestamp(int(name) / 1_000_000_000, UTC),
        )

    def empty(self) -> None:
        """Throw all mails away."""
        for path in self.folder.glob("*.eml"):
            path.unlink()


def _text_of(message: EmailMessage) -> str:
    """The mail's text: its plain part, or the source of whatever part comes first."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, UnicodeDecodeError):  # a charset that nobody knows: show what can be shown
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload)


def smtp_server(mailbox: Mailbox, port: int) -> Controller:
    """The SMTP side, not yet started; it runs in a thread of its own."""
    return Controller(
        mailbox,
        hostname=HOST,
        port=port,
        data_size_limit=LARGEST_MAIL_BYTES,
        enable_SMTPUTF8=True,
        server_hostname="mailbox.localhost",
    )


def linked(text: str, public_url: str) -> Markup:
    """The text, escaped, with each link to the product made clickable. No other address becomes a link."""
    return Markup("").join(_shown(word, public_url) for word in re.split(r"(\s+)", text))


def _shown(word: str, public_url: str) -> Markup:
    link = word.rstrip(".,;:!?)>")
    if not _leads_home(link, public_url):
        return escape(word)
    return Markup('<a href="{0}">{0}</a>{1}').format(link, word[len(link) :])


def _leads_home(word: str, public_url: str) -> bool:
    """Whether a word is an address of the product: the same scheme, host and port, and no user before the host."""
    if not word.startswith(public_url):
        return False
    try:
        target, home = urlsplit(word), urlsplit(public_url)
    except ValueError:
        return False
    return (target.scheme, target.netloc) == (home.scheme, home.netloc)


def make_pages(mailbox: Mailbox, public_url: str) -> Flask:
    """The pages: a list of all mails and one page for each."""
    pages = Flask("local.mailbox", template_folder=str(Path(__file__).parent / "templates"))
    pages.jinja_env.globals["public_url"] = public_url
    pages.jinja_env.filters["linked"] = lambda text: linked(text, public_url)

    @pages.get("/")
    def list_mails() -> str:
        return render_template("mails.html", mails=[mailbox.mail(name) for name in mailbox.names()[:200]])

    @pages.get("/<int:number>")
    def show_mail(number: int) -> str:
        try:
            return render_template("mail.html", mail=mailbox.mail(f"{number:020d}"))
        except FileNotFoundError:
            abort(404)

    @pages.after_request
    def shield(response: Any) -> Any:
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return pages


def main() -> None:
    """Catch mails and show them until told to end."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # who looks at a mail is no news
    plan = Plan(os.environ)
    mailbox = Mailbox(plan.folder("mailbox"))
    smtp = smtp_server(mailbox, plan.port("MAILBOX_SMTP_PORT"))
    public_url = plan.environment["PUBLIC_URL"].rstrip("/")
    pages = make_server(HOST, plan.port("MAILBOX_PORT"), make_pages(mailbox, public_url), threaded=True)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=pages.shutdown).start())
    smtp.start()
    pages.serve_forever()
    pages.server_close()
    smtp.stop()


if __name__ == "__main__":
    main()
