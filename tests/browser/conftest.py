"""A real browser before the real application: what a page breaks in the browser breaks its test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from storage.person import PersonRow
from tests.app.conftest import app, company, settings
from tests.app.people import PASSWORD
from tests.chromium import system_chromium

__all__ = ["app", "company", "settings"]  # fixtures

#: Without these a browser that cannot reach its maker's servers tries for ever.
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
AXE = Path(__file__).parents[2] / "app/frontend/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests of this process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def website(app: Flask) -> Iterator[str]:
    """The address at which the application answers."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(chromium: Chromium, website: str) -> Iterator[Callable[..., Page]]:
    """Opens a page of one's own session; a script that fails or a policy that is broken fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_one(*, width: int = 1280, dark: bool = False, bypass_policy: bool = False) -> Page:
        context = chromium.new_context(
            base_url=website,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            bypass_csp=bypass_policy,
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None,
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page on a desktop."""
    return open_page()


def log_in(page: Page, person: PersonRow) -> None:
    """Log in by the form, as a person would."""
    page.goto("/login")
    page.get_by_label("Mail address").fill(person.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: "/login" not in url)


def barriers(page: Page) -> list[str]:
    """What keeps somebody from using the page being shown, by the rules of WCAG 2.2 AA; needs bypass_policy."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
    return [f"{one['id']}: {node['target']}" for one in found["violations"] for node in one["nodes"]]
