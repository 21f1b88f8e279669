"""A mail server inside the test's process that catches every mail and wakes whoever waits for one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition

from local.mailbox import Mail, Mailbox, smtp_server
from local.plan import HOST
from local.program import free_port

PATIENCE_SECONDS = 20


class Post:
    """The caught mails of one test."""

    def __init__(self, folder: Path, url: str) -> None:
        self.mailbox = Mailbox(folder, self._came)
        self.url = url
        self._news = Condition()

    def mails(self) -> list[Mail]:
        """All mails that came, oldest first."""
        return [self.mailbox.mail(name) for name in reversed(self.mailbox.names())]

    def wait_for(self, count: int) -> list[Mail]:
        """The mails, oldest first, as soon as at least `count` have come. Raises AssertionError if they do not."""
        with self._news:
            if not self._news.wait_for(lambda: len(self.mailbox.names()) >= count, PATIENCE_SECONDS):
                subjects = [mail.subject for mail in self.mails()]
                raise AssertionError(f"waited for {count} mails, but these came: {subjects}")
        return self.mails()

    def _came(self, _mail: Mail) -> None:
        with self._news:
            self._news.notify_all()


@contextmanager
def catching(folder: Path) -> Iterator[Post]:
    """A mail server on a free port, as long as the block lasts."""
    port = free_port()
    post = Post(folder, f"smtp://{HOST}:{port}")
    server = smtp_server(post.mailbox, port)
    server.start()
    try:
        yield post
    finally:
        server.stop()
