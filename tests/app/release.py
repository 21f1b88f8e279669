"""A release in the middle: two builds, a rollout on its first step, and what the workers wrote down."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from rules.analysis import Health
from rules.rollout import Kind, Look, Plan, Step, judge
from rules.rollout_watch import metrics_of, to_figures, watch
from storage import build, rollout, rollout_figures, routing
from storage.audit import SYSTEM, Actor
from storage.database import now
from storage.person import PersonRow
from storage.rollout import RolloutRow
from tests.app.people import Company

Sessions = sessionmaker[Session]

PLAN = Plan(
    (Step(Decimal(10), ("it",)), Step(Decimal(50), ("it", "marketing")), Step(Decimal(100), manual=True)),
    limits={"error": Decimal("0.04")},
)


def two_builds(sessions: Sessions) -> None:
    """`b1` is current, `b2` lives beside it, `b3` is dead."""
    with sessions.begin() as session:
        for build_id in ("b1", "b2", "b3"):
            build.announce(session, build_id, "", "")
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h' WHERE build_id <> 'b3'"))
        build.note_route(session, "b1", None, Decimal(0), 1)


def begun(sessions: Sessions, by: PersonRow) -> UUID:
    """A rollout of `b2` before its gate."""
    with sessions.begin() as session:
        row = rollout.begin(session, Kind.BUILD, "b2", PLAN, Actor.person(by.id), "release 42")
        return row.id


def exposed(sessions: Sessions) -> None:
    """Its gate is passed, as the workflow notes it, and a rule sends it 10 % of IT."""
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        after = judge(row.progress, row.as_plan, Look(now(session), gate=True))
        rollout.move(session, row, after, SYSTEM, "judged")
        rule = {
            "name": "Rollout of b2",
            "build": "b2",
            "share_percent": "10",
            "departments": ["it"],
            "priority": 50,
        }
        routing.add_rule(session, rule, SYSTEM, "release 42")  # fmt: skip
        build.note_route(session, "b1", "b2", Decimal(0), 2)


def outcomes(sessions: Sessions, build_id: str, good: int, bad: int, minutes: int = 30) -> None:
    """Stages of requests of IT on a build, one after the other over the last minutes."""
    with sessions.begin() as session:
        session.execute(
            text(
                """
                INSERT INTO outcome (at, build_id, run_id, activity_id, attempt, stage, request_id, department_id,
                                     outcome, error, ms)
                SELECT now() - make_interval(secs => 60.0 * :minutes * n / :whole), :build,
                       :build || '-' || n, '1', 1, 'review_request', gen_random_uuid(), 'it',
                       CASE WHEN n < :bad THEN 'failed' ELSE 'ok' END, NULL, 40
                FROM generate_series(0, :whole - 1) AS n
                """
            ),
            {"build": build_id, "bad": bad, "whole": good + bad, "minutes": minutes},
        )


def looked_at(sessions: Sessions) -> RolloutRow:
    """What the rollout's workflow writes at a check, without what Temporal tells."""
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        at = now(session)
        readings = rollout_figures.read_figures(session, row.target, row.exposed_at or row.since, None)
        seen = watch(metrics_of(row.as_plan, row.step), readings, Health(), at)
        row.figures = to_figures(seen) | {"samples": 20}
        row.checked_at = at
        row.why = seen.open_points[0] if seen.open_points else ""
        return row


def in_the_middle(sessions: Sessions, company: Company) -> UUID:
    """The whole story: Elena began it, its first step has run for half an hour, its figures were looked at."""
    two_builds(sessions)
    outcomes(sessions, "b1", 180, 4, 55)
    rollout_id = begun(sessions, company.elena)
    exposed(sessions)
    with sessions.begin() as session:
        session.execute(text("UPDATE rollout SET exposed_at = now() - interval '31 min'"))
    outcomes(sessions, "b2", 19, 1)
    looked_at(sessions)
    return rollout_id
