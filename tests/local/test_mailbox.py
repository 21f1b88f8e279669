"""The mailbox page: every mail is shown, nothing in it is obeyed, and only the product is linked."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from typing import TYPE_CHECKING

from local.mailbox import linked, make_pages
from tests.servers import host_and_port

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.post import Post

HOME = "http://localhost:8000"


def send(post: Post, *, subject: str, text: str, html: str | None = None) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "approvals@example.org", "maria@example.org", subject
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    with smtplib.SMTP(*host_and_port(post.url)) as server:
        server.send_message(mail)


def pages(post: Post) -> FlaskClient:
    return make_pages(post.mailbox, HOME).test_client()


def test_the_newest_mail_comes_first(smtp: Post) -> None:
    send(smtp, subject="The first", text="1")
    send(smtp, subject="The second", text="2")
    page = pages(smtp).get("/").text
    assert page.index("The second") < page.index("The first")


def test_an_empty_mailbox_says_what_will_fill_it(smtp: Post) -> None:
    assert "No mail yet" in pages(smtp).get("/").text


def test_a_mail_is_shown_as_text_and_never_as_markup(smtp: Post) -> None:
    send(smtp, subject="<b>Hi</b>", text="<script>alert(1)</script>", html="<img src=x onerror=alert(2)>")
    client = pages(smtp)
    for page in (client.get("/"), client.get(f"/{int(smtp.mailbox.names()[0])}")):
        assert "<b>Hi</b>" not in page.text
        assert "<script>" not in page.text
        assert "onerror" not in page.text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(f"/{int(smtp.mailbox.names()[0])}").text


def test_accents_and_long_lines_arrive_as_they_were_written(smtp: Post) -> None:
    words = "Petición de compra — ñandú € " * 40
    send(smtp, subject="Petición «aprobada»", text=words)
    [mail] = smtp.mails()
    assert mail.subject == "Petición «aprobada»"
    assert mail.text.strip() == words.strip()


def test_a_mail_in_an_unknown_charset_is_shown_nevertheless(smtp: Post) -> None:
    raw = b"Subject: Odd\r\nContent-Type: text/plain; charset=x-nobody-knows\r\n\r\nhello \xff\r\n"
    with smtplib.SMTP(*host_and_port(smtp.url)) as server:
        server.sendmail("a@example.org", ["b@example.org"], raw)
    assert "hello" in pages(smtp).get(f"/{int(smtp.mailbox.names()[0])}").text


def test_an_unknown_mail_is_not_found(smtp: Post) -> None:
    assert pages(smtp).get("/12345").status_code == 404


def test_a_link_to_the_product_can_be_clicked_and_keeps_its_full_stop() -> None:
    assert str(linked(f"See {HOME}/requests/1.", HOME)) == (
        f'See <a href="{HOME}/requests/1">{HOME}/requests/1</a>.'
    )


def test_no_other_address_becomes_a_link() -> None:
    for address in (
        "http://elsewhere.example/",
        f"{HOME}.elsewhere.example/",
        f"{HOME}@elsewhere.example/",
        f"javascript:alert('{HOME}')",
        "http://localhost:80001/",
    ):
        assert "<a" not in str(linked(address, HOME)), address


def test_quotes_in_a_link_cannot_leave_it() -> None:
    assert str(linked(f'{HOME}/"onclick="alert(1)', HOME)).count('"') == 2
