"""Builds as the server routes them: the first becomes current by itself, everything later only on purpose."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateways import temporal_builds, temporal_pollers
from gateways.temporal_builds import RouteChanged, RouteRefused, UnknownBuild
from gateways.temporal_pollers import QUEUES, QueueRoute
from rules.build import BuildState
from rules.errors import Invalid
from rules.request import Status
from tests.builds.yard import Yard

pytestmark = pytest.mark.whole


def test_the_first_build_becomes_current_by_itself_and_the_second_does_not(yard: Yard) -> None:
    row = yard.desk.submit()
    yard.start_build("one")
    yard.await_current("one")
    yard.await_status(row, Status.COMPLETED)
    yard.start_build("two")
    found = yard.await_build("two", BuildState.INACTIVE)
    assert found.route.current == "one"
    assert found.route.ramping is None
    assert [each.build_id for each in found.builds] == ["two", "one"]
    assert found.build("one").state is BuildState.CURRENT
    with pytest.raises(UnknownBuild):
        found.build("three")


def test_a_share_is_set_and_ended_and_every_queue_goes_by_it(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two")
    yard.await_build("two")
    client = yard.client
    route = yard.run(temporal_builds.set_ramping(client, "two", Decimal("0.1")))
    assert (route.current, route.ramping, route.percent) == ("one", "two", Decimal("0.1"))
    wanted = QueueRoute("one", "two", Decimal("0.1"))
    assert yard.run(temporal_pollers.await_route(client, wanted, 20)) == []
    route = yard.run(temporal_builds.end_ramp(client))
    assert (route.current, route.ramping, route.percent) == ("one", None, Decimal(0))
    route = yard.run(temporal_builds.set_current(client, "two"))
    assert route.current == "two"
    assert yard.run(temporal_pollers.await_route(client, QueueRoute("two", None, Decimal(0)), 20)) == []


def test_what_makes_no_sense_changes_no_route(yard: Yard) -> None:
    yard.start_build("one")
    before = yard.await_current("one").route
    client = yard.client
    for percent in (Decimal("NaN"), Decimal("Infinity"), Decimal(-1), Decimal(101), Decimal("0.05")):
        with pytest.raises(Invalid):
            yard.run(temporal_builds.set_ramping(client, "one", percent))
    for build_id in ("", "no dot.", "x" * 64):
        with pytest.raises(Invalid):
            yard.run(temporal_builds.set_ramping(client, build_id, Decimal(10)))
        with pytest.raises(Invalid):
            yard.run(temporal_builds.set_current(client, build_id))
    with pytest.raises(UnknownBuild):
        yard.run(temporal_builds.set_current(client, "never-seen"))
    with pytest.raises(UnknownBuild):
        yard.run(temporal_builds.set_ramping(client, "never-seen", Decimal(10)))
    with pytest.raises(RouteRefused):
        yard.run(temporal_builds.set_ramping(client, "one", Decimal(10)))
    assert yard.deployment().route == before


def test_of_two_people_who_change_the_same_route_the_second_is_told(yard: Yard) -> None:
    yard.start_build("one")
    yard.await_current("one")
    yard.start_build("two")
    read = yard.await_build("two").route
    yard.run(temporal_builds.set_ramping(yard.client, "two", Decimal(10), read.token))
    with pytest.raises(RouteChanged):
        yard.run(temporal_builds.set_ramping(yard.client, "two", Decimal(50), read.token))
    assert yard.deployment().route.percent == Decimal(10)


def test_a_living_build_gives_signs_of_life_and_a_killed_one_does_not(yard: Yard) -> None:
    program = yard.start_build("one")
    yard.await_current("one")
    yard.until(
        lambda: temporal_pollers.last_polls(yard.run(temporal_pollers.pollers(yard.client)), "one"),
        lambda polls: all(polls.values()),
    )
    assert yard.run(temporal_pollers.await_life(yard.client, "one", 20))
    program.kill()
    assert not yard.run(temporal_pollers.await_life(yard.client, "one"))
    assert not yard.run(temporal_pollers.await_life(yard.client, "never-seen"))
    row = yard.desk.submit()
    waiting = yard.until(
        lambda: yard.run(temporal_pollers.backlogs(yard.client, "one")),
        lambda backlogs: any(each.count for each in backlogs),
    )
    assert {each.queue for each in waiting} == set(QUEUES)
    program.start()
    yard.await_status(row, Status.COMPLETED)
