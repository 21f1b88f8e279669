"""Every scenario of every template on the real server: the run goes the way that the scenario says."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from rules.process import Process, Scenario
from rules.process_gallery import make_process
from rules.process_input import judge_input
from rules.process_nodes import NODE_TYPES
from rules.process_sandbox import sample_outputs
from rules.process_state import NodeStatus
from rules.process_templates import TEMPLATES
from storage.database import make_engine, make_sessions
from tests.company import hire
from tests.loop import ThreadRunner
from tests.namespace import make_namespace
from tests.servers import Servers, clone
from tests.workflows.process_hall import Hall, open_hall
from workflows import registry as workflow_registry

#: Branches run side by side in it and one ends the others, so who is quicker says what had begun by then.
RACING = "software-licence"
PROCESSES = {key: make_process(template, key, "", {}) for key, template in TEMPLATES.items()}
EVERY = [(key, scenario) for key, process in PROCESSES.items() for scenario in process.scenarios]
each_scenario = pytest.mark.parametrize(
    ("template", "scenario"), EVERY, ids=[f"{key}: {scenario.name}" for key, scenario in EVERY]
)


@dataclass(frozen=True)
class Played:
    """The run of each scenario."""

    runs: dict[tuple[str, str], UUID]
    hall: Hall


async def play(hall: Hall, key: str, process: Process, scenario: Scenario) -> UUID:
    """A run with the scenario's input, whose nodes end and give out as it says."""
    usual = {node.id: (NODE_TYPES[node.type].outcomes[0],) for node in process.nodes}
    samples = sample_outputs(process)
    outputs = {node: {**samples[node], **scenario.outputs.get(node, {})} for node in samples}
    given = judge_input(process, scenario.given, "somebody")
    return await hall.play(key, process, {**usual, **scenario.outcomes}, given, outputs)


@pytest.fixture(scope="module")
def played(servers: Servers) -> Iterator[Played]:
    """All scenarios, side by side by one worker."""
    namespace, address = f"test-{uuid4().hex}", servers.temporal()
    with closing(ThreadRunner()) as runner, clone(servers.postgres(), f"test_{uuid4().hex}") as database:
        engine = make_engine(database.url)
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            company = hire(session)
        runner.run(make_namespace(address, namespace))

        async def all_of_them() -> Played:
            async with (
                open_hall(sessions, address, namespace, company) as hall,
                hall.worker(hall.executors(played=True), workflow_registry.fast()),
            ):
                ids = await asyncio.gather(
                    *(
                        play(hall, f"{key}-{number}", PROCESSES[key], scenario)
                        for number, (key, scenario) in enumerate(EVERY)
                    )
                )
                await asyncio.gather(*(hall.result(each) for each in ids))
                return Played(
                    {(key, one.name): each for (key, one), each in zip(EVERY, ids, strict=True)}, hall
                )

        try:
            yield runner.run(all_of_them())
        finally:
            engine.dispose()


@each_scenario
def test_a_run_ends_where_its_scenario_says(template: str, scenario: Scenario, played: Played) -> None:
    run = played.hall.look(played.runs[template, scenario.name])
    assert run.status == scenario.ending.value
    assert run.state is not None
    ends = {node.id for node in PROCESSES[template].nodes if node.type == "end"}
    assert sorted(run.state["ends"]) == sorted(ends & set(scenario.path))


@each_scenario
def test_a_run_starts_what_its_scenario_says(template: str, scenario: Scenario, played: Played) -> None:
    steps = played.hall.steps(played.runs[template, scenario.name])
    started = Counter(each.node for each in steps if each.status != NodeStatus.SKIPPED)
    if template == RACING:
        assert {"received", *scenario.path[-1:]} <= started.keys()
    else:
        assert started == Counter(scenario.path)
