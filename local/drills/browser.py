"""People before the product's pages: log in, fill in the form, and press the button until they are answered."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import requests as http

from local.drills.stage import StageBroke
from local.vendor.catalogue import Article

#: A page that takes longer counts as not answered.
ANSWER_SECONDS: Final = 10
#: Whoever gets no answer presses again after so long, and gives up after so much longer.
AGAIN_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Told:
    """One form that was sent until it was answered: its key, the number in the answer, how often it was sent."""

    key: str
    number: str
    presses: int


@dataclass
class Browser:
    """One person's browser. Not for several threads at once."""

    url: str
    _session: http.Session = field(default_factory=http.Session)

    def log_in(self, email: str, password: str) -> None:
        """As on the login page. Raises StageBroke where that does not work."""
        token = _hidden(self._session.get(f"{self.url}/login", timeout=ANSWER_SECONDS).text, "csrf_token")
        form = {"email": email, "password": password, "csrf_token": token}
        answer = self._session.post(f"{self.url}/login", form, timeout=ANSWER_SECONDS, allow_redirects=False)
        if answer.status_code != 303:
            raise StageBroke(f"{email} cannot log in: {answer.status_code}")

    def open_form(self, article: Article) -> dict[str, str]:
        """The form for a new request, filled in for an article. Raises StageBroke where it never opens."""
        address = f"{self.url}/requests/new"
        page = _patiently(lambda: self._session.get(address, timeout=ANSWER_SECONDS), "the form")[0].text
        return {
            "csrf_token": _hidden(page, "csrf_token"),
            "key": _hidden(page, "key"),
            "product_link": article.url,
            "quantity": "1",
            "currency": article.currency,
            "amount": str(article.unit_price),
            "reason": "For the office.",
            "needed_by": "",
        }

    def press(self, form: dict[str, str]) -> Told:
        """Send a form, the same again and again until it is answered. Raises StageBroke where it is refused."""

        def send() -> http.Response:
            address = f"{self.url}/requests"
            return self._session.post(address, form, timeout=ANSWER_SECONDS, allow_redirects=False)

        answer, presses = _patiently(send, "an answer to a form")
        if answer.status_code != 303:
            raise StageBroke(f"The form was refused: {answer.status_code} {answer.text[:500]}")
        return Told(form["key"], answer.headers["Location"].rpartition("/")[2], presses)


class People:
    """Some people, each before a browser. `told` is what they were answered."""

    def __init__(self, browsers: Sequence[Browser], articles: Sequence[Article], pause: float) -> None:
        self.told: list[Told] = []
        self._browsers = tuple(browsers)
        self._articles = tuple(articles)
        self._pause = pause
        self._over = threading.Event()

    async def work(self) -> None:
        """They ask for one article after the other, until `go_home`; whoever has a form open still sends it."""
        self._over.clear()
        each = [asyncio.to_thread(self._work, *pair) for pair in enumerate(self._browsers)]
        await asyncio.gather(*each)

    def go_home(self) -> None:
        """Let nobody open another form."""
        self._over.set()

    def _work(self, number: int, browser: Browser) -> None:
        while not self._over.is_set():
            form = browser.open_form(self._articles[number % len(self._articles)])
            self._over.wait(self._pause)
            self.told.append(browser.press(form))
            number += 1


def _patiently(call: Callable[[], http.Response], what: str) -> tuple[http.Response, int]:
    """The first answer that is none of a server in trouble, and how many calls it took. Raises StageBroke."""
    ends_at, calls, pause = time.monotonic() + PATIENCE_SECONDS, 0, threading.Event()
    while time.monotonic() < ends_at:
        calls += 1
        try:
            answer = call()
        except (http.ConnectionError, http.Timeout):
            answer = None
        if answer is not None and answer.status_code < 500:
            return answer, calls
        pause.wait(AGAIN_SECONDS)
    raise StageBroke(f"Nobody got {what} after {calls} tries")


def _hidden(page: str, name: str) -> str:
    """The value of a hidden field. Raises StageBroke where the page has none."""
    for field_ in re.findall(r"<input[^>]*>", page):
        if f'name="{name}"' in field_:
            found = re.search(r'value="([^"]*)"', field_)
            if found is not None:
                return found[1]
    raise StageBroke(f"The page has no field {name}: {page[:500]}")
