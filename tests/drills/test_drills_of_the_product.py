"""The drills on the product's own stack: each is played quickly, with real servers and workers, and its verdict read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from local.program import PATIENCE_SECONDS, ROOT
from local.room import Room
from tests.conftest import FOLDER

pytestmark = pytest.mark.whole

#: Half a minute where nothing else runs; several of them side by side on a busy machine take a few times as long.
LONGEST_SECONDS = 240


@pytest.fixture
def state() -> Path:
    """A folder of this test's own for all that a drill keeps, which Postgres may reach as another user."""
    folder = Path(os.environ[FOLDER]) / "drills-of-tests" / uuid4().hex
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
    drill = subprocess.Popen(
        command(key, "--verdict", str(verdict)),
        cwd=ROOT, env=environment(state), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        said, _ = drill.communicate(timeout=LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        drill.terminate()  # so that it tells how far it came
        said, _ = drill.communicate(timeout=PATIENCE_SECONDS)
    report: dict[str, Any] = json.loads(verdict.read_text()) if verdict.exists() else {}
    failed = [check for check in report.get("checks", ()) if not check["holds"]]
    assert (drill.returncode, failed) == (0, []), f"{report.get('broke')}\n{said[-4000:]}"
    assert report["holds"]
    assert len(report["checks"]) >= 7
    assert not (state / "drills" / key).exists(), "the servers and their data are gone"


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for it."""
    pause, ends_at = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < ends_at, f"waited in vain until {what}"
        pause.wait(0.05)


def until_up(drill: subprocess.Popen[str], room: Room) -> list[psutil.Process]:
    """Wait until the servers of a drill run; their processes."""
    until(
        lambda: drill.poll() is not None or {"postgres", "temporal"} <= set(room.processes()), "servers run"
    )
    assert drill.poll() is None
    return list(room.processes().values())


def test_a_drill_that_is_killed_takes_its_servers_with_it(state: Path) -> None:
    drill = subprocess.Popen(
        command("seven_days"), cwd=ROOT, env=environment(state), stdout=subprocess.DEVNULL, text=True
    )
    room = Room(state / "drills" / "seven_days" / "run")
    servers = until_up(drill, room)
    drill.send_signal(signal.SIGKILL)
    drill.wait()
    _, left = psutil.wait_procs(servers, PATIENCE_SECONDS)
    assert left == []
    until(lambda: room.processes() == {}, "all of its parts have ended")


def test_a_drill_that_is_ended_early_leaves_nothing_and_says_so(state: Path) -> None:
    drill = subprocess.Popen(
        command("seven_days"), cwd=ROOT, env=environment(state), stdout=subprocess.PIPE, text=True
    )
    room = Room(state / "drills" / "seven_days" / "run")
    servers = until_up(drill, room)
    drill.send_signal(signal.SIGTERM)
    said, _ = drill.communicate(timeout=PATIENCE_SECONDS)
    assert drill.returncode == 130
    assert "It was ended before its end." in said
    assert not any(each.is_running() for each in servers)
    assert not (state / "drills" / "seven_days").exists()
