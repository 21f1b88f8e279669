"""Processes on real Postgres: drafts with a lock, a second person who deploys, and what nobody can change any more."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rules.errors import InvalidFields, NotFound
from rules.process_check import ProcessHasErrors
from storage import process
from storage.process import DraftChanged, KeyIsTaken, NotDeployable, ProcessVersionRow, SecondPersonNeeded
from tests.app.people import Company
from tests.company import hire
from tests.process_samples import content, deployed, travel


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def drafted(session: Session, company: Company, definition: dict[str, Any]) -> ProcessVersionRow:
    return process.create(session, definition, "it", company.elena.id, "to be tried")


def test_a_process_begins_as_a_draft_that_nothing_follows(session: Session, company: Company) -> None:
    row = drafted(session, company, travel())
    assert (row.version, row.state, row.revision) == (1, "draft", 1)
    with pytest.raises(NotFound):
        process.deployed(session, "travel")


def test_a_key_is_taken_once(session: Session, company: Company) -> None:
    drafted(session, company, travel())
    with pytest.raises(KeyIsTaken):
        drafted(session, company, travel())


def test_a_draft_that_makes_no_sense_yet_is_saved_but_one_without_a_shape_is_not(
    session: Session, company: Company
) -> None:
    drafted(session, company, travel())
    saved = process.save_draft(session, "travel", {"nodes": []}, company.elena.id, 1)
    assert (saved.revision, saved.content) == (2, {"key": "travel"})
    with pytest.raises(InvalidFields) as refused:
        process.save_draft(session, "travel", {"nodes": [{"id": 7}]}, company.elena.id, 2)
    assert sorted(refused.value.problems) == ["nodes[0].id", "nodes[0].type"]


def test_two_who_edit_the_same_draft_do_not_overwrite_each_other(session: Session, company: Company) -> None:
    drafted(session, company, travel())
    process.save_draft(session, "travel", travel(policy="all"), company.elena.id, 1)
    with pytest.raises(DraftChanged):
        process.save_draft(session, "travel", travel(policy="first"), company.carla.id, 1)


def test_a_draft_with_errors_stays_a_draft(session: Session, company: Company) -> None:
    drafted(session, company, content("travel", {"a": {"type": "nonsense"}}, ">a"))
    row, problems = process.check(session, "travel", 1)
    assert row.state == "draft"
    assert "type_unknown" in [each.code for each in problems]
    with pytest.raises(NotDeployable):
        process.deploy(session, "travel", 1, company.carla.id, "in a hurry")


def test_a_checked_draft_that_is_edited_is_a_draft_again(session: Session, company: Company) -> None:
    drafted(session, company, travel())
    process.check(session, "travel", 1)
    assert process.save_draft(session, "travel", travel(policy="all"), company.elena.id, 1).state == "draft"


@pytest.mark.parametrize("editor", ["elena", "diego"])
def test_nobody_deploys_what_they_wrote(session: Session, company: Company, editor: str) -> None:
    drafted(session, company, travel())
    process.save_draft(session, "travel", travel(policy="all"), company.diego.id, 1)
    process.check(session, "travel", 2)
    with pytest.raises(SecondPersonNeeded):
        process.deploy(session, "travel", 1, getattr(company, editor).id, "I am sure")


def test_a_deployment_moves_the_name_and_retired_versions_stay_readable(
    session: Session, company: Company
) -> None:
    first = deployed(session, company, travel())
    second = deployed(session, company, travel(policy="all"))
    assert process.deployed(session, "travel").version == second.version == 2
    assert [row.state for row in process.versions(session, "travel")] == ["deployed", "retired"]
    assert process.version(session, "travel", 1).process == first.process


def test_a_retired_version_can_be_deployed_again(session: Session, company: Company) -> None:
    deployed(session, company, travel())
    deployed(session, company, travel(policy="all"))
    process.deploy(session, "travel", 1, company.carla.id, "the new one is wrong")
    assert process.deployed(session, "travel").version == 1


def test_what_a_version_names_is_looked_at_again_when_it_is_deployed(
    session: Session, company: Company
) -> None:
    deployed(session, company, travel())
    part = {"type": "sub_process", "config": {"process": "travel", "input": {"amount": "1"}}}
    row = drafted(session, company, content("fair", {"go": part, "end": {"type": "end"}}, ">go, go>end"))
    process.check(session, "fair", row.revision)
    process.retire(session, "travel", company.carla.id, "nobody travels any more")
    with pytest.raises(ProcessHasErrors):
        process.deploy(session, "fair", 1, company.carla.id, "for the fair")


@pytest.mark.parametrize(
    "change",
    [
        "content = '{}'",
        "sha256 = 'x'",
        "state = 'draft'",
        "version = 9",
        "editor_ids = '{}'",
        "author_id = deployed_by",
    ],
)
def test_postgres_itself_keeps_what_was_deployed(session: Session, company: Company, change: str) -> None:
    deployed(session, company, travel())
    with pytest.raises(DBAPIError, match=r"stays as it is|keeps its name"), session.begin_nested():
        session.execute(text(f"UPDATE process_version SET {change}"))  # noqa: S608 (words of this test)


def test_postgres_itself_deletes_no_version_that_was_deployed(session: Session, company: Company) -> None:
    deployed(session, company, travel())
    with pytest.raises(DBAPIError, match="stays"), session.begin_nested():
        session.execute(text("DELETE FROM process_version"))


def test_postgres_itself_wants_a_second_person(session: Session, company: Company) -> None:
    drafted(session, company, travel())
    process.check(session, "travel", 1)
    with pytest.raises(DBAPIError, match="second person"), session.begin_nested():
        session.execute(text("UPDATE process_version SET state = 'deployed', deployed_by = author_id"))
