"""Workers that are killed at any moment lose no request and order nothing twice."""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from rules.request import Status
from storage.request import RequestRow
from tests.faults.plant import Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

KILLS = 6
REQUESTS = 200
#: How much a worker may do between two kills, in audit entries; a request makes five to seven.
LONGEST_LIFE = 60


@contextmanager
def _manager_answers(plant: Plant, chance: random.Random) -> Iterator[None]:
    """Bruno answers whatever he is asked, as long as the block runs."""
    over = threading.Event()
    failed: list[Exception] = []

    def answer_all() -> None:
        try:
            while not over.wait(0.15):
                for row, _ in plant.open_questions():
                    plant.desk.answer(row, chance.choice(["approve", "reject"]), "As I see it.")
        except Exception as error:
            failed.append(error)
            raise

    manager = threading.Thread(target=answer_all)
    manager.start()
    try:
        yield
    finally:
        over.set()
        manager.join()
    assert failed == []


def _submit_by_turns(plant: Plant, count: int) -> list[RequestRow]:
    """Harmless requests and such that need the manager, by turns."""
    articles = plant.harmless, plant.dear
    return [plant.submit(articles[number % 2]) for number in range(count)]


def test_a_worker_killed_at_random_moments_loses_nothing_and_orders_nothing_twice(plant: Plant) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311  (a repeatable chance is wanted)
    worker = plant.programs["approvals"]
    rows: list[RequestRow] = []
    with _manager_answers(plant, chance):
        for _ in range(KILLS):
            rows += _submit_by_turns(plant, REQUESTS // (KILLS + 1))
            plant.await_work(chance.randint(1, LONGEST_LIFE))
            worker.kill()
            worker.start()
        rows += _submit_by_turns(plant, REQUESTS - len(rows))
        ended = plant.await_ends(rows)
    assert len(ended) == REQUESTS
    assert set(ended.values()) <= {Status.COMPLETED, Status.REJECTED}
    assert all(ended[row.id] is Status.COMPLETED for row in rows[::2]), "the harmless ones need nobody"
    plant.check()


def test_a_worker_killed_when_the_vendor_has_just_taken_its_orders_orders_nothing_again(plant: Plant) -> None:
    worker, article = plant.programs["approvals"], plant.harmless
    plant.desk.fault("slow", count=5, seconds=30)
    rows = [plant.submit(article) for _ in range(5)]
    plant.await_ledger(rows)
    worker.kill()
    plant.restore()
    assert set(plant.await_ends(rows).values()) == {Status.COMPLETED}
    assert [len(plant.desk.ledger(row)) for row in rows] == [1] * len(rows)
    plant.check()


def test_a_worker_killed_before_the_vendor_took_its_orders_orders_once(plant: Plant) -> None:
    worker, article = plant.programs["approvals"], plant.harmless
    plant.desk.fault("hang", count=5, seconds=30)
    rows = [plant.submit(article) for _ in range(5)]
    plant.await_faults_shown()
    worker.kill()
    plant.restore()
    plant.await_statuses(rows, Status.ORDER_UNKNOWN)
    assert [len(plant.desk.ledger(row)) for row in rows] == [0] * len(rows)
    assert set(plant.await_ends(rows).values()) == {Status.COMPLETED}
    assert [len(plant.desk.ledger(row)) for row in rows] == [1] * len(rows)
    plant.check()
