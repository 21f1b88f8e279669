"""Plays each journey and keeps its history as it was recorded. Not collected by itself: see record.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builds.conftest import yard as yard
from tests.builds.yard import Yard
from tests.loop import ThreadRunner
from tests.replay.rollouts import ROLLOUTS
from tests.workflows.conftest import desk as desk
from tests.workflows.desk import Desk
from tests.workflows.journeys import JOURNEYS
from tests.workflows.process_cases import Case, file_name, published
from tests.workflows.process_hall import Hall
from tests.workflows.process_moves import MOVES
from tests.workflows.process_play import Play
from tests.workflows.process_play import play as play
from tests.workflows.process_played import Played
from tests.workflows.process_played import played as played

HISTORIES = Path(__file__).parent / "histories"
PROCESSES = Path(__file__).parent / "processes"


@pytest.mark.parametrize("name", JOURNEYS)
def test_record(name: str, desk: Desk, runner: ThreadRunner) -> None:
    async def play_and_fetch() -> str:
        row = await JOURNEYS[name](desk)
        history = await desk.handle(row).fetch_history()
        return history.to_json()

    keep(name, runner.run(play_and_fetch()))


@pytest.mark.parametrize("names", ROLLOUTS, ids=lambda names: str(names[0]))
def test_record_a_rollout(names: tuple[str, ...], yard: Yard) -> None:
    for name, workflow_id in zip(names, ROLLOUTS[names](yard), strict=True):
        keep(name, yard.run(_ended(yard, workflow_id)))


@pytest.mark.parametrize("case", published(), ids=lambda case: case.name)
def test_record_a_case_of_a_process(case: Case, played: Played) -> None:
    write(PROCESSES / f"{file_name(case)}.json", played.histories[case.name])


@pytest.mark.parametrize("name", MOVES)
def test_record_a_move_of_a_run(name: str, play: Play) -> None:
    async def play_and_fetch(hall: Hall) -> str:
        run_id = await MOVES[name](hall)
        return (await hall.handle(run_id).fetch_history()).to_json()

    write(PROCESSES / f"{name}.json", play(play_and_fetch))


async def _ended(yard: Yard, workflow_id: str) -> str:
    """The history of a workflow's first run, after its end: a wake that came too late may have begun another."""
    await yard.client.get_workflow_handle(workflow_id).result()
    runs = [each async for each in yard.client.list_workflows(f"WorkflowId = '{workflow_id}'")]
    first = min(runs, key=lambda each: each.start_time)
    handle = yard.client.get_workflow_handle(workflow_id, run_id=first.run_id)
    await handle.result()
    return (await handle.fetch_history()).to_json()


def keep(name: str, recorded: str) -> None:
    """Write a history down, without the machine."""
    assert '"EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"' in recorded
    write(HISTORIES / f"{name}.json", recorded)


def write(path: Path, recorded: str) -> None:
    """Write a history to a file, without the machine."""
    kept = json.dumps(without_machine(json.loads(recorded)), indent=1, sort_keys=True)
    path.write_text(kept + "\n")


def without_machine(value: Any) -> Any:
    """The history without what names the machine it was recorded on; replay reads none of it."""
    match value:
        case dict():
            blanks = {"stackTrace": "", "identity": "recorder"}
            return {key: blanks.get(key, without_machine(entry)) for key, entry in value.items()}
        case list():
            return [without_machine(entry) for entry in value]
        case _:
            return value
