"""Triggers: which events start a run, and what holds one back: depth, rate, a process that caused itself. Starts nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from rules.errors import BusinessError, Invalid, InvalidFields
from rules.process import Process
from rules.process_condition import evaluate, problems_of, single_tests
from rules.process_input import DEEPEST_RUN, check_plain
from rules.process_trigger_event import FIELDS, sample
from rules.process_unattended import check_input, fill_input
from rules.text import clean_text

#: So many runs may one trigger start for one entity within `RATE_WINDOW`; then something goes round in circles.
MOST_RUNS: Final = 16
RATE_WINDOW: Final = timedelta(minutes=10)
LONGEST_TITLE: Final = 120


class Entity(StrEnum):
    """What an event happens to."""

    REQUEST = "request"
    RUN = "run"


class Operation(StrEnum):
    """What happens to it."""

    CREATED = "created"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    DECIDED = "decided"  # approved by anybody, rejected, or expired
    ENDED = "ended"


#: What can happen to which entity.
OPERATIONS: Final[Mapping[Entity, tuple[Operation, ...]]] = {
    Entity.REQUEST: (Operation.CREATED, Operation.UPDATED, Operation.DECIDED, Operation.WITHDRAWN),
    Entity.RUN: (Operation.CREATED, Operation.ENDED),
}


class Held(StrEnum):
    """Why a trigger that an event matched started nothing; `STARTED` where it did."""

    STARTED = "started"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    ITSELF = "itself"
    REFUSED = "refused"  # the process is not deployed, or what it would be given makes no sense


@dataclass(frozen=True)
class Event:
    """Something that happened, as the outbox carries it.

    Attributes:
        operations: what it was; a decision is an update, too.
        changed: the fields that changed; empty for a creation.
        before, after: the entity's fields; `before` is empty for a creation.
        decision: approved, rejected or expired, where it is decided.
        chain: the processes that led to it, the first one first; empty for what people did.
        at: ISO 8601 in UTC.
    """

    id: str
    entity: Entity
    entity_id: str
    operations: tuple[Operation, ...]
    at: str
    after: Mapping[str, Any]
    before: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    decision: str = ""
    chain: tuple[str, ...] = ()

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Event:
        """The event as Postgres writes it into the outbox."""
        return cls(
            id=content["id"],
            entity=Entity(content["entity"]),
            entity_id=content["entity_id"],
            operations=tuple(Operation(each) for each in content["operations"]),
            at=content["at"],
            after=content["after"],
            before=content["before"] or {},
            changed=tuple(content["changed"]),
            decision=content["decision"],
            chain=tuple(content["chain"]),
        )

    @property
    def context(self) -> dict[str, Any]:
        """What templates and conditions may name."""
        told = {"id": self.id, "at": self.at, "entity": self.entity.value, "decision": self.decision}
        changed, before = list(self.changed), dict(self.before)
        return {"event": {**told, "changed": changed, "before": before}, "entity": dict(self.after)}


@dataclass(frozen=True)
class Trigger:
    """A rule: when this happens, that process starts.

    Attributes:
        fields: at least one of these must have changed; empty for any.
        condition: as in rules/process_condition.py; None where there is none.
        process: the key of the process.
        input: what its runs are given; texts may hold templates such as `{{entity.number}}`.
        may_follow_itself: whether an event that a run of this very process caused starts another.
    """

    title: str
    entity: Entity
    operation: Operation
    process: str
    fields: tuple[str, ...] = ()
    condition: Mapping[str, Any] | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    may_follow_itself: bool = False


def judge_trigger(content: Mapping[str, Any], process: Process | None) -> Trigger:
    """A trigger that somebody wrote.

    Args:
        content: title, entity, operation, fields, condition, process, input, may_follow_itself; the types are right.
        process: the deployed version of the process that it names; None where there is none.

    Raises:
        InvalidFields: a sentence for each field that is wrong.
    """
    problems: dict[str, str] = {}
    try:
        title = clean_text(content["title"], "title", LONGEST_TITLE)
    except Invalid as refusal:
        problems["title"] = refusal.message
    if process is None:
        problems["process"] = f"There is no deployed process {content['process']!r}."
    happens = _happens(content, problems)
    if happens is None:
        raise InvalidFields(problems)
    entity, operation = happens
    there = sample(entity.value, operation.value)
    fields, condition = tuple(dict.fromkeys(content["fields"])), content["condition"]
    _check_fields(entity, operation, fields, problems)
    if condition is not None and (wrong := _wrong_with(condition, there)):
        problems["condition"] = wrong
    if process is not None:
        try:
            check_input(process, content["input"], there)
        except InvalidFields as refusal:
            problems |= refusal.problems
        except Invalid as refusal:
            problems["input"] = refusal.message
    if problems:
        raise InvalidFields(problems)
    return Trigger(
        title, entity, operation, content["process"], fields, condition, content["input"],
        content["may_follow_itself"],
    )  # fmt: skip


def _happens(content: Mapping[str, Any], problems: dict[str, str]) -> tuple[Entity, Operation] | None:
    if content["entity"] not in list(Entity):
        problems["entity"] = f"{content['entity']!r} is unknown; known are {', '.join(Entity)}."
        return None
    entity = Entity(content["entity"])
    if content["operation"] not in OPERATIONS[entity]:
        known = ", ".join(OPERATIONS[entity])
        problems["operation"] = f"{content['operation']!r} does not happen to a {entity}; known are {known}."
        return None
    return entity, Operation(content["operation"])


def _check_fields(
    entity: Entity, operation: Operation, fields: Collection[str], problems: dict[str, str]
) -> None:
    unknown = [each for each in fields if each not in FIELDS[entity.value]]
    if unknown:
        known = ", ".join(FIELDS[entity.value])
        problems["fields"] = f"A {entity} has no {', '.join(map(repr, unknown))}; known are {known}."
    elif fields and operation is Operation.CREATED:
        problems["fields"] = "Nothing changes when something is created."


def _wrong_with(condition: Any, there: Mapping[str, Any]) -> str:
    """What is wrong with a condition, in a sentence; empty where nothing is."""
    try:
        check_plain(condition, "condition")
        for said in problems_of(condition):
            return said
        # One by one: where "any" holds at its first test, the others would not be looked at.
        for test in single_tests(condition):
            evaluate(test, there)
    except BusinessError as refusal:
        return refusal.message
    return ""


def listens_to(trigger: Trigger, event: Event) -> bool:
    """Whether an event is of the kind that a trigger waits for; its condition is another question."""
    if trigger.entity is not event.entity or trigger.operation not in event.operations:
        return False
    return not trigger.fields or not set(trigger.fields).isdisjoint(event.changed)


def holds(trigger: Trigger, event: Event) -> bool:
    """Whether the condition of a trigger holds; raises BusinessError where that cannot be said."""
    return trigger.condition is None or evaluate(trigger.condition, event.context).holds


def held_back(trigger: Trigger, event: Event, runs_of_late: int) -> tuple[Held, str] | None:
    """What keeps a matching trigger from starting a run, and the sentence for it; None where nothing does.

    Args:
        runs_of_late: how many runs it has started for this entity within `RATE_WINDOW`.
    """
    if event.chain and event.chain[-1] == trigger.process and not trigger.may_follow_itself:
        return Held.ITSELF, f"A run of {trigger.process} caused this itself."
    if len(event.chain) >= DEEPEST_RUN:
        led = " → ".join(event.chain)
        return Held.TOO_DEEP, f"At most {DEEPEST_RUN} processes may start each other in a row: {led}."
    if runs_of_late >= MOST_RUNS:
        minutes = int(RATE_WINDOW.total_seconds() // 60)
        return Held.TOO_MANY, (
            f"It has started {runs_of_late} runs for this {event.entity} within {minutes} minutes."
        )
    return None


def input_for(trigger: Trigger, event: Event, process: Process) -> dict[str, Any]:
    """What the run is given; raises InvalidFields."""
    return fill_input(process, trigger.input, event.context)
