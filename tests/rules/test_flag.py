"""Flags: the closest override wins, an explicit no included, and who has heard nothing spends nothing."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.flag import AUTOMATED_REVIEW, FLAGS, FRESH_FOR, Flag, Level, Reading, read_flag

HARMLESS = Flag("new-inbox", "The new inbox", default=True, spending=False)
ANA, MARKETING = "0000-ana", "marketing"
PERSON, DEPARTMENT, EVERYONE = (Level.PERSON, ANA), (Level.DEPARTMENT, MARKETING), (Level.EVERYONE, "")
Overrides = dict[tuple[Level, str], bool]


def read(overrides: Overrides, *, flag: Flag = AUTOMATED_REVIEW, fresh: bool = True) -> Reading:
    return read_flag(flag, overrides, ANA, MARKETING, revision=7, fresh=fresh)


@pytest.mark.parametrize(
    ("overrides", "on", "reason"),
    [
        ({EVERYONE: True}, True, "set for everyone"),
        ({EVERYONE: False}, False, "set for everyone"),
        ({DEPARTMENT: True, EVERYONE: False}, True, "set for department"),
        ({DEPARTMENT: False, EVERYONE: True}, False, "set for department"),
        ({PERSON: True, DEPARTMENT: False, EVERYONE: False}, True, "set for person"),
        ({PERSON: False, DEPARTMENT: True, EVERYONE: True}, False, "set for person"),
        ({PERSON: False, EVERYONE: True}, False, "set for person"),
        ({PERSON: True}, True, "set for person"),
    ],
)
def test_person_comes_before_department_before_everyone(overrides: Overrides, on: bool, reason: str) -> None:
    assert read(overrides) == Reading(on, reason, 7)


@pytest.mark.parametrize(
    "foreign",
    [
        (Level.PERSON, "somebody-else"),
        (Level.PERSON, MARKETING),
        (Level.PERSON, ""),
        (Level.DEPARTMENT, "it"),
        (Level.DEPARTMENT, ANA),
        (Level.DEPARTMENT, ""),
        (Level.EVERYONE, ANA),
    ],
)
def test_what_is_set_for_others_does_not_count(foreign: tuple[Level, str]) -> None:
    assert read({foreign: True}) == Reading(False, "nothing is set, so the default stands", 7)


def test_where_nothing_is_set_the_default_stands() -> None:
    assert read({}).on is AUTOMATED_REVIEW.default is False
    assert read({}, flag=HARMLESS).on is True


def test_the_automated_review_spends_and_is_off_until_somebody_sets_it() -> None:
    assert AUTOMATED_REVIEW.spending
    assert not AUTOMATED_REVIEW.default


SETTINGS = st.dictionaries(st.sampled_from([PERSON, DEPARTMENT, EVERYONE]), st.booleans())


@given(SETTINGS)
def test_a_spending_flag_is_off_without_fresh_knowledge_whatever_is_set(overrides: Overrides) -> None:
    reading = read(overrides, fresh=False)
    assert reading == Reading(False, "no fresh snapshot of the flags, so a spending flag is off", 7)


@given(SETTINGS)
def test_another_flag_keeps_its_last_known_value(overrides: Overrides) -> None:
    assert read(overrides, flag=HARMLESS, fresh=False) == read(overrides, flag=HARMLESS)


@given(SETTINGS, st.booleans())
def test_setting_it_for_a_person_is_final_while_fresh(overrides: Overrides, value: bool) -> None:
    assert read(overrides | {PERSON: value}).on is value


def test_two_seconds_are_fresh() -> None:
    assert timedelta(seconds=2) == FRESH_FOR


@pytest.mark.parametrize(
    "key",
    ["", "Automated-Review", "../x", "a b", "x" * 300, "__proto__", "constructor", "automated_review"],
)
def test_an_unknown_key_is_no_flag(key: str) -> None:
    assert key not in FLAGS


def test_every_flag_is_found_by_its_own_plain_key() -> None:
    for key, flag in FLAGS.items():
        assert key == flag.key
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", key)
        assert flag.title
