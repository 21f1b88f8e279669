"""What a return reports when it took more than one attempt."""

from __future__ import annotations

from activities.emergency_return import ReturnReport

EARLIER = {
    "changed": "ramp ended", "routed_ms": 210, "verified_ms": 480,
    "route_changed_at": "2026-11-21T12:00:00+00:00",
}  # fmt: skip


def test_an_attempt_that_found_the_route_so_keeps_what_the_one_before_changed() -> None:
    report = ReturnReport("two", routed_ms=12, verified_ms=30, route_changed_at="2026-11-21T12:00:00+00:00")
    report.keep_route_of(EARLIER)
    assert (report.changed, report.routed_ms, report.verified_ms) == ("ramp ended", 210, 480)


def test_an_attempt_that_changed_the_route_itself_tells_its_own_times() -> None:
    report = ReturnReport("two", changed="current set", routed_ms=12, verified_ms=30)
    report.keep_route_of(EARLIER)
    assert (report.changed, report.routed_ms, report.verified_ms) == ("current set", 12, 30)


def test_a_first_attempt_has_nothing_to_keep() -> None:
    report = ReturnReport("two", routed_ms=12)
    report.keep_route_of({})
    assert (report.changed, report.routed_ms) == ("", 12)
