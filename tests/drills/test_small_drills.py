"""The drills on the lifecycle, each played quickly as a process with a server and workers of its own, its verdict read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.drills.catalogue import drill_of
from local.drills.stories import State, Stories
from local.program import ROOT

pytestmark = pytest.mark.whole

#: Half a minute where nothing else runs; side by side on a busy machine a few times as long.
LONGEST_SECONDS = 280


@pytest.mark.timeout(LONGEST_SECONDS + 20)
@pytest.mark.flaky(reruns=1)
@pytest.mark.parametrize("key", ["replay", "coexistence", "versions", "retries", "scale"])
def test_a_drill_shows_what_it_claims_and_keeps_its_story(key: str, tmp_path: Path) -> None:
    verdict = tmp_path / "verdict.json"
    done = subprocess.run(
        [sys.executable, "-m", "local.drills", "run", key, "--quick", "--verdict", str(verdict)],
        cwd=ROOT,
        env={**os.environ, "VISTOBUENO_STATE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
    )
    said = f"{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
    assert verdict.exists(), said
    report = json.loads(verdict.read_text())
    assert [check for check in report["checks"] if not check["holds"]] == [], said
    assert (done.returncode, report["drill"], report["holds"]) == (0, key, True)
    assert len(report["checks"]) >= 5
    [told] = Stories(tmp_path / "drills" / "stories").all()
    assert (told.opened.title, told.state) == (drill_of(key).title, State.HOLDS)
    assert "\x1b" not in done.stdout, "without a terminal it is plain text"
    assert not (tmp_path / "drills" / key).exists(), "the server and its data are gone"
