"""The published cases and made-up graphs, and where the pure scheduler says that each comes to. Starts nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rules.process import Outcome, Process
from rules.process_plan import Plan, make_plan
from rules.process_play import Answers, play
from tests.rules.graphs import random_graph
from tests.rules.processes import CASES, answers, drawn

#: What is said of a node that fails.
AS_PLAYED = "as played"
_SETTINGS = ("graph", "nodes", "on_branch_failure")
GRAPHS = 20
#: In so many orders the scheduler plays a case, to know where it may come to.
ORDERS = 12


@dataclass(frozen=True)
class Case:
    """A process, how its nodes end, and where the pure scheduler says that it comes to."""

    name: str
    process: Process
    answers: Answers

    @property
    def plan(self) -> Plan:
        return make_plan(self.process)

    def expected(self) -> list[dict[str, Any]]:
        """Where it may come to: as a rule to one state, whoever is quicker, but some joins cancel who is slow."""
        chances = [random.Random(seed).randrange for seed in range(ORDERS)]  # noqa: S311 (who is quicker)
        plan = self.plan
        played = [play(plan, self.answers, choose) for choose in [lambda ended: 0, *chances]]
        return [plain(each.state.to_content(plan)) for each in played]


def file_name(case: Case) -> str:
    """What the recorded history of a case is called."""
    return re.sub(r"[^a-z0-9]+", "_", case.name.lower())


def plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """A written state without what depends on who was quicker, or on the name."""
    errors = dict.fromkeys(state["errors"], AS_PLAYED)
    return {**state, "sha256": "", "ends": sorted(state["ends"]), "errors": errors}


def published() -> list[Case]:
    """The cases of the notes."""
    drawings = ({name: case[name] for name in _SETTINGS if name in case} for case in CASES)
    return [
        Case(case["name"], *_waiting(drawn(**drawing), answers(case.get("outcomes", {}))))
        for case, drawing in zip(CASES, drawings, strict=True)
    ]


def _waiting(process: Process, given: Answers) -> tuple[Process, Answers]:
    """The process in which a node that fails or never ends is none that the run computes at once."""
    open_ones = [node_id for node_id, word in given.items() if None in word or Outcome.FAILED in word]
    nodes = [
        replace(node, type="notify") if node.type == "end" and node.id in open_ones else node
        for node in process.nodes
    ]
    return replace(process, nodes=tuple(nodes)), given


def made_up() -> list[Case]:
    """Graphs that chance has drawn, with loops in every third."""
    chance = random.Random(20261121)  # noqa: S311 (made up, and to be made up again)
    graphs = [random_graph(chance, most=9, loops=number % 3 == 0) for number in range(GRAPHS)]
    return [Case(f"graph {number}", graph.process, graph.answers) for number, graph in enumerate(graphs)]


EVERY = [*published(), *made_up()]
