"""Automatic approvals that are looked at again, in Postgres: who is drawn, who is asked, whose verdict stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import event, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from rules.errors import AlreadyDecided, NotFound
from rules.recheck import DRAWS, Judged, OwnRequestCannotBeRechecked, Verdict, draw_of, is_drawn
from storage import recheck
from storage.audit import AuditRow
from storage.database import new_id, now
from storage.person import PersonRow
from storage.recheck import RecheckRow, RecheckShareRow
from storage.request import RequestRow
from storage.review import ReviewRow
from tests.servers import Database
from tests.storage.ledger import Ledger

RIGHT, WRONG = Judged(Verdict.RIGHT, ""), Judged(Verdict.WRONG, "Bought twice.")


@pytest.fixture
def ledger(session: Session) -> Ledger:
    return Ledger(session)


@pytest.fixture
def daniel(ledger: Ledger) -> PersonRow:
    return ledger.person("Daniel")


def _share(session: Session, percent: str, at: datetime) -> None:
    session.add(RecheckShareRow(share=Decimal(percent), at=at, why=""))
    session.flush()


def _approve(ledger: Ledger, at: datetime, *, wanted: bool = True) -> RequestRow:
    """An automatically approved request that lies in the usual share, or does not."""
    while True:
        request_id = new_id()
        if is_drawn(draw_of(request_id), Decimal(5)) is wanted:
            row = ledger.request(at, "completed", closed_at=at, auto_approved=True, request_id=request_id)
            ledger.review(row, at, approved=True)
            ledger.session.flush()
            return row


def _waiting(session: Session, judge: PersonRow) -> list[UUID]:
    return [one.request.id for one in recheck.waiting(session, judge.id)]


def test_the_database_draws_what_the_rules_draw(session: Session) -> None:
    for _ in range(200):
        request_id = new_id()
        assert session.scalar(select(func.recheck_draw(request_id))) == draw_of(request_id) < DRAWS


def test_of_automatic_approvals_the_drawn_ones_are_shown_and_no_other_request(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    at = now(session) - timedelta(days=1)
    drawn = _approve(ledger, at)
    _approve(ledger, at, wanted=False)
    by_person = ledger.request(at, "completed", closed_at=at, auto_approved=False)
    ledger.review(by_person, at, approved=False)
    _share(session, "5", at - timedelta(days=1))
    assert _waiting(session, daniel) == [drawn.id]
    assert recheck.count_waiting(session, daniel.id) == 1
    with pytest.raises(NotFound):
        recheck.judge(session, by_person, daniel.id, RIGHT)


def test_the_share_that_stood_when_the_review_ended_draws(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    at = now(session)
    _share(session, "100", at - timedelta(days=9))
    _share(session, "0", at - timedelta(days=3))
    before = _approve(ledger, at - timedelta(days=5), wanted=False)
    _approve(ledger, at - timedelta(days=1))
    assert _waiting(session, daniel) == [before.id]


def test_nobody_is_asked_about_own_requests_nor_about_what_is_long_ago_or_was_taken_back(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    at = now(session)
    own = _approve(ledger, at - timedelta(days=1))
    _approve(ledger, at - timedelta(days=31))
    taken_back = _approve(ledger, at - timedelta(days=2))
    ledger.question(taken_back, "rejected", at - timedelta(days=1), round_number=2)
    session.flush()
    assert _waiting(session, daniel) == [own.id]
    assert _waiting(session, ledger.ana) == []
    with pytest.raises(OwnRequestCannotBeRechecked):
        recheck.judge(session, own, ledger.ana.id, RIGHT)


def test_a_verdict_is_kept_once_and_noted_and_a_repeat_changes_nothing(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    row = _approve(ledger, now(session))
    assert recheck.judge(session, row, daniel.id, WRONG)
    assert not recheck.judge(session, row, daniel.id, WRONG)
    assert _waiting(session, daniel) == []
    entries = session.scalars(select(AuditRow).where(AuditRow.request_id == row.id)).all()
    assert [(entry.action, entry.actor_id) for entry in entries] == [("recheck.judged", daniel.id)]
    assert entries[0].detail == {"verdict": "wrong", "comment": "Bought twice."}
    told = recheck.newest(session)[0]
    assert (told.row.verdict, told.judge, told.requester) == ("wrong", "Daniel", "Ana")


def test_a_second_judge_learns_what_the_first_one_said(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    row = _approve(ledger, now(session))
    recheck.judge(session, row, daniel.id, WRONG)
    with pytest.raises(AlreadyDecided, match="Daniel has looked at this again already and found it wrong"):
        recheck.judge(session, row, ledger.person("Ingrid").id, RIGHT)


def test_a_share_is_set_with_who_and_why_and_the_same_one_changes_nothing(
    session: Session, daniel: PersonRow
) -> None:
    assert recheck.share(session) == (Decimal(5), None)
    assert not recheck.set_share(session, Decimal("5.0"), daniel.id, "Nothing new.")
    assert recheck.set_share(session, Decimal("7.5"), daniel.id, "A new category.")
    percent, newest = recheck.share(session)
    assert newest is not None
    assert (percent, newest.changed_by) == (Decimal("7.5"), daniel.id)
    entry = session.scalars(select(AuditRow).where(AuditRow.action == "recheck.share_set")).one()
    assert entry.detail == {"before": "5", "value": "7.5", "why": "A new category."}


@pytest.mark.parametrize("table", [RecheckRow, RecheckShareRow])
def test_the_product_cannot_rewrite_what_was_said(sessions: sessionmaker[Session], table: type) -> None:
    with sessions() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(update(table).values(why="something else"))


def test_a_review_that_ended_before_any_share_was_set_is_drawn_by_the_usual_one(
    session: Session, ledger: Ledger, daniel: PersonRow
) -> None:
    row = _approve(ledger, now(session) - timedelta(days=3))
    _share(session, "0", now(session) - timedelta(days=1))
    assert _waiting(session, daniel) == [row.id]
    review = session.scalars(select(ReviewRow)).one()
    assert review.finished_at < datetime.now(UTC)


#: Copies the one request with its review, a day back for each.
_COPIES = (
    """
    INSERT INTO request SELECT (jsonb_populate_record(request, jsonb_build_object(
      'id', gen_random_uuid(), 'number', n, 'submitted_at', submitted_at - n * interval '1 hour'))).*
    FROM request, generate_series(1, 3000) n
    """,
    """
    INSERT INTO review SELECT (jsonb_populate_record(review, jsonb_build_object(
      'id', gen_random_uuid(), 'request_id', request.id, 'finished_at', request.submitted_at))).*
    FROM request, review WHERE request.id <> review.request_id
    """,
)


def test_the_count_in_the_menu_reads_only_what_the_index_says_was_drawn_lately(
    database: Database, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        ledger = Ledger(session)
        daniel = ledger.person("Daniel").id
        _approve(ledger, now(session))
        for copies in _COPIES:
            session.execute(text(copies))
    with psycopg.connect(database.owner_url, autocommit=True) as owner:
        owner.execute("ANALYZE")
    said: list[tuple[str, Any]] = []
    with sessions() as session:
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *sent: said.append((sent[2], sent[3])))
        counted = recheck.count_waiting(session, daniel)
        [(statement, parameters)] = said
        plan = connection.exec_driver_sql(
            f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
        ).scalar_one()
    [scan] = _scans(plan[0]["Plan"], "review")
    assert scan["Index Name"] == "ix_review_finished_at_draw"
    assert "recheck_draw(request_id) <" in scan["Index Cond"]
    assert scan["Actual Rows"] == counted > 0
    assert scan.get("Rows Removed by Filter", 0) == 0


def _scans(node: dict[str, Any], table: str) -> list[dict[str, Any]]:
    """The nodes of a plan that read a table."""
    found = [node] if node.get("Relation Name") == table else []
    return found + [scan for part in node.get("Plans", []) for scan in _scans(part, table)]
