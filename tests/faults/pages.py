"""Somebody's browser over real HTTP: submits the form, answers questions, and keeps a journal of what it was told."""

from __future__ import annotations

import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import requests as http
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy.orm import Session, sessionmaker

from app.account import Account
from local.vendor.catalogue import Article
from rules.request import payload_hash
from storage import session as logins
from storage.decision import DecisionRow
from storage.person import PersonRow
from storage.request import RequestRow
from tests.checking.facts import Call

#: A page that takes longer has failed; it ends a broken test, it asserts nothing.
PATIENCE_SECONDS: Final = 20
_CSRF: Final = "0123456789abcdef0123456789abcdef01234567"
_ALREADY: Final = re.compile(r"Already [a-z]+ by [^<]* at [^<]*")


class Journal:
    """What every client did and was told. Safe for many threads."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    @contextmanager
    def call(self, act: str, person: PersonRow, key: str, payload: str) -> Iterator[dict[str, str]]:
        """One call: the block says `result` and `told`; a block that raises leaves it unknown."""
        said = {"result": "unknown", "told": ""}
        began = time.time()
        try:
            yield said
        finally:
            made = Call(act, person.id, key, payload, began, time.time(), **said)
            with self._lock:
                self.calls.append(made)


@dataclass
class Pages:
    """One person's browser. Not for several threads at once; `twin` gives another one of the same login."""

    url: str
    person: PersonRow
    secret_key: str
    token: str
    journal: Journal
    browser: http.Session = field(default_factory=http.Session)

    def twin(self) -> Pages:
        """Another connection of the same login."""
        return replace(self, browser=http.Session())

    def get(self, path: str) -> http.Response:
        """Open a page."""
        return self.browser.get(self.url + path, headers=self._headers(), timeout=PATIENCE_SECONDS)

    def submit(self, article: Article, key: str = "", reason: str = "for the office") -> http.Response:
        """Send the form of a new request, and again under the same key while the answer is 503 or lost."""
        key = key or secrets.token_urlsafe(24)
        form = {
            "product_link": f"https://www.{article.host}/dp/{article.asin}",
            "quantity": "1",
            "currency": "EUR",
            "amount": str(article.unit_price),
            "reason": reason,
            "needed_by": "",
        }
        while True:
            with self.journal.call("submit", self.person, key, payload_hash(form)) as said:
                answer = self.post("/requests", {**form, "key": key})
                if answer is not None and answer.status_code == 303:
                    said |= {"result": "ok", "told": answer.headers["Location"].rpartition("/")[2]}
                elif answer is not None and answer.status_code < 500:
                    said |= {"result": "refused", "told": str(answer.status_code)}
            if said["result"] != "unknown":
                assert answer is not None
                return answer

    def decide(
        self, row: RequestRow, question: DecisionRow, choice: str, comment: str = "Because."
    ) -> http.Response:
        """Answer a question as it was shown."""
        form = {
            "choice": choice,
            "comment": comment,
            "decision": str(question.id),
            "amount": str(question.total),
            "content": question.content_hash,
        }
        with self.journal.call("decide", self.person, str(question.id), choice) as said:
            answer = self.browser.post(
                f"{self.url}/requests/{row.number}/decision",
                form,
                headers=self._headers(),
                allow_redirects=False,
                timeout=PATIENCE_SECONDS,
            )
            if answer.status_code == 303:
                said |= {"result": "ok", "told": "taken"}
            elif answer.status_code < 500:
                words = _ALREADY.search(answer.text)
                said |= {"result": "refused", "told": words.group() if words else answer.text}
        return answer

    def post(self, path: str, form: dict[str, str]) -> http.Response | None:
        """Send a form; None where no answer came."""
        try:
            return self.browser.post(
                self.url + path,
                form,
                headers=self._headers(),
                allow_redirects=False,
                timeout=PATIENCE_SECONDS,
            )
        except http.ConnectionError:
            return None

    def _headers(self) -> dict[str, str]:
        signer = URLSafeTimedSerializer(self.secret_key, salt="wtf-csrf-token")
        return {"Cookie": f"session={self.token}", "X-CSRFToken": str(signer.dumps(_CSRF))}


def log_in(
    url: str, secret_key: str, person: PersonRow, sessions: sessionmaker[Session], journal: Journal
) -> Pages:
    """A browser in which somebody is logged in."""
    token = secrets.token_urlsafe(32)
    with sessions.begin() as session:
        logins.create(
            session,
            logins.hash_token(token),
            {"_user_id": str(person.id), "csrf_token": _CSRF},
            person_id=person.id,
            idle_minutes=Account.of(person).idle_minutes,
            device="Firefox",
        )
    return Pages(url, person, secret_key, token, journal)
