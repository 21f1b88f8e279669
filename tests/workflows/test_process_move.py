"""Runs that are moved to another version of their process while they wait, on the real server."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from rules.process_migration import CannotMigrate
from storage import process, process_migration
from storage.audit import AuditRow
from storage.process_migration import MOVED, STAYED, NothingToMove, NotToBeFollowed
from tests.workflows.process_hall import Hall
from tests.workflows.process_moves import (
    answer,
    became,
    move,
    moved,
    next_version,
    settled,
    stayed,
    trip,
    trip_asked_otherwise,
    trip_with_a_controller,
    waiting,
)
from tests.workflows.process_play import Play, put
from tests.workflows.process_play import play as play


def test_a_run_that_waits_for_a_person_is_moved_and_finished_by_the_new_path(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        run_id = await moved(hall)
        assert [row.node for row in hall.steps(run_id) if row.status == "completed"] == [
            "ask", "control", "yes",
        ]  # fmt: skip
        with hall.sessions.begin() as session:
            [told] = session.scalars(
                select(AuditRow).where(
                    AuditRow.action == "process_run.moved", AuditRow.detail["run"].astext == str(run_id)
                )
            )
            assert (told.detail["from_version"], told.detail["version"]) == (1, 2)

    play(journey)


def test_a_run_that_was_answered_meanwhile_judges_by_itself_and_stays(play: Play) -> None:
    play(stayed)


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
        await answer(hall, run_id, "ask", True)
        assert (await hall.result(run_id)).outcome == "satisfied"
        assert hall.look(run_id).version == 1

    play(journey)


def test_several_are_moved_at_once_and_each_says_what_became_of_it(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key, runs = await waiting(hall, trip(), 4)
        ended, other, *rest = runs
        await answer(hall, ended, "ask", False)
        await hall.result(ended)
        # One of them goes on to a node that the newest version does not have.
        second = next_version(hall, key, trip_with_a_controller())
        await move(hall, key, second, other)
        await hall.until(other, lambda run: run.version == second)
        await answer(hall, other, "ask", True)
        await hall.until_step(other, "control", "running")
        third = next_version(hall, key, {**trip(), "name": "Trip"})
        move_id = await move(hall, key, third)
        for run_id in rest:
            await hall.until(run_id, lambda run: run.version == third)
        # What Postgres knew of it when it was asked for may have been older than what it says itself.
        await settled(hall, move_id, other)
        seen = became(hall, move_id)
        assert {run_id: row.state for run_id, row in seen.items()} == {
            other: STAYED, **dict.fromkeys(rest, MOVED),
        }  # fmt: skip
        assert seen[other].node == "control"
        for run_id in rest:
            await answer(hall, run_id, "ask", True)
            assert (await hall.result(run_id)).outcome == "satisfied"
        await answer(hall, other, "control", True)
        assert (await hall.result(other)).outcome == "satisfied"

    play(journey)


def test_a_moved_run_goes_on_after_it_was_continued_as_new(play: Play) -> None:
    async def journey(hall: Hall) -> None:
        key = put(hall, trip())
        run_id = await hall.start(key, most_events=20)
        await hall.until(run_id, lambda run: bool(run.awaiting))
        version = next_version(hall, key, trip_with_a_controller())
        await move(hall, key, version, run_id)
        await hall.until(run_id, lambda run: run.version == version)
        await answer(hall, run_id, "ask", True)
        await answer(hall, run_id, "control", True)
        assert (await hall.result(run_id)).outcome == "satisfied"
        began = (await hall.handle(run_id).fetch_history()).events[0]
        attributes = began.workflow_execution_started_event_attributes
        assert attributes.continued_execution_run_id
        assert json.loads(attributes.input.payloads[0].data)["version"] == version

    play(journey)
