"""A real browser before the real application: what a page breaks in the browser breaks its test."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Response, expect, sync_playwright
from werkzeug.serving import make_server

from settings import Settings
from storage.person import PersonRow
from tests.app.browser import token_on
from tests.app.conftest import company, database, running, settings
from tests.app.people import PASSWORD
from tests.chromium import system_chromium

__all__ = ["company", "database", "settings"]  # fixtures

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
#: How long a page may take to show what is expected; it ends a broken test, it asserts nothing.
PATIENCE_MS = 20_000
#: How a test went, for the fixture that keeps pictures of the failed ones.
FAILED = pytest.StashKey[bool]()
AXE = Path(__file__).parents[2] / "app/frontend/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One browser for all tests of this process."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_chromium(), args=QUIET)
        expect.set_options(timeout=PATIENCE_MS)
        yield browser
        browser.close()


@contextmanager
def serving(app: Flask, port: int = 0) -> Iterator[str]:
    """The address at which the application answers while the block runs; 0 takes a free port."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """An app of the test's own: its browser may still be asking when the test has ended."""
    with running(settings) as made:
        yield made


@pytest.fixture
def website(app: Flask) -> Iterator[str]:
    """The address at which the application answers."""
    with serving(app) as address:
        yield address


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember that a test failed until its fixtures are taken down."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def open_page(
    chromium: Chromium, website: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Page]]:
    """Opens a page of one's own session; an error in the console or of the server fails the test.

    Of a test that failed, every open page is kept as picture and source, in a folder that the output names.
    """
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
        context.set_default_timeout(PATIENCE_MS)
        context.on("console", lambda said: faults.extend(_fault_in(said)))
        context.on("response", lambda answer: faults.extend(_fault_of(answer)))
        context.on("weberror", lambda error: faults.append(str(error.error)))
        contexts.append(context)
        return context.new_page()

    yield open_one
    if request.node.stash.get(FAILED, False):
        _keep(contexts)
    for context in contexts:
        context.close()
    assert faults == []


def _fault_in(said: ConsoleMessage) -> list[str]:
    # That a file or answer came with an error status is judged by `_fault_of`: a refusal is no fault.
    # A request that the next page cuts off is no fault either: htmx calls it an error, nobody misses its answer.
    if said.type != "error" or said.text.startswith(
        ("Failed to load resource", "htmx:sendError", "htmx:sendAbort")
    ):
        return []
    return [f"{said.text} ({said.page.url if said.page else 'no page'})"]


def _fault_of(answer: Response) -> list[str]:
    is_fault = answer.status >= 500 or (answer.status >= 400 and "/static/" in answer.url)
    return [f"{answer.status} {answer.request.method} {answer.url}"] if is_fault else []


def _keep(contexts: list[BrowserContext]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="vistobueno-failed-"))
    print(f"What the browser showed lies in {folder}")
    for number, page in enumerate(page for context in contexts for page in context.pages):
        (folder / f"{number}.html").write_text(f"<!-- {page.url} -->\n{page.content()}", encoding="utf-8")
        page.screenshot(path=folder / f"{number}.png", full_page=True)


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    """A page on a desktop."""
    return open_page()


def log_in(page: Page, person: PersonRow) -> None:
    """Log in by the form without drawing it; a person's way through it is walked by a test in test_base.py."""
    sender = page.context.request
    token = token_on(sender.get("/login").text())
    answer = sender.post(
        "/login", form={"csrf_token": token, "email": person.email, "password": PASSWORD}, max_redirects=0
    )
    assert answer.status == 303, answer.text()


def barriers(page: Page) -> list[str]:
    """What keeps somebody from using the page being shown, by the rules of WCAG 2.2 AA; needs bypass_policy."""
    page.add_script_tag(path=AXE)
    found = page.evaluate(
        "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations']})"
    )
    return [f"{one['id']}: {node['target']}" for one in found["violations"] for node in one["nodes"]]
