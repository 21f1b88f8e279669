"""`python -m bench.process`: how long scheduling 1,000 nodes takes, beside a plain walk over the same graph.

The floor is what any scheduler must do: take each node off a queue once its last edge is counted down. The product also
gives each edge a status, decides joins, eliminates dead paths and says what each event changed.
"""

from __future__ import annotations

import argparse
import gc
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable

from rules.process import Edge, EdgeType, Node, Outcome, Process
from rules.process_plan import Plan, make_plan
from rules.process_play import play
from rules.process_state import NodeStatus, State

AIM_MS = 10


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.process", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000, help="how many (default 1,000)")
    parser.add_argument("--turns", type=int, default=60, help="how often each is measured (default 60)")
    given = parser.parse_args()
    process, answers = _graph(given.nodes)
    plan = make_plan(process)
    state = play(plan, answers).state
    skipped = state.nodes.count(NodeStatus.SKIPPED)
    sys.stdout.write(
        f"{len(process.nodes)} nodes, {len(process.edges)} edges, {skipped} skipped;"
        f" CPU time, median and best of {given.turns} turns\n"
    )
    content = state.to_content(plan)
    acts: dict[str, Callable[[], object]] = {
        "a plain walk": lambda: _walk(plan),
        "scheduling": lambda: play(plan, answers),
        "planning, once a version": lambda: make_plan(process),
        "reading a written state": lambda: State.from_content(plan, content),
    }
    took: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(given.turns):
        for name, act in acts.items():
            took[name].append(_timed(act))
    for name, times in took.items():
        sys.stdout.write(f"{name:28}{statistics.median(times):8.2f} ms{min(times):8.2f} ms\n")
    ratio = statistics.median(took["scheduling"]) / statistics.median(took["a plain walk"])
    sys.stdout.write(f"{'scheduling / walk':28}{ratio:8.1f}\n{'aim for scheduling':28}{AIM_MS:8} ms\n")


def _graph(count: int) -> tuple[Process, dict[str, list[Outcome | None]]]:
    """Nodes with one or two edges from those shortly before them; every third one branches."""
    chance = random.Random(7)  # noqa: S311 (the same graph every time)
    nodes = [Node(f"n{number:05d}", "notify") for number in range(count)]
    edges = {"": Edge(None, nodes[0].id, EdgeType.START)}
    for number in range(1, count):
        for source in {chance.randrange(max(0, number - 8), number) for _ in range(2)}:
            kind = chance.choice((EdgeType.TRUE, EdgeType.FALSE)) if source % 3 == 0 else EdgeType.PARALLEL
            edge = Edge(nodes[source].id, nodes[number].id, kind)
            edges[edge.id] = edge
    answers: dict[str, list[Outcome | None]] = {
        node.id: [chance.choice((Outcome.SATISFIED, Outcome.NOT_SATISFIED))] for node in nodes[::3]
    }
    return Process("measured", nodes=tuple(nodes), edges=tuple(edges.values())), answers


def _walk(plan: Plan) -> int:
    waiting = [len(edges) for edges in plan.entering]
    queue = deque(plan.targets[edge] for edge in plan.starts)
    seen = 0
    while queue:
        number = queue.popleft()
        seen += 1
        for edge in plan.leaving[number]:
            target = plan.targets[edge]
            waiting[target] -= 1
            if not waiting[target]:
                queue.append(target)
    return seen


def _timed(act: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        act()
        return (time.process_time() - began) * 1000
    finally:
        gc.enable()


if __name__ == "__main__":
    main()
