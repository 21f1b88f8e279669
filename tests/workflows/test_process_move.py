"""Runs that are moved to another version of their process while they wait, on the real server."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest

from rules.process_messages import SIGNAL_WAKE, Wake
from rules.process_migration import CannotMigrate
from storage import process, process_migration
from storage.audit import AuditRow
from storage.process_migration import ASKED, MOVED, STAYED, NothingToMove, NotToBeFollowed, ProcessMoveRunRow
from tests.process_samples import Content, content, deployed
from tests.workflows.process_hall import PATIENCE_SECONDS, Hall
from tests.workflows.process_play import Play, put
from tests.workflows.process_play import play as play
from tests.workflows.test_process import answer, answer_now

ASK: Content = {
    "type": "approval",
    "name": "Manager",
    "config": {"who": [{"manager_of": "{{input.requester}}"}], "deadline": "30 d"},
}
CONTROLLER: Content = {
    "type": "approval",
    "name": "Controller",
    "config": {"who": [{"role": "finance"}], "deadline": "30 d"},
}
YES: Content = {"type": "end", "config": {"result": "satisfied"}}
NO: Content = {"type": "end", "config": {"result": "not_satisfied"}}
INPUTS = [{"name": "requester", "kind": "text"}]


def trip() -> Content:
    """The manager says yes or no."""
    return content(
        "trip", {"ask": ASK, "yes": YES, "no": NO}, ">ask, ask true>yes, ask false>no", inputs=INPUTS
    )


def trip_with_a_controller() -> Content:
    """After the manager, who is asked as before, finance is asked, too."""
    return content(
        "trip",
        {"ask": ASK, "control": CONTROLLER, "yes": YES, "no": NO},
        ">ask, ask true>control, ask false>no, control true>yes, control false>no",
        inputs=INPUTS,
    )


def trip_asked_otherwise() -> Content:
    """The manager is asked in other words."""
    ask = {**ASK, "config": {**ASK["config"], "question": "Must this be?"}}
    return content(
        "trip", {"ask": ask, "yes": YES, "no": NO}, ">ask, ask true>yes, ask false>no", inputs=INPUTS
    )


def next_version(hall: Hall, key: str, definition: Content) -> int:
    """Deploy the next version of a process."""
    with hall.sessions.begin() as session:
        return deployed(session, hall.company, {**definition, "key": key}).version


async def move(hall: Hall, key: str, version: int, *run_ids: UUID) -> UUID:
    """Ask for a move as the page does, and carry it over."""
    with hall.sessions.begin() as session:
        row = process_migration.ask(session, key, version, hall.company.elena.id, "a controller", run_ids)
    await hall.carry()
    return row.id


def became(hall: Hall, move_id: UUID) -> dict[UUID, ProcessMoveRunRow]:
    """What became of each run of a move."""
    with hall.sessions.begin() as session:
        return {row.run_id: row for row in process_migration.of_move(session, move_id)}


async def settled(hall: Hall, move_id: UUID, run_id: UUID) -> ProcessMoveRunRow:
    """Wait until a run has said what became of a move."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (seen := became(hall, move_id)[run_id]).state == ASKED:
            await asyncio.sleep(0.02)
    return seen


async def waiting(hall: Hall, definition: Content, runs: int = 1) -> tuple[str, list[UUID]]:
    """Runs that wait for Bruno."""
    key = put(hall, definition)
    ids = [await hall.start(key) for _ in range(runs)]
    for run_id in ids:
        await hall.until(run_id, lambda run: bool(run.awaiting))
    return key, ids


def test_a_run_that_waits_for_a_person_is_moved_and_finished_by_the_new_path(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, [run_id] = await waiting(hall, trip())
        version = next_version(hall, key, trip_with_a_controller())
        move_id = await move(hall, key, version, run_id)
        moved = await hall.until(run_id, lambda run: run.version == version)
        assert (moved.state or {})["sha256"] == moved.sha256
        assert became(hall, move_id)[run_id].state == MOVED
        await answer(hall, run_id, hall.company.bruno, True)
        await answer(hall, run_id, hall.company.carla, True, node="control")
        assert (await hall.result(run_id)).outcome == "satisfied"
        assert [row.node for row in hall.steps(run_id) if row.status == "completed"] == [
            "ask", "control", "yes",
        ]  # fmt: skip
        with hall.sessions.begin() as session:
            acts = [row.action for row in session.query(AuditRow).order_by(AuditRow.seq)]
        assert [each for each in acts if "move" in each] == ["process_move.asked", "process_run.moved"]

    play(journey)


def test_what_keeps_a_run_on_its_version_is_named_before_anything_is_asked_of_it(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, [run_id] = await waiting(hall, trip())
        version = next_version(hall, key, trip_asked_otherwise())
        with hall.sessions.begin() as session:
            [candidate] = process_migration.dry_run(session, key, version).candidates
        assert [each.node for each in candidate.blockers] == ["ask"]
        with pytest.raises(CannotMigrate, match="ask: It has happened, and is another node"):
            await move(hall, key, version, run_id)
        with pytest.raises(NothingToMove):
            await move(hall, key, version)
        with hall.sessions.begin() as session:
            draft = process.save_draft(
                session,
                key,
                {**trip(), "key": key, "name": "Later"},
                hall.company.elena.id,
                0,
                "not deployed",
            )
        with pytest.raises(NotToBeFollowed):
            await move(hall, key, draft.version)
        await answer(hall, run_id, hall.company.bruno, True)
        assert (await hall.result(run_id)).outcome == "satisfied"
        assert hall.look(run_id).version == 1

    play(journey)


def test_several_are_moved_at_once_and_each_says_what_became_of_it(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, runs = await waiting(hall, trip(), 4)
        ended, other, *rest = runs
        await answer(hall, ended, hall.company.bruno, False)
        await hall.result(ended)
        # One of them goes on to a node that the newest version does not have.
        second = next_version(hall, key, trip_with_a_controller())
        await move(hall, key, second, other)
        await hall.until(other, lambda run: run.version == second)
        await answer(hall, other, hall.company.bruno, True)
        await hall.until_step(other, "control", "running")
        third = next_version(hall, key, {**trip(), "name": "Trip"})
        move_id = await move(hall, key, third)
        for run_id in rest:
            await hall.until(run_id, lambda run: run.version == third)
        seen = became(hall, move_id)
        assert {run_id: row.state for run_id, row in seen.items()} == {
            other: STAYED, **dict.fromkeys(rest, MOVED),
        }  # fmt: skip
        assert seen[other].node == "control"
        for run_id in rest:
            await answer(hall, run_id, hall.company.bruno, True)
            assert (await hall.result(run_id)).outcome == "satisfied"
        await answer(hall, other, hall.company.diego, True, node="control")
        assert (await hall.result(other)).outcome == "satisfied"

    play(journey)


def test_a_run_that_was_answered_meanwhile_judges_by_itself_and_stays(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, [run_id] = await waiting(hall, trip_with_a_controller())
        version = next_version(hall, key, trip())
        with hall.sessions.begin() as session:
            row = process_migration.ask(session, key, version, hall.company.elena.id, "simpler", [run_id])
        # The wish is still on its way when Bruno's answer leads the run to what the new version does not have.
        answer_now(hall, run_id, hall.company.bruno, True, 0)
        await hall.handle(run_id).signal(SIGNAL_WAKE, Wake("ask", 1))
        await hall.until_step(run_id, "control", "running")
        await hall.carry()
        seen = await settled(hall, row.id, run_id)
        assert (seen.state, seen.node, hall.look(run_id).version) == (STAYED, "control", 1)
        await answer(hall, run_id, hall.company.carla, False, node="control")
        assert (await hall.result(run_id)).outcome == "not_satisfied"

    play(journey)


def test_a_moved_run_goes_on_after_it_was_continued_as_new(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key = put(hall, trip())
        run_id = await hall.start(key, most_events=20)
        await hall.until(run_id, lambda run: bool(run.awaiting))
        version = next_version(hall, key, trip_with_a_controller())
        await move(hall, key, version, run_id)
        await hall.until(run_id, lambda run: run.version == version)
        await answer(hall, run_id, hall.company.bruno, True)
        await answer(hall, run_id, hall.company.carla, True, node="control")
        assert (await hall.result(run_id)).outcome == "satisfied"
        began = (await hall.handle(run_id).fetch_history()).events[0]
        attributes = began.workflow_execution_started_event_attributes
        assert attributes.continued_execution_run_id
        assert json.loads(attributes.input.payloads[0].data)["version"] == version

    play(journey)
