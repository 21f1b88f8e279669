"""People: roles, who may do what, and who is asked next. Knows no login, no database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID


class Role(StrEnum):
    """What a person is in the company; somebody may hold several."""

    EMPLOYEE = "employee"
    MANAGER = "manager"
    FINANCE = "finance"
    PLATFORM = "platform"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Act(StrEnum):
    """Everything that a door of the product can be opened for."""

    ANYONE = "anyone"  # no login: the login page itself, health
    USE_ACCOUNT = "use_account"  # every logged-in person
    SUBMIT_REQUEST = "submit_request"
    READ_REQUEST = "read_request"  # own, scope or all: `may_read_request` narrows it
    DECIDE_REQUEST = "decide_request"
    LIST_ALL_REQUESTS = "list_all_requests"
    SETTLE_ORDER = "settle_order"
    RECHECK_REQUEST = "recheck_request"
    READ_POLICY = "read_policy"
    WRITE_POLICY = "write_policy"
    READ_KPI = "read_kpi"
    READ_AUDIT = "read_audit"
    READ_FLAG = "read_flag"
    WRITE_FLAG = "write_flag"
    CONFIRM_FLAG = "confirm_flag"  # as the second person, where a flag lets the system spend money
    READ_ROUTING = "read_routing"
    WRITE_ROUTING = "write_routing"
    STEER_ROLLOUT = "steer_rollout"  # `rules.rollout_command.may_steer` narrows it by kind
    READ_PROCESS = "read_process"
    DRAW_PROCESS = "draw_process"
    DEPLOY_PROCESS = "deploy_process"  # `storage.process.deploy` narrows it to who did not draw it
    CHOOSE_PROCESS = "choose_process"  # for the purchases of a department; a second person has to agree
    START_PROCESS = "start_process"
    READ_RUN = "read_run"  # own, asked, or all: `may_read_run` narrows it
    SIGNAL_RUN = "signal_run"
    OPERATE_RUN = "operate_run"  # incidents, calling a run off, moving it to another version
    ANSWER_TASK = "answer_task"  # `rules.process_people.check_may_answer` narrows it
    MANAGE_PEOPLE = "manage_people"


_E, _M, _F, _P, _A, _X = Role.EMPLOYEE, Role.MANAGER, Role.FINANCE, Role.PLATFORM, Role.AUDITOR, Role.ADMIN

#: The one table of who may do what. An act that is not opened here is closed to everyone.
OPENED_TO: Final[Mapping[Act, frozenset[Role]]] = {
    Act.USE_ACCOUNT: frozenset(Role),
    Act.SUBMIT_REQUEST: frozenset({_E}),
    Act.READ_REQUEST: frozenset({_E, _M, _F, _A}),
    Act.DECIDE_REQUEST: frozenset({_M, _F}),  # finance closes the line when no manager is left
    Act.LIST_ALL_REQUESTS: frozenset({_F, _A}),
    Act.SETTLE_ORDER: frozenset({_F}),
    Act.RECHECK_REQUEST: frozenset({_F}),
    Act.READ_POLICY: frozenset({_M, _F, _A}),
    Act.WRITE_POLICY: frozenset({_F}),
    Act.READ_KPI: frozenset({_M, _F, _P, _A}),
    Act.READ_AUDIT: frozenset({_A}),
    Act.READ_FLAG: frozenset({_P, _F, _A}),
    Act.WRITE_FLAG: frozenset({_P}),
    Act.CONFIRM_FLAG: frozenset({_P, _F}),
    Act.READ_ROUTING: frozenset({_P, _F, _A}),
    Act.WRITE_ROUTING: frozenset({_P}),
    Act.STEER_ROLLOUT: frozenset({_P, _F}),
    Act.READ_PROCESS: frozenset({_P, _F, _A}),
    Act.DRAW_PROCESS: frozenset({_P, _F}),
    Act.DEPLOY_PROCESS: frozenset({_P, _F}),
    Act.CHOOSE_PROCESS: frozenset({_F}),
    Act.START_PROCESS: frozenset({_E}),
    Act.READ_RUN: frozenset({_E, _M, _F, _P, _A}),
    Act.SIGNAL_RUN: frozenset({_F, _P}),
    Act.OPERATE_RUN: frozenset({_P}),
    Act.ANSWER_TASK: frozenset({_E, _M, _F, _P}),
    Act.MANAGE_PEOPLE: frozenset({_X}),
}

#: Roles that must never meet in one account: who keeps watch does not act, who grants does not buy.
NEVER_TOGETHER: Final[tuple[tuple[Role, Role], ...]] = (
    (_A, _E), (_A, _M), (_A, _F), (_A, _P), (_A, _X), (_X, _E), (_X, _M), (_X, _F),
)  # fmt: skip


@dataclass(frozen=True)
class Person:
    """A person as the rules see one."""

    id: UUID
    name: str
    department_id: str
    roles: frozenset[Role]
    manager_id: UUID | None = None
    active: bool = True


def may(roles: Collection[Role], act: Act) -> bool:
    """Whether any of `roles` opens `act`. Unknown acts are closed."""
    if act is Act.ANYONE:
        return True
    return not OPENED_TO.get(act, frozenset()).isdisjoint(roles)


def may_read_request(reader: Person, requester: Person, asked_ids: Collection[UUID]) -> bool:
    """Whether `reader` may open a request of `requester`.

    Args:
        reader: who asks to read.
        requester: whose request it is.
        asked_ids: everybody who is or was asked to decide it.
    """
    if reader.id == requester.id or reader.id in asked_ids:
        return True
    if reader.roles & {Role.FINANCE, Role.AUDITOR}:
        return True
    return Role.MANAGER in reader.roles and (
        reader.department_id == requester.department_id or requester.manager_id == reader.id
    )


def may_read_run(reader: Person, started_by: UUID | None, asked_ids: Collection[UUID]) -> bool:
    """Whether `reader` may open a run of a process: who started it, who is asked, and who watches over all."""
    if reader.id == started_by or reader.id in asked_ids:
        return True
    return may_read_all_runs(reader)


def may_read_all_runs(reader: Person) -> bool:
    """Whether `reader` watches over all runs of processes."""
    return bool(reader.roles & {Role.FINANCE, Role.PLATFORM, Role.AUDITOR})


def approver_line(requester: Person, people: Mapping[UUID, Person]) -> Sequence[Person]:
    """Who is asked about a request of `requester`: the first now, the next ones at each escalation.

    The line runs up through managers, then to finance by name, so that it never ends in nobody.
    The requester never stands in it, nor anybody who left or lost the role (they are passed over,
    upwards). A broken or circular chain of managers ends the first part early.

    Args:
        requester: whose request it is.
        people: everybody who may stand in the line, by id.
    """
    line: list[Person] = []
    seen = {requester.id}
    next_id = requester.manager_id
    while next_id is not None and next_id not in seen:
        seen.add(next_id)
        person = people.get(next_id)
        if person is None:
            break
        if person.active and Role.MANAGER in person.roles:
            line.append(person)
        next_id = person.manager_id
    finance = (p for p in people.values() if p.active and Role.FINANCE in p.roles and p.id != requester.id)
    line.extend(p for p in sorted(finance, key=lambda p: (p.name, p.id)) if p not in line)
    return line


def role_conflicts(roles: Collection[Role]) -> list[str]:
    """One sentence for each pair of roles that one account must not hold; empty when fine."""
    held = set(roles)
    return [
        f"The roles {first} and {second} must not be in one hand."
        for first, second in NEVER_TOGETHER
        if first in held and second in held
    ]
