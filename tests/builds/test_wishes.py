"""What people and pipelines wish for a build reaches Temporal, and what became of it reaches Postgres."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from gateways import temporal_builds
from local.program import ROOT
from rules.build import BuildState
from rules.outbox import Kind
from storage import build as builds
from storage import outbox
from storage.audit import SYSTEM, AuditRow
from storage.build import BuildRow
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

Sessions = sessionmaker[Session]


def row_of(sessions: Sessions, build_id: str) -> BuildRow:
    """What Postgres knows of a build."""
    with sessions.begin() as session:
        return builds.by_id(session, build_id)


def wish(sessions: Sessions, kind: Kind, build_id: str) -> None:
    """Leave the message that the page leaves."""
    with sessions.begin() as session:
        if kind is Kind.CHECK_BUILD:
            assert builds.begin_gate(session, build_id, SYSTEM)
        else:
            outbox.put(session, kind, None, {"build_id": build_id})


def not_forgotten(sessions: Sessions) -> list[str]:
    """Why the server did not forget builds."""
    with sessions.begin() as session:
        query = select(AuditRow.detail).where(AuditRow.action == "build.not_forgotten")
        return [detail["reason"] for detail in session.scalars(query)]


def test_a_gate_that_the_page_wished_for_runs_and_a_pipeline_gets_it_as_an_exit_code(
    yard: Yard, sessions: Sessions, environment: dict[str, str]
) -> None:
    yard.start_build("one")
    yard.await_current("one")
    wish(sessions, Kind.CHECK_BUILD, "one")
    row = yard.until(lambda: row_of(sessions, "one"), lambda found: found.gate_at)
    assert (row.gate_passed, row.gate_begun_at) == (True, None)

    def ask(build_id: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "activities.run_gate", build_id]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    passed, shut, nonsense = ask("one"), ask("never-seen"), ask("no.dots")
    assert (passed.returncode, passed.stdout) == (0, "Build one may have traffic.\n"), passed.stderr
    assert shut.returncode == 1
    assert "No living worker of never-seen asks the queue approvals (workflow)." in shut.stdout
    assert nonsense.returncode == 2
    with sessions.begin() as session:
        assert [row.build_id for row in builds.all_builds(session)] == ["one"], (
            "a slip of the keyboard is no build"
        )


def test_a_drained_build_is_forgotten_and_one_in_use_is_not(yard: Yard, sessions: Sessions) -> None:
    yard.start_build("one")
    yard.await_current("one")
    wish(sessions, Kind.FORGET_BUILD, "one")
    assert yard.until(lambda: not_forgotten(sessions), bool)
    yard.start_build("two")
    yard.await_build("two")
    yard.run(temporal_builds.set_current(yard.client, "two"))
    yard.programs["one"].end()
    yard.await_build("one", BuildState.DRAINED)

    def forgotten() -> bool:
        wish(sessions, Kind.FORGET_BUILD, "one")  # its last polls have to grow old first
        return all(each.build_id != "one" for each in yard.deployment().builds)

    yard.until(forgotten)
    yard.until(lambda: row_of(sessions, "one").state, lambda state: state == BuildState.GONE.value)
    assert row_of(sessions, "two").state == BuildState.CURRENT.value
