"""The scripts of a release pipeline, run as programs against the product's web server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.serving import make_server

from rules.rollout import Look, judge
from storage import api_token, build, rollout
from storage.audit import SYSTEM
from storage.database import now
from storage.outcome import Outcome, write
from tests.app.people import Company

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
Script = Callable[..., "subprocess.CompletedProcess[str]"]
Sessions = sessionmaker[Session]


@pytest.fixture
def script(app: Flask, company: Company, sessions: Sessions) -> Iterator[Script]:
    """Runs a script against this test's app, with a token of Elena's."""
    with sessions.begin() as session:
        token = api_token.add(session, company.elena, "pipeline", ["platform"], 1, SYSTEM)
        for build_id in ("b1", "b2", "b3"):
            build.announce(session, build_id, "", "")
        session.execute(text("UPDATE build SET live_until = now() + interval '1 h' WHERE build_id <> 'b3'"))
        build.note_route(session, "b1", None, Decimal(0), 1)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    env = {**os.environ, "VISTOBUENO_URL": f"http://127.0.0.1:{server.port}", "VISTOBUENO_TOKEN": token}

    def run(name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "scripts" / name), *arguments]
        return subprocess.run(command, env={**env, **more}, capture_output=True, text=True, timeout=60)

    yield run
    server.shutdown()
    thread.join()
    server.server_close()


def finish(sessions: Sessions, count: int, outcome: str) -> None:
    """Let `b2` finish so many requests."""
    with sessions.begin() as session:
        write(
            session,
            [
                Outcome("b2", f"run-{n}", "1", 1, "place_order", f"{n:032x}", outcome, None, 20)
                for n in range(count)
            ],
        )


def test_a_build_is_given_to_a_share_of_a_department(script: Script, sessions: Sessions) -> None:
    said = script("deploy-selective", "b2", "it", "12.5")
    assert said.returncode == 0, said.stderr
    assert "12.5 %" in said.stdout
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        assert row.as_plan.steps[0].share == Decimal("12.5")
        assert row.as_plan.steps[0].departments == ("it",)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["b2", "it", "NaN"], "percentage"),
        (["b2", "it", "101"], "percentage"),
        (["b2", "nowhere"], "nowhere"),
        (["b3", "it"], "no live worker"),
        (["never-seen", "it"], "never-seen"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    script: Script, arguments: list[str], word: str
) -> None:
    said = script("deploy-selective", *arguments)
    assert said.returncode == 3
    assert word in said.stderr


def test_waiting_ends_without_success_when_nobody_carries_the_share_out(script: Script) -> None:
    assert script("deploy-selective", "b2", "all", "10", "--wait", "0.1").returncode == 2


def test_no_figures_are_never_good_figures(script: Script) -> None:
    said = script("check-metrics", "b2")
    assert said.returncode == 2
    assert "INCONCLUSIVE" in said.stdout


def test_a_build_that_fails_three_of_three_is_bad(script: Script, sessions: Sessions) -> None:
    finish(sessions, 3, "failed")
    said = script("check-metrics", "b2")
    assert said.returncode == 1
    assert "3 of 3" in said.stdout


def test_a_build_that_was_sent_back_is_bad_whatever_its_figures_are(
    script: Script, sessions: Sessions
) -> None:
    assert script("deploy-selective", "b2", "it", "10").returncode == 0
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        at = now(session)
        rollout.move(session, row, judge(row.progress, row.as_plan, Look(at, gate=True)), SYSTEM, "judged")
        stopped = Look(at, hard_stops=("No live worker.",))
        rollout.move(session, row, judge(row.progress, row.as_plan, stopped), SYSTEM, "judged")
    finish(sessions, 100, "ok")
    assert script("check-metrics", "b2").returncode == 1


def test_a_wrong_token_and_a_dead_product_have_their_own_exit_codes(script: Script) -> None:
    assert script("check-metrics", "b2", VISTOBUENO_TOKEN="vbt_wrong").returncode == 3
    assert script("check-metrics", "b2", VISTOBUENO_URL="http://127.0.0.1:1").returncode == 4


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("await-build", "b2", "--wait", "0"), 0, "b2: ready"),
        (("await-build", "b3", "--wait", "0"), 2, "no live worker"),
        (("await-build", "never-seen", "--wait", "0"), 2, "no live worker"),
        (("run-gate", "b3"), 3, "no live worker"),
        (("run-gate", "b2", "--wait", "0"), 2, "the gate is running"),
        (("promote", "b2"), 3, "no rollout of b2"),
        (("go-back", "b2", "--why", "it is bad", "--wait", "0"), 2, "b2: asked"),
        (("go-back", "never-seen", "--why", "it is bad"), 3, "never-seen"),
    ],
)
def test_each_step_of_a_release_says_how_it_went(
    script: Script, arguments: tuple[str, ...], code: int, word: str
) -> None:
    said = script(*arguments)
    assert said.returncode == code, said.stderr
    assert word in said.stdout + said.stderr


def test_who_began_a_rollout_cannot_promote_it(script: Script, sessions: Sessions) -> None:
    assert script("deploy-selective", "b2", "it", "10").returncode == 0
    with sessions.begin() as session:
        row = rollout.open_rollouts(session)[0]
        look = Look(now(session), gate=True)
        rollout.move(session, row, judge(row.progress, row.as_plan, look), SYSTEM, "judged")
    said = script("promote", "b2")
    assert said.returncode == 3
    assert "another person" in said.stderr
