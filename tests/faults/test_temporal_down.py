"""While Temporal is dead people submit and decide as if it were not; when it is back, all of it happens, once."""

from __future__ import annotations

from statistics import median

import pytest
import requests as http

from rules.request import Status
from storage.request import RequestRow
from tests.faults.pages import Pages
from tests.faults.plant import SLOWER_SECONDS, Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SUBMITS = 12


def _numbers(answers: list[http.Response]) -> list[str]:
    return [answer.headers["Location"].rpartition("/")[2] for answer in answers]


def _submit_by_turns(plant: Plant, ana: Pages, count: int) -> list[http.Response]:
    """Harmless requests and such that need the manager, by turns."""
    articles = plant.harmless, plant.dear
    return [ana.submit(articles[number % 2]) for number in range(count)]


def _seconds(answers: list[http.Response]) -> float:
    return median(answer.elapsed.total_seconds() for answer in answers)


def test_people_submit_and_decide_while_temporal_is_dead_and_all_is_finished_afterwards(plant: Plant) -> None:
    ana, bruno = plant.browser_of(plant.company.ana), plant.browser_of(plant.company.bruno)
    before = _submit_by_turns(plant, ana, SUBMITS)
    rows = [plant.row(number) for number in _numbers(before)]
    harmless, dear = rows[::2], rows[1::2]
    plant.await_statuses(harmless, Status.COMPLETED)
    plant.await_statuses(dear, Status.AWAITING_DECISION)

    plant.programs["temporal"].kill()
    during = _submit_by_turns(plant, ana, SUBMITS)
    asked = {row.id: question for row, question in plant.open_questions()}
    choices = [("approve", "reject")[number % 2] for number in range(len(dear))]
    decided = [bruno.decide(row, asked[row.id], choice) for row, choice in zip(dear, choices, strict=True)]
    assert {answer.status_code for answer in during + decided} == {303}
    assert _seconds(during) < _seconds(before) + SLOWER_SECONDS

    plant.start("temporal")
    _all_is_finished(plant, dear, choices, [plant.row(number) for number in _numbers(during)])


def _all_is_finished(
    plant: Plant, decided: list[RequestRow], choices: list[str], submitted: list[RequestRow]
) -> None:
    ends = plant.await_statuses(decided)
    wanted = {"approve": Status.COMPLETED, "reject": Status.REJECTED}
    assert [ends[row.id] for row in decided] == [wanted[choice] for choice in choices]
    plant.await_statuses(submitted[::2], Status.COMPLETED)
    plant.await_statuses(submitted[1::2], Status.AWAITING_DECISION)
    plant.check()
