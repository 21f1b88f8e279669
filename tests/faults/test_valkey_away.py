"""Without Valkey nothing is bought by itself and no page waits for it; when it is back, all is as before."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from statistics import median

import pytest
import redis

from rules.decision import Why
from rules.flag import FRESH_FOR
from rules.request import Status
from storage.flag_spread import KEY
from storage.request import RequestRow
from tests.faults.pages import Pages
from tests.faults.plant import SLOWER_SECONDS, Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

LOOKS = 8
#: What people open all day, the pages that read flags among them.
PATHS = ("/requests/new", "/requests", "/profile")


def _freeze(plant: Plant) -> Callable[[], None]:
    plant.programs["valkey"].send(signal.SIGSTOP)
    return lambda: plant.programs["valkey"].send(signal.SIGCONT)


def _kill(plant: Plant) -> Callable[[], None]:
    plant.programs["valkey"].kill()
    return lambda: plant.start("valkey")


def _look_around(ana: Pages) -> dict[str, float]:
    """Page -> the median of its seconds."""
    answers = {path: [ana.get(path) for _ in range(LOOKS)] for path in PATHS}
    assert {answer.status_code for some in answers.values() for answer in some} == {200}
    return {path: median(a.elapsed.total_seconds() for a in some) for path, some in answers.items()}


def _submit(plant: Plant, ana: Pages) -> RequestRow:
    """A harmless request, as it stands when nothing more happens by itself."""
    answer = ana.submit(plant.harmless)
    row = plant.row(answer.headers["Location"].rpartition("/")[2])
    plant.await_statuses([row], Status.COMPLETED, Status.AWAITING_DECISION)
    return plant.row(row.number)


@pytest.mark.parametrize("take_away", [_freeze, _kill])
def test_without_valkey_a_person_decides_and_no_page_is_slower(
    plant: Plant, take_away: Callable[[Plant], Callable[[], None]]
) -> None:
    ana = plant.browser_of(plant.company.ana)
    assert _submit(plant, ana).auto_approved
    with_it = _look_around(ana)

    bring_back = take_away(plant)
    without_it = _look_around(ana)
    threading.Event().wait(FRESH_FOR.total_seconds())  # no copy of the flags is fresh any longer after this
    left = _submit(plant, ana)
    assert [q.why for row, q in plant.open_questions() if row.id == left.id] == [Why.REVIEW_IS_OFF]
    assert {path: slow for path, slow in without_it.items() if slow > with_it[path] + SLOWER_SECONDS} == {}

    bring_back()
    plant.await_fresh_flags()
    assert _submit(plant, ana).auto_approved
    plant.check()


def test_an_emptied_valkey_is_filled_again_by_itself_and_the_flags_never_go_back(plant: Plant) -> None:
    ana = plant.browser_of(plant.company.ana)
    revision = plant.desk.flags.revision
    with redis.Redis.from_url(plant.settings.redis_url) as client:
        epoch = client.hget(KEY, "epoch")
        client.flushall()
        plant._await(lambda: client.exists(KEY), bool)
        assert client.hget(KEY, "epoch") != epoch
    plant.await_fresh_flags()
    assert plant.desk.flags.revision >= revision
    assert _submit(plant, ana).auto_approved
    plant.check()
