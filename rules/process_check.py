"""Whether a process may be deployed: every problem at once, each where it is. Changes nothing and runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rules.errors import BusinessError
from rules.process import Process
from rules.process_check_data import data_problems
from rules.process_check_loop import loop_problems
from rules.process_check_sense import meaning_problems, size_problems
from rules.process_check_shape import graph_problems, shape_problems
from rules.process_flow import Flow
from rules.process_node import NodeType
from rules.process_nodes import NODE_TYPES
from rules.process_plan import ProcessCannotRun, make_plan
from rules.process_problem import Problem, Severity, Surroundings, problem

__all__ = ["Problem", "ProcessHasErrors", "Severity", "Surroundings", "check_process", "require_no_errors"]


class ProcessHasErrors(BusinessError):
    """A process with errors is not deployed.

    Attributes:
        problems: all of them, warnings too.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        errors = [each for each in problems if each.severity is Severity.ERROR]
        super().__init__(f"{len(errors)} of the problems must be solved first: {errors[0].message}")
        self.problems = tuple(problems)


def check_process(process: Process, surroundings: Surroundings | None = None) -> tuple[Problem, ...]:
    """Everything that is wrong with a process, in the order of its nodes and edges within each kind of problem.

    What needs a sound graph (who runs before whom, who agreed) is checked only once there is one.
    """
    around = surroundings or Surroundings()
    found = [*shape_problems(process), *_config_problems(process), *size_problems(process)]
    try:
        plan = make_plan(process)
    except ProcessCannotRun as refusal:
        if not any(each.code in {"id_doubled", "edge_dangling"} for each in found):
            found.append(problem("circle", refusal.message, "Give the edge that leads back a maximum."))
        return tuple(found)
    flow = Flow(plan)
    found += [*graph_problems(flow), *loop_problems(flow)]
    found += [*data_problems(flow), *meaning_problems(flow, around)]
    return tuple(_eased(found, around))


def require_no_errors(process: Process, surroundings: Surroundings) -> tuple[Problem, ...]:
    """The warnings of a process that may be deployed; raises ProcessHasErrors."""
    problems = check_process(process, surroundings)
    if any(each.severity is Severity.ERROR for each in problems):
        raise ProcessHasErrors(problems)
    return problems


def _eased(found: Sequence[Problem], around: Surroundings) -> Iterator[Problem]:
    for each in found:
        if around.is_draft and each.code == "path_may_be_missing":
            yield replace(each, severity=Severity.WARNING)
        else:
            yield each


def _config_problems(process: Process) -> Iterator[Problem]:
    for node in process.nodes:
        kind: NodeType | None = NODE_TYPES.get(node.type)
        if kind is None:
            known = f"Known are: {', '.join(NODE_TYPES)}."
            yield problem(
                "type_unknown", f"{node.type!r} is no type of node.", known, node=node.id, field="type"
            )
            continue
        for each in kind.complaints(node.config):
            yield problem(each.code, each.message, each.hint, node=node.id, field=each.field)
