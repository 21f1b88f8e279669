"""Which automatic approvals are drawn to be looked at again, who may judge one, and what a verdict needs."""

from __future__ import annotations

import random
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import InvalidFields
from rules.recheck import (
    DRAWS,
    USUAL_SHARE,
    Judged,
    OwnRequestCannotBeRechecked,
    Verdict,
    check_may_recheck,
    draw_of,
    is_drawn,
    judge_share,
    judge_verdict,
)

SHARES = st.integers(0, 1000).map(lambda tenths: Decimal(tenths) / 10)


@given(st.uuids(), SHARES, SHARES)
def test_what_lies_in_a_share_lies_in_every_greater_one(
    request_id: UUID, one: Decimal, other: Decimal
) -> None:
    draw = draw_of(request_id)
    assert 0 <= draw < DRAWS
    assert is_drawn(draw, min(one, other)) <= is_drawn(draw, max(one, other))


@given(st.uuids())
def test_a_share_of_nothing_draws_nobody_and_one_of_everything_everybody(request_id: UUID) -> None:
    assert not is_drawn(draw_of(request_id), Decimal(0))
    assert is_drawn(draw_of(request_id), Decimal(100))


def test_the_usual_share_draws_about_five_of_a_hundred() -> None:
    chance = random.Random(1)  # noqa: S311
    drawn = sum(is_drawn(draw_of(UUID(int=chance.getrandbits(128))), USUAL_SHARE) for _ in range(20_000))
    assert 900 < drawn < 1100


def test_a_wrong_approval_needs_a_reason_and_a_right_one_may_do_without() -> None:
    assert judge_verdict("right", " ") == Judged(Verdict.RIGHT, "")
    assert judge_verdict("wrong", " Bought twice. ") == Judged(Verdict.WRONG, "Bought twice.")
    with pytest.raises(InvalidFields) as refusal:
        judge_verdict("wrong", " ")
    assert refusal.value.problems.keys() == {"why"}


@pytest.mark.parametrize(
    ("verdict", "why", "fields"),
    [
        ("", "", {"verdict"}),
        ("maybe", "", {"verdict"}),
        ("right", "x" * 1001, {"why"}),
        ("", "\x00", {"verdict", "why"}),
    ],
)
def test_a_verdict_that_says_nothing_is_refused_at_its_field(
    verdict: str, why: str, fields: set[str]
) -> None:
    with pytest.raises(InvalidFields) as refusal:
        judge_verdict(verdict, why)
    assert refusal.value.problems.keys() == fields


def test_nobody_judges_what_was_approved_for_themselves() -> None:
    ana = uuid4()
    check_may_recheck(uuid4(), ana)
    with pytest.raises(OwnRequestCannotBeRechecked):
        check_may_recheck(ana, ana)


@pytest.mark.parametrize("text", ["0", "5", "7.5", "100", "20.0", " 12.3 "])
def test_a_share_is_given_in_percent_to_one_digit(text: str) -> None:
    assert judge_share(text, "Because.") == (Decimal(text.strip()), "Because.")


@pytest.mark.parametrize("text", ["", "many", "-1", "100.1", "NaN", "Infinity", "5.25", "5 %"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidFields) as refusal:
        judge_share(text, "Because.")
    assert refusal.value.problems.keys() == {"share"}


def test_a_share_is_not_changed_without_a_reason() -> None:
    with pytest.raises(InvalidFields) as refusal:
        judge_share("5", "")
    assert refusal.value.problems.keys() == {"why"}
