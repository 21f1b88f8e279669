"""Mail as it arrives at a real SMTP server."""

from __future__ import annotations

import pytest

from gateways.mail import Mailer, MailNotTaken
from local.program import free_port
from tests.post import Post

SENDER = "approvals@vistobueno.example"
ANA = "ana@vistobueno.example"


@pytest.mark.parametrize(
    "subject",
    [
        "Rejected: PR-2026-000001 Norrvik 13-inch business notebook, 16 GB, 512 GB SSD",
        "Rejected: PR-2026-000001 Cuaderno de diseño, tamaño A4, 120 páginas, tapa dura, cosido, con índice",
        "Approved: " + "x" * 190,
        "ok",
    ],
    ids=["as long as two lines", "with accents", "one long word", "short"],
)
def test_a_subject_arrives_as_it_was_written(smtp: Post, subject: str) -> None:
    Mailer(smtp.url, SENDER).send(ANA, subject, "Hello.\n", "1")
    (mail,) = smtp.wait_for(1)
    assert mail.subject == subject
    assert mail.recipients == ANA


def test_a_text_arrives_whole_also_with_accents_and_long_lines(smtp: Post) -> None:
    body = "Ana pide: «Cuaderno».\n" + "y" * 1500 + "\n\n.\nEnd.\n"
    Mailer(smtp.url, SENDER).send(ANA, "Please decide", body, "1")
    (mail,) = smtp.wait_for(1)
    assert mail.text.replace("\r\n", "\n") == body


def test_a_server_that_is_away_is_told_without_its_password() -> None:
    mailer = Mailer(f"smtp://user:secret-word@127.0.0.1:{free_port()}", SENDER)
    with pytest.raises(MailNotTaken) as told:
        mailer.send(ANA, "Please decide", "Hello.\n", "1")
    assert "secret-word" not in f"{told.value} {mailer!r}"
