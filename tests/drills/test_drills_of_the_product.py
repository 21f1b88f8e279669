"""The drills on the product's own stack: each is played quickly, with real servers and workers, and its verdict read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from local.program import PATIENCE_SECONDS, ROOT
from local.room import Room
from tests.conftest import FOLDER

#: Half a minute where nothing else runs; several of them side by side on a busy machine take a few times as long.
LONGEST_SECONDS = 280


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Path:
    """A folder of this test's own for all that a drill keeps, which Postgres may reach as another user."""
    folder: Path = Path(os.environ[FOLDER]) / "drills-of-tests" / request.node.name
    folder.mkdir(parents=True)
    for each in (folder.parent, folder):
        each.chmod(0o711)
    return folder


def command(key: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "local.drills", "run", key, "--quick", *more]


def environment(state: Path) -> dict[str, str]:
    return {**os.environ, "VISTOBUENO_STATE": str(state)}


@pytest.mark.parametrize("key", ["upgrade", "bad_build", "seven_days", "power_cut"])
def test_a_drill_shows_what_it_claims_and_leaves_nothing_behind(key: str, state: Path) -> None:
    verdict = state / "verdict.json"
    done = subprocess.run(
        command(key, "--verdict", str(verdict)),
        cwd=ROOT, env=environment(state), capture_output=True, text=True, timeout=LONGEST_SECONDS,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(verdict.read_text()) if verdict.exists() else {}
    failed = [check for check in report.get("checks", ()) if not check["holds"]]
    assert (done.returncode, failed) == (0, []), (
        f"{report.get('broke')}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    assert report["holds"]
    assert len(report["checks"]) >= 7
    assert not (state / "drills" / key).exists(), "the servers and their data are gone"


def test_a_drill_that_is_killed_takes_its_servers_with_it(state: Path) -> None:
    drill = subprocess.Popen(
        command("seven_days"), cwd=ROOT, env=environment(state), stdout=subprocess.DEVNULL
    )
    room, pause = Room(state / "drills" / "seven_days" / "run"), threading.Event()
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not {"postgres", "temporal"} <= set(room.processes()):
        assert drill.poll() is None
        assert time.monotonic() < ends_at, f"only {set(room.processes())} came up"
        pause.wait(0.05)
    servers = list(room.processes().values())
    drill.send_signal(signal.SIGKILL)
    drill.wait()
    for each in servers:
        each.wait(PATIENCE_SECONDS)
    assert room.processes() == {}
