"""The figures of the deployment, against stages, changes of build and ways back that are counted by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from rules.kpi import Durations, Scope, Share
from storage.build import BuildRouteRow
from storage.build_return import BuildReturnRow
from storage.database import new_id
from storage.kpi_deployment import Current, count
from tests.storage.ledger import Ledger

SCOPE = Scope(date(2026, 11, 2), date(2026, 11, 15), None, include_demo=False)
AT = datetime(2026, 11, 4, 10, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def ledger(session: Session) -> Ledger:
    return Ledger(session)


def _stages(session: Session, count: int, outcome: str, at: datetime = AT) -> None:
    """As many requests with one stage each, the n-th taking n milliseconds."""
    for ms in range(1, count + 1):
        values = {"at": at, "id": new_id(), "run": str(new_id()), "outcome": outcome, "ms": ms}
        session.execute(
            text(
                "INSERT INTO outcome (at, build_id, run_id, activity_id, attempt, stage, request_id, outcome, ms)"
                " VALUES (:at, 'b1', :run, '1', 1, 'order', :id, :outcome, :ms)"
            ),
            values,
        )


def _goes_to(session: Session, current: str | None, at: datetime, percent: str = "0") -> None:
    session.add(
        BuildRouteRow(
            current=current, ramping=None, percent=Decimal(percent), revision=1, seen_at=at, checked_at=at
        )
    )
    session.flush()


def _submit(ledger: Ledger, at: datetime, looked_at_after: timedelta | None) -> None:
    row = ledger.request(at, "in_review")
    if looked_at_after is not None:
        ledger.session.execute(
            text(
                "INSERT INTO audit (at, actor_kind, action, request_id)"
                " VALUES (:at, 'system', 'request.in_review', :id)"
            ),
            {"at": at + looked_at_after, "id": row.id},
        )


def test_stages_and_their_times_are_counted_as_by_hand(session: Session) -> None:
    _stages(session, 99, "ok")
    _stages(session, 1, "failed")
    _stages(session, 5, "failed", AT - timedelta(days=30))
    found = count(session, SCOPE)
    assert found.errors == Share(1, 100)
    assert found.stage_time == Durations(100, 0.049, 0.089, 0.098)


def test_a_deployment_is_without_downtime_where_no_request_close_to_it_waited(ledger: Ledger) -> None:
    session = ledger.session
    for index, name in enumerate(("first", "b1", "b1", "b2", "b3", "b4")):
        _goes_to(session, name, AT + timedelta(hours=index), percent=str(index))
    _submit(ledger, AT + timedelta(hours=1) + 4 * MINUTE, 29 * SECOND)  # to b1: in time
    _submit(ledger, AT + timedelta(hours=1) - 2 * MINUTE, 99 * SECOND)  # too early to matter
    _submit(ledger, AT + timedelta(hours=3), SECOND)  # to b2: one in time, one late
    _submit(ledger, AT + timedelta(hours=3) - 30 * SECOND, 31 * SECOND)
    _submit(ledger, AT + timedelta(hours=4), None)  # to b3: never looked at
    session.flush()
    found = count(session, SCOPE)
    assert found.deployments == 4  # the first build and a mere share are no deployment
    assert found.without_downtime == Share(1, 3)  # nobody came close to b4
    assert found.current == Current("b4", None, Decimal(5), AT + timedelta(hours=5))


def test_the_time_to_return_runs_from_asking_until_no_new_request_reaches_the_build(session: Session) -> None:
    for seconds, state in ((1, "done"), (3, "routed"), (2, "done"), (None, "refused")):
        session.add(
            BuildReturnRow(
                build_id="b1",
                freeze_only=False,
                reason="",
                state=state,
                asked_at=AT,
                routed_at=None if seconds is None else AT + seconds * SECOND,
            )
        )
    session.flush()
    found = count(session, SCOPE)
    assert (found.returns, found.return_median, found.return_longest) == (3, 2.0, 3.0)


def test_where_nothing_was_ever_deployed_there_are_no_figures_and_no_fault(session: Session) -> None:
    found = count(session, SCOPE)
    assert (found.current, found.deployments, found.returns, found.return_median) == (None, 0, 0, None)
    assert (found.errors, found.stage_time, found.without_downtime) == (
        Share(0, 0),
        Durations(0),
        Share(0, 0),
    )
