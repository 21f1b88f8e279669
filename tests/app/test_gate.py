"""Every route, every role: generated from the one table of who may do what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
from flask import Blueprint, Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.routing import IntegerConverter, Rule

from app.access import declaration_of, opens, safe_next
from rules.person import OPENED_TO, Act, Role, may
from storage.person import PersonRow
from tests.app.browser import Browser, form_token
from tests.app.people import Company

#: What stands for a part of an address; nothing in the database answers to it.
_EXAMPLES = {"number": "PR-2026-999999", "handle": UUID(int=7), "id": UUID(int=7)}


def _routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Endpoint, method and an address of each route."""
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            values = {name: _example(name, rule) for name in rule.arguments}
            yield rule.endpoint, method, adapter.build(rule.endpoint, values, method=method)


def _example(name: str, rule: Rule) -> object:
    if isinstance(rule._converters[name], IntegerConverter):
        return 1
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    return UUID(int=7) if name.endswith("_id") else "nothing-of-this-name"


def _declared(app: Flask) -> Iterator[tuple[str, str, Act]]:
    for endpoint, method, path in _routes(app):
        declared = declaration_of(app, endpoint, method)
        assert declared is not None, f"{endpoint} {method} declares no act"
        yield method, path, declared.act


def _call(browser: Browser, method: str, path: str) -> int:
    headers = {"X-CSRFToken": form_token(browser.application)}
    return browser.open(path, method=method, headers=headers).status_code


def test_every_route_declares_its_act(app: Flask) -> None:
    undeclared = [
        f"{method} {endpoint}"
        for endpoint, method, _path in _routes(app)
        if declaration_of(app, endpoint, method) is None
    ]
    assert undeclared == []


def test_every_act_is_opened_to_somebody_or_to_anyone() -> None:
    assert set(Act) - set(OPENED_TO) == {Act.ANYONE}


@pytest.mark.parametrize("role", list(Role))
def test_role_opens_what_the_table_says_and_nothing_else(
    role: Role, app: Flask, company: Company, sessions: sessionmaker[Session]
) -> None:
    person = _only(role, company, sessions)
    wrong = []
    for method, path, act in _declared(app):
        browser = Browser(app, app.response_class, use_cookies=True)
        browser.log_in(person, sessions)  # anew each time: one of the routes logs out
        status = _call(browser, method, path)
        refused = status == 403
        if refused is may({role}, act):
            wrong.append(f"{method} {path} answered {status}")
        if status >= 500:
            wrong.append(f"{method} {path} broke with {status}")
    assert wrong == []


def _only(role: Role, company: Company, sessions: sessionmaker[Session]) -> PersonRow:
    """Somebody who holds this role and no other."""
    person = company.holding(role)
    with sessions.begin() as session:
        session.merge(person).roles = [role.value]
    person.roles = [role.value]
    return person


def test_without_a_session_only_open_routes_answer(app: Flask, browser: Browser) -> None:
    for method, path, act in _declared(app):
        if act is Act.ANYONE:
            continue
        response = browser.open(path, method=method)
        if path.startswith("/api/"):
            assert response.status_code == 401, f"{method} {path}"
            continue
        assert response.status_code == 303, f"{method} {path}"
        assert response.location.startswith("/login"), f"{method} {path}"


@pytest.mark.parametrize(
    "ageing",
    [
        "seen_at = now() - make_interval(mins => idle_minutes) - interval '1 second'",
        "created_at = now() - interval '8 hours'",
    ],
    ids=["idle", "absolute"],
)
def test_a_session_that_ran_out_opens_nothing(
    app: Flask, company: Company, browser: Browser, sessions: sessionmaker[Session], ageing: str
) -> None:
    browser.log_in(company.holding(Role.FINANCE), sessions)
    with sessions.begin() as session:
        session.execute(text(f"UPDATE session SET {ageing}"))  # noqa: S608  (a constant above)
    for method, path, act in _declared(app):
        if act is not Act.ANYONE:
            closed = 401 if path.startswith("/api/") else 303
            assert _call(browser, method, path) == closed, f"{method} {path}"


def test_a_program_without_a_session_gets_401_and_no_redirect(browser: Browser) -> None:
    response = browser.get("/profile", headers={"Accept": "application/json"})
    assert (response.status_code, response.mimetype) == (401, "application/problem+json")
    assert response.get_json()["code"] == "login-needed"


def test_htmx_without_a_session_is_sent_to_the_login_page(browser: Browser) -> None:
    response = browser.get("/profile", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert response.headers["HX-Redirect"].startswith("/login")


def test_an_undeclared_view_opens_for_nobody(make_app: Callable[..., Flask], company: Company) -> None:
    app = make_app()
    forgotten = Blueprint("forgotten", __name__)
    forgotten.add_url_rule("/forgotten", "page", lambda: "secret")
    app.register_blueprint(forgotten)
    assert b"secret" not in app.test_client().get("/forgotten").data
    assert app.test_client().get("/forgotten").status_code == 403


def test_a_locked_account_is_out_at_once(
    company: Company, browser: Browser, sessions: sessionmaker[Session]
) -> None:
    browser.log_in(company.ana, sessions)
    assert browser.get("/profile").status_code == 200
    with sessions.begin() as session:
        session.merge(company.ana).locked_at = datetime.now(UTC)
    assert browser.get("/profile").status_code == 303


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("/requests?tab=mine", "/requests?tab=mine"),
        ("//evil.example", None),
        ("/\\evil.example", None),
        ("https://evil.example/", None),
        ("/\t/evil.example", None),
        ("/ok\r\nSet-Cookie: x=1", None),
        ("javascript:alert(1)", None),
        ("", None),
        (None, None),
    ],
)
def test_next_never_leads_to_another_host(target: str | None, allowed: str | None) -> None:
    assert safe_next(target) == allowed


def test_a_repeated_query_parameter_is_refused(
    browser_of: Callable[[PersonRow], Browser], company: Company
) -> None:
    assert browser_of(company.ana).get("/profile?id=1&id=2").status_code == 400
    assert browser_of(company.ana).get("/login?next=/&next=//evil.example").status_code == 400


def test_a_declared_parameter_may_repeat(
    make_app: Callable[..., Flask], company: Company, sessions: sessionmaker[Session]
) -> None:
    app = make_app()

    @opens(Act.USE_ACCOUNT, repeatable=["status"])
    def listing() -> str:
        return "listed"

    app.add_url_rule("/listing", "listing", listing)
    browser = Browser(app, app.response_class, use_cookies=True)
    browser.log_in(company.ana, sessions)
    assert browser.get("/listing?status=a&status=b").data == b"listed"
    assert browser.get("/listing?status=a&id=1&id=2").status_code == 400
