"""Flask sessions kept in Postgres: the cookie carries a random id and nothing else. Knows no password."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from flask import Flask, Request, Response, request
from flask.sessions import SessionInterface, SessionMixin
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.datastructures import CallbackDict

from app import database
from app.account import Account
from storage import session as store

#: Paths that answer without asking who is there, and so also while the database is away.
UNASKED_PATHS = ("/healthz", "/readyz")


class ServerSession(CallbackDict[str, Any], SessionMixin):
    """What a view sees as `flask.session`.

    Attributes:
        account: who is logged in, or None.
        handle: the session's public name, or None before it is stored.
        fault: why the session could not be read; the gate raises it.
    """

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        def note_change(changed: ServerSession) -> None:
            changed.modified = True

        super().__init__(data or {}, note_change)
        self.modified = False
        self.token: str | None = None
        self.account: Account | None = None
        self.handle: UUID | None = None
        self.fault: SQLAlchemyError | None = None
        self.seen_is_due = False
        self.login: Account | None = None
        self.ended = False

    def begin(self, account: Account) -> None:
        """Log `account` in: everything from before is dropped and the session gets a new id."""
        self.clear()
        self.login = account
        self.account = account
        self.ended = False

    def end(self) -> None:
        """Log out: the row goes, so that a copy of the cookie opens nothing."""
        self.clear()
        self.account = None
        self.login = None
        self.ended = True


class PostgresSessions(SessionInterface):
    """Loads a session in one query, and writes only when something changed."""

    def open_session(self, app: Flask, request: Request) -> ServerSession:
        opened = ServerSession()
        token = request.cookies.get(self.get_cookie_name(app))
        if not token or self._unasked(app, request):
            return opened
        try:
            found = self._find(token)
        except SQLAlchemyError as error:
            database.db.session.remove()
            opened.fault = error
            return opened
        if found is None:
            return opened
        opened = ServerSession(found.data)
        opened.token = token
        opened.handle = found.handle
        opened.seen_is_due = found.seen_is_due
        opened.account = Account.of(found.person) if found.person is not None else None
        return opened

    @staticmethod
    def _find(token: str) -> store.Found | None:
        """The session's row. This is the first query of a request: it finds out that Postgres was restarted.

        Nothing has happened yet, so it is simply asked again over a new connection, and nobody sees an error.
        """
        try:
            return store.find(database.session(), store.hash_token(token))
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            database.db.session.remove()
            return store.find(database.session(), store.hash_token(token))

    @staticmethod
    def _unasked(app: Flask, request: Request) -> bool:
        static = f"{app.static_url_path}/"
        return request.path in UNASKED_PATHS or request.path.startswith(static)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        assert isinstance(session, ServerSession)  # noqa: S101  (open_session makes no other)
        if session.fault is not None:
            return
        if session.accessed:
            response.vary.add("Cookie")
        if session.ended:
            self._end(app, session, response)
        elif session.login is not None:
            self._begin(app, session, response)
        elif session.token is None:
            if session:
                self._store_new(app, session, response)
        elif session.modified or session.seen_is_due:
            self._keep(session)

    def _end(self, app: Flask, session: ServerSession, response: Response) -> None:
        if session.token is not None:
            with _own_transaction() as own:
                store.end(own, store.hash_token(session.token))
        response.delete_cookie(
            self.get_cookie_name(app),
            path="/",
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )

    def _begin(self, app: Flask, session: ServerSession, response: Response) -> None:
        if session.token is not None:
            with _own_transaction() as own:
                store.end(own, store.hash_token(session.token))
        self._store_new(app, session, response)

    def _store_new(self, app: Flask, session: ServerSession, response: Response) -> None:
        token = secrets.token_urlsafe(32)
        login = session.login
        with _own_transaction() as own:
            store.create(
                own,
                store.hash_token(token),
                dict(session),
                person_id=login.person.id if login else None,
                idle_minutes=login.idle_minutes if login else store.ANONYMOUS_IDLE_MINUTES,
                device=_device(),
            )
        response.set_cookie(
            self.get_cookie_name(app),
            token,
            path="/",
            secure=self.get_cookie_secure(app),
            httponly=True,
            samesite="Lax",
        )

    @staticmethod
    def _keep(session: ServerSession) -> None:
        assert session.token is not None  # noqa: S101
        id_hash = store.hash_token(session.token)
        with _own_transaction() as own:
            if session.modified:
                store.write(own, id_hash, dict(session))
            else:
                store.touch(own, id_hash)


@contextmanager
def _own_transaction() -> Iterator[Session]:
    """A transaction for the session's row alone: what the view left uncommitted is rolled back first."""
    own = database.session()
    own.rollback()
    yield own
    own.commit()


def _device() -> str:
    """The browser as it names itself, for the list of one's own sessions."""
    return request.headers.get("User-Agent", "").replace("\x00", "")[:200]
