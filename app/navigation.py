"""The menu: which pages it names, for whom, and where a person starts. Holds no rights: the gate does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app, g, request
from flask_babel import lazy_gettext as _l

from app import database
from app.access import current_person, may_here
from rules.person import Act, Person, Role, may
from storage import (
    department_process,
    flag_proposal,
    inbox,
    process_inbox,
    process_incident,
    recheck,
    request_search,
)


@dataclass(frozen=True)
class Item:
    """One entry of the menu.

    Attributes:
        endpoint: the page; an entry whose page is not registered is left out.
        label: its word.
        icon: a name in templates/macros/icons.html.
        act: who sees it.
        count: how many things wait there for a person (one cheap query), or None.
        parts: pages that share this entry; they stand as tabs on each of them.
        unless: who has this act finds the same elsewhere, and does not see it.
        also: a page elsewhere that belongs to this entry.
    """

    endpoint: str
    label: Any
    icon: str
    act: Act
    count: Callable[[Person], int] | None = None
    parts: tuple[Item, ...] = ()
    unless: Act | None = None
    also: str = ""


def _waiting(person: Person) -> int:
    return inbox.count_mine(database.session(), person.id) + _tasks(person)


def _tasks(person: Person) -> int:
    return process_inbox.count_mine(database.session(), person)


def _incidents(person: Person) -> int:
    return process_incident.count(database.session()) if may(person.roles, Act.OPERATE_RUN) else 0


def _unsettled(_person: Person) -> int:
    return request_search.count_unsettled(database.session())


def _to_recheck(person: Person) -> int:
    return recheck.count_waiting(database.session(), person.id)


def _to_confirm(person: Person) -> int:
    if not may(person.roles, Act.CONFIRM_FLAG):
        return 0
    return flag_proposal.count_for(database.session(), person.id)


def _processes_to_agree(person: Person) -> int:
    if not may(person.roles, Act.CHOOSE_PROCESS):
        return 0
    return department_process.count_for(database.session(), person.id)


MENU: Final[list[Item]] = [
    Item("manager.inbox", _l("To decide"), "inbox", Act.DECIDE_REQUEST, _waiting, also="run.tasks"),
    Item("run.tasks", _l("Asked of me"), "inbox", Act.ANSWER_TASK, _tasks, unless=Act.DECIDE_REQUEST),
    Item("employee.requests", _l("My requests"), "list", Act.SUBMIT_REQUEST),
    Item("finance.requests", _l("All requests"), "receipt", Act.LIST_ALL_REQUESTS),
    Item("finance.orders", _l("To settle"), "truck", Act.SETTLE_ORDER, _unsettled),
    Item("finance.rechecks", _l("To recheck"), "eye", Act.RECHECK_REQUEST, _to_recheck),
    Item("finance.policies", _l("Rules"), "adjustments", Act.READ_POLICY),
    Item("kpi.figures", _l("Figures"), "chart-bar", Act.READ_KPI),
    Item(
        "rollout.dashboard",
        _l("Rollout"),
        "player-play",
        Act.READ_ROUTING,
        _to_confirm,
        parts=(
            Item("rollout.dashboard", _l("Release"), "player-play", Act.READ_ROUTING),
            Item("rollout.builds", _l("Builds"), "versions", Act.READ_ROUTING),
            Item("rollout.routing", _l("Routing"), "arrows-split", Act.READ_ROUTING),
            Item("rollout.flags", _l("Flags"), "flag", Act.READ_FLAG, _to_confirm),
        ),
    ),
    Item("designer.processes", _l("Processes"), "versions", Act.READ_PROCESS, _processes_to_agree),
    Item("run.runs", _l("Runs"), "arrows-split", Act.READ_RUN, _incidents),
    Item("auditor.trail", _l("Audit"), "history", Act.READ_AUDIT),
    Item("admin.people", _l("People"), "users", Act.MANAGE_PEOPLE),
]

#: Where a person starts: the first page here that is registered and theirs.
HOME: Final[list[tuple[Role, str]]] = [
    (Role.MANAGER, "manager.inbox"),
    (Role.FINANCE, "finance.requests"),
    (Role.AUDITOR, "finance.requests"),
    (Role.EMPLOYEE, "employee.requests"),
    (Role.PLATFORM, "rollout.dashboard"),
    (Role.ADMIN, "admin.people"),
]


def menu() -> list[Item]:
    """The entries for whoever is logged in."""
    return [
        item
        for item in MENU
        if is_there(item.endpoint)
        and may_here(item.act)
        and not (item.unless is not None and may_here(item.unless))
    ]


def tabs() -> list[Item]:
    """The pages that share an entry with the one being shown; none where it stands alone."""
    here = next((item for item in MENU if item.parts and is_here(item)), None)
    return [part for part in here.parts if is_there(part.endpoint) and may_here(part.act)] if here else []


def waiting(item: Item) -> int:
    """How many things wait at an entry for whoever is logged in; an entry and its tab ask once a page."""
    if item.count is None:
        return 0
    counted: dict[Callable[[Person], int], int] = g.setdefault("waiting", {})
    if item.count not in counted:
        counted[item.count] = item.count(current_person())
    return counted[item.count]


def is_there(endpoint: str) -> bool:
    """Whether a page of this name is registered."""
    return endpoint in current_app.view_functions


def is_here(item: Item) -> bool:
    """Whether the page being shown belongs to this entry, which is when the blueprint and name begin alike.

    An entry with parts owns its whole blueprint.
    """
    endpoint = request.endpoint or ""
    if item.parts:
        return endpoint.partition(".")[0] == item.endpoint.partition(".")[0]
    return endpoint.startswith(item.endpoint) or endpoint == item.also


def home_of(person: Person) -> str:
    """The endpoint at which a person starts."""
    for role, endpoint in HOME:
        if role in person.roles and is_there(endpoint):
            return endpoint
    return "account.profile"
