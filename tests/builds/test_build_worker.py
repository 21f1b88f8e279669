"""`make build-worker`: one command starts another build beside the running ones, from a commit or as the code lies."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from local.program import ROOT, Program
from local.room import Room
from storage.build import BuildRow
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole

COMMAND = [sys.executable, "-m", "local.build_worker"]


def git(*arguments: str) -> str:
    """What git says."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_build_of_a_commit_starts_beside_the_running_one_and_says_what_it_is(
    yard: Yard, sessions: sessionmaker[Session], environment: dict[str, str], tmp_path: Path
) -> None:
    yard.start_build("one")
    yard.await_current("one")
    state = tmp_path / "state"
    room = Room(state / "run")
    owner = room.become_owner()  # as `make run` would, in whose place the yard stands
    assert owner is not None
    room.open_gate(room.shut_gate())
    wish = {"ID": "two", "COMMIT": "HEAD", "NOTE": "from a commit", "VISTOBUENO_STATE": str(state)}
    program = Program("build-worker", COMMAND, {**environment, **wish}, yard.room)
    yard.programs["build-worker"] = program
    program.start()
    try:
        program.wait_for_words("approvals worker is ready")
        yard.await_build("two")

        def row() -> BuildRow | None:
            with sessions.begin() as session:
                return session.get(BuildRow, "two")

        found = yard.until(row, lambda found: found and found.note)
        assert found is not None
        assert (found.commit, found.note) == (git("rev-parse", "HEAD"), "from a commit")
        assert yard.deployment().route.current == "one"
        worker = room.processes()["build-two"]
        left = [worker, *worker.children(recursive=True)]
        program.kill(signal.SIGTERM)
        assert [each for each in left if each.is_running()] == []
        assert room.processes() == {}
    finally:
        program.end()
        git("worktree", "remove", "--force", str(state / "builds" / "two"))


def test_without_a_running_company_or_with_no_id_it_says_so_in_one_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for wish, words in (
        ({"ID": "two"}, "start `make run` first"),
        ({"ID": ""}, "1 to 63 letters"),
        ({"ID": "no.dots"}, "1 to 63 letters"),
    ):
        env = {**environment, **wish, "VISTOBUENO_STATE": str(tmp_path)}
        said = subprocess.run(COMMAND, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        assert said.returncode == 1
        assert words in said.stderr
        assert said.stderr.count("\n") == 1
