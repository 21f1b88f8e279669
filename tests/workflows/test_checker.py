"""The checker on real parts: it sees every journey on all sides, and what is doctored there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import psycopg
import pytest

from settings import Settings
from tests.invariants import LAWS
from tests.servers import Database
from tests.workflows import journeys
from tests.workflows.desk import Desk
from tests.workflows.journeys import Journey

Play = Callable[[Journey], object]

#: Together they touch every table that the checker reads.
VARIED = (
    journeys.approved_automatically,
    journeys.approved_by_the_manager,
    journeys.rejected_by_the_manager,
    journeys.expired_after_seven_days,
    journeys.withdrawn_before_anybody_looked,
    journeys.approved_again_after_the_price_rose,
    journeys.part_accepted_by_the_vendor,
    journeys.ordered_although_the_answer_was_lost,
)


def _check(settings: Settings) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.invariants", "--database-url", settings.database_url]
    command += ["--vendor-url", settings.vendor_url, "--temporal-address", settings.temporal_address]
    return subprocess.run(
        [*command, "--namespace", settings.temporal_namespace], capture_output=True, text=True, check=False
    )


def test_the_checker_sees_all_sides_of_every_journey_and_finds_nothing(desk: Desk, play: Play) -> None:
    for journey in VARIED:
        play(journey)
    checked = _check(desk.settings)
    assert (checked.stdout, checked.returncode) == (
        f"0 breaches of {len(LAWS)} laws in {len(VARIED)} requests, {len(VARIED)} runs, 5 orders\n",
        0,
    )


@pytest.mark.whole
@pytest.mark.parametrize(
    ("doctored", "law"),
    [
        ("UPDATE purchase_order SET external_id = external_id || 'x'", "I20"),
        ("UPDATE request SET status = 'rejected'", "I18"),
        ("DELETE FROM outbox", "I3"),
    ],
)
def test_the_checker_names_what_was_doctored_in_the_database(
    desk: Desk, play: Play, database: Database, doctored: str, law: str
) -> None:
    play(journeys.approved_automatically)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(doctored.encode())
    checked = _check(desk.settings)
    assert checked.returncode == 1
    assert f"{law}  PR-" in checked.stdout or f"{law}  VB-" in checked.stdout
