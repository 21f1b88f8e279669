"""Which node a named signal is for, and in which round. Delivers nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rules.errors import BusinessError, NotFound
from rules.process import Process
from rules.process_state import NodeStatus

#: What a signal may say.
SIGNAL_OUTCOMES: Final = ("satisfied", "not_satisfied")


class SignalCameTooLate(BusinessError):
    """The node was skipped, has ended, or the run has."""

    status = 409


class SignalIsAmbiguous(BusinessError):
    """Several nodes wait for a signal of this name, so it has to name one."""


def addressed(
    process: Process,
    name: str,
    rounds: Mapping[str, Mapping[int, NodeStatus]],
    node: str = "",
    iteration: int = 0,
) -> tuple[str, int]:
    """The node and the round that a signal is for. One that comes before its node starts is kept for it.

    Args:
        rounds: node id -> round -> how it stands there, for those that have started or were skipped.
        node: empty where the name tells.
        iteration: 0 for the one that is open, else the next.

    Raises:
        NotFound, SignalIsAmbiguous, SignalCameTooLate.
    """
    waiting = [
        each.id
        for each in process.nodes
        if each.type == "wait_for_signal"
        and each.config.get("signal") == name
        and each.id == (node or each.id)
    ]
    if not waiting:
        raise NotFound(f"Nothing in this process waits for the signal {name!r}.")
    if len(waiting) > 1:
        raise SignalIsAmbiguous(f"Please name the node: {', '.join(waiting)}.", "node")
    [found] = waiting
    known = rounds.get(found, {})
    newest = max(known, default=0)
    target = iteration or _open_or_next(process, known, newest)
    status = known.get(target)
    if status is NodeStatus.SKIPPED:
        raise SignalCameTooLate(f"{found} was skipped, so nobody waits for {name!r}.", "node")
    if (status is not None and status is not NodeStatus.RUNNING) or target < newest:
        raise SignalCameTooLate(f"{found} does not wait for {name!r} any more.", "node")
    if target > newest + 1:
        raise SignalCameTooLate(f"{found} is far from round {target}.", "iteration")
    return found, target


def _open_or_next(process: Process, known: Mapping[int, NodeStatus], newest: int) -> int:
    if not newest:
        return 1
    may_come_again = known[newest] is NodeStatus.COMPLETED and any(e.is_rework for e in process.edges)
    return newest + 1 if may_come_again else newest
