"""Answers that come with the deadline: somebody wins, and both stores and everybody else name the same winner."""

from __future__ import annotations

import asyncio
import random
import secrets
from datetime import timedelta

import pytest

from rules.decision import DECISION_TIME
from rules.errors import AlreadyDecided
from rules.request import Status
from storage.request import RequestRow
from tests.faults.plant import Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

REQUESTS = 10


async def _race(plant: Plant, row: RequestRow, chance: random.Random) -> str:
    """Let the deadline come and Bruno approve at about the same moment; what Bruno was told."""
    time_passes = asyncio.create_task(plant.desk.pass_time(row, DECISION_TIME + timedelta(minutes=1)))
    while not time_passes.done() and chance.random() < 0.9:
        await asyncio.sleep(0.02)
    try:
        await asyncio.to_thread(plant.desk.answer, row, "approve")
    except AlreadyDecided as refusal:
        return refusal.message
    finally:
        await time_passes
    return "approved"


def test_an_answer_at_the_deadline_or_the_deadline_wins_and_both_stores_name_it(plant: Plant) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311  (a repeatable chance is wanted)
    dear = plant.dear
    rows = [plant.submit(dear) for _ in range(REQUESTS)]
    plant.await_statuses(rows, Status.AWAITING_DECISION)

    async def race_all() -> list[str]:
        return list(await asyncio.gather(*(_race(plant, row, chance) for row in rows)))

    told = plant.runner.run(race_all())
    ends = plant.await_statuses(rows)
    for row, words in zip(rows, told, strict=True):
        assert ends[row.id] is (Status.COMPLETED if words == "approved" else Status.EXPIRED)
        assert words == "approved" or words.startswith("Already expired by the system at")
    plant.check()
