"""Who may do what, who may read what, and who is asked next."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.person import (
    NEVER_TOGETHER,
    OPENED_TO,
    Act,
    Person,
    Role,
    approver_line,
    may,
    may_read_request,
    role_conflicts,
)
from tests.rules.samples import DEPARTMENTS, moved_to, person

E, M, F, P, A, X = Role.EMPLOYEE, Role.MANAGER, Role.FINANCE, Role.PLATFORM, Role.AUDITOR, Role.ADMIN

# Ana buys for Marketing; Bruno is her manager, Hugo is his and leads the company. Carla and Diego are finance.
HUGO = person(1, "Hugo", E, M)
BRUNO = person(2, "Bruno", E, M, manager=1)
ANA = person(3, "Ana", E, manager=2)
CARLA = person(4, "Carla", E, F, manager=1)
DIEGO = person(5, "Diego", E, F, manager=4)
ELENA = person(6, "Elena", E, P, manager=1)
FELIX = person(7, "Felix", A)
GRETA = person(8, "Greta", X)
IVAN = moved_to(person(9, "Ivan", E, M, manager=1), "it")
JULIA = moved_to(person(10, "Julia", E, manager=9), "it")
COMPANY = [HUGO, BRUNO, ANA, CARLA, DIEGO, ELENA, FELIX, GRETA, IVAN, JULIA]


def line(requester: Person, *changed: Person) -> list[str]:
    """The names of who is asked, first to last, in the company with some people changed."""
    people = {somebody.id: somebody for somebody in [*COMPANY, *changed]}
    return [asked.name for asked in approver_line(people[requester.id], people)]


# The table


def test_every_act_is_opened_to_somebody_or_needs_no_login() -> None:
    assert set(OPENED_TO) == set(Act) - {Act.ANYONE}
    assert all(OPENED_TO[act] for act in OPENED_TO)


@pytest.mark.parametrize("role", list(Role))
def test_one_role_opens_exactly_what_the_table_says(role: Role) -> None:
    assert {act for act in OPENED_TO if may([role], act)} == {
        act for act in OPENED_TO if role in OPENED_TO[act]
    }


def test_no_role_opens_nothing_but_what_needs_no_login() -> None:
    assert [act for act in Act if may([], act)] == [Act.ANYONE]


@given(st.frozensets(st.sampled_from(Role)), st.sampled_from(Act))
def test_several_roles_open_what_any_of_them_opens(roles: frozenset[Role], act: Act) -> None:
    assert may(roles, act) is (act is Act.ANYONE or any(may([role], act) for role in roles))


def test_an_act_without_an_entry_is_closed_to_everyone(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = {act: roles for act, roles in OPENED_TO.items() if act is not Act.READ_KPI}
    monkeypatch.setattr("rules.person.OPENED_TO", opened)
    assert not may(list(Role), Act.READ_KPI)


@pytest.mark.parametrize("role", [A, X])
@pytest.mark.parametrize(
    "act", [Act.SUBMIT_REQUEST, Act.DECIDE_REQUEST, Act.SETTLE_ORDER, Act.WRITE_POLICY, Act.WRITE_FLAG]
)
def test_auditor_and_admin_neither_buy_nor_decide_nor_change_rules(role: Role, act: Act) -> None:
    assert not may([role], act)


@pytest.mark.parametrize(
    ("act", "roles"),
    [
        (Act.USE_ACCOUNT, set(Role)),
        (Act.SUBMIT_REQUEST, {E}),
        (Act.DECIDE_REQUEST, {M, F}),
        (Act.WRITE_POLICY, {F}),
        (Act.SETTLE_ORDER, {F}),
        (Act.WRITE_FLAG, {P}),
        (Act.WRITE_ROUTING, {P}),
        (Act.DRAW_PROCESS, {P, F}),
        (Act.DEPLOY_PROCESS, {P, F}),
        (Act.READ_AUDIT, {A}),
        (Act.MANAGE_PEOPLE, {X}),
    ],
)
def test_acts_that_spend_decide_or_grant_are_opened_to_these_alone(act: Act, roles: set[Role]) -> None:
    assert OPENED_TO[act] == roles


def test_who_writes_a_thing_may_read_it() -> None:
    assert OPENED_TO[Act.WRITE_POLICY] <= OPENED_TO[Act.READ_POLICY]
    assert OPENED_TO[Act.WRITE_FLAG] <= OPENED_TO[Act.READ_FLAG]
    assert OPENED_TO[Act.WRITE_ROUTING] <= OPENED_TO[Act.READ_ROUTING]
    assert OPENED_TO[Act.DRAW_PROCESS] | OPENED_TO[Act.DEPLOY_PROCESS] <= OPENED_TO[Act.READ_PROCESS]
    assert OPENED_TO[Act.DECIDE_REQUEST] <= OPENED_TO[Act.READ_REQUEST]
    assert OPENED_TO[Act.LIST_ALL_REQUESTS] <= OPENED_TO[Act.READ_REQUEST]


def test_the_auditor_reads_everything_and_writes_nothing() -> None:
    assert {act for act in OPENED_TO if may([A], act)} == {
        Act.USE_ACCOUNT,
        Act.READ_REQUEST,
        Act.LIST_ALL_REQUESTS,
        Act.READ_POLICY,
        Act.READ_PROCESS,
        Act.READ_RUN,
        Act.READ_KPI,
        Act.READ_AUDIT,
        Act.READ_FLAG,
        Act.READ_ROUTING,
    }


# Reading

READERS = [
    ("the requester", ANA, True),
    ("her manager", BRUNO, True),
    ("a manager of her department further up", HUGO, True),
    ("finance", CARLA, True),
    ("the auditor", FELIX, True),
    ("a colleague", replace(JULIA, department_id="marketing"), False),
    ("a manager of another department", IVAN, False),
    ("platform", ELENA, False),
    ("the administrator", GRETA, False),
]


@pytest.mark.parametrize(("who", "reader", "readable"), READERS, ids=[who for who, _, _ in READERS])
def test_a_request_is_read_by_those_it_concerns(who: str, reader: Person, readable: bool) -> None:
    assert may_read_request(reader, ANA, []) is readable, who


def test_who_was_asked_may_read_also_from_another_department() -> None:
    assert may_read_request(IVAN, ANA, [BRUNO.id, IVAN.id])
    assert not may_read_request(IVAN, ANA, [BRUNO.id])


def test_a_manager_reads_the_requests_of_reports_in_another_department() -> None:
    abroad = moved_to(ANA, "operations")
    assert may_read_request(BRUNO, abroad, [])
    assert not may_read_request(HUGO, abroad, [])


def test_who_lost_the_manager_role_reads_no_reports_requests() -> None:
    assert not may_read_request(replace(BRUNO, roles=frozenset({E})), ANA, [])


def test_reporting_to_somebody_opens_none_of_their_requests() -> None:
    assert not may_read_request(ANA, BRUNO, [])


# Who is asked


def test_the_line_runs_up_through_managers_then_to_finance_by_name() -> None:
    assert line(ANA) == ["Bruno", "Hugo", "Carla", "Diego"]


def test_a_managers_own_request_goes_one_level_up() -> None:
    assert line(BRUNO) == ["Hugo", "Carla", "Diego"]


def test_the_managing_directors_own_request_goes_to_finance() -> None:
    assert line(HUGO) == ["Carla", "Diego"]


def test_a_finance_persons_own_request_never_comes_back_to_them() -> None:
    # Carla leads Diego but is no manager: she is passed over upwards and asked in finance's turn.
    assert line(CARLA) == ["Hugo", "Diego"]
    assert line(DIEGO) == ["Hugo", "Carla"]


def test_a_manager_who_left_is_passed_over_upwards() -> None:
    assert line(ANA, replace(BRUNO, active=False)) == ["Hugo", "Carla", "Diego"]


def test_a_manager_who_lost_the_role_is_passed_over_upwards() -> None:
    assert line(ANA, replace(BRUNO, roles=frozenset({E}))) == ["Hugo", "Carla", "Diego"]


def test_finance_that_left_is_not_asked() -> None:
    assert line(ANA, replace(CARLA, active=False)) == ["Bruno", "Hugo", "Diego"]


def test_nobody_is_asked_where_nobody_is_left() -> None:
    assert approver_line(ANA, {ANA.id: ANA}) == []


def test_a_circle_of_managers_ends() -> None:
    assert line(ANA, replace(HUGO, manager_id=BRUNO.id)) == ["Bruno", "Hugo", "Carla", "Diego"]
    assert line(ANA, replace(HUGO, manager_id=ANA.id)) == ["Bruno", "Hugo", "Carla", "Diego"]


def test_who_is_entered_as_their_own_manager_is_not_asked() -> None:
    assert line(replace(HUGO, manager_id=HUGO.id)) == ["Carla", "Diego"]


def test_a_manager_nobody_knows_ends_the_way_up() -> None:
    assert line(BRUNO, replace(BRUNO, manager_id=UUID(int=99))) == ["Carla", "Diego"]


def test_a_manager_in_finance_is_asked_once() -> None:
    assert line(ANA, replace(BRUNO, roles=frozenset({E, M, F}))) == ["Bruno", "Hugo", "Carla", "Diego"]


def test_namesakes_in_finance_are_asked_in_one_order() -> None:
    twins = [person(number, "Carla", E, F) for number in (42, 41, 43)]
    asked = approver_line(ANA, {somebody.id: somebody for somebody in [ANA, *twins]})
    assert [somebody.id.int for somebody in asked] == [41, 42, 43]


@st.composite
def companies(draw: st.DrawFn) -> dict[UUID, Person]:
    """Up to eight people who report to anybody at all, themselves and strangers included."""
    size = draw(st.integers(1, 8))
    managers = st.none() | st.integers(1, size + 1).map(lambda number: UUID(int=number))
    people = [
        Person(
            UUID(int=number),
            draw(st.sampled_from(["Ana", "Bruno", "Carla"])),
            draw(st.sampled_from(DEPARTMENTS)),
            draw(st.frozensets(st.sampled_from(Role), max_size=3)),
            draw(managers),
            draw(st.booleans()),
        )
        for number in range(1, size + 1)
    ]
    return {somebody.id: somebody for somebody in people}


@given(companies())
def test_in_any_company_the_line_holds_only_those_who_may_decide_each_once_never_the_requester(
    people: dict[UUID, Person],
) -> None:
    for requester in people.values():
        asked = approver_line(requester, people)
        assert requester not in asked
        assert len({somebody.id for somebody in asked}) == len(asked)
        assert all(somebody.active and may(somebody.roles, Act.DECIDE_REQUEST) for somebody in asked)
        finance = {p.id for p in people.values() if p.active and F in p.roles and p.id != requester.id}
        assert finance <= {somebody.id for somebody in asked}


@given(companies())
def test_in_any_company_whoever_is_asked_may_read_the_request(people: dict[UUID, Person]) -> None:
    for requester in people.values():
        asked = approver_line(requester, people)
        assert all(may_read_request(somebody, requester, [p.id for p in asked]) for somebody in asked)


# Roles in one hand


@pytest.mark.parametrize(("first", "second"), NEVER_TOGETHER)
def test_roles_that_must_not_meet_are_told_in_a_sentence(first: Role, second: Role) -> None:
    told = [f"The roles {first} and {second} must not be in one hand."]
    assert role_conflicts([first, second]) == role_conflicts([second, first]) == told


def test_watching_and_acting_granting_and_buying_are_kept_apart() -> None:
    pairs = {frozenset(pair) for pair in NEVER_TOGETHER}
    assert {frozenset({A, other}) for other in Role if other is not A} <= pairs
    assert {frozenset({X, buying}) for buying in (E, M, F)} <= pairs


def test_any_other_two_roles_may_be_in_one_hand() -> None:
    forbidden = {frozenset(pair) for pair in NEVER_TOGETHER}
    for first, second in combinations(Role, 2):
        assert bool(role_conflicts([first, second])) is ({first, second} in forbidden)


def test_every_conflict_of_an_account_is_told() -> None:
    assert len(role_conflicts(list(Role))) == len(NEVER_TOGETHER)
    assert role_conflicts([]) == role_conflicts([E, M, F, P]) == []


@given(st.frozensets(st.sampled_from(Role)))
def test_no_account_without_conflicts_both_manages_people_and_spends(roles: frozenset[Role]) -> None:
    if not role_conflicts(roles):
        buying = {Act.SUBMIT_REQUEST, Act.DECIDE_REQUEST, Act.SETTLE_ORDER, Act.WRITE_POLICY}
        assert not (may(roles, Act.MANAGE_PEOPLE) and any(may(roles, act) for act in buying))
        assert not (may(roles, Act.READ_AUDIT) and any(may(roles, act) for act in buying | {Act.WRITE_FLAG}))
