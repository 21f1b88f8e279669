"""How refusals and faults are shown: a page, a fragment for htmx, or RFC 9457 problem JSON. Decides nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import (
    Flask,
    Response,
    current_app,
    json,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from app import database
from app.access import LoginNeeded, server_session
from app.log import request_id
from rules.errors import BusinessError, ChangedSinceShown, InvalidFields

_log = logging.getLogger("vistobueno.errors")

#: What an HTTP status means in plain words: title, and what to do now.
WORDS: dict[int, tuple[Any, Any]] = {
    400: (
        lazy_gettext("We could not read that"),
        lazy_gettext("Please go back, reload the page and try again."),
    ),
    401: (lazy_gettext("Please log in"), lazy_gettext("Your session has ended; nothing was lost but time.")),
    403: (
        lazy_gettext("This is not open to you"),
        lazy_gettext("If you need it for your work, ask an administrator for the role."),
    ),
    404: (
        lazy_gettext("There is nothing here"),
        lazy_gettext("The address may be mistyped, or the page may not be yours to see."),
    ),
    405: (lazy_gettext("That does not work here"), lazy_gettext("Please use the buttons on the pages.")),
    409: (
        lazy_gettext("Something changed meanwhile"),
        lazy_gettext("Please look at the present state and decide again."),
    ),
    413: (
        lazy_gettext("That is too much at once"),
        lazy_gettext("Please shorten the text and send it again."),
    ),
    422: (
        lazy_gettext("Please check what you entered"),
        lazy_gettext("Go back and correct it; nothing was saved."),
    ),
    429: (
        lazy_gettext("Too many tries"),
        lazy_gettext("Please wait a little, then try again."),
    ),
    500: (
        lazy_gettext("Something broke on our side"),
        lazy_gettext(
            "Nothing was saved by this step. Please try again; if it stays, tell us the number below."
        ),
    ),
    503: (
        lazy_gettext("We are back in a moment"),
        lazy_gettext("The database does not answer right now. Nothing is lost; please try again shortly."),
    ),
}

RETRY_AFTER_SECONDS = 5


@dataclass(frozen=True)
class Problem:
    """A refusal or fault as RFC 9457 has it."""

    status: int
    code: str
    title: str
    detail: str
    more: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The problem document."""
        return {
            "type": f"urn:vistobueno:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id(),
            **self.more,
        }


def set_up_errors(app: Flask) -> None:
    """One handler for each family of errors; all of them end in `show`."""
    app.register_error_handler(LoginNeeded, ask_to_log_in)
    app.register_error_handler(BusinessError, show_refusal)
    app.register_error_handler(CSRFError, show_stale_form)
    app.register_error_handler(HTTPException, show_http_error)
    app.register_error_handler(SecurityError, refuse_host)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        app.register_error_handler(away, show_database_away)


def wants_json() -> bool:
    """Whether the client would rather read JSON than a page."""
    if request.path.startswith("/api/"):
        return True
    offered = ["text/html", "application/problem+json", "application/json"]
    return request.accept_mimetypes.best_match(offered, default="text/html") != "text/html"


def is_htmx() -> bool:
    """Whether a part of a page asks, not a whole page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-Boosted") != "true"


def show(problem: Problem) -> Response:
    """The problem in the form that the client reads; whatever was not committed is taken back."""
    _roll_back()
    if wants_json():
        response = make_response(json.dumps(problem.as_json()), problem.status)
        response.mimetype = "application/problem+json"
    elif is_htmx():
        response = make_response(render_template("errors/fragment.html", problem=problem), problem.status)
        response.headers["HX-Retarget"] = "#messages"
        response.headers["HX-Reswap"] = "innerHTML show:window:top"
    else:
        bare = problem.status >= 500 or server_session().account is None
        layout = "bare.html" if bare else "base.html"
        page = render_template(
            "errors/page.html",
            problem=problem,
            layout=layout,
            what_now=WORDS.get(problem.status, ("", ""))[1],
        )
        response = make_response(page, problem.status)
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


def ask_to_log_in(error: LoginNeeded) -> ResponseReturnValue:
    """Send a browser to the login page and back afterwards; tell a program 401."""
    here = request.full_path.rstrip("?") if request.method == "GET" and not is_htmx() else None
    had_session = bool(request.cookies.get(current_app.config["SESSION_COOKIE_NAME"]))
    target = url_for("account.login", next=here, why="ended" if had_session else None)
    if wants_json():
        return show(_of(error))
    if is_htmx():
        return Response(status=401, headers={"HX-Redirect": target})
    return redirect(target, 303)


def show_refusal(error: BusinessError) -> Response:
    """A business refusal: its own sentence under a plain title."""
    return show(_of(error))


def show_stale_form(error: CSRFError) -> ResponseReturnValue:
    """A form whose token is missing or of another session: say so and change nothing."""
    if request.endpoint == "account.log_in_here" and not wants_json() and not is_htmx():
        return redirect(url_for("account.login", why="stale"), 303)
    detail = _("The page was open for too long or came from elsewhere, so nothing was changed.")
    _log.info("form token refused", extra={"why": error.description})
    return show(Problem(400, "stale-form", _title(400), detail))


def refuse_host(_error: SecurityError) -> Response:
    """A host name that is not ours: no page, because no link on it could be trusted."""
    return Response("This is not one of our names.\n", 400, mimetype="text/plain")


def show_http_error(error: HTTPException) -> ResponseReturnValue:
    """What Flask itself refuses, and everything that nobody caught."""
    if isinstance(error, InternalServerError) and error.original_exception is not None:
        return _show_fault(error.original_exception)
    status = error.code or 500
    if status < 400:
        return error.get_response()
    words = WORDS.get(status)
    detail = str(words[1]) if words else (error.description or "")
    code = HTTPStatus(status).phrase.lower().replace(" ", "-")
    response = show(Problem(status, code, _title(status), detail))
    for name, value in error.get_headers(request.environ):
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def show_database_away(error: SQLAlchemyError) -> Response:
    """The database does not answer: 503 and a date to come back."""
    _log.error("database away", extra={"why": type(error).__name__})
    return show(Problem(503, "database-away", _title(503), str(WORDS[503][1])))


def _show_fault(error: BaseException) -> Response:
    if isinstance(error, (OperationalError, InterfaceError, PoolTimeout)):
        return show_database_away(error)
    return show(Problem(500, "fault", _title(500), str(WORDS[500][1])))


def _of(error: BusinessError) -> Problem:
    more: dict[str, Any] = {}
    if error.field is not None:
        more["field"] = error.field
    if isinstance(error, InvalidFields):
        more["problems"] = error.problems
    if isinstance(error, ChangedSinceShown):
        more["changes"] = {name: list(pair) for name, pair in error.changes.items()}
    return Problem(error.status, error.code, _title(error.status), error.message, more)


def _title(status: int) -> str:
    words = WORDS.get(status)
    return str(words[0]) if words else HTTPStatus(status).phrase


def _roll_back() -> None:
    """Take back what the view did; a connection that is already dead is simply dropped."""
    try:
        database.session().rollback()
    except SQLAlchemyError:
        database.db.session.remove()
