"""Who counts as alive where a server keeps no heartbeats: polls that are new, whatever clock they were dated by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from activities.build import PollBook
from gateways.temporal_pollers import QUEUES, Poller
from rules.build import POLLED_WITHIN, polled_until

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
#: Temporal's clock goes so wrong.
AHEAD, BEHIND = timedelta(minutes=10), -timedelta(minutes=10)


def polls(build_id: str, at: datetime) -> tuple[Poller, ...]:
    return tuple(Poller(queue, build_id, "worker", at) for queue in QUEUES)


def test_a_new_poll_is_a_sign_of_life_now_however_wrong_its_date() -> None:
    for shift in (AHEAD, BEHIND):
        book = PollBook()
        book.note(["one"], polls("one", NOW + shift), NOW)
        seen = book.note(["one"], polls("one", NOW + shift + SECOND), NOW + SECOND)
        assert polled_until(seen["one"]) == NOW + SECOND + POLLED_WITHIN


def test_the_same_poll_seen_again_is_no_new_sign_of_life() -> None:
    book = PollBook()
    book.note(["one"], (), NOW)
    for later in range(1, 200):
        seen = book.note(["one"], polls("one", NOW + AHEAD), NOW + later * SECOND)
        assert polled_until(seen["one"]) == NOW + SECOND + POLLED_WITHIN


def test_what_the_server_remembers_at_the_first_look_may_be_minutes_old() -> None:
    assert polled_until(PollBook().note(["one"], polls("one", NOW), NOW)["one"]) is None


def test_a_build_that_comes_later_lives_from_its_first_poll() -> None:
    book = PollBook()
    book.note([], (), NOW)
    seen = book.note(["two"], polls("two", NOW + BEHIND), NOW + SECOND)
    assert polled_until(seen["two"]) == NOW + SECOND + POLLED_WITHIN


def test_a_queue_that_nobody_asks_keeps_a_build_dead() -> None:
    book = PollBook()
    book.note([], (), NOW)
    assert polled_until(book.note(["two"], polls("two", NOW)[:1], NOW + SECOND)["two"]) is None
