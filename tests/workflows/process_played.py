"""Every case, played on the real server by a worker that begins anew after every step."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
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

#: Few at once, so that no step comes near the ten seconds of a workflow task: a worker without memory would forget
#: the step together with its run, and begin it again. Sixty at once came to no end.
SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class Played:
    """Where every case came to on the server."""

    runs: dict[str, UUID]
    histories: dict[str, str]
    hall: Hall


@pytest.fixture(scope="module")
def played(servers: Servers) -> Iterator[Played]:
    """All cases, played by one worker that remembers nothing: every step begins with the whole history again."""
    namespace, address = f"test-{uuid4().hex}", servers.temporal()
    with closing(ThreadRunner()) as runner, clone(servers.postgres(), f"test_{uuid4().hex}") as database:
        from storage.database import make_engine, make_sessions

        engine = make_engine(database.url)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            company = hire(session)
        runner.run(make_namespace(address, namespace))

        async def all_of_them() -> Played:
            async with open_hall(sessions, address, namespace, company) as hall:
                seats = asyncio.Semaphore(SIDE_BY_SIDE)

                async def play_one(number: int, case: Case) -> UUID:
                    async with seats:
                        run_id = await hall.play(f"case-{number}", case.process, case.answers)
                        await _to_rest(hall, run_id, case)
                    return run_id

                async with hall.worker(hall.executors(played=True), workflow_registry.fast(), remembers=0):
                    ids = await asyncio.gather(*(play_one(number, case) for number, case in enumerate(EVERY)))
                runs = {case.name: run_id for run_id, case in zip(ids, EVERY, strict=True)}
                histories = {
                    name: (await hall.handle(run_id).fetch_history()).to_json()
                    for name, run_id in runs.items()
                }
                return Played(runs, histories, hall)

        try:
            yield runner.run(all_of_them())
        finally:
            engine.dispose()


async def _to_rest(hall: Hall, run_id: UUID, case: Case) -> None:
    """Until nothing more happens in a run: it has ended, or Postgres knows the state where it rests."""
    at_rest = play(case.plan, case.answers)
    if at_rest.is_over:
        await hall.result(run_id)
        return
    expected = case.expected()

    def rests(run: ProcessRunRow) -> bool:
        return run.state is not None and plain(run.state) in expected

    await hall.until(run_id, rests)
