"""Apps that are started before the servers they need wait for them, and then work."""

from __future__ import annotations

import pytest

from tests.faults.plant import APPS, Plant

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

NEEDED = ("postgres", "valkey", "temporal")


def test_apps_that_find_no_server_wait_for_all_of_them(plant: Plant) -> None:
    for name in APPS:
        plant.programs[name].end()
    for name in NEEDED:
        plant.programs[name].kill()
    for name in APPS:
        plant.programs[name].start()
    plant.programs["approvals"].wait_for_words("Temporal does not answer yet")
    plant.programs["control"].wait_for_words("a store is away")
    plant.start(*NEEDED)
    for name in APPS:
        plant.await_ready(name)
    plant.await_fresh_flags()
    answer = plant.browser_of(plant.company.ana).submit(plant.harmless)
    row = plant.row(answer.headers["Location"].rpartition("/")[2])
    plant.await_statuses([row])
    assert plant.row(row.number).auto_approved
    plant.check()
