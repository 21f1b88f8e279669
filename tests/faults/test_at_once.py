"""What people do at the same instant has one effect, and everybody is told the same story."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import TypeVar

import pytest

from rules.request import Status
from storage.decision import DecisionRow
from storage.request import RequestRow
from tests.faults.plant import Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

T = TypeVar("T")
CONNECTIONS = 6
ROUNDS = 5


def _at_once(acts: Sequence[Callable[[], T]]) -> list[T]:
    """What each act gives; all begin at the same instant, each on a thread of its own."""
    start = Barrier(len(acts))

    def begin(act: Callable[[], T]) -> T:
        start.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(begin, acts))


def _waiting(plant: Plant, count: int) -> list[tuple[RequestRow, DecisionRow]]:
    """Requests that wait for Bruno."""
    dear = plant.dear
    rows = [plant.submit(dear) for _ in range(count)]
    plant.await_statuses(rows, Status.AWAITING_DECISION)
    asked = {row.id: question for row, question in plant.open_questions()}
    return [(row, asked[row.id]) for row in rows]


def test_one_form_sent_over_many_connections_makes_one_request(plant: Plant) -> None:
    ana, article = plant.browser_of(plant.company.ana), plant.harmless
    for number in range(ROUNDS):
        key = f"one-form-on-many-connections-{number}"
        browsers = [ana.twin() for _ in range(CONNECTIONS)]
        answers = _at_once([partial(browser.submit, article, key) for browser in browsers])
        assert {answer.status_code for answer in answers} == {303}
        assert len({answer.headers["Location"] for answer in answers}) == 1
    plant.check()


def test_two_forms_under_one_key_make_one_request_and_the_other_is_refused(plant: Plant) -> None:
    ana, article = plant.browser_of(plant.company.ana), plant.harmless
    for number in range(ROUNDS):
        key = f"two-forms-under-one-key-{number}"
        acts = [partial(ana.twin().submit, article, key, reason) for reason in ("for me", "for you")]
        assert sorted(answer.status_code for answer in _at_once(acts)) == [303, 422]
    plant.check()


def test_one_answer_sent_over_many_connections_counts_once(plant: Plant) -> None:
    bruno = plant.browser_of(plant.company.bruno)
    for row, question in _waiting(plant, ROUNDS):
        browsers = [bruno.twin() for _ in range(CONNECTIONS)]
        answers = _at_once([partial(browser.decide, row, question, "approve") for browser in browsers])
        assert {answer.status_code for answer in answers} == {303}
    plant.check()


def test_of_approve_and_reject_at_the_same_instant_one_wins_and_the_other_is_told_who(plant: Plant) -> None:
    bruno = plant.browser_of(plant.company.bruno)
    waiting = _waiting(plant, ROUNDS)
    for row, question in waiting:
        acts = [partial(bruno.twin().decide, row, question, choice) for choice in ("approve", "reject")]
        answers = _at_once(acts)
        assert sorted(answer.status_code for answer in answers) == [303, 409]
        told = next(answer.text for answer in answers if answer.status_code == 409)
        assert "by Bruno Blanco" in told
    plant.await_statuses([row for row, _ in waiting])
    plant.check()
