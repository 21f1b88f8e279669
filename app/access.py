"""Who is here and what is open to them. Closed by default: a view that declares no act opens for nobody."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask, current_app, g, request
from flask import session as flask_session
from flask_login import LoginManager, login_user, logout_user
from flask_wtf.csrf import generate_csrf

from app import database
from app.account import Account
from app.session import PostgresSessions, ServerSession
from app.token import TokenNeeded, bearer_account, is_api
from rules.errors import BusinessError, Invalid, NotAllowed, NotFound
from rules.person import Act, Person, may, may_read_request, may_read_run
from rules.request import is_number
from storage import audit
from storage import decision as decisions
from storage import person as people
from storage import process_run as runs
from storage import process_task as tasks
from storage import request as requests
from storage.audit import Actor
from storage.process_run import ProcessRunRow
from storage.request import RequestRow

View = TypeVar("View", bound=Callable[..., Any])
_log = logging.getLogger("vistobueno.access")

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class LoginNeeded(BusinessError):
    """Nobody is logged in, or the session has run out."""

    status = 401


class CrossSite(BusinessError):
    """Another site's page tried to change something here."""

    status = 403


@dataclass(frozen=True)
class Declaration:
    """What a view says about itself: the act that opens it, and the query parameters that may repeat."""

    act: Act
    repeatable: frozenset[str]


def opens(act: Act, *, repeatable: Collection[str] = ()) -> Callable[[View], View]:
    """Declare which act opens a view; write it under the route decorator.

    Args:
        act: one of rules.person.Act; `OPENED_TO` says who may.
        repeatable: query parameters that may be given more than once; any other repeat is refused.
    """

    def declare(view: View) -> View:
        vars(view)["opens"] = Declaration(act, frozenset(repeatable))
        return view

    return declare


def declaration_of(app: Flask, endpoint: str, method: str) -> Declaration | None:
    """What the view behind an endpoint declared, also for views written as classes."""
    view: object = app.view_functions.get(endpoint)
    view_class = getattr(view, "view_class", None)
    if view_class is not None:
        view = getattr(view_class, "get" if method == "HEAD" else method.lower(), None)
    return cast("Declaration | None", getattr(view, "opens", None))


def guard() -> None:
    """Let a request pass only to a view that is open to whoever sends it. Runs before every view."""
    here = server_session()
    if here.fault is not None:
        raise here.fault
    _refuse_cross_site()
    by_token = is_api() and _take_token(here)
    if request.endpoint is None:
        return  # no such address or method: Flask answers 404 or 405
    declared = declaration_of(current_app, request.endpoint, request.method)
    if declared is None and request.method != "OPTIONS":
        _log.error("undeclared view", extra={"endpoint": request.endpoint})
        raise NotAllowed("This page is closed: it does not say whom it is for.")
    if declared is None:
        return
    _refuse_repeats(declared)
    if declared.act is Act.ANYONE:
        return
    if here.account is None:
        raise LoginNeeded("Please log in first.")
    g.person_id = here.account.person.id  # for the log
    if not may(here.account.person.roles, declared.act):
        raise NotAllowed("Your roles do not open this page.")
    if is_api() and not by_token and request.method not in SAFE_METHODS:
        raise TokenNeeded(
            "A change through the API needs a token; a session alone could be used by another site."
        )


def _take_token(here: ServerSession) -> bool:
    """Let the person behind a token be who is here, for this request only; False where it brings none."""
    account = bearer_account()
    if account is not None:
        here.account = account
    return account is not None


def _refuse_repeats(declared: Declaration) -> None:
    for name, values in request.args.lists():
        if len(values) > 1 and name not in declared.repeatable:
            raise RepeatedParameter(f"The address names {name} more than once.", name)


class RepeatedParameter(Invalid):
    """One query parameter came twice, so that two readers could understand two different things."""

    status = 400


def _refuse_cross_site() -> None:
    """Refuse changes that another site's page sends; the form token is the second lock on this door."""
    if request.method in SAFE_METHODS:
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if request.headers.get("Sec-Fetch-Site") == "cross-site" or foreign:
        raise CrossSite("This came from another site, so nothing was changed.")


def server_session() -> ServerSession:
    """This request's session, with its type."""
    return cast(ServerSession, flask_session._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001


def current_account() -> Account | None:
    """Who is logged in, or None."""
    return server_session().account


def current_person() -> Person:
    """Who is logged in; raises LoginNeeded when nobody is."""
    account = current_account()
    if account is None:
        raise LoginNeeded("Please log in first.")
    return account.person


def log_in(account: Account) -> None:
    """Begin a session of `account` under a new id, with a new form token."""
    server_session().begin(account)
    login_user(account)
    generate_csrf()


def log_out() -> None:
    """End this session; its row goes, so that a copied cookie opens nothing."""
    logout_user()
    server_session().end()


def may_here(act: Act) -> bool:
    """Whether whoever is logged in may do `act`; for templates and menus."""
    account = current_account()
    return account is not None and may(account.person.roles, act)


def get_readable_request(number: str) -> RequestRow:
    """The request with this number, if whoever is logged in may read it.

    Raises:
        NotFound: there is none, or it is not theirs to know of; the second is noted in the audit trail.
    """
    reader, session = current_person(), database.session()
    row = requests.by_number(session, number) if is_number(number) else None
    if row is not None and (row.requester_id == reader.id or _may_read(reader, row)):
        return row
    if row is not None:
        audit.record(session, Actor.person(reader.id), "request.read_refused", row.id)
        database.commit()
    raise NotFound("There is no such request, or it is not yours to see.")


def _may_read(reader: Person, row: RequestRow) -> bool:
    session = database.session()
    requester = people.by_id(session, row.requester_id)
    asked = [person for decision in decisions.of_request(session, row.id) for person in decision.asked_ids]
    return requester is not None and may_read_request(reader, requester.to_person(), asked)


def get_own_request(number: str) -> RequestRow:
    """The request with this number, if it was made by whoever is logged in.

    Raises:
        NotFound: see `get_readable_request`.
        NotAllowed: it is another person's.
    """
    row = get_readable_request(number)
    if row.requester_id != current_person().id:
        raise NotAllowed("Only the person who asked for it can do this.")
    return row


def get_readable_run(run_id: UUID) -> ProcessRunRow:
    """The run of a process with this id, if whoever is logged in may read it.

    Raises:
        NotFound: see `get_readable_request`.
    """
    reader, session = current_person(), database.session()
    row = runs.by_id(session, run_id)
    seats = tasks.of_run(session, run_id)
    asked = {each.person_id for each in seats if each.person_id}
    if any(each.role in {role.value for role in reader.roles} for each in seats):
        asked.add(reader.id)
    if may_read_run(reader, row.started_by, asked):
        return row
    audit.record(session, Actor.person(reader.id), "process_run.read_refused", run=str(run_id))
    database.commit()
    raise NotFound("There is no such run.")


def safe_next(target: str | None) -> str | None:
    """`target` if it is a path on this site, else None: never a way to another host."""
    if not target or not target.startswith("/") or target.startswith("//"):
        return None
    if "\\" in target or any(ord(letter) < 0x21 or ord(letter) == 0x7F for letter in target):
        return None
    parts = urlsplit(target)
    return None if parts.scheme or parts.netloc else target


def set_up_access(app: Flask) -> None:
    """Hang sessions, Flask-Login and the gate on the app."""
    app.session_interface = PostgresSessions()
    logins = LoginManager()
    logins.session_protection = None  # addresses change behind proxies; the id is random and server-side
    logins.user_loader(_load_account)
    logins.init_app(app, add_context_processor=False)
    app.before_request(guard)


def _load_account(person_id: str) -> Account | None:
    """The account that came with the session's row; Flask-Login asks by the id it kept in the session."""
    account = current_account()
    return account if account is not None and account.get_id() == person_id else None
