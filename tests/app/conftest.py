"""The web app on a real database, and the people of a small company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask, Response
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.routing import Rule

from app import create_app
from app.catalogue import set_up_catalogue
from app.database import db
from app.limits import set_up_limits
from local.plan import APP_ROLE, Plan
from settings import Settings
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company
from tests.company import find
from tests.roaming import Roaming
from tests.servers import HIRED, Database, clone

#: Builds the address of a rule from its values.
Builder = Callable[..., tuple[str, str]]


@pytest.fixture
def database(postgres: Plan) -> Iterator[Database]:
    """A fresh database for one test, with the people of tests/app/people.py: hiring costs more than copying them."""
    with clone(postgres, f"test_{uuid4().hex}", HIRED) as database:
        yield database


@pytest.fixture
def company(sessions: sessionmaker[Session]) -> Company:
    """The people of tests/app/people.py, in the test's database."""
    with sessions.begin() as session:
        return find(session)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """A local product on a fresh database; a test that needs another part replaces its address."""
    return settings_at(database_url)


def settings_at(database_url: str) -> Settings:
    """The settings of the tests' app on a database."""
    return Settings.from_environment(
        {
            "VISTOBUENO_MODE": "local",
            "SECRET_KEY": "only for tests, and long enough to be taken",
            "DATABASE_URL": database_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing listens there: limits count in the process
            "VENDOR_URL": "http://127.0.0.1:1",  # nor there, whatever runs beside the tests
        }
    )


class _Compiled(BytecodeCache):
    """Templates compiled once for all apps of this process."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


_compiled = _Compiled()


def _compiled_once(compile_builder: Callable[[Rule, bool], Builder]) -> Callable[[Rule, bool], Builder]:
    """Addresses compiled once for all apps of this process: half of what an app costs."""
    kept: dict[Any, Builder] = {}

    def compile_or_take(rule: Rule, append_unknown: bool = True) -> Builder:
        key = (rule.rule, rule.host, rule.subdomain, repr(rule.defaults), append_unknown)
        if key not in kept:
            kept[key] = compile_builder(rule, append_unknown)
        return kept[key]

    return compile_or_take


Rule._compile_builder = _compiled_once(Rule._compile_builder)  # type: ignore[method-assign, assignment]


@contextmanager
def running(settings: Settings) -> Iterator[Flask]:
    """An app that gives back at the end what it holds."""
    made = create_app(settings)
    made.jinja_env.bytecode_cache = _compiled
    yield made
    made.extensions["flags"].stop()
    with made.app_context():
        db.engine.dispose()


class Shared:
    """The one app of this process for tests that hang nothing on it; each finds it as if it were new."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self._config = dict(self.app.config)
        with self.app.app_context():
            self._roaming = Roaming(db.engine)

    @contextmanager
    def lent(self, settings: Settings) -> Iterator[Flask]:
        """The app on the database of these settings, which differ from the first ones in nothing else."""
        set_up_limits(self.app, settings.redis_url)  # nothing counted yet
        set_up_catalogue(self.app, settings)
        self.app.config.clear()
        self.app.config.update(self._config, SETTINGS=settings)
        with self._roaming.at(settings.database_url):
            yield self.app
            self.app.extensions["flags"].stop()


@pytest.fixture(scope="session")
def shared(postgres: Plan) -> Shared:
    """The one app of this process; it asks its database for nothing until it is lent."""
    return Shared(settings_at(postgres.database_url(APP_ROLE)))


@pytest.fixture
def app(settings: Settings, shared: Shared) -> Iterator[Flask]:
    """The web application on a fresh database."""
    is_usual = settings == settings_at(settings.database_url)
    with shared.lent(settings) if is_usual else running(settings) as made:
        yield made


@pytest.fixture
def make_app(settings: Settings) -> Iterator[Callable[..., Flask]]:
    """An app of one's own, to hang views on or to give other settings."""
    with ExitStack() as apps:
        yield lambda other=None: apps.enter_context(running(other or settings))


@pytest.fixture
def browser(app: Flask, sessions: sessionmaker[Session]) -> Browser:
    """A browser with no session."""
    return Browser(app, Response, use_cookies=True)


@pytest.fixture
def browser_of(app: Flask, sessions: sessionmaker[Session]) -> Callable[[PersonRow], Browser]:
    """Somebody's browser, logged in."""

    def log_in(person: PersonRow) -> Browser:
        opened = Browser(app, Response, use_cookies=True)
        opened.log_in(person, sessions)
        return opened

    return log_in
