"""`python -m local.drills`: lists the drills; `run KEY|all [--quick]` does them. Knows the command line only.

python -m local.drills                                   which drills there are
python -m local.drills run KEY|all [--quick] [--verdict FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from local.drills.catalogue import DRILLS, LONG, QUICK, Drill, Pace, drill_of
from local.drills.stage import StageBroke, open_stage
from local.drills.story import Face, Story, to_report
from local.drills.terminal import Terminal
from local.plan import Plan


def stories_folder(given: Mapping[str, str]) -> Path:
    """Where stories are kept: `drills/stories` in the folder of everything that lasts."""
    return Plan(given).state / "drills" / "stories"


async def play(drill: Drill, pace: Pace, path: Path, faces: tuple[Face, ...]) -> dict[str, object]:
    """Do one drill on a stage of its own and tell it; returns the report of its verdict."""
    story = Story(path, faces, pace.words_per_minute)
    story.open(drill.key, drill.title, drill.question, pace.name)
    try:
        with open_stage(drill.key) as stage:
            verdict = await drill.run(story, stage, pace)
    except StageBroke as broke:
        story.broke(str(broke))
        return {"drill": drill.key, "pace": pace.name, "holds": False, "checks": [], "broke": str(broke)}
    story.verdict(verdict)
    return to_report(drill.key, pace.name, verdict)


def run(keys: list[str], pace: Pace, verdict: Path | None) -> int:
    """Do these drills one after the other; 0 only if every verdict holds."""
    folder = stories_folder(os.environ)
    reports = []
    for key in keys:
        path = folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{key}-{pace.name}.jsonl"
        reports.append(asyncio.run(play(drill_of(key), pace, path, (Terminal().show,))))
    if verdict is not None:
        verdict.write_text(json.dumps(reports[0] if len(reports) == 1 else reports), encoding="utf-8")
    return 0 if all(report["holds"] for report in reports) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.drills", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    runs = commands.add_parser("run", help="do a drill")
    runs.add_argument("key", choices=[*(drill.key for drill in DRILLS), "all"])
    runs.add_argument("--quick", action="store_true", help="half a minute, for tests; else five minutes")
    runs.add_argument("--verdict", type=Path, help="write the verdict there, as JSON")
    return parser


def main() -> int:
    """The command line: see the top of this file."""
    given = _parser().parse_args()
    if given.command == "run":
        keys = [drill.key for drill in DRILLS] if given.key == "all" else [given.key]
        return run(keys, QUICK if given.quick else LONG, given.verdict)
    for drill in DRILLS:
        print(f"{drill.key:12} {drill.question}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
