"""Changes of flags: whoever makes the system spend more needs a second person, also by way of an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid, NotAllowed
from rules.flag import AUTOMATED_REVIEW, REVIEW_STRICTNESS, Flag, Kind, Level, Setting, chain, read_chain
from rules.flag_change import (
    PROPOSAL_OPEN_FOR,
    UNUSED_AFTER,
    ProposalIsClosed,
    check_may_confirm,
    is_unused,
    judge_until,
    judge_value,
    loosens,
    parse_value,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
ANA, IT = (Level.PERSON, "ana"), (Level.DEPARTMENT, "it")
EVERYONE = (Level.EVERYONE, "")
HARMLESS = Flag("new-inbox", "The new inbox", Kind.BOOLEAN, default=False)
BUDGET = Flag("daily-budget", "What a day may cost", Kind.NUMBER, default=0, spending=True, safe=0)
NAME = Flag("greeting", "What the page says", Kind.STRING, default="Hello")
LAYOUT = Flag("layout", "Where things stand", Kind.JSON, default={})
ON, OFF = Setting(True), Setting(False)
Overrides = dict[tuple[Level, str], Setting]


def looser(
    overrides: Overrides, target: tuple[Level, str], after: Setting | None, flag: Flag = AUTOMATED_REVIEW
) -> bool:
    return loosens(flag, overrides, chain(*target, department_id="it"), after, NOW)


@pytest.mark.parametrize(
    ("overrides", "target", "after", "needs"),
    [
        ({}, EVERYONE, ON, True),
        ({}, EVERYONE, OFF, False),
        ({}, EVERYONE, None, False),
        ({EVERYONE: ON}, EVERYONE, OFF, False),
        ({EVERYONE: ON}, EVERYONE, None, False),
        ({EVERYONE: ON}, IT, ON, False),
        ({EVERYONE: ON}, IT, OFF, False),
        ({EVERYONE: ON, IT: OFF}, IT, None, True),
        ({EVERYONE: ON, IT: OFF}, ANA, ON, True),
        ({EVERYONE: ON, IT: OFF, ANA: ON}, ANA, None, False),
        ({EVERYONE: OFF, IT: ON}, ANA, ON, False),
        ({IT: ON}, EVERYONE, ON, True),
        # An end gives back what was there before, so shortening an off is an on, and lengthening an on too.
        ({EVERYONE: ON, IT: OFF}, IT, Setting(False, SOON), True),
        ({EVERYONE: ON}, IT, Setting(False, SOON), False),
        ({IT: Setting(True, SOON)}, IT, Setting(True, LATER), True),
        ({IT: Setting(True, LATER)}, IT, Setting(True, SOON), False),
        ({IT: Setting(True, SOON)}, IT, ON, True),
        ({EVERYONE: ON, IT: Setting(False, LATER)}, IT, Setting(False, SOON), True),
        ({EVERYONE: Setting(True, SOON)}, IT, Setting(True, SOON), False),
        ({EVERYONE: Setting(True, SOON)}, IT, ON, True),
        ({EVERYONE: Setting(False, SOON), IT: Setting(True, SOON)}, ANA, Setting(True, LATER), True),
    ],
)
def test_what_lets_the_system_spend_more_at_any_time_needs_a_second_person(
    overrides: Overrides, target: tuple[Level, str], after: Setting | None, needs: bool
) -> None:
    assert looser(overrides, target, after) is needs


@pytest.mark.parametrize(
    ("before", "after", "needs"),
    [
        ("standard", "lenient", True),
        ("strict", "standard", True),
        ("strict", "lenient", True),
        ("lenient", "standard", False),
        ("standard", "strict", False),
        ("lenient", "lenient", False),
    ],
)
def test_a_more_lenient_review_needs_a_second_person_and_a_stricter_one_does_not(
    before: str, after: str, needs: bool
) -> None:
    assert looser({EVERYONE: Setting(before)}, EVERYONE, Setting(after), REVIEW_STRICTNESS) is needs


def test_a_spending_figure_moves_alone_only_to_its_safe_value() -> None:
    assert looser({EVERYONE: Setting(100)}, EVERYONE, Setting(50), BUDGET)
    assert not looser({EVERYONE: Setting(100)}, EVERYONE, Setting(0), BUDGET)
    assert not looser({EVERYONE: Setting(100)}, EVERYONE, Setting(100), BUDGET)


def test_a_broken_value_counts_as_safe_so_that_replacing_it_by_on_needs_two() -> None:
    assert looser({EVERYONE: Setting("yes")}, EVERYONE, ON)
    assert not looser({EVERYONE: Setting("yes")}, EVERYONE, OFF)


TIMES = st.none() | st.sampled_from([SOON, LATER])
SETTINGS = st.builds(Setting, st.booleans(), TIMES)
WORLDS = st.dictionaries(st.sampled_from([ANA, IT, EVERYONE]), SETTINGS)
TARGETS = st.sampled_from([ANA, IT, EVERYONE])


@given(WORLDS, TARGETS, st.none() | SETTINGS, st.integers(0, 300))
def test_what_one_person_may_do_alone_never_switches_it_on(
    overrides: Overrides, target: tuple[Level, str], after: Setting | None, minutes: int
) -> None:
    if looser(overrides, target, after):
        return
    changed = {key: one for key, one in overrides.items() if key != target}
    if after is not None:
        changed[target] = after
    at, targets = NOW + timedelta(minutes=minutes), chain(*target, department_id="it")
    was_on = read_chain(AUTOMATED_REVIEW, overrides, targets, 1, at).on
    is_on = read_chain(AUTOMATED_REVIEW, changed, targets, 1, at).on
    assert was_on or not is_on


@given(WORLDS, TARGETS)
def test_switching_it_off_without_an_end_is_always_one_persons_right(
    overrides: Overrides, target: tuple[Level, str]
) -> None:
    assert not looser(overrides, target, OFF)


@given(WORLDS, TARGETS, st.none() | SETTINGS)
def test_a_flag_that_spends_nothing_needs_nobody_else(
    overrides: Overrides, target: tuple[Level, str], after: Setting | None
) -> None:
    assert not looser(overrides, target, after, HARMLESS)


ELENA, CARLA = UUID(int=1), UUID(int=2)


def test_nobody_agrees_to_their_own_proposal() -> None:
    with pytest.raises(NotAllowed):
        check_may_confirm(ELENA, ELENA, NOW, NOW)
    check_may_confirm(ELENA, CARLA, NOW, NOW)


def test_a_proposal_can_be_agreed_to_for_seven_days() -> None:
    check_may_confirm(ELENA, CARLA, NOW - PROPOSAL_OPEN_FOR, NOW)
    with pytest.raises(ProposalIsClosed):
        check_may_confirm(ELENA, CARLA, NOW - PROPOSAL_OPEN_FOR - timedelta(seconds=1), NOW)


def test_an_end_lies_in_the_future() -> None:
    judge_until(None, NOW)
    judge_until(SOON, NOW)
    with pytest.raises(Invalid, match="future"):
        judge_until(NOW, NOW)


@pytest.mark.parametrize(
    ("flag", "typed", "value"),
    [
        (AUTOMATED_REVIEW, "on", True),
        (AUTOMATED_REVIEW, " off ", False),
        (REVIEW_STRICTNESS, "lenient", "lenient"),
        (NAME, " Hola ", "Hola"),
        (BUDGET, "12", 12),
        (BUDGET, "-0.5", -0.5),
        (LAYOUT, '{"a": [1, null]}', {"a": [1, None]}),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_flags_type(flag: Flag, typed: str, value: Any) -> None:
    parsed = parse_value(flag, typed)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("flag", "typed", "wanted"),
    [
        *((AUTOMATED_REVIEW, typed, "choose on, off") for typed in ("", "true", "1", "ON", "yes")),
        *((REVIEW_STRICTNESS, typed, "one of: strict, standard, lenient") for typed in ("", "Strict", "x")),
        *((BUDGET, typed, "a number") for typed in ("", "NaN", "Infinity", "1e99", "true", '"5"', "5 EUR")),
        *((LAYOUT, typed, "a JSON list or object") for typed in ("", "5", "{", "[" * 100_000, '["\\u0000"]')),
        (NAME, "x" * 4001, "at most 4000"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(flag: Flag, typed: str, wanted: str) -> None:
    with pytest.raises(Invalid, match=wanted) as refusal:
        parse_value(flag, typed)
    assert refusal.value.field == "value"


def test_a_value_that_fits_is_taken_as_it_is() -> None:
    assert judge_value(LAYOUT, {"columns": 3}) == {"columns": 3}


@pytest.mark.parametrize(
    ("read_ago", "counted_for", "unused"),
    [
        (None, UNUSED_AFTER, False),
        (None, UNUSED_AFTER + timedelta(seconds=1), True),
        (timedelta(0), timedelta(days=90), False),
        (UNUSED_AFTER, timedelta(days=90), False),
        (UNUSED_AFTER + timedelta(seconds=1), timedelta(days=90), True),
    ],
)
def test_a_flag_is_unused_when_nobody_read_it_for_thirty_days(
    read_ago: timedelta | None, counted_for: timedelta, unused: bool
) -> None:
    last = None if read_ago is None else NOW - read_ago
    assert is_unused(last, NOW - counted_for, NOW) is unused
