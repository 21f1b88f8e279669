"""The flag store in Postgres: one history, one revision, a second person where money is let go."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session, sessionmaker

from rules.errors import BusinessError, Invalid, NotAllowed, NotFound
from rules.flag import AUTOMATED_REVIEW, FLAGS, REVIEW_STRICTNESS, Flag, Level, Setting
from rules.flag_change import (
    AlreadyProposed,
    FlagChangedSinceShown,
    NeedsSecondPerson,
    ProposalIsClosed,
)
from storage import flag, flag_proposal, flag_use
from storage.audit import SYSTEM, Actor, AuditRow
from storage.database import now
from storage.flag import Change, FlagChangeRow, FlagOverrideRow, FlagProposalRow
from storage.flag_use import FlagUseRow
from storage.outbox import OutboxRow
from tests.app.people import Company
from tests.company import hire

Sessions = sessionmaker[Session]


@pytest.fixture
def company(session: Session) -> Company:
    return hire(session)


def _wish(
    value: Any, level: Level = Level.EVERYONE, subject: str = "", one: Flag = AUTOMATED_REVIEW, **more: Any
) -> Change:
    return Change(one, level, subject, value, "a test", **more)


def _standing(session: Session, one: Flag = AUTOMATED_REVIEW) -> dict[Any, Setting]:
    return flag.read_truth(session).of(one)


def _propose(session: Session, company: Company, change: Change) -> FlagProposalRow:
    row = flag_proposal.set_or_propose(session, change, company.elena.id)
    assert isinstance(row, FlagProposalRow)
    return row


def test_a_change_moves_the_revision_and_leaves_history_audit_and_a_message(
    session: Session, company: Company
) -> None:
    before = flag.read_truth(session).revision
    assert flag.set_value(session, _wish(False), Actor.person(company.elena.id))
    truth = flag.read_truth(session)
    assert truth.revision > before
    assert truth.of(AUTOMATED_REVIEW) == {(Level.EVERYONE, ""): Setting(False)}
    row = flag.changes(session, AUTOMATED_REVIEW)[0]
    assert (row.revision, row.value, row.why, row.changed_by) == (
        truth.revision,
        False,
        "a test",
        company.elena.id,
    )
    assert session.scalars(select(AuditRow.action)).all() == ["flag.set"]
    assert session.scalars(select(OutboxRow.kind)).all() == ["spread_flags"]


def test_setting_what_stands_already_writes_nothing(session: Session, company: Company) -> None:
    assert flag.set_value(session, _wish(True), SYSTEM)
    assert not flag.set_value(session, _wish(True), SYSTEM)
    assert not flag.set_value(session, _wish(None, Level.DEPARTMENT, "it"), SYSTEM)
    assert len(flag.changes(session, AUTOMATED_REVIEW)) == 1


@pytest.mark.parametrize("value", ["lenient", "strict"])
def test_a_string_flag_stands_as_it_was_set(value: str, session: Session, company: Company) -> None:
    flag.set_value(session, _wish(value, one=REVIEW_STRICTNESS), SYSTEM)
    truth = flag.read_truth(session)
    assert truth.read(REVIEW_STRICTNESS, str(company.ana.id), "marketing").value == value
    assert not truth.read(AUTOMATED_REVIEW, str(company.ana.id), "marketing").on


@pytest.mark.parametrize("value", ["true", 1, 0, {}, [], "on", float("nan")])
def test_a_value_of_another_type_is_refused_and_nothing_changes(
    value: Any, session: Session, company: Company
) -> None:
    with pytest.raises(Invalid):
        flag.set_value(session, _wish(value), SYSTEM)
    assert _standing(session) == {}


@pytest.mark.parametrize(
    ("level", "subject"),
    [
        (Level.DEPARTMENT, "sales"),
        (Level.DEPARTMENT, ""),
        (Level.PERSON, "ana"),
        (Level.PERSON, ""),
        (Level.PERSON, "01a1fe28-2b78-7348-8d43-815c6fa73165"),
    ],
)
def test_nobody_and_nowhere_get_no_flag(
    level: Level, subject: str, session: Session, company: Company
) -> None:
    with pytest.raises(NotFound):
        flag.set_value(session, _wish(True, level, subject), SYSTEM)


def test_what_has_ended_counts_as_not_set_by_the_databases_clock(session: Session, company: Company) -> None:
    ends = now(session) + timedelta(hours=1)
    flag.set_value(session, _wish(True, until=ends), SYSTEM)
    assert _standing(session) == {(Level.EVERYONE, ""): Setting(True, ends)}
    session.execute(update(FlagOverrideRow).values(until=now(session)))
    assert _standing(session) == {}


def test_an_end_in_the_past_is_refused(session: Session, company: Company) -> None:
    with pytest.raises(Invalid, match="future"):
        flag.set_value(session, _wish(False, until=datetime(2020, 1, 1, tzinfo=UTC)), SYSTEM)


def test_who_saw_an_older_state_is_told_and_changes_nothing(session: Session, company: Company) -> None:
    seen = flag.read_truth(session).revision
    flag.set_value(session, _wish(True), SYSTEM)
    with pytest.raises(FlagChangedSinceShown):
        flag.set_value(session, _wish(False, seen_revision=seen), SYSTEM)
    assert _standing(session) == {(Level.EVERYONE, ""): Setting(True)}
    # What was changed for others is no conflict.
    assert flag.set_value(session, _wish(False, Level.DEPARTMENT, "it", seen_revision=seen), SYSTEM)


# A second person


def test_one_person_alone_cannot_let_the_system_spend(session: Session, company: Company) -> None:
    with pytest.raises(NeedsSecondPerson):
        flag.set_value(session, _wish(True), Actor.person(company.elena.id))
    assert _standing(session) == {}


def test_switching_off_is_one_persons_right(session: Session, company: Company) -> None:
    flag.set_value(session, _wish(True), SYSTEM)
    assert flag_proposal.set_or_propose(session, _wish(False), company.elena.id) is True
    assert _standing(session) == {(Level.EVERYONE, ""): Setting(False)}


def test_a_proposal_counts_only_when_a_second_person_agrees(session: Session, company: Company) -> None:
    row = _propose(session, company, _wish(True))
    assert _standing(session) == {}
    flag_proposal.confirm(session, row.id, company.carla.id)
    assert _standing(session) == {(Level.EVERYONE, ""): Setting(True)}
    change = flag.changes(session, AUTOMATED_REVIEW)[0]
    assert (change.changed_by, change.confirmed_by) == (company.elena.id, company.carla.id)
    entries = session.execute(select(AuditRow.action, AuditRow.actor_id).order_by(AuditRow.seq)).all()
    assert list(map(tuple, entries)) == [("flag.proposed", company.elena.id), ("flag.set", company.carla.id)]


def test_nobody_is_their_own_second_person(session: Session, company: Company) -> None:
    row = _propose(session, company, _wish(True))
    with pytest.raises(NotAllowed):
        flag_proposal.confirm(session, row.id, company.elena.id)
    assert _standing(session) == {}


@pytest.mark.parametrize("answer", [flag_proposal.confirm, flag_proposal.refuse])
def test_a_proposal_is_answered_once(answer: Callable[..., None], session: Session, company: Company) -> None:
    row = _propose(session, company, _wish(True))
    answer(session, row.id, company.carla.id)
    for again in (flag_proposal.confirm, flag_proposal.refuse):
        with pytest.raises(ProposalIsClosed):
            again(session, row.id, company.diego.id)


def test_a_refused_proposal_changes_nothing_and_may_be_made_again(session: Session, company: Company) -> None:
    row = _propose(session, company, _wish(True))
    flag_proposal.refuse(session, row.id, company.elena.id)
    assert _standing(session) == {}
    assert _propose(session, company, _wish(True)).id != row.id


def test_the_same_wish_twice_is_one_proposal_and_another_one_is_told(
    session: Session, company: Company
) -> None:
    row = _propose(session, company, _wish(True))
    assert _propose(session, company, _wish(True)).id == row.id
    with pytest.raises(AlreadyProposed):
        flag_proposal.set_or_propose(session, _wish(True), company.diego.id)
    assert _propose(session, company, _wish(True, Level.DEPARTMENT, "it")).id != row.id


def test_there_is_no_proposal_that_nobody_made(session: Session, company: Company) -> None:
    with pytest.raises(NotFound):
        flag_proposal.confirm(session, uuid4(), company.carla.id)


@pytest.mark.parametrize(
    ("proposed", "changed", "outdated"),
    [
        ((Level.EVERYONE, ""), (Level.EVERYONE, ""), True),
        ((Level.EVERYONE, ""), (Level.DEPARTMENT, "marketing"), False),
        ((Level.DEPARTMENT, "marketing"), (Level.EVERYONE, ""), True),
        ((Level.DEPARTMENT, "marketing"), (Level.DEPARTMENT, "marketing"), True),
        ((Level.DEPARTMENT, "marketing"), (Level.DEPARTMENT, "it"), False),
        ((Level.DEPARTMENT, "marketing"), (Level.PERSON, "ana"), False),
        ((Level.PERSON, "ana"), (Level.EVERYONE, ""), True),
        ((Level.PERSON, "ana"), (Level.DEPARTMENT, "marketing"), True),
        ((Level.PERSON, "ana"), (Level.DEPARTMENT, "it"), False),
        ((Level.PERSON, "ana"), (Level.PERSON, "ana"), True),
        ((Level.PERSON, "ana"), (Level.PERSON, "julia"), False),
    ],
)
def test_an_emergency_stop_closes_what_was_proposed_before_it(
    proposed: tuple[Level, str],
    changed: tuple[Level, str],
    outdated: bool,
    session: Session,
    company: Company,
) -> None:
    def target(level: Level, subject: str) -> tuple[Level, str]:
        return level, str(getattr(company, subject).id) if level is Level.PERSON else subject

    row = _propose(session, company, _wish(True, *target(*proposed)))
    flag.set_value(session, _wish(False, *target(*changed)), Actor.person(company.elena.id))
    session.refresh(row)
    assert row.outcome == ("outdated" if outdated else None)
    if outdated:
        with pytest.raises(ProposalIsClosed):
            flag_proposal.confirm(session, row.id, company.carla.id)


def test_a_change_of_another_flag_leaves_a_proposal_open(session: Session, company: Company) -> None:
    row = _propose(session, company, _wish(True))
    flag.set_value(session, _wish("strict", one=REVIEW_STRICTNESS), Actor.person(company.elena.id))
    session.refresh(row)
    assert row.outcome is None


def test_an_old_proposal_cannot_be_agreed_to_and_stands_in_nobodys_way(
    session: Session, company: Company
) -> None:
    row = _propose(session, company, _wish(True))
    session.execute(update(FlagProposalRow).values(proposed_at=now(session) - timedelta(days=8)))
    session.expire_all()
    assert flag_proposal.open_ones(session) == []
    with pytest.raises(ProposalIsClosed):
        flag_proposal.confirm(session, row.id, company.carla.id)
    assert _propose(session, company, _wish(True)).id != row.id


def test_who_proposed_is_not_counted_among_those_who_may_agree(session: Session, company: Company) -> None:
    _propose(session, company, _wish(True))
    assert flag_proposal.count_for(session, company.elena.id) == 0
    assert flag_proposal.count_for(session, company.carla.id) == 1


def test_two_who_answer_at_once_are_one_answer(sessions: Sessions) -> None:
    with sessions.begin() as session:
        company = hire(session)
    for _ in range(6):
        with sessions.begin() as session:
            row = _propose(session, company, _wish(True))
        start = Barrier(2)

        def answer(
            act: Callable[..., None], person_id: Any, row: FlagProposalRow = row, start: Barrier = start
        ) -> str:
            with sessions() as session:
                start.wait()
                try:
                    act(session, row.id, person_id)
                    session.commit()
                except BusinessError as refusal:
                    return refusal.code
            return act.__name__

        with ThreadPoolExecutor(2) as threads:
            said = [
                *threads.map(
                    answer,
                    (flag_proposal.confirm, flag_proposal.refuse),
                    (company.carla.id, company.diego.id),
                )
            ]
        won = {"confirm", "refuse"} & set(said)
        assert len(won) == 1
        assert "proposal-is-closed" in said
        with sessions.begin() as session:
            assert _standing(session) == ({(Level.EVERYONE, ""): Setting(True)} if "confirm" in won else {})
            flag.set_value(session, _wish(None), SYSTEM)


# The store itself


def test_writers_at_once_leave_one_history_in_the_order_of_their_commits(sessions: Sessions) -> None:
    with sessions.begin() as session:
        hire(session)
    start = Barrier(3)

    def write(department_id: str) -> None:
        start.wait()
        for value in (True, False, True):
            with sessions.begin() as session:
                flag.set_value(session, _wish(value, Level.DEPARTMENT, department_id), SYSTEM)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(write, ("it", "marketing", "finance")))
    with sessions.begin() as session:
        truth = flag.read_truth(session)
        rows = flag.changes(session, AUTOMATED_REVIEW)
        assert len(rows) == 9
        assert truth.revision == rows[0].revision
        last = {row.subject: row.value for row in reversed(rows)}
        assert {subject: one.value for (_, subject), one in truth.of(AUTOMATED_REVIEW).items()} == last


def test_a_higher_revision_is_never_seen_before_a_lower_one(sessions: Sessions) -> None:
    with sessions.begin() as session:
        hire(session)

    def write(department_id: str) -> int:
        with sessions.begin() as session:
            flag.set_value(session, _wish(True, Level.DEPARTMENT, department_id), SYSTEM)
            return flag.read_truth(session).revision

    waits = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with ThreadPoolExecutor(1) as threads, sessions() as first, sessions() as looking:
        flag.set_value(first, _wish(True, Level.DEPARTMENT, "it"), SYSTEM)
        lower = flag.read_truth(first).revision
        second = threads.submit(write, "marketing")
        while not second.done() and not looking.scalar(waits):
            looking.rollback()
        assert not second.done(), "the second writer did not wait for the first"
        first.commit()
        assert second.result() > lower


def test_the_product_cannot_rewrite_the_history(sessions: Sessions) -> None:
    with sessions.begin() as session:
        hire(session)
        flag.set_value(session, _wish(True), SYSTEM)
    with pytest.raises(Exception, match="permission denied"), sessions.begin() as session:
        session.execute(update(FlagChangeRow).values(why="nothing happened"))


def test_a_json_null_never_stands_in_the_store(session: Session, company: Company) -> None:
    flag.set_value(session, _wish(True), SYSTEM)
    flag.set_value(session, _wish(None), SYSTEM)
    assert session.scalar(text("SELECT count(*) FROM flag_change WHERE value IS NULL")) == 1
    assert session.scalar(text("SELECT count(*) FROM flag_override")) == 0


# Who reads what


def test_reads_are_noted_for_flags_that_exist(session: Session) -> None:
    flag_use.note_reads(session, {"automated-review", "gone-long-ago"})
    uses = flag_use.uses(session)
    assert set(uses) == set(FLAGS)
    assert uses["automated-review"].last_read_at == now(session)
    assert uses["review-strictness"].last_read_at is None


def test_counting_goes_on_from_when_it_began(session: Session) -> None:
    flag_use.note_reads(session, ())
    began = now(session) - timedelta(days=40)
    session.execute(update(FlagUseRow).values(counted_since=began))
    flag_use.note_reads(session, {"automated-review"})
    session.expire_all()
    use = flag_use.uses(session)["automated-review"]
    assert (use.counted_since, use.last_read_at) == (began, now(session))
