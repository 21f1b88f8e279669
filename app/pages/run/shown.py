"""What the page of one run shows: its path, each node round by round, who is asked, what went wrong. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from app.pages.run.routes import ROLES
from rules.person import Person
from rules.process import Node
from rules.process_language import Language
from rules.process_nodes.approval import TYPE as APPROVAL
from rules.process_plan import Plan
from rules.process_state import NodeStatus, State
from rules.process_svg import draw
from rules.process_why import read_why
from rules.process_words import say_why
from storage import person, process_inbox, process_run, process_step, process_task
from storage.process_run import ProcessRunRow
from storage.process_step import ProcessStepRow
from storage.process_task import ProcessTaskRow

#: Longer ones are cut: nobody reads them on a page, and the API gives them whole.
LONGEST_SHOWN = 20_000


@dataclass(frozen=True)
class NodeShown:
    """A node in one of its rounds, or before its first.

    Attributes:
        status: a `rules.process_state.NodeStatus`, or `awaited` where people are asked.
        step: None where it has not come to it.
        seats: everybody who is or was asked, with what each said.
        why: for a skipped one, a sentence for each edge that was dead.
        given, output: as JSON text; empty where there is nothing.
    """

    node: Node
    status: str
    step: ProcessStepRow | None = None
    seats: Sequence[ProcessTaskRow] = ()
    why: Sequence[str] = ()
    given: str = ""
    output: str = ""


@dataclass(frozen=True)
class RunShown:
    """One run with all that its page tells.

    Attributes:
        mine: what it asks whoever is logged in.
        signals: nodes that wait for a signal now.
        names: person id -> name, for everybody who is mentioned.
    """

    run: ProcessRunRow
    plan: Plan
    state: State
    nodes: Sequence[NodeShown]
    mine: Sequence[ProcessTaskRow]
    names: Mapping[UUID, str]

    @property
    def awaited(self) -> Sequence[NodeShown]:
        """Nodes in which somebody is asked now."""
        return [each for each in self.nodes if any(seat.is_open for seat in each.seats)]

    @property
    def incidents(self) -> Sequence[NodeShown]:
        """Nodes that wait for an operator."""
        return [each for each in self.nodes if each.status == NodeStatus.INCIDENT]

    @property
    def signals(self) -> Sequence[NodeShown]:
        """Nodes that wait for a signal."""
        return [
            each
            for each in self.nodes
            if each.node.type == "wait_for_signal" and each.status == NodeStatus.RUNNING
        ]

    @property
    def forms(self) -> str:
        """What can be said on the page: it is shown anew as a whole as soon as this differs."""
        said = [f"{task.id}" for task in self.mine]
        for kind, found in (("i", self.incidents), ("s", self.signals)):
            said += [f"{kind}{each.node.id}:{each.step.iteration}" for each in found if each.step]
        return " ".join([(self.run.status == process_run.OPEN and "open") or "over", *said])

    def drawing(self) -> Markup:
        """The graph with the path that was taken."""
        edges = {
            edge_id: status.value
            for edge_id, status in zip(self.plan.edge_ids, self.state.edges, strict=True)
        }
        # A later round's row replaces an earlier one's; what has not come yet has none.
        nodes = {each.node.id: each.status for each in self.nodes if each.step}
        # Escaped by the renderer, which is told of nothing but names and words.
        return Markup(draw(self.plan.process, edges, nodes))  # noqa: S704

    def say_seat(self, seat: ProcessTaskRow) -> str:
        """Who is asked in a seat."""
        if seat.person_id is not None:
            return self.names.get(seat.person_id, "?")
        return str(ROLES.get(seat.role, seat.role))


def look(session: Session, run: ProcessRunRow, reader: Person) -> RunShown:
    """Everything about a run."""
    plan = process_run.plan_of(session, run)
    steps, tasks = process_step.of_run(session, run.id), process_task.of_run(session, run.id)
    seats: dict[tuple[str, int], list[ProcessTaskRow]] = {}
    for task in tasks:
        seats.setdefault((task.node, task.iteration), []).append(task)
    nodes = [
        _shown(plan, step, seats.get((step.node, step.iteration), []))
        for step in steps
        if step.node in plan.numbers
    ]
    begun = {step.node for step in steps}
    waiting = [plan.nodes[number] for number in plan.order if plan.nodes[number].id not in begun]
    nodes += [NodeShown(node, NodeStatus.WAITING.value) for node in waiting]
    mentioned = {run.started_by, *(step.operated_by for step in steps)}
    mentioned |= {each for task in tasks for each in (task.person_id, task.answered_by)}
    return RunShown(
        run=run,
        plan=plan,
        state=process_run.state_of(run, plan),
        nodes=nodes,
        mine=process_inbox.mine_in(session, reader, run.id),
        names=person.names(session, [each for each in mentioned if each]),
    )


def _shown(plan: Plan, step: ProcessStepRow, seats: Sequence[ProcessTaskRow]) -> NodeShown:
    seats = [each for each in seats if each.attempt == step.attempt]
    status = step.status
    if status == NodeStatus.RUNNING and any(each.is_open for each in seats):
        status = "awaited"
    return NodeShown(
        node=plan.nodes[plan.numbers[step.node]],
        status=status,
        step=step,
        seats=seats,
        why=say_why(plan, read_why(step.why), Language.ENGLISH) if step.why else (),
        given=as_text(step.given),
        output=as_text(step.output),
    )


def as_text(value: Any) -> str:
    """JSON to be read; empty for nothing."""
    if not value:
        return ""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def say_quorum(config: Mapping[str, Any], seats: Sequence[ProcessTaskRow]) -> str:
    """Whose answer counts, and how far it has come."""
    agreed = sum(seat.agrees is True for seat in seats)
    policy, many = APPROVAL.value(config, "policy"), len(seats)
    if policy == "first":
        return str(_("The first answer counts.") if many > 1 else "")
    if policy == "per_group":
        groups = dict.fromkeys(seat.group for seat in seats)
        done = {seat.group for seat in seats if seat.agrees}
        return str(
            _(
                "One of each group must agree: %(done)s of %(all)s groups have.",
                done=len(done),
                all=len(groups),
            )
        )
    wanted = many if policy == "all" else int(config.get("quorum", many))
    said = str(
        _(
            "%(wanted)s of %(many)s must agree: %(agreed)s of them so far.",
            wanted=wanted,
            many=many,
            agreed=agreed,
        )
    )
    return f"{said} {_('One refusal is enough to end it.')}" if APPROVAL.value(config, "veto") else said
