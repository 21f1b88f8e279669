"""The fixture that plays journeys in a hall; all journeys of a module share its server, its database and its namespace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any
from uuid import UUID, uuid4

import pytest

from local.vendor import running
from storage.database import make_engine, make_sessions
from tests.company import hire
from tests.loop import ThreadRunner
from tests.namespace import make_namespace
from tests.process_samples import Content, deployed
from tests.servers import Servers, clone
from tests.workflows.process_hall import Hall, open_hall

Journey = Callable[[Hall], Awaitable[Any]]
Play = Callable[[Journey], Any]


@pytest.fixture(scope="module")
def play(servers: Servers) -> Iterator[Play]:
    """Plays a journey in a hall with one worker; all journeys of this module share both."""
    namespace, address = f"test-{uuid4().hex}", servers.temporal()
    with ExitStack() as stack:
        runner = stack.enter_context(closing(ThreadRunner()))
        database = stack.enter_context(clone(servers.postgres(), f"test_{uuid4().hex}"))
        engine = make_engine(database.url)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            company = hire(session)
        runner.run(make_namespace(address, namespace))
        vendor_url = stack.enter_context(running())
        opening = open_hall(sessions, address, namespace, company, vendor_url)
        hall = runner.run(opening.__aenter__())

        def play_it(journey: Journey) -> Any:
            async def playing() -> Any:
                async with hall.worker(hall.executors()):
                    return await journey(hall)

            return runner.run(playing())

        yield play_it
        runner.run(opening.__aexit__(None, None, None))
        engine.dispose()


def put(hall: Hall, definition: Content) -> str:
    """Deploy a definition under a key of its own."""
    key = f"{definition['key']}-{uuid4().hex[:8]}"
    with hall.sessions.begin() as session:
        deployed(session, hall.company, {**definition, "key": key})
    return key


async def begun(hall: Hall, definition: Content, given: Content | None = None, **more: Any) -> UUID:
    """A run of a definition that was just deployed."""
    return await hall.start(put(hall, definition), given, **more)
