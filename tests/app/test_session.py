"""Sessions live in Postgres: what a cookie opens, for how long, and what is written when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import psycopg
from sqlalchemy import event, text
from sqlalchemy.orm import Session, sessionmaker

from app.database import db
from rules.person import Role
from storage import session as logins
from storage.person import PersonRow
from storage.session import SessionRow
from tests.app.browser import Browser, token_on
from tests.app.people import PASSWORD, Company


def _log_in_by_form(browser: Browser, email: str, password: str = PASSWORD) -> None:
    page = browser.get("/login").text
    token = token_on(page)
    response = browser.post("/login", data={"csrf_token": token, "email": email, "password": password})
    assert response.status_code == 303


def _cookie(browser: Browser) -> str:
    cookie = browser.get_cookie("session")
    assert cookie is not None
    return cookie.value


def _rows(sessions: sessionmaker[Session]) -> list[SessionRow]:
    with sessions() as session:
        return list(session.query(SessionRow).all())


def test_the_database_never_holds_what_the_cookie_holds(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    _log_in_by_form(browser, company.ana.email)
    (row,) = _rows(sessions)
    assert row.id_hash == hashlib.sha256(_cookie(browser).encode()).digest()
    assert row.person_id == company.ana.id
    assert _cookie(browser) not in str(row.data)


def test_logging_in_changes_the_id_and_drops_what_was_before(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    browser.get("/login")
    before = _cookie(browser)
    _log_in_by_form(browser, company.ana.email)
    assert _cookie(browser) != before
    assert [row.id_hash for row in _rows(sessions)] == [logins.hash_token(_cookie(browser))]


def test_a_cookie_planted_before_login_is_not_taken_over(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    browser.set_cookie("session", "a value that an attacker chose")
    _log_in_by_form(browser, company.ana.email)
    assert logins.hash_token("a value that an attacker chose") not in {r.id_hash for r in _rows(sessions)}


def test_a_cookie_copied_before_logout_opens_nothing_after_it(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    copied = browser.log_in(company.ana, sessions)
    assert browser.get("/profile").status_code == 200
    left = browser.send("/logout")
    assert left.status_code == 303
    assert left.headers["Clear-Site-Data"] == '"cache"'  # what the back button would bring back goes too
    browser.set_cookie("session", copied)
    assert browser.get("/profile").status_code == 303
    assert _rows(sessions) == []


def test_the_cookie_is_for_this_site_and_no_script(browser: Browser) -> None:
    header = browser.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in header
    assert "SameSite=Lax" in header
    assert "Path=/" in header
    assert "Domain" not in header
    assert "Expires" not in header


def test_a_visitor_who_sees_no_form_leaves_no_row(browser: Browser, sessions: sessionmaker[Session]) -> None:
    for path in ("/", "/profile", "/nothing", "/healthz", "/readyz"):
        response = browser.get(path)
        assert "Set-Cookie" not in response.headers, path
    assert _rows(sessions) == []


def test_reading_pages_writes_nothing_until_a_minute_has_passed(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    browser.log_in(company.ana, sessions)
    statements: list[str] = []

    with browser.application.app_context():
        engine = db.engine

    def note(_c: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement.split()[0])

    event.listen(engine, "before_cursor_execute", note)
    try:
        browser.get("/profile")
        assert set(statements) == {"SELECT"}
        with sessions.begin() as session:
            session.execute(text("UPDATE session SET seen_at = now() - interval '61 seconds'"))
        statements.clear()
        browser.get("/profile")
        browser.get("/profile")
        assert statements.count("UPDATE") == 1
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_people_who_decide_idle_for_a_shorter_time(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    minutes = {}
    for role in (Role.EMPLOYEE, Role.MANAGER, Role.FINANCE, Role.AUDITOR):
        _log_in_by_form(browser, company.holding(role).email)
        (row,) = [r for r in _rows(sessions) if r.person_id == company.holding(role).id]
        minutes[role] = row.idle_minutes
        browser.delete_cookie("session")
    assert minutes == {Role.EMPLOYEE: 30, Role.MANAGER: 15, Role.FINANCE: 15, Role.AUDITOR: 30}


def test_a_restarted_database_is_not_noticed_by_who_is_logged_in(
    browser_of: Callable[[PersonRow], Browser], company: Company, database_url: str
) -> None:
    ana = browser_of(company.ana)
    assert ana.get("/profile").status_code == 200
    with psycopg.connect(database_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()"
        ).fetchall()
    assert ended
    assert ana.get("/profile").status_code == 200


def test_ending_all_sessions_of_a_person_leaves_others_alone(
    browser_of: Callable[[PersonRow], Browser], company: Company, sessions: sessionmaker[Session]
) -> None:
    ana, also_ana, bruno = browser_of(company.ana), browser_of(company.ana), browser_of(company.bruno)
    with sessions.begin() as session:
        assert logins.end_all(session, company.ana.id) == 2
    assert [b.get("/profile").status_code for b in (ana, also_ana, bruno)] == [303, 303, 200]


def test_a_page_on_its_way_does_not_bring_an_ended_session_back(
    company: Company, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        logins.create(session, b"k", {}, person_id=company.ana.id, idle_minutes=30)
    with sessions.begin() as session:
        logins.end_all(session, company.ana.id)
    with sessions.begin() as session:
        assert logins.write(session, b"k", {"late": True}) is False
    assert _rows(sessions) == []


def test_sessions_that_ran_out_are_swept_and_living_ones_stay(
    company: Company, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        for key in (b"alive", b"idle", b"old"):
            logins.create(session, key, {}, person_id=company.ana.id, idle_minutes=30)
    with sessions.begin() as session:
        session.execute(
            text("UPDATE session SET seen_at = now() - interval '31 minutes' WHERE id_hash = 'idle'")
        )
        session.execute(
            text("UPDATE session SET created_at = now() - interval '9 hours' WHERE id_hash = 'old'")
        )
    with sessions.begin() as session:
        assert logins.sweep(session) == 2
    assert [row.id_hash for row in _rows(sessions)] == [b"alive"]
