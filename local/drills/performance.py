"""Does drills from beginning to end: a stage, a story, faces, and a verdict for whoever reads it. Knows no drill."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.drills.catalogue import Drill, Pace, drill_of
from local.drills.stage import StageBroke, open_stage
from local.drills.stories import Stories, stories_folder
from local.drills.story import Face, Story, Table, to_report
from local.drills.terminal import Terminal


async def perform(drill: Drill, pace: Pace, path: Path, faces: Sequence[Face]) -> dict[str, Any]:
    """Do one drill on a stage of its own and tell it; returns the report of its verdict."""
    story = Story(path, faces, pace.words_per_minute)
    story.open(drill.key, drill.title, drill.question, pace.name)
    try:
        with open_stage(drill.key) as stage:
            verdict = await drill.run(story, stage, pace)
    except StageBroke as broke:
        story.broke(str(broke))
        return {"drill": drill.key, "pace": pace.name, "holds": False, "checks": [], "broke": str(broke)}
    except (KeyboardInterrupt, asyncio.CancelledError):
        story.broke("It was ended before its end.")
        raise
    except Exception as error:  # whoever reads the story elsewhere must learn of it, too
        story.broke(f"{type(error).__name__}: {error}")
        raise
    story.verdict(verdict)
    return to_report(drill.key, pace.name, verdict)


def run(keys: Sequence[str], pace: Pace, verdict: Path | None, story: Path | None) -> int:
    """Do these drills one after the other in this terminal; 0 only if every verdict holds."""
    reports = []
    for key in keys:
        drill = drill_of(key)
        path = story or Stories(stories_folder(os.environ)).new(drill, pace)
        try:
            reports.append(asyncio.run(perform(drill, pace, path, [Terminal().show])))
        except KeyboardInterrupt:
            return 130
    if len(reports) > 1:
        Terminal().show(_summary(reports))
    if verdict is not None:
        verdict.write_text(json.dumps(reports[0] if len(reports) == 1 else reports), encoding="utf-8")
    return 0 if all(report["holds"] for report in reports) else 1


def _summary(reports: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (report["drill"], "holds" if report["holds"] else "does not hold", str(len(report["checks"])))
        for report in reports
    ]
    return Table(0, "All drills", ("drill", "verdict", "checks"), tuple(rows))
