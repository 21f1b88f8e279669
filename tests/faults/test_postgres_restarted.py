"""Postgres restarted underneath everything: what was acknowledged stays, the rest is said to be unknown, all goes on."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from rules.request import Status
from tests.faults.pages import Pages
from tests.faults.plant import Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

BROWSERS = 4


def _submit_until(plant: Plant, ana: Pages, over: threading.Event) -> list[str]:
    """Submit one request after the other; each until it is taken, under one key. Their numbers."""
    article, numbers = plant.harmless, []
    while not over.is_set():
        answer = ana.submit(article)
        assert answer.status_code == 303
        numbers.append(answer.headers["Location"].rpartition("/")[2])
    return numbers


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["asked to end", "crashed"])
def test_requests_go_on_through_a_restart_of_postgres(plant: Plant, number: signal.Signals) -> None:
    over, database = threading.Event(), plant.programs["postgres"]
    with ThreadPoolExecutor(BROWSERS) as people:
        browsers = [plant.browser_of(plant.company.ana) for _ in range(BROWSERS)]
        submitting = [people.submit(_submit_until, plant, ana, over) for ana in browsers]
        try:
            plant.await_work(30)
            database.kill(number)
            database.start()
            plant.await_ready("postgres")
            plant.await_work(30)
        finally:
            over.set()
        numbers = [number for each in submitting for number in each.result()]
    rows = [plant.row(number) for number in numbers]
    # A review that could not be stored three times, seconds apart, is left to a person.
    ends = plant.await_ends(rows, Status.AWAITING_DECISION)
    assert len(ends) == len(numbers)
    assert set(ends.values()) <= {Status.COMPLETED, Status.AWAITING_DECISION}
    plant.check()


def test_the_first_click_after_a_restart_of_postgres_shows_no_error(plant: Plant) -> None:
    ana, database = plant.browser_of(plant.company.ana), plant.programs["postgres"]
    for _ in range(8):  # every process of the web server has connections of its own
        assert ana.twin().get("/requests").status_code == 200
    database.kill(signal.SIGINT)
    database.start()
    plant.await_ready("postgres")
    assert [ana.twin().get("/requests").status_code for _ in range(8)] == [200] * 8
