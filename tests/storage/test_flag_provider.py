"""Flags through OpenFeature: the same answers as the copy's, its reasons and events in OpenFeature's words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, Reason
from redis import Redis

from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Flag, Kind, Level, Setting
from storage import flag_provider
from storage.flag import Snapshot
from storage.flag_copy import FlagCopy, connect
from storage.flag_provider import FlagProvider
from storage.flag_spread import publish
from tests.storage.test_flag_copy import NOW, PATIENCE_SECONDS, Clock

ANA = EvaluationContext("ana", {"department": "marketing"})
PAGE_SIZE = Flag("page-size", "Rows on a page", Kind.NUMBER, default=20)
LAYOUT = Flag("layout", "Where things stand", Kind.JSON, default={"columns": 2})


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    client = connect(redis_url)
    yield client
    client.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def copy(redis_url: str, clock: Clock) -> Iterator[FlagCopy]:
    copy = FlagCopy(redis_url, clock)
    yield copy
    copy.stop()


@pytest.fixture
def asker(copy: FlagCopy, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenFeatureClient]:
    """OpenFeature's client; two more flags exist, so that every type is asked for."""
    known = {flag.key: flag for flag in (AUTOMATED_REVIEW, REVIEW_STRICTNESS, PAGE_SIZE, LAYOUT)}
    monkeypatch.setattr(flag_provider, "FLAGS", known)
    api.set_provider_and_wait(FlagProvider(copy), "flags")
    yield api.get_client("flags")
    api.shutdown()
    api.clear_providers()


def _set(
    client: Redis, copy: FlagCopy, one: Flag, value: Any, level: Level = Level.EVERYONE, of: str = ""
) -> None:
    publish(client, Snapshot(copy.revision + 1, {(one.key, level, of): Setting(value)}, NOW))
    assert copy.refresh()


@pytest.mark.parametrize(
    ("level", "subject", "reason"),
    [
        (Level.PERSON, "ana", Reason.TARGETING_MATCH),
        (Level.DEPARTMENT, "marketing", Reason.TARGETING_MATCH),
        (Level.EVERYONE, "", Reason.STATIC),
        (Level.PERSON, "bruno", Reason.DEFAULT),
        (Level.DEPARTMENT, "it", Reason.DEFAULT),
    ],
)
def test_the_targeting_key_is_the_person_and_an_attribute_the_department(
    level: Level, subject: str, reason: Reason, asker: OpenFeatureClient, copy: FlagCopy, client: Redis
) -> None:
    _set(client, copy, AUTOMATED_REVIEW, True, level, subject)
    details = asker.get_boolean_details("automated-review", True, ANA)
    is_theirs = reason is not Reason.DEFAULT
    assert (details.value, details.reason, details.error_code) == (is_theirs, reason, None)
    assert details.variant == ("on" if is_theirs else "off")
    assert details.flag_metadata["revision"] == 1


def test_every_type_can_be_asked_for(asker: OpenFeatureClient, copy: FlagCopy, client: Redis) -> None:
    _set(client, copy, REVIEW_STRICTNESS, "lenient")
    assert asker.get_string_details("review-strictness", "strict", ANA).variant == "lenient"
    _set(client, copy, PAGE_SIZE, 50)
    assert asker.get_integer_value("page-size", 1) == 50
    assert asker.get_float_value("page-size", 1.0) == 50.0
    _set(client, copy, LAYOUT, {"columns": 3})
    assert asker.get_object_value("layout", {}) == {"columns": 3}


def test_without_a_context_what_is_set_for_everyone_counts(
    asker: OpenFeatureClient, copy: FlagCopy, client: Redis
) -> None:
    _set(client, copy, AUTOMATED_REVIEW, True)
    assert asker.get_boolean_value("automated-review", False)
    assert asker.get_boolean_value("automated-review", False, EvaluationContext(None, {"department": 7}))


def test_silence_is_told_as_stale_and_spends_nothing(
    asker: OpenFeatureClient, copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    _set(client, copy, AUTOMATED_REVIEW, True)
    clock.pass_seconds(2.1)
    details = asker.get_boolean_details("automated-review", True, ANA)
    assert (details.value, details.reason) == (False, Reason.STALE)


def test_a_broken_value_is_off_whatever_default_the_asker_has(
    asker: OpenFeatureClient, copy: FlagCopy, client: Redis
) -> None:
    _set(client, copy, AUTOMATED_REVIEW, "true")
    details = asker.get_boolean_details("automated-review", True, ANA)
    assert (details.value, details.reason) == (False, Reason.ERROR)


def test_an_unknown_flag_and_a_wrong_type_give_the_askers_default_with_an_error(
    asker: OpenFeatureClient, copy: FlagCopy, client: Redis
) -> None:
    _set(client, copy, PAGE_SIZE, 0.5)

    def said(details: FlagEvaluationDetails[Any]) -> tuple[Any, ErrorCode | None]:
        return details.value, details.error_code

    assert said(asker.get_boolean_details("no-such-flag", True)) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert said(asker.get_string_details("automated-review", "x")) == ("x", ErrorCode.TYPE_MISMATCH)
    assert said(asker.get_boolean_details("review-strictness", False)) == (False, ErrorCode.TYPE_MISMATCH)
    assert said(asker.get_integer_details("page-size", 7)) == (7, ErrorCode.TYPE_MISMATCH)


def test_events_of_the_copy_reach_whoever_listens_to_openfeature(
    asker: OpenFeatureClient, copy: FlagCopy, client: Redis, clock: Clock
) -> None:
    heard: list[tuple[ProviderEvent, list[str] | None]] = []
    arrived = threading.Semaphore(0)

    def listen(event: ProviderEvent) -> None:
        def note(details: EventDetails) -> None:
            heard.append((event, details.flags_changed))
            arrived.release()

        asker.add_handler(event, note)

    listen(ProviderEvent.PROVIDER_CONFIGURATION_CHANGED)
    listen(ProviderEvent.PROVIDER_STALE)
    _set(client, copy, AUTOMATED_REVIEW, True)
    assert arrived.acquire(timeout=PATIENCE_SECONDS)
    client.flushall()
    clock.pass_seconds(2.1)
    copy.refresh()
    assert arrived.acquire(timeout=PATIENCE_SECONDS)
    assert heard == [
        (ProviderEvent.PROVIDER_CONFIGURATION_CHANGED, ["automated-review"]),
        (ProviderEvent.PROVIDER_STALE, None),
    ]
