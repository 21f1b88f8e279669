"""Decisions: who may take them, until when, what wakes whom, and what an answer must carry."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.decision import (
    DECISION_TIME,
    LONGEST_COMMENT,
    NO_DECISION,
    TIMERS,
    Alarm,
    Answer,
    Outcome,
    check_in_time,
    check_may_decide,
    check_unchanged,
    deadline,
    judge_answer,
)
from rules.errors import (
    BusinessError,
    ChangedSinceShown,
    Invalid,
    NotAllowed,
    NotTheAskedApprover,
    OwnRequestCannotBeDecided,
    RequestIsClosed,
)
from rules.person import Act, Person, Role, may
from tests.rules.samples import person

ANA = person(1, "Ana", Role.EMPLOYEE, manager=2)
BRUNO = person(2, "Bruno", Role.EMPLOYEE, Role.MANAGER)
CARLA = person(3, "Carla", Role.EMPLOYEE, Role.FINANCE)
ASKED_AT = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


# Until when


def test_reminders_escalation_and_the_end_ring_after_three_five_six_and_seven_days() -> None:
    assert [(timer.after.days, timer.alarm) for timer in TIMERS] == [
        (3, Alarm.REMIND),
        (5, Alarm.ESCALATE),
        (6, Alarm.REMIND),
        (7, Alarm.EXPIRE),
    ]
    assert all(timer.after == timedelta(days=timer.after.days) for timer in TIMERS)


def test_the_last_alarm_rings_at_the_deadline() -> None:
    assert deadline(ASKED_AT) == ASKED_AT + TIMERS[-1].after == ASKED_AT + timedelta(days=7)
    assert timedelta(days=7) == DECISION_TIME
    assert NO_DECISION == "no decision within 7 days"


def test_an_answer_comes_in_time_until_just_before_the_deadline() -> None:
    check_in_time(deadline(ASKED_AT), ASKED_AT)
    check_in_time(deadline(ASKED_AT), deadline(ASKED_AT) - timedelta(microseconds=1))
    for late in (deadline(ASKED_AT), deadline(ASKED_AT) + timedelta(microseconds=1)):
        with pytest.raises(RequestIsClosed, match="ran out at 2026-11-27 12:30 UTC"):
            check_in_time(deadline(ASKED_AT), late)


# The answer


def test_approving_needs_no_comment_and_keeps_one() -> None:
    assert judge_answer("approve", " ") == Answer(Outcome.APPROVED, "")
    assert judge_answer("approve", " fine\r\nby me ") == Answer(Outcome.APPROVED, "fine\nby me")


def test_rejecting_keeps_its_reason() -> None:
    assert judge_answer("reject", "too dear") == Answer(Outcome.REJECTED, "too dear")


@pytest.mark.parametrize("comment", ["", " ", "\r\n", "\u3000"])
def test_rejecting_without_a_reason_is_refused(comment: str) -> None:
    with pytest.raises(Invalid, match="a reject needs a reason") as refused:
        judge_answer("reject", comment)
    assert refused.value.field == "comment"


@pytest.mark.parametrize("comment", ["a\x00b", "a\u202eb", "\ufe0f", "x" * (LONGEST_COMMENT + 1)])
@pytest.mark.parametrize("choice", ["approve", "reject"])
def test_a_comment_that_cannot_be_kept_is_refused(choice: str, comment: str) -> None:
    with pytest.raises(Invalid) as refused:
        judge_answer(choice, comment)
    assert refused.value.field == "comment"


@pytest.mark.parametrize("choice", ["", "Approve", "approved", "expired", "withdrawn", "yes", "approve "])
def test_any_other_choice_is_refused(choice: str) -> None:
    with pytest.raises(Invalid, match="choose approve or reject") as refused:
        judge_answer(choice, "because")
    assert refused.value.field == "choice"


@given(st.text(), st.text())
def test_a_typed_answer_is_only_ever_an_approval_or_a_rejection_with_a_reason(
    choice: str, comment: str
) -> None:
    for typed in (choice, "approve", "reject"):
        try:
            answer = judge_answer(typed, comment)
        except Invalid:
            continue
        assert answer.outcome is (Outcome.APPROVED if typed == "approve" else Outcome.REJECTED)
        assert answer.comment or answer.outcome is Outcome.APPROVED


# Who


def test_everybody_who_is_asked_and_holds_the_role_may_decide() -> None:
    for decider in (BRUNO, CARLA):
        check_may_decide(decider, ANA.id, [BRUNO.id, CARLA.id])


def test_nobody_decides_their_own_request_even_when_asked() -> None:
    for roles in ({Role.MANAGER}, {Role.FINANCE}, set(Role)):
        with pytest.raises(OwnRequestCannotBeDecided) as refused:
            check_may_decide(replace(ANA, roles=frozenset(roles)), ANA.id, [ANA.id])
        assert refused.value.status == 403


@pytest.mark.parametrize(
    "decider",
    [
        replace(BRUNO, roles=frozenset({Role.EMPLOYEE})),
        replace(BRUNO, roles=frozenset({Role.PLATFORM, Role.AUDITOR, Role.ADMIN})),
        replace(BRUNO, roles=frozenset()),
        replace(BRUNO, active=False),
    ],
    ids=["lost the role", "roles that decide nothing", "no role", "left"],
)
def test_being_asked_is_not_enough_without_a_role_and_an_account_in_use(decider: Person) -> None:
    with pytest.raises(NotAllowed) as refused:
        check_may_decide(decider, ANA.id, [BRUNO.id])
    assert refused.value.status == 403


def test_a_manager_who_is_not_asked_may_not_decide() -> None:
    for asked in ([], [CARLA.id]):
        with pytest.raises(NotTheAskedApprover) as refused:
            check_may_decide(BRUNO, ANA.id, asked)
        assert refused.value.status == 403


@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.frozensets(st.integers(1, 4)),
    st.frozensets(st.sampled_from(Role)),
    st.booleans(),
)
def test_a_decider_is_always_asked_active_in_role_and_never_the_requester(
    decider_number: int, requester_number: int, asked: frozenset[int], roles: frozenset[Role], active: bool
) -> None:
    decider = person(decider_number, "Somebody", *roles, active=active)
    try:
        check_may_decide(decider, UUID(int=requester_number), [UUID(int=number) for number in asked])
        allowed = True
    except BusinessError as refused:
        assert refused.status == 403  # noqa: PT017  (which refusal it is depends on the draw)
        allowed = False
    stands = decider_number in asked and decider_number != requester_number
    assert allowed is (stands and active and may(roles, Act.DECIDE_REQUEST))


# What was shown


def test_an_answer_to_what_still_stands_is_taken() -> None:
    check_unchanged({"amount": "10.00 EUR", "decision": "1"}, {"amount": "10.00 EUR", "decision": "1"})
    check_unchanged({"amount": "10.00 EUR", "comment": "x"}, {"amount": "10.00 EUR"})


def test_every_change_since_the_page_was_shown_is_named() -> None:
    shown = {"amount": "10.00 EUR", "quantity": "1", "title": "Pen"}
    now = {"amount": "12.00 EUR", "quantity": "2", "title": "Pen"}
    with pytest.raises(ChangedSinceShown) as refused:
        check_unchanged(shown, now)
    assert refused.value.status == 409
    assert refused.value.changes == {"amount": ("10.00 EUR", "12.00 EUR"), "quantity": ("1", "2")}
    assert refused.value.message == (
        "This request changed since you opened it: amount was 10.00 EUR and is now 12.00 EUR, "
        "quantity was 1 and is now 2. Please look again."
    )


def test_a_page_that_did_not_show_a_field_cannot_answer_for_it() -> None:
    with pytest.raises(ChangedSinceShown) as refused:
        check_unchanged({}, {"amount": ""})
    assert refused.value.changes == {"amount": ("", "")}


@given(st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.text()))
def test_only_an_answer_that_showed_everything_as_it_stands_is_taken(
    shown: dict[str, str], now: dict[str, str]
) -> None:
    check_unchanged(now | {}, now)
    if any(shown.get(name) != value for name, value in now.items()):
        with pytest.raises(ChangedSinceShown):
            check_unchanged(shown, now)
