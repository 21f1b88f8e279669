"""Replays histories from a folder with the code as it lies here: `python -m workflows.replay FOLDER [--json]`.

The one module of this room that reads files: it is a program for the gate and for a pipeline, not part of a workflow.
Exit codes: 0 all replay, 1 some do not, 2 there are none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from pathlib import Path

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.worker import Replayer

from rules.gate import LONGEST_REASON, MOST_FAILURES, ReplayFailure
from workflows import registry

#: The core wraps what went wrong in words of its own.
_MESSAGE = re.compile(r'message: "((?:[^"\\]|\\.)*)"')


async def replay(paths: Sequence[Path]) -> list[ReplayFailure]:
    """The histories of these files that do not replay; a file's name is its workflow's id."""
    histories = [WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8")) for path in paths]
    failed = await _failed(histories)
    found: list[ReplayFailure] = []
    for history in histories:
        if history.workflow_id in failed:
            event = await _where(history) if len(found) < MOST_FAILURES else 0
            found.append(ReplayFailure(history.workflow_id, event, _reason(failed[history.workflow_id])))
    return found


async def _failed(histories: Sequence[WorkflowHistory]) -> dict[str, str]:
    """Workflow id -> the error, of those that do not replay."""
    known = [*registry.APPROVALS, *registry.TRIALS, *registry.CONTROL]  # a folder may hold any of ours
    replayer = Replayer(workflows=known, workflow_runner=registry.fast())

    async def each_history() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    async with replayer.workflow_replay_iterator(each_history()) as results:
        return {
            each.history.workflow_id: str(each.replay_failure)
            async for each in results
            if each.replay_failure is not None
        }


async def _where(history: WorkflowHistory) -> int:
    """The number of the event after which code and history go apart: the end of the first task that fails.

    The errors rarely name it, so it is searched for: by replaying ever shorter beginnings.
    """
    scheduled = EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED
    ends = [at for at, event in enumerate(history.events) if event.event_type == scheduled and at > 1]
    ends.append(len(history.events))
    first, last = 0, len(ends) - 1
    while first < last:
        middle = (first + last) // 2
        if await _failed([WorkflowHistory(history.workflow_id, history.events[: ends[middle]])]):
            last = middle
        else:
            first = middle + 1
    completed = [
        event.event_id
        for event in history.events[: ends[first]]
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
    ]
    return completed[-1] if completed else 1


def _reason(message: str) -> str:
    inner = _MESSAGE.search(message)
    plain = inner[1].replace("\\n", " ").replace('\\"', '"') if inner else message
    return " ".join(plain.split())[:LONGEST_REASON]


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay every .json file of a folder and say which do not replay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    given = parser.parse_args(arguments)
    # The core would repeat every failure in its own words.
    logging = LoggingConfig(filter=TelemetryFilter(core_level="ERROR", other_level="ERROR"))
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=logging)))
    paths = sorted(given.folder.glob("*.json"))
    failures = asyncio.run(replay(paths)) if paths else []
    if given.json:
        print(json.dumps({"count": len(paths), "failures": [asdict(each) for each in failures]}))
    else:
        for each in failures:
            print(f"{each.workflow_id}: {each.reason}")
        print(f"{len(paths) - len(failures)} of {len(paths)} histories replay")
    if not paths:
        return 2
    return 1 if failures else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # as gateways/temporal.py's `leave`, which a workflow may not import
