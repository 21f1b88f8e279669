"""Every case, played side by side on the real server by one worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing, contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from rules.process_play import play
from storage.process_run import ProcessRunRow
from tests.company import hire
from tests.loop import ThreadRunner
from tests.namespace import make_namespace
from tests.servers import Servers, clone
from tests.workflows.process_cases import EVERY, Case, plain
from tests.workflows.process_hall import Hall, open_hall
from workflows import registry as workflow_registry


@dataclass(frozen=True)
class Played:
    """Where every case came to on the server."""

    runs: dict[str, UUID]
    histories: dict[str, str]
    hall: Hall


@contextmanager
def stage(servers: Servers) -> Iterator[tuple[ThreadRunner, Callable[[], AbstractAsyncContextManager[Hall]]]]:
    """A database and a namespace of their own, and how to open a hall there."""
    namespace, address = f"test-{uuid4().hex}", servers.temporal()
    with closing(ThreadRunner()) as runner, clone(servers.postgres(), f"test_{uuid4().hex}") as database:
        from storage.database import make_engine, make_sessions

        engine = make_engine(database.url)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            company = hire(session)
        runner.run(make_namespace(address, namespace))
        try:
            yield runner, lambda: open_hall(sessions, address, namespace, company)
        finally:
            engine.dispose()


@pytest.fixture(scope="module")
def played(servers: Servers) -> Iterator[Played]:
    """All cases, played side by side by one worker."""
    with stage(servers) as (runner, opening):

        async def all_of_them() -> Played:
            async with opening() as hall:
                async with hall.worker(hall.executors(played=True), workflow_registry.fast()):
                    keys = {case.name: f"case-{number}" for number, case in enumerate(EVERY)}
                    ids = await asyncio.gather(
                        *(hall.play(keys[case.name], case.process, case.answers) for case in EVERY)
                    )
                    for run_id, case in zip(ids, EVERY, strict=True):
                        await to_rest(hall, run_id, case)
                runs = {case.name: run_id for run_id, case in zip(ids, EVERY, strict=True)}
                histories = {
                    name: (await hall.handle(run_id).fetch_history()).to_json()
                    for name, run_id in runs.items()
                }
                return Played(runs, histories, hall)

        yield runner.run(all_of_them())


async def to_rest(hall: Hall, run_id: UUID, case: Case) -> None:
    """Until nothing more happens in a run: it has ended, or Postgres knows the state where it rests."""
    at_rest = play(case.plan, case.answers)
    if at_rest.is_over:
        await hall.result(run_id)
        return
    expected = case.expected()

    def rests(run: ProcessRunRow) -> bool:
        return run.state is not None and plain(run.state) in expected

    await hall.until(run_id, rests)
