"""The kinds of message that leave through the outbox and how long a failed one rests. Knows no queue."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

LONGEST_REST_SECONDS: Final = 30.0


class Kind(StrEnum):
    """What the relay does with a row."""

    START_APPROVAL = "start_approval"
    SIGNAL_DECISION = "signal_decision"
    SIGNAL_WITHDRAW = "signal_withdraw"
    SIGNAL_SETTLED = "signal_settled"
    SPREAD_FLAGS = "spread_flags"
    WAKE_ROLLOUT = "wake_rollout"
    CHECK_BUILD = "check_build"
    FORGET_BUILD = "forget_build"
    START_PROCESS = "start_process"
    SIGNAL_PROCESS = "signal_process"
    OPERATE_PROCESS = "operate_process"
    CANCEL_PROCESS = "cancel_process"
    MOVE_PROCESS = "move_process"
    ENTITY_EVENT = "entity_event"  # written by Postgres itself, see rules/process_trigger.py
    CARRY_TIMETABLE = "carry_timetable"


def rest_seconds(attempts: int) -> float:
    """How long a row rests after `attempts` failures: 0.5 s doubling up to 30 s."""
    return float(min(LONGEST_REST_SECONDS, 0.5 * 2 ** min(attempts - 1, 10)))
