"""The way in: what it takes, what it says, and how often one may try."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from app import password as passwords
from settings import Settings
from storage.person import PersonRow
from storage.session import SessionRow
from tests.app.browser import Browser, token_on
from tests.app.people import PASSWORD, Company

NEW = "a wholly different sentence"


def _try(browser: Browser, email: str, password: str, to: str = "") -> TestResponse:
    page = browser.get("/login").text
    token = token_on(page)
    form = {"csrf_token": token, "email": email, "password": password, "next": to}
    return browser.post("/login", data=form)


def test_address_and_password_open_the_way_back_to_where_one_was(browser: Browser, company: Company) -> None:
    asked = browser.get("/profile?x=1")
    assert asked.location == "/login?next=/profile?x%3D1"
    assert 'value="/profile?x=1"' in browser.get(asked.location).text
    assert _try(browser, company.ana.email, PASSWORD, "/profile?x=1").location == "/profile?x=1"


def test_next_to_another_host_leads_home(browser: Browser, company: Company) -> None:
    for evil in ("//evil.example", "/\\evil.example", "https://evil.example"):
        browser.delete_cookie("session")
        assert _try(browser, company.ana.email, PASSWORD, evil).location == "/"


def test_the_address_may_be_typed_in_any_case(browser: Browser, company: Company) -> None:
    assert _try(browser, f"  {company.ana.email.upper()} ", PASSWORD).status_code == 303


def test_unknown_wrong_and_locked_read_the_same(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        session.merge(company.bruno).locked_at = company.bruno.created_at

    def answer(email: str, password: str) -> tuple[int, str]:
        response = _try(browser, email, password)
        notice = response.text.split('role="alert"')[1].split("</div>")[0]
        return response.status_code, notice

    unknown = answer("nobody@vistobueno.example", PASSWORD)
    assert unknown == answer(company.ana.email, "not the password at all")
    assert unknown == answer(company.bruno.email, PASSWORD)
    assert unknown[0] == 401


def test_an_unknown_address_costs_the_same_hashing(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []
    hasher = passwords._hasher

    class Counting:
        def verify(self, kept: str, password: str) -> bool:
            verified.append(kept)
            return hasher.verify(kept, password)

        def hash(self, password: str) -> str:
            return hasher.hash(password)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert passwords.is_password("whatever", None) is False
    assert len(verified) == 1
    assert verified[0].startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_overlong_password_is_refused_before_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    def burn(*_all: object) -> bool:
        raise AssertionError("it was hashed")

    monkeypatch.setattr(passwords, "_hasher", type("Never", (), {"verify": burn})())
    assert passwords.is_password("x" * 257, "$argon2id$…") is False


def test_a_body_over_the_limit_is_refused_unread(browser: Browser) -> None:
    assert browser.post("/login", data={"password": "x" * 300_000}).status_code == 413


def test_the_eleventh_wrong_try_is_refused_even_with_the_right_password(
    browser: Browser, company: Company
) -> None:
    for _ in range(10):
        assert _try(browser, company.ana.email, "not the password at all").status_code == 401
    refused = _try(browser, company.ana.email, PASSWORD)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert _try(browser, company.bruno.email, PASSWORD).status_code == 303


def test_right_tries_are_not_counted(browser: Browser, company: Company) -> None:
    for _ in range(12):
        browser.delete_cookie("session")
        assert _try(browser, company.ana.email, PASSWORD).status_code == 303


def test_a_forged_forwarding_header_does_not_reset_the_count(browser: Browser, company: Company) -> None:
    for number in range(10):
        token = token_on(browser.get("/login").text)
        form = {"csrf_token": token, "email": company.ana.email, "password": "not the password at all"}
        browser.post("/login", data=form, headers={"X-Forwarded-For": f"10.0.0.{number}"})
    assert _try(browser, company.ana.email, PASSWORD).status_code == 429


def test_behind_a_proxy_of_ours_the_client_is_who_it_names(
    settings: Settings, make_app: Callable[..., Flask], company: Company
) -> None:
    app = make_app(replace(settings, trusted_proxies=1))

    def try_from(address: str, password: str) -> int:
        browser = Browser(app, app.response_class, use_cookies=True)
        form = {
            "csrf_token": token_on(browser.get("/login").text),
            "email": company.ana.email,
            "password": password,
        }
        return browser.post("/login", data=form, headers={"X-Forwarded-For": address}).status_code

    for _ in range(10):
        assert try_from("198.51.100.7", "not the password at all") == 401
    assert try_from("198.51.100.7", PASSWORD) == 429
    assert try_from("203.0.113.9, 198.51.100.7", PASSWORD) == 429  # what the client itself claims is ignored
    assert try_from("198.51.100.8", PASSWORD) == 303


def test_a_weak_hash_is_replaced_at_login(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    _try(browser, company.ana.email, PASSWORD)
    with sessions() as session:
        kept = session.get_one(PersonRow, company.ana.id).password_hash
    assert kept != company.ana.password_hash
    assert not passwords.needs_new_hash(kept)
    assert passwords.is_password(PASSWORD, kept)


def test_a_login_form_without_token_logs_nobody_in(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    response = browser.post("/login", data={"email": company.ana.email, "password": PASSWORD})
    assert response.location == "/login?why=stale"
    with sessions() as session:
        assert session.query(SessionRow).filter(SessionRow.person_id.is_not(None)).count() == 0


def test_demo_logins_are_shown_only_when_their_file_is_named(
    app: Flask, browser: Browser, tmp_path: Path
) -> None:
    assert "demo-logins" not in browser.get("/login").text
    file = tmp_path / "logins.json"
    file.write_text(
        json.dumps([{"name": "Ana", "email": "ana@x.example", "role": "Employee", "password": "p w"}])
    )
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], demo_logins_file=file)
    assert 'data-fill-email="ana@x.example"' in browser.get("/login").text


def test_changing_the_password_ends_every_other_session(
    browser_of: Callable[[PersonRow], Browser], company: Company, sessions: sessionmaker[Session]
) -> None:
    here, elsewhere = browser_of(company.ana), browser_of(company.ana)
    form = {"password": PASSWORD, "new_password": NEW, "again": NEW}
    assert here.send("/profile/password", form).status_code == 303
    assert here.get("/profile").status_code == 200
    assert elsewhere.get("/profile").status_code == 303
    with sessions() as session:
        assert passwords.is_password(NEW, session.get_one(PersonRow, company.ana.id).password_hash)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"password": "not mine at all", "new_password": NEW, "again": NEW}, "not your present password"),
        ({"password": PASSWORD, "new_password": NEW, "again": NEW + "!"}, "differ"),
        ({"password": PASSWORD, "new_password": "short", "again": "short"}, "at least 15 characters"),
        ({"password": PASSWORD, "new_password": "ab" * 9, "again": "ab" * 9}, "more different characters"),
        (
            {
                "password": PASSWORD,
                "new_password": "ana@vistobueno.example",
                "again": "ana@vistobueno.example",
            },
            "little more than your name",
        ),
        ({}, "Please give your present password"),
    ],
)
def test_a_password_that_will_not_do_is_explained_at_its_field(
    browser_of: Callable[[PersonRow], Browser], company: Company, form: dict[str, str], said: str
) -> None:
    response = browser_of(company.ana).send("/profile/password", form)
    assert response.status_code == 422
    assert said in response.text
    assert 'aria-invalid="true"' in response.text


def test_one_may_end_ones_own_session_and_nobody_elses(
    browser_of: Callable[[PersonRow], Browser], company: Company, sessions: sessionmaker[Session]
) -> None:
    ana, bruno = browser_of(company.ana), browser_of(company.bruno)
    with sessions() as session:
        handle = session.query(SessionRow).filter(SessionRow.person_id == company.ana.id).one().handle
    assert bruno.send(f"/profile/sessions/{handle}/end").status_code == 404
    assert ana.get("/profile").status_code == 200
    assert ana.send(f"/profile/sessions/{handle}/end").status_code == 303
    assert ana.get("/profile").status_code == 303
