"""Chat over an incoming webhook (Slack's format). Knows how to hand a message over; not what it says."""

from __future__ import annotations

from dataclasses import dataclass, field

import requests

SECONDS = (3.05, 10)


class ChatNotTaken(Exception):
    """The chat server did not take a message; worth another attempt."""


@dataclass(frozen=True)
class Chat:
    """Posts into one channel; the webhook's address is a secret."""

    webhook_url: str = field(repr=False)

    def send(self, subject: str, body: str) -> None:
        """Post one message; raises ChatNotTaken with the reason, never with the address."""
        text = f"*{_plain(subject)}*\n{_plain(body)}"
        try:
            answer = requests.post(
                self.webhook_url, json={"text": text}, timeout=SECONDS, allow_redirects=False
            )
        except requests.RequestException as error:
            raise ChatNotTaken(type(error).__name__) from None
        if answer.status_code != 200:
            raise ChatNotTaken(f"status {answer.status_code}")


def _plain(text: str) -> str:
    """Text in which nothing is a mention or a link of the chat's own markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
