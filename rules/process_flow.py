"""What is sure about every run of a process before there is one: what ran before what, and what excludes what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rules.process import Edge, EdgeType, Join, OnError
from rules.process_plan import Plan

_UNCONDITIONAL = (EdgeType.SEQUENCE, EdgeType.PARALLEL)


class Flow:
    """Sets of nodes as the bits of whole numbers: bit n stands for node n. O(nodes x edges / word size)."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        count = len(plan.nodes)
        #: For each node those that ran, completed, and ended before it, whatever way led to it.
        self._ran, self._done, self._ended = [0] * count, [0] * count, [0] * count
        for number in plan.order:
            self._look_back(number)
        self._surely: dict[int, tuple[int, int]] = {}

    def ran_before(self, node: int, user: int) -> bool:
        """Whether `node` has run, and ended, whenever `user` starts."""
        return bool(self._sure(user)[0] >> node & 1)

    def completed_before(self, node: int, user: int) -> bool:
        """Whether `node` has completed whenever `user` starts: a failure that is handled leaves no output."""
        return bool(self._sure(user)[1] >> node & 1)

    def ended_before(self, node: int, user: int) -> bool:
        """Whether `node` has run to its end or been skipped whenever `user` starts."""
        return bool(self._ended[user] >> node & 1)

    def excludes(self, one: int, other: int) -> bool:
        """Whether no run has both: they hang on opposite branches of one node, in a round of it."""
        for number in self.plan.order:
            types = [self.plan.types[edge] for edge in self.plan.leaving[number]]
            if EdgeType.TRUE in types and EdgeType.FALSE in types:
                without_true = self.reachable(_leaves(self.plan, number, EdgeType.TRUE))
                without_false = self.reachable(_leaves(self.plan, number, EdgeType.FALSE))
                if (one not in without_true and other not in without_false) or (
                    other not in without_true and one not in without_false
                ):
                    return True
        return False

    def reachable(self, closed: Callable[[Edge], bool]) -> dict[int, int | None]:
        """The nodes that the start leads to without the closed edges, each with the one before it on a way there."""
        plan = self.plan
        found: dict[int, int | None] = {}
        pending: list[tuple[int, int | None]] = [(edge, None) for edge in plan.starts]
        for edge, before in pending:  # grows while it is walked through
            target = plan.targets[edge]
            if target in found or closed(plan.process.edges[edge]):
                continue
            found[target] = before
            pending.extend((each, target) for each in plan.leaving[target])
        return found

    def _look_back(self, number: int) -> None:
        plan = self.plan
        ran: list[int] = []
        done: list[int] = []
        ended: list[int] = []
        for edge in plan.entering[number]:
            source = plan.sources[edge]
            if source is None:
                for masks in (ran, done, ended):
                    masks.append(0)
                continue
            bit = 1 << source
            continues = plan.nodes[source].on_error is OnError.CONTINUE
            may_have_failed = plan.types[edge] is EdgeType.ALWAYS or continues
            ran.append(self._ran[source] | bit)
            done.append(self._done[source] | (0 if may_have_failed else bit))
            ended.append(self._ended[source] | bit)
        join = plan.nodes[number].join
        every_edge_is_live = join is Join.STRICT
        self._ran[number] = _union(ran) if every_edge_is_live else _common(ran)
        self._done[number] = _union(done) if every_edge_is_live else _common(done)
        self._ended[number] = _union(ended) if join in (Join.ALL, Join.STRICT) else _common(ended)

    def _sure(self, user: int) -> tuple[int, int]:
        """Beside what lies on every way: branches that begin whenever these ran, and that the user waits for."""
        if user not in self._surely:
            ran, done = self._ran[user], self._done[user]
            for number in self.plan.order:
                if not self._ended[user] >> number & 1:
                    continue
                if not ran >> number & 1 and self._begins(number, ran, done):
                    ran |= 1 << number
                if ran >> number & 1 and not self._may_fail(number):
                    done |= 1 << number
            self._surely[user] = (ran, done)
        return self._surely[user]

    def _begins(self, number: int, ran: int, done: int) -> bool:
        """Whether one of its edges is live for sure, and one is enough."""
        plan = self.plan
        if plan.nodes[number].join not in (Join.ALL, Join.ANY):
            return False
        for edge in plan.entering[number]:
            source = plan.sources[edge]
            if source is None or (plan.types[edge] is EdgeType.ALWAYS and ran >> source & 1):
                return True
            if plan.types[edge] in _UNCONDITIONAL and done >> source & 1:
                return True
        return False

    def _may_fail(self, number: int) -> bool:
        """Whether the process may go on behind it although it failed."""
        plan = self.plan
        return plan.nodes[number].on_error is OnError.CONTINUE or any(
            plan.types[edge] is EdgeType.ALWAYS for edge in plan.leaving[number]
        )


def joins(plan: Plan) -> tuple[bool, ...]:
    """For each node whether a run may come to it by two of its edges, so that it has to wait for the later one.

    Each node is taken to end either way whatever the others came to, and every join to let pass what one edge brings.
    O(edges squared) at most.
    """
    #: For each edge those that may be live in the same run, as the bits of a whole number.
    beside = [0] * len(plan.process.edges)
    found = [False] * len(plan.nodes)
    _may_meet(plan.starts, 0, plan, beside)
    for number in plan.order:
        entering = plan.entering[number]
        here = 0
        for edge in entering:
            here |= beside[edge] | 1 << edge
        found[number] = any(beside[edge] >> other & 1 for edge in entering for other in entering)
        _may_meet(
            [each for each in plan.leaving[number] if each not in plan.back[number]], here, plan, beside
        )
    return tuple(found)


def _may_meet(leaving: Sequence[int], earlier: int, plan: Plan, beside: list[int]) -> None:
    """Note that edges of one node may be live beside the earlier ones, and beside each other but for yes and no."""
    for edge in leaving:
        beside[edge] = earlier
        for other in leaving:
            if other != edge and {plan.types[edge], plan.types[other]} != {EdgeType.TRUE, EdgeType.FALSE}:
                beside[edge] |= 1 << other
    mask = sum(1 << edge for edge in leaving)
    while earlier:
        lowest = earlier & -earlier
        beside[lowest.bit_length() - 1] |= mask
        earlier ^= lowest


def _leaves(plan: Plan, number: int, kind: EdgeType) -> Callable[[Edge], bool]:
    node_id = plan.nodes[number].id
    return lambda edge: edge.source == node_id and edge.type is kind


def _common(masks: list[int]) -> int:
    found = masks[0] if masks else 0
    for mask in masks:
        found &= mask
    return found


def _union(masks: list[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found
