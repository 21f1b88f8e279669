"""A browser for tests: logged in without the form, sending form tokens by itself."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from app.account import Account
from app.database import db
from storage import session as logins
from storage.person import PersonRow


class Browser(FlaskClient):
    """A browser that can be logged in without the form, and that sends the form token by itself."""

    def log_in(self, person: PersonRow, sessions: sessionmaker[Session]) -> str:
        """Begin a session of `person`; returns the cookie's value."""
        token = secrets.token_urlsafe(32)
        with sessions.begin() as session:
            logins.create(
                session,
                logins.hash_token(token),
                {"_user_id": str(person.id), "csrf_token": _CSRF_SECRET},
                person_id=person.id,
                idle_minutes=Account.of(person).idle_minutes,
                device="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            )
        self.set_cookie("session", token)
        return token

    def send(self, path: str, data: dict[str, Any] | None = None, **more: Any) -> TestResponse:
        """POST a form with this browser's token, as a page of ours would."""
        headers = {"X-CSRFToken": form_token(self.application), **more.pop("headers", {})}
        return self.post(path, data=data or {}, headers=headers, **more)

    def statements(self, path: str) -> list[str]:
        """What the database is asked while the app answers `path`."""
        asked: list[str] = []
        with self.application.app_context():
            engine = db.engine
        listen = lambda *given: asked.append(given[2])  # noqa: E731
        event.listen(engine, "before_cursor_execute", listen)
        try:
            self.get(path)
        finally:
            event.remove(engine, "before_cursor_execute", listen)
        return asked


_CSRF_SECRET = "0123456789abcdef0123456789abcdef01234567"


def form_token(app: Flask) -> str:
    """The token that a form of a session made by `Browser.log_in` carries."""
    signer = URLSafeTimedSerializer(app.secret_key or "", salt="wtf-csrf-token")
    return str(signer.dumps(_CSRF_SECRET))


def token_on(page: str) -> str:
    """The form token that a page carries."""
    return page.split('name="csrf_token" type="hidden" value="')[1].split('"')[0]
