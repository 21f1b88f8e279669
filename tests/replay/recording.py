"""Plays each journey and keeps its history as it was recorded. Not collected by itself: see record.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.loop import ThreadRunner
from tests.workflows.conftest import desk as desk
from tests.workflows.desk import Desk
from tests.workflows.journeys import JOURNEYS

HISTORIES = Path(__file__).parent / "histories"


@pytest.mark.parametrize("name", JOURNEYS)
def test_record(name: str, desk: Desk, runner: ThreadRunner) -> None:
    async def play_and_fetch() -> str:
        row = await JOURNEYS[name](desk)
        history = await desk.handle(row).fetch_history()
        return history.to_json()

    recorded = runner.run(play_and_fetch())
    assert '"EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"' in recorded
    kept = json.dumps(without_machine(json.loads(recorded)), indent=1, sort_keys=True)
    (HISTORIES / f"{name}.json").write_text(kept + "\n")


def without_machine(value: Any) -> Any:
    """The history without what names the machine it was recorded on; replay reads none of it."""
    match value:
        case dict():
            blanks = {"stackTrace": "", "identity": "recorder"}
            return {key: blanks.get(key, without_machine(entry)) for key, entry in value.items()}
        case list():
            return [without_machine(entry) for entry in value]
        case _:
            return value
