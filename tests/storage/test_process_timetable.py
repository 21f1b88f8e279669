"""Timetables on real Postgres: each planned time once, overlap as wished, and what was left out is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from rules.errors import InvalidFields, NotFound
from storage import process, process_run, process_timetable
from storage.audit import AuditRow
from storage.outbox import OutboxRow
from storage.process_timetable import ProcessTimetableRow, TimetableChanged
from tests.app.people import Company
from tests.company import hire
from tests.process_samples import content, deployed

Content = dict[str, Any]
FIRST = datetime(2099, 3, 2, 8, 0, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)


@pytest.fixture
def company(session: Session) -> Company:
    people = hire(session)
    report = content(
        "report",
        {"end": {"type": "end", "config": {"result": "satisfied"}}},
        ">end",
        inputs=[{"name": "day", "kind": "text"}],
    )
    deployed(session, people, report)
    return people


def written(**changes: Any) -> Content:
    """A timetable as somebody writes it: each day at nine in Madrid."""
    return {
        "title": "Daily report", "process": "report", "cron": "0 9 * * *", "zone": "Europe/Madrid",
        "overlap": "skip", "catch_up_seconds": 3600, "input": {"day": "{{timetable.date}}"}, **changes,
    }  # fmt: skip


def make(session: Session, company: Company, **changes: Any) -> ProcessTimetableRow:
    return process_timetable.create(session, written(**changes), company.elena.id, "for a test")


def asked_for(session: Session, kind: str) -> list[Content]:
    rows = session.scalars(select(OutboxRow).where(OutboxRow.kind == kind).order_by(OutboxRow.id))
    return [row.payload for row in rows]


def test_a_planned_time_starts_a_run_once_and_both_tell_of_each_other(
    session: Session, company: Company
) -> None:
    row = make(session, company)
    first = process_timetable.begin_planned(session, row.id, FIRST, 1)
    again = process_timetable.begin_planned(session, row.id, FIRST, 1)
    assert (first.outcome, again.run_id) == ("started", first.run_id)
    [run] = process_run.newest(session)
    assert (run.id, run.given, run.started_by) == (first.run_id, {"day": "2099-03-02"}, None)
    found = process_timetable.of_run(session, run.id)
    assert found is not None
    assert (found[0].title, found[1].planned_at) == ("Daily report", FIRST)
    assert len(asked_for(session, "start_process")) == 1
    acts = session.scalars(select(AuditRow).where(AuditRow.action == "process_timetable.started")).all()
    assert [each.detail["run"] for each in acts] == [str(run.id)]


@pytest.mark.parametrize(
    ("overlap", "outcomes", "called_off"),
    [
        ("skip", ["started", "skipped"], 0),
        ("beside", ["started", "started"], 0),
        ("replace", ["started", "started"], 1),
    ],
)
def test_what_happens_while_the_run_before_is_open_is_as_wished(
    session: Session, company: Company, overlap: str, outcomes: list[str], called_off: int
) -> None:
    row = make(session, company, overlap=overlap)
    done = [process_timetable.begin_planned(session, row.id, at, 1) for at in (FIRST, SECOND)]
    assert [each.outcome for each in done] == outcomes
    cancelled = asked_for(session, "cancel_process")
    assert [each["run_id"] for each in cancelled] == [str(done[0].run_id)] * called_off
    if overlap == "skip":
        assert done[1].note == "The run before it had not ended."


def test_one_that_is_off_or_was_changed_before_starts_nothing(session: Session, company: Company) -> None:
    row = make(session, company, overlap="beside")
    process_timetable.change(
        session, row.id, written(cron="0 10 * * *", overlap="beside"), company.elena.id, 1, "later"
    )
    before = row.changed_at - timedelta(minutes=5)
    outcomes = [process_timetable.begin_planned(session, row.id, at, 1).outcome for at in (before, FIRST)]
    assert outcomes == ["started", "skipped"]
    process_timetable.switch(session, row.id, False, company.elena.id, 2, "holidays")
    assert process_timetable.begin_planned(session, row.id, SECOND, 3).note == "It was switched off."


def test_a_process_that_was_retired_is_refused_and_that_is_written_down(
    session: Session, company: Company
) -> None:
    row = make(session, company)
    process.retire(session, "report", company.carla.id, "not needed")
    done = process_timetable.begin_planned(session, row.id, FIRST, 1)
    assert (done.outcome, done.run_id) == ("refused", None)
    assert "not deployed" in done.note
    assert process_timetable.latest(session, row.id) == [done]


def test_every_change_is_carried_to_the_scheduler_and_noted_there_in_its_revision(
    session: Session, company: Company
) -> None:
    row = make(session, company)
    assert process_timetable.to_keep_in_line(session) == [row.id]
    assert process_timetable.note_in_line(session, row.id, 1, was_mended=False)
    process_timetable.switch(session, row.id, False, company.elena.id, 1, "holidays")
    assert not process_timetable.note_in_line(session, row.id, 1, was_mended=False)
    process_timetable.remove(session, row.id, company.elena.id, 2, "not needed")
    assert len(asked_for(session, "carry_timetable")) == 3
    assert process_timetable.to_keep_in_line(session) == [row.id]
    assert process_timetable.note_in_line(session, row.id, 3, was_mended=False)
    assert process_timetable.to_keep_in_line(session) == []
    assert process_timetable.all_timetables(session) == []
    with pytest.raises(NotFound):
        process_timetable.switch(session, row.id, True, company.elena.id, 3, "back")


def test_two_who_change_the_same_timetable_do_not_overwrite_each_other(
    session: Session, company: Company
) -> None:
    row = make(session, company)
    process_timetable.switch(session, row.id, False, company.elena.id, 1, "holidays")
    with pytest.raises(TimetableChanged):
        process_timetable.change(session, row.id, written(), company.carla.id, 1, "I saw the old one")


def test_a_timetable_without_sense_is_refused_with_the_fields_named(
    session: Session, company: Company
) -> None:
    cases: list[tuple[Content, list[str]]] = [
        ({"cron": "every day", "title": " ", "overlap": "maybe"}, ["cron", "overlap", "title"]),
        ({"zone": "Madrid"}, ["zone"]),
        ({"process": "no-such"}, ["process"]),
        ({"catch_up_seconds": 5}, ["catch_up_seconds"]),
        ({"input": {"day": "{{timetable.weekday}}", "colour": "red"}}, ["input.day"]),
        ({"input": {"colour": "red"}}, ["input.colour", "input.day"]),
    ]
    for wrong, fields in cases:
        with pytest.raises(InvalidFields) as refused:
            make(session, company, **wrong)
        assert sorted(refused.value.problems) == fields
