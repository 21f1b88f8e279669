"""Recorded runs of every published case of a process replay with the code as it is, whatever the seed of its hashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.process_cases import file_name, published
from tests.workflows.process_moves import MOVES

HISTORIES = Path(__file__).parent / "processes"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", ["0", pytest.param("20261121", marks=pytest.mark.whole)])
def test_every_recorded_run_of_a_process_replays_whatever_the_seed_of_hashes(seed: str) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "workflows.replay", str(HISTORIES), "--json"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert json.loads(said.stdout.splitlines()[-1]) == {"count": len(expected()), "failures": []}


def test_every_published_case_has_a_recorded_run() -> None:
    recorded = sorted(path.stem for path in HISTORIES.glob("*.json"))
    assert recorded == expected()


def expected() -> list[str]:
    """The names of all that is recorded: the published cases, and runs that were to be moved to another version."""
    return sorted([*(file_name(case) for case in published()), *MOVES])
