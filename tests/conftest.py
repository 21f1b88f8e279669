"""What every test may ask for: real servers, started when first asked for, and a state of its own in each.

Pure tests ask for nothing here, so nothing starts for them: heavy imports stay inside the fixtures.
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples

from local import locks
from local.plan import APP_ROLE
from local.room import Room

if TYPE_CHECKING:
    from redis import Redis
    from sqlalchemy.orm import Session, sessionmaker
    from temporalio.client import Client

    from local.plan import Plan
    from settings import Settings
    from tests.loop import ThreadRunner
    from tests.post import Post
    from tests.roaming import Roaming
    from tests.servers import Database, Servers

#: Tells the test processes of one session where its servers keep their notes.
FOLDER: Final = "VISTOBUENO_TEST_SERVERS"
OWNER: Final = pytest.StashKey[int]()

#: Where it exists and is wide enough the servers of the tests keep their data in memory: cloning a database
#: takes a tenth of the time there. A container's own is often 64 MB small.
MEMORY: Final = Path("/dev/shm")  # noqa: S108 (mkdtemp makes a folder of our own in it)
ENOUGH_BYTES: Final = 2_000_000_000

#: Rooms whose tests wait for whole processes or the engine, on machines that other work shares: docs/decisions/0017.
SECOND_TRY: Final = (
    "activities",
    "app",
    "browser",
    "builds",
    "drills",
    "containers",
    "faults",
    "gateways",
    "k8s",
    "local",
    "storage",
    "workflows",
)

#: How long a test of such a room may take; it ends one that hangs.
LONGEST_SECONDS: Final = 300

# Generated examples are never judged by the clock, and told so that they can be run again.
examples.register_profile(
    "usual", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
examples.load_profile("usual")

SECRET_KEY: Final = "a key that only tests use, and long enough"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests that stop servers can still run side by side, if each process has its own."""
    parser.addoption("--own-servers", action="store_true", help="servers for each test process, none shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of whole processes time and one more try; each that needs it is named at the end of the run."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in SECOND_TRY:
            item.add_marker(pytest.mark.flaky(reruns=1))
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


def pytest_collection() -> None:
    """Keep the collector from looking through what is collected again and again: it lives as long as the process."""
    gc.disable()


def pytest_collection_finish() -> None:
    """From here on there is something to collect."""
    gc.freeze()
    gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Where a test failed, say how to have the tests in the same order again."""
    if exitstatus:
        seed = terminalreporter.config.getoption("randomly_seed", None)
        terminalreporter.write_line(f"The same order again: --randomly-seed={seed}")


def pytest_configure(config: pytest.Config) -> None:
    """Open the session's room, in its first process only; its servers live as long as that process holds it."""
    if hasattr(config, "workerinput") and not config.getoption("--own-servers"):
        return
    folder = Path(tempfile.mkdtemp(prefix="vistobueno-tests-", dir=_memory()))
    folder.chmod(0o711)  # Postgres may run as another user, who must get through
    owner = Room(folder).become_owner()
    assert owner is not None
    config.stash[OWNER] = owner
    os.environ[FOLDER] = str(folder)


def _memory() -> Path | None:
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ENOUGH_BYTES:
        return None
    return MEMORY


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the servers end, wait until they have, and leave nothing behind."""
    if OWNER not in config.stash:
        if "tests.servers" in sys.modules:
            from tests.servers import leave_servers

            leave_servers()
        return
    locks.release(config.stash[OWNER])
    folder = Path(os.environ.pop(FOLDER))
    if any(folder.glob("*.starting")):
        from tests.servers import end_servers

        end_servers(Room(folder))
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def servers() -> Servers:
    """The session's servers; `servers.postgres()`, `.valkey(name)`, `.temporal()` start one or share it."""
    from tests.servers import Servers

    return Servers(Path(os.environ[FOLDER]))


@pytest.fixture(scope="session")
def postgres(servers: Servers) -> Plan:
    """Postgres with a migrated database to clone, shared by all test processes."""
    return servers.postgres()


@pytest.fixture
def database(postgres: Plan) -> Iterator[Database]:
    """A fresh, migrated database for one test: `.url` as the product's role, `.owner_url` as the owner's."""
    from tests.servers import clone

    with clone(postgres, f"test_{uuid4().hex}") as database:
        yield database


@pytest.fixture
def database_url(database: Database) -> str:
    """The URL of a fresh, migrated database for one test, as the product's role."""
    return database.url


@pytest.fixture(scope="session")
def roaming(postgres: Plan) -> Roaming:
    """The engine of `sessions`, made once for all tests of this process."""
    from storage.database import make_engine
    from tests.roaming import Roaming

    return Roaming(make_engine(postgres.database_url(APP_ROLE)))


@pytest.fixture
def sessions(database_url: str, roaming: Roaming) -> Iterator[sessionmaker[Session]]:
    """Sessions on a fresh database; what they commit is gone after the test."""
    from storage.database import make_sessions

    with roaming.at(database_url) as engine:
        yield make_sessions(engine)


@pytest.fixture(scope="session")
def shared_sessions(postgres: Plan) -> Iterator[sessionmaker[Session]]:
    """Sessions on one database for all tests of this process; only for `session`, which takes all back."""
    from storage.database import make_engine, make_sessions
    from tests.servers import clone

    with clone(postgres, f"test_{uuid4().hex}") as database:
        engine = make_engine(database.url)
        yield make_sessions(engine)
        engine.dispose()


@pytest.fixture
def session(shared_sessions: sessionmaker[Session]) -> Iterator[Session]:
    """One session in a transaction that is taken back after the test, also what the test commits in it.

    All of it is one moment to the database: `now(session)` stands still. Tests of time passing use `sessions`.
    """
    engine = shared_sessions.kw["bind"]
    with engine.connect() as connection:
        transaction = connection.begin()
        with shared_sessions(bind=connection, join_transaction_mode="create_savepoint") as session:
            yield session
        transaction.rollback()


@pytest.fixture(scope="session")
def process_valkey_url(servers: Servers) -> str:
    """One Valkey for each test process: what is published on a server reaches all that listen to it."""
    return servers.valkey(f"valkey-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")


@pytest.fixture
def redis_url(process_valkey_url: str) -> Iterator[str]:
    """The URL of a Valkey that is empty and that no other test uses at the same time."""
    from tests.servers import empty_valkey

    yield process_valkey_url
    empty_valkey(process_valkey_url)


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of that Valkey, answering with text."""
    from redis import Redis

    with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture(scope="session")
def temporal_address(servers: Servers) -> str:
    """host:port of the Temporal server that all tests share; each works in a namespace of its own."""
    return servers.temporal()


@pytest.fixture
def runner() -> Iterator[ThreadRunner]:
    """The event loop of one test: `runner.run(coroutine)`. Clients made in it belong to it."""
    from tests.loop import ThreadRunner

    runner = ThreadRunner()
    yield runner
    runner.close()


@pytest.fixture
def temporal_namespace(temporal_address: str, runner: ThreadRunner) -> str:
    """A namespace for one test, with the product's search attributes: no queue, no workflow from elsewhere."""
    from tests.namespace import make_namespace

    name = f"test-{uuid4().hex}"
    runner.run(make_namespace(temporal_address, name))
    return name


@pytest.fixture
def temporal_client(temporal_address: str, temporal_namespace: str, runner: ThreadRunner) -> Client:
    """A client of the test's namespace, in the loop of `runner`."""
    from temporalio.client import Client

    return runner.run(Client.connect(temporal_address, namespace=temporal_namespace))


@pytest.fixture
def vendor() -> Iterator[str]:
    """The base URL of a vendor sandbox of this test's own: no orders, no faults, list prices."""
    from local.vendor import running

    with running() as url:
        yield url


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[Post]:
    """A mail server that catches: `.url` for the product, `.wait_for(count)` and `.mails()` for the test."""
    from tests.post import catching

    with catching(tmp_path / "mailbox") as post:
        yield post


@pytest.fixture
def environment(
    database: Database,
    redis_url: str,
    temporal_address: str,
    temporal_namespace: str,
    vendor: str,
    smtp: Post,
) -> dict[str, str]:
    """The environment of a product that uses all parts of this test; also for processes that a test starts."""
    return {
        **os.environ,
        "VISTOBUENO_MODE": "local",
        "SECRET_KEY": SECRET_KEY,
        "DATABASE_URL": database.url,
        "MIGRATION_DATABASE_URL": database.owner_url,
        "REDIS_URL": redis_url,
        "TEMPORAL_ADDRESS": temporal_address,
        "TEMPORAL_NAMESPACE": temporal_namespace,
        "VENDOR_URL": vendor,
        "SMTP_URL": smtp.url,
    }


@pytest.fixture
def settings(environment: dict[str, str]) -> Settings:
    """The settings of that product."""
    from settings import Settings

    return Settings.from_environment(environment)


@pytest.fixture
def closing() -> Iterator[ExitStack]:
    """Closes at the end of the test what the test gives it: `closing.enter_context(...)`."""
    with ExitStack() as stack:
        yield stack
