"""What stands before every page: headers, hosts, foreign sites, and how a fault is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy.orm import Session, sessionmaker

from app.access import opens
from rules.errors import AlreadyDecided, ChangedSinceShown, InvalidFields, NotFound
from rules.person import Act
from settings import Settings
from storage.person import PersonRow
from tests.app.browser import Browser, form_token, token_on
from tests.app.people import PASSWORD, Company


def test_a_page_may_load_only_from_here(browser: Browser) -> None:
    policy = browser.get("/login").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_the_nonce_is_new_for_every_answer(browser: Browser) -> None:
    seen = {
        re.findall(r"nonce-([\w-]+)", browser.get("/login").headers["Content-Security-Policy"])[0]
        for _ in "ab"
    }
    assert len(seen) == 2


def test_no_template_carries_inline_style_or_handlers(
    browser_of: Callable[[PersonRow], Browser], company: Company
) -> None:
    for page in (browser_of(company.ana).get("/profile").text, browser_of(company.ana).get("/nothing").text):
        assert not re.search(r"\sstyle=|\son[a-z]+=", page)


@pytest.mark.parametrize("path", ["/login", "/nothing", "/healthz", "/static/favicon.svg"])
def test_every_answer_carries_the_security_headers(browser: Browser, path: str) -> None:
    with browser.get(path) as response:
        headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert len(headers["X-Request-Id"]) == 32
    assert "Strict-Transport-Security" not in headers


def test_in_production_cookies_and_transport_are_strict(
    settings: Settings, make_app: Callable[..., Flask], company: Company
) -> None:
    app = make_app(replace(settings, mode="production", public_url="https://approvals.example.com"))
    response = app.test_client().get("/login", base_url="https://approvals.example.com")
    assert "max-age=31536000" in response.headers["Strict-Transport-Security"]
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    assert "Secure" in cookie


def test_a_foreign_host_name_is_refused(browser: Browser) -> None:
    assert browser.get("/login", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
    ids=["fetch metadata", "origin", "opaque origin"],
)
def test_another_site_changes_nothing_even_with_a_token(
    browser_of: Callable[[PersonRow], Browser], company: Company, headers: dict[str, str]
) -> None:
    ana = browser_of(company.ana)
    assert ana.send("/logout", headers=headers).status_code == 403
    assert ana.get("/profile").status_code == 200


def test_a_form_without_a_token_or_with_anothers_changes_nothing(
    browser: Browser, browser_of: Callable[[PersonRow], Browser], company: Company
) -> None:
    ana = browser_of(company.ana)
    foreign = token_on(browser.get("/login").text)
    assert ana.post("/logout").status_code == 400
    assert ana.post("/logout", data={"csrf_token": foreign}).status_code == 400
    assert ana.get("/profile").status_code == 200


def test_a_wrong_method_names_the_right_ones(browser: Browser) -> None:
    response = browser.delete("/login")
    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]


@pytest.fixture
def breaking(make_app: Callable[..., Flask]) -> Flask:
    """The app with views that go wrong in every way."""
    app = make_app()

    def raising(error: Exception) -> Callable[[], str]:
        @opens(Act.ANYONE)
        def view() -> str:
            raise error

        return view

    faults: dict[str, Exception] = {
        "decided": AlreadyDecided("Bruno Blanco approved this at 10:00."),
        "changed": ChangedSinceShown({"amount": ("10.00 EUR", "12.00 EUR")}),
        "invalid": InvalidFields({"amount": "Please give an amount."}),
        "absent": NotFound("There is no such request."),
        "bug": ZeroDivisionError("secret detail"),
    }
    for name, error in faults.items():
        app.add_url_rule(f"/{name}", name, raising(error))
    return app


@pytest.mark.parametrize(
    ("path", "status"), [("/decided", 409), ("/invalid", 422), ("/absent", 404), ("/bug", 500)]
)
def test_a_refusal_is_a_page_a_fragment_or_a_problem_document(
    breaking: Flask, path: str, status: int
) -> None:
    client = breaking.test_client()
    page = client.get(path)
    fragment = client.get(path, headers={"HX-Request": "true"})
    document = client.get(path, headers={"Accept": "application/json"})
    assert {page.status_code, fragment.status_code, document.status_code} == {status}
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert fragment.headers["HX-Retarget"] == "#messages"
    assert document.mimetype == "application/problem+json"
    assert document.get_json()["status"] == status


def test_a_problem_document_carries_the_fields(breaking: Flask) -> None:
    client = breaking.test_client()
    json = {"Accept": "application/json"}
    assert client.get("/invalid", headers=json).get_json()["problems"] == {"amount": "Please give an amount."}
    assert client.get("/changed", headers=json).get_json()["changes"] == {
        "amount": ["10.00 EUR", "12.00 EUR"]
    }
    assert client.get("/decided", headers=json).get_json()["code"] == "already-decided"


def test_a_fault_of_ours_says_its_number_and_nothing_of_its_inside(breaking: Flask) -> None:
    response = breaking.test_client().get("/bug")
    assert response.headers["X-Request-Id"] in response.text
    assert "secret detail" not in response.text
    assert "Traceback" not in response.text


def test_with_the_database_away_pages_say_so_and_health_still_answers(
    settings: Settings, make_app: Callable[..., Flask]
) -> None:
    away = replace(settings, database_url="postgresql://nobody:x@127.0.0.1:1/none")
    client = make_app(away).test_client()
    client.set_cookie("session", "some cookie")
    for path in ("/", "/login", "/profile", "/readyz"):
        response = client.get(path)
        assert response.status_code == 503, path
        assert int(response.headers["Retry-After"]) > 0
    assert client.get("/healthz").status_code == 200


def test_passwords_and_tokens_never_reach_the_log(
    browser: Browser, company: Company, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    page = browser.get("/login?next=/profile?token%3Dhush").text
    token = token_on(page)
    browser.post("/login", data={"csrf_token": token, "email": company.ana.email, "password": PASSWORD})
    cookie = browser.get_cookie("session")
    assert cookie is not None
    logged = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("vistobueno"))
    assert "/login" in logged
    for secret in (PASSWORD, token, cookie.value, "hush"):
        assert secret not in logged


def test_hashed_files_are_kept_for_ever_and_sent_packed(browser: Browser, app: Flask) -> None:
    style = re.search(r'href="(/static/dist/style-[^"]+)"', browser.get("/login").text)
    assert style is not None
    packed = browser.get(style[1], headers={"Accept-Encoding": "gzip"})
    plain = browser.get(style[1])
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.mimetype == plain.mimetype == "text/css"
    assert "immutable" in packed.headers["Cache-Control"]
    assert "Set-Cookie" not in packed.headers
    packed.close()
    plain.close()


def test_a_file_outside_the_static_folder_is_not_served(browser: Browser) -> None:
    for path in ("/static/../__init__.py", "/static/%2e%2e/__init__.py", "/static/dist"):
        assert browser.get(path).status_code == 404


def test_form_tokens_of_two_sessions_differ(
    browser: Browser, company: Company, sessions: sessionmaker[Session]
) -> None:
    assert form_token(browser.application) not in browser.get("/login").text
