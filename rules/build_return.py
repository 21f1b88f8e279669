"""Ways back from a build: whether the old one can take over, and what is offered where it cannot. Knows no Temporal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rules.errors import BusinessError


class NoWayBack(BusinessError):
    """Nothing was changed; the message says why, and what can be done instead."""

    status = 409


def check_way_back(
    build_id: str, stable: str | None, *, stable_is_live: bool, can_replay: bool | None
) -> None:
    """Whether a build can be taken back without open requests waiting or being stuck.

    Args:
        build_id: the build to leave.
        stable: the build to return to, None where only the server knows; then life is asked for there.
        can_replay: whether the old build replays the bad one's histories; None where it is not known.

    Raises:
        NoWayBack: the build to return to is dead or cannot take over.
    """
    if stable is not None and not stable_is_live:
        raise NoWayBack(
            f"Build {stable} has no live worker, so requests would wait there. Start one, or freeze {build_id}."
        )
    if can_replay is False:
        raise NoWayBack(
            f"The current build cannot replay what {build_id} has begun, so open requests would be stuck."
            f" Freeze {build_id} instead: nothing new goes there, and what is open ends there."
        )


def can_replay(gate: Mapping[str, Any] | None) -> bool | None:
    """Whether the old code replayed the histories of a build, by its stored gate; None where that is not known.

    Whatever is missing is not known: a gate that was kept by older code must keep nobody from returning.
    """
    back = (gate or {}).get("back")
    if not back or back.get("broken"):
        return None
    return not back.get("failures")
