"""The gate's judgement: what was not tried is not passed, and every reason names what would break."""

from __future__ import annotations

import json
from dataclasses import replace

from rules.gate import Gate, Replayed, ReplayFailure, Smoke

FAILURE = ReplayFailure("purchase-1", 12, "the review is gone", "run-1")
GOOD = Gate(
    "two",
    "one",
    forward=Replayed("two", "histories of requests that exist", 200),
    back=Replayed("one", "histories of two", 30),
    smoke=Smoke(0.4),
)


def test_a_build_that_replays_both_ways_and_runs_passes() -> None:
    assert GOOD.passed
    assert GOOD.reasons == ()


def test_what_was_not_tried_is_not_passed() -> None:
    assert not replace(GOOD, forward=None).passed
    assert not replace(GOOD, back=None).passed
    assert not replace(GOOD, smoke=None).passed
    assert not Gate("two").passed


def test_without_a_current_build_or_as_the_current_one_there_is_no_way_back_to_try() -> None:
    assert replace(GOOD, current="", back=None).passed
    assert replace(GOOD, current="two", back=None).passed


def test_a_queue_that_nobody_asks_is_the_first_and_only_reason() -> None:
    gate = Gate("two", "one", unserved=("approvals (workflow)",))
    assert gate.reasons == ("No living worker of two asks the queue approvals (workflow).",)


def test_a_history_that_does_not_replay_is_named_with_its_event_and_reason() -> None:
    forward = Replayed("two", "histories of requests that exist", 200, (FAILURE,))
    [reason] = replace(GOOD, forward=forward).reasons
    assert reason == "The code of two does not replay purchase-1 at event 12: the review is gone"


def test_a_way_back_that_is_shut_shuts_the_gate() -> None:
    back = Replayed("one", "histories of two", 30, (FAILURE,))
    assert not replace(GOOD, back=back).passed


def test_code_that_cannot_even_be_loaded_does_not_pass() -> None:
    broken = Replayed("two", "histories of requests that exist", 0, broken="ImportError")
    assert "ImportError" in replace(GOOD, forward=broken).reasons[0]


def test_a_run_that_does_not_come_through_or_takes_too_long_shuts_the_gate() -> None:
    assert not replace(GOOD, smoke=Smoke(None, "it did not end in time")).passed
    assert replace(GOOD, smoke=Smoke(30.0)).passed
    assert not replace(GOOD, smoke=Smoke(30.1)).passed


def test_a_gate_is_kept_and_read_as_it_was() -> None:
    back = Replayed("one", "histories of two", 30, (FAILURE,))
    for gate in (GOOD, replace(GOOD, back=back), Gate("two", unserved=("approvals (workflow)",))):
        assert Gate.from_json(json.loads(json.dumps(gate.as_json()))) == gate
