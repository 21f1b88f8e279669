"""Worker builds: their states, when one counts as alive, what its name may be. Knows no Temporal and no clock."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final

from rules.errors import BusinessError, Invalid

#: A worker says every so often that it lives; it is taken for dead after several that did not come.
HEARTBEAT: Final = timedelta(seconds=2)
ALIVE_FOR: Final = timedelta(seconds=10)
#: Of workers that say nothing only their polls are known; an idle one polls once a minute.
POLLED_WITHIN: Final = timedelta(seconds=70)

#: What Temporal accepts in a worker's version: no dot, which separates deployment from build.
NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}")

#: The server takes smaller ones, too; for us they are a slip of the keyboard.
SMALLEST_STEP: Final = Decimal("0.1")


class BuildState(StrEnum):
    """Where a build stands in the server's routing."""

    CREATED = "created"  # made known, but no worker has polled yet
    INACTIVE = "inactive"  # workers poll; nothing is routed to it
    RAMPING = "ramping"
    CURRENT = "current"
    DRAINING = "draining"  # no new requests; pinned ones are still open
    DRAINED = "drained"
    GONE = "gone"  # the server has forgotten it; only our row tells of it


class BuildIsGone(BusinessError):
    """The server knows this build no more."""

    status = 409


class BuildIsInUse(BusinessError):
    """Something still needs this build."""

    status = 409


class BuildHasNoWorkers(BusinessError):
    """No worker of the build gives a sign of life, so requests would wait there for ever."""

    status = 409


class BuildIsRejected(BusinessError):
    """The build was called bad once; a new one needs a new id."""

    status = 409


class BuildIsCurrent(BusinessError):
    """Everybody has this build already."""

    status = 409


def check_build_id(text: str) -> str:
    """The id of a build; raises Invalid for what can be none."""
    if not NAME.fullmatch(text):
        raise Invalid("A build id has 1 to 63 letters, digits, - or _.", "build_id")
    return text


def check_percent(value: Decimal | float | int | str) -> Decimal:
    """A share of the traffic, 0 to 100 percent; raises Invalid for anything else, also for NaN."""
    try:
        percent = Decimal(str(value))
    except InvalidOperation:
        raise Invalid("The share must be a number from 0 to 100.", "percentage") from None
    if not percent.is_finite() or not 0 <= percent <= 100:
        raise Invalid("The share must be a number from 0 to 100.", "percentage")
    if percent % SMALLEST_STEP:
        raise Invalid(f"The share goes in steps of {SMALLEST_STEP} percent.", "percentage")
    return percent


def check_lives(build_id: str, *, is_live: bool) -> None:
    """Whether anybody would take up what goes to a build; raises BuildHasNoWorkers."""
    if not is_live:
        raise BuildHasNoWorkers(f"Build {build_id} has no live worker; start one first.")


def check_may_have_traffic(
    build_id: str, *, rejected_why: str | None, is_live: bool, is_current: bool
) -> None:
    """Whether a build may be given to some.

    Args:
        rejected_why: why it was called bad; None where nobody did.

    Raises:
        BuildIsRejected, BuildHasNoWorkers, BuildIsCurrent.
    """
    if rejected_why is not None:
        raise BuildIsRejected(f"Build {build_id} was rejected: {rejected_why}. Give the next one a new id.")
    check_lives(build_id, is_live=is_live)
    if is_current:
        raise BuildIsCurrent(f"Build {build_id} is the current one already.")


def check_may_forget(state: BuildState, *, is_live: bool) -> None:
    """Whether the server may be asked to forget a build: nothing is open there, and nobody works for it.

    Raises:
        BuildIsGone: the server has forgotten it already.
        BuildIsInUse: it is not drained, or a worker of it lives.
    """
    if state is BuildState.GONE:
        raise BuildIsGone("The server has forgotten this build already.")
    if state is not BuildState.DRAINED:
        raise BuildIsInUse(f"Only a drained build can be forgotten; this one is {state}.")
    if is_live:
        raise BuildIsInUse("A worker of this build is alive; end it first.")


def polled_until(last_polls: Iterable[datetime | None]) -> datetime | None:
    """Until when a build counts as alive by its polls: the queue that was asked longest ago decides.

    Args:
        last_polls: one entry for each queue that has to be served; None where nobody ever asked it.
    """
    polls = list(last_polls)
    if not polls or any(each is None for each in polls):
        return None
    return min(each for each in polls if each is not None) + POLLED_WITHIN
