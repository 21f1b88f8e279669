"""What people are told: facts stand in the words literally, and those are told whom it concerns."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.notification import LONGEST_SUBJECT, Facts, Kind, audience, word
from rules.request import ENDED, Status

FACTS = Facts(
    number="PR-2026-000123",
    title="Keyboard",
    amount="99.80 EUR",
    requester="Ana",
    link="https://approvals.example.org/requests/1",
    detail="Vendor: x.example, allowed is one of: amazon.es.",
)
ANA, BRUNO, CARLA, HUGO = (UUID(int=number) for number in range(1, 5))
TEMPLATES = [
    "{0.__class__}", "{number}", "{}", "{", "}", "{{7*7}}", "%s%n", "${7*7}", "{title!r:>99}", "\\n", "<b>&amp;",
]  # fmt: skip


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_says_which_request_and_where_to_look(kind: Kind) -> None:
    words = word(kind, FACTS)
    assert FACTS.number in words.subject
    assert FACTS.title in words.subject
    assert FACTS.title in words.body
    assert words.body.endswith(f"\n\n{FACTS.link}\n")
    assert "{" not in words.subject + words.body


def test_no_two_kinds_have_the_same_subject() -> None:
    assert len({word(kind, FACTS).subject for kind in Kind}) == len(Kind)


def test_who_is_asked_reads_who_wants_what_for_how_much_and_why_they_are_asked() -> None:
    words = word(Kind.ASKED, FACTS)
    assert words.subject == "Please decide: PR-2026-000123 Keyboard"
    assert words.body == (
        "Ana asks for Keyboard (99.80 EUR). Vendor: x.example, allowed is one of: amazon.es.\n\n"
        "https://approvals.example.org/requests/1\n"
    )


def test_without_a_detail_no_space_is_left_behind() -> None:
    body = word(Kind.COMPLETED, Facts("PR-1", "Pen", "1.00 EUR", "Ana", "https://x.example")).body
    assert body == "Pen (1.00 EUR) has been ordered.\n\nhttps://x.example\n"


def test_the_deadline_is_told_as_seven_days() -> None:
    assert "no decision within 7 days" in word(Kind.EXPIRED, FACTS).body


@pytest.mark.parametrize("kind", list(Kind))
def test_a_fact_that_looks_like_a_template_stands_there_as_it_is(kind: Kind) -> None:
    plain = word(kind, Facts(*["fact"] * 6))
    for template in TEMPLATES:
        words = word(kind, Facts(*[template] * 6))
        assert words.subject == plain.subject.replace("fact", template)
        assert words.body == plain.body.replace("fact", template)


@pytest.mark.parametrize(
    "break_", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029", "\t", "\x00", "\x1b", "\ud800"]
)  # fmt: skip
def test_no_fact_breaks_the_subject_into_lines(break_: str) -> None:
    facts = Facts("PR-1", f"Pen{break_}Bcc: eve@example.org", "1.00 EUR", "Ana", "https://x.example")
    assert word(Kind.ASKED, facts).subject == "Please decide: PR-1 Pen Bcc: eve@example.org"


def test_a_long_title_is_cut_and_the_number_stays() -> None:
    facts = Facts("PR-2026-000123", "x" * 5000, "1.00 EUR", "Ana", "https://x.example")
    subject = word(Kind.ASKED, facts).subject
    assert len(subject) == LONGEST_SUBJECT == 200
    assert subject.startswith("Please decide: PR-2026-000123 xxx")


@given(st.builds(Facts, *[st.text(st.characters(codec=None))] * 6), st.sampled_from(Kind))
def test_any_facts_make_a_subject_of_one_short_line_and_a_body_that_holds_them(
    facts: Facts, kind: Kind
) -> None:
    words = word(kind, facts)
    assert len(words.subject.splitlines()) == 1
    assert len(words.subject) <= LONGEST_SUBJECT
    assert words.subject == words.subject.strip()
    assert words.subject.encode("utf-8")
    assert facts.title.strip() in words.body
    assert words.body.endswith(f"\n\n{facts.link}\n")


# Who is told


@pytest.mark.parametrize(
    ("status", "asked", "told"),
    [
        (Status.COMPLETED, [], [(Kind.COMPLETED, [ANA])]),
        (Status.COMPLETED, [BRUNO], [(Kind.COMPLETED, [ANA])]),
        (Status.REJECTED, [BRUNO], [(Kind.REJECTED, [ANA])]),
        (Status.EXPIRED, [BRUNO, HUGO], [(Kind.EXPIRED, [ANA, BRUNO, HUGO])]),
        (Status.ORDER_REFUSED, [], [(Kind.ORDER_REFUSED, [ANA, HUGO])]),
        (Status.ORDER_REFUSED, [BRUNO, CARLA], [(Kind.ORDER_REFUSED, [ANA, BRUNO, CARLA])]),
        (Status.WITHDRAWN, [], []),
        (Status.WITHDRAWN, [BRUNO, CARLA], [(Kind.WITHDRAWN, [BRUNO, CARLA])]),
    ],
)
def test_each_end_is_told_to_those_it_concerns(
    status: Status, asked: list[UUID], told: list[tuple[Kind, list[UUID]]]
) -> None:
    assert audience(status, ANA, asked, HUGO) == told


def test_a_refused_order_is_told_to_the_requester_alone_where_nobody_leads_them() -> None:
    assert audience(Status.ORDER_REFUSED, ANA, [], None) == [(Kind.ORDER_REFUSED, [ANA])]
    assert audience(Status.ORDER_REFUSED, ANA, [], ANA) == [(Kind.ORDER_REFUSED, [ANA])]


@pytest.mark.parametrize("status", [status for status in Status if status not in ENDED])
def test_nothing_is_told_before_the_end(status: Status) -> None:
    assert audience(status, ANA, [BRUNO], HUGO) == []


PEOPLE = st.sampled_from([ANA, BRUNO, CARLA, HUGO])


@given(st.sampled_from(sorted(ENDED)), PEOPLE, st.lists(PEOPLE), st.none() | PEOPLE)
def test_nobody_is_told_twice_and_only_those_concerned(
    status: Status, requester: UUID, asked: list[UUID], manager: UUID | None
) -> None:
    told = audience(status, requester, asked, manager)
    for _, people in told:
        assert people
        assert len(set(people)) == len(people)
        assert set(people) <= {requester, manager, *asked}
    assert len({kind for kind, _ in told}) == len(told)
    if status is not Status.WITHDRAWN:
        assert any(requester in people for _, people in told)
