"""The doors of the product: none opens with settings that make no sense, and each says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from settings import BAD_SETTINGS
from tests.test_settings import PRODUCTION

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "door", ["-m storage.migrate", "-m storage.seed", "worker.py approvals", "-c import+wsgi"]
)
def test_every_door_stays_shut_with_name_and_reason(door: str) -> None:
    command = [sys.executable, *(part.replace("+", " ") for part in door.split())]
    env = {**PRODUCTION, "PATH": os.environ["PATH"], "WEB_PORT": "eight", "SECRET_KEY": ""}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == BAD_SETTINGS
    assert done.stderr.splitlines() == [
        "The settings make no sense:",
        "  SECRET_KEY: is missing",
        "  WEB_PORT: must be a port from 1 to 65535, not 'eight'",
    ]
