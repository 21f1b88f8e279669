"""Flags: the closest setting wins, an explicit no included; types hold; who has heard nothing spends nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.flag import (
    AUTOMATED_REVIEW,
    FLAGS,
    FRESH_FOR,
    KEPT_FOR,
    REVIEW_STRICTNESS,
    Flag,
    Kind,
    Level,
    Overrides,
    Reading,
    Setting,
    Source,
    chain,
    fits,
    read_flag,
    read_nothing,
)
from rules.strictness import STRICTNESS

HARMLESS = Flag("new-inbox", "The new inbox", Kind.BOOLEAN, default=True)
NAME = Flag("greeting", "What the page says", Kind.STRING, default="Hello")
LIMIT = Flag("page-size", "Rows on a page", Kind.NUMBER, default=20)
LAYOUT = Flag("layout", "Where things stand", Kind.JSON, default={"columns": 2})
ANA, MARKETING = "0000-ana", "marketing"
PERSON, DEPARTMENT, EVERYONE = (Level.PERSON, ANA), (Level.DEPARTMENT, MARKETING), (Level.EVERYONE, "")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
JUST_NOW, A_SECOND = timedelta(0), timedelta(seconds=1)
Values = dict[tuple[Level, str], Any]


def read(
    values: Values, *, flag: Flag = AUTOMATED_REVIEW, age: timedelta = JUST_NOW, now: datetime = NOW
) -> Reading:
    return read_settings({key: Setting(value) for key, value in values.items()}, flag=flag, age=age, now=now)


def read_settings(
    overrides: Overrides, *, flag: Flag = AUTOMATED_REVIEW, age: timedelta = JUST_NOW, now: datetime = NOW
) -> Reading:
    return read_flag(flag, overrides, ANA, MARKETING, revision=7, age=age, now=now)


@pytest.mark.parametrize(
    ("values", "on", "source"),
    [
        ({EVERYONE: True}, True, Source.EVERYONE),
        ({EVERYONE: False}, False, Source.EVERYONE),
        ({DEPARTMENT: True, EVERYONE: False}, True, Source.DEPARTMENT),
        ({DEPARTMENT: False, EVERYONE: True}, False, Source.DEPARTMENT),
        ({PERSON: True, DEPARTMENT: False, EVERYONE: False}, True, Source.PERSON),
        ({PERSON: False, DEPARTMENT: True, EVERYONE: True}, False, Source.PERSON),
        ({PERSON: False, EVERYONE: True}, False, Source.PERSON),
        ({PERSON: True}, True, Source.PERSON),
    ],
)
def test_person_comes_before_department_before_everyone(values: Values, on: bool, source: Source) -> None:
    assert read(values) == Reading(on, source, 7)
    assert read(values).on is on


@pytest.mark.parametrize(
    ("values", "value", "source"),
    [
        ({}, "strict", Source.ROLLOUT),
        ({EVERYONE: "lenient"}, "strict", Source.ROLLOUT),
        ({DEPARTMENT: "lenient", EVERYONE: "lenient"}, "strict", Source.ROLLOUT),
        ({PERSON: "lenient"}, "lenient", Source.PERSON),
    ],
)
def test_what_a_rollout_gives_comes_behind_a_person_and_before_a_department(
    values: Values, value: str, source: Source
) -> None:
    overrides = {key: Setting(each) for key, each in values.items()}
    reading = read_flag(
        REVIEW_STRICTNESS, overrides, ANA, MARKETING, revision=7, age=JUST_NOW, now=NOW, assigned="strict"
    )
    assert (reading.value, reading.source) == (value, source)


def test_a_persons_setting_that_has_ended_keeps_nothing_from_them() -> None:
    overrides = {PERSON: Setting("lenient", until=NOW - A_SECOND)}
    reading = read_flag(
        REVIEW_STRICTNESS, overrides, ANA, MARKETING, revision=7, age=JUST_NOW, now=NOW, assigned="strict"
    )
    assert reading.source is Source.ROLLOUT


@pytest.mark.parametrize(
    ("age", "assigned", "source"),
    [(FRESH_FOR + A_SECOND, True, Source.STALE), (JUST_NOW, "yes", Source.WRONG_TYPE)],
)
def test_a_rollout_lets_nobody_spend_on_stale_or_broken_knowledge(
    age: timedelta, assigned: Any, source: Source
) -> None:
    reading = read_flag(AUTOMATED_REVIEW, {}, ANA, MARKETING, revision=7, age=age, now=NOW, assigned=assigned)
    assert (reading.value, reading.source) == (False, source)


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
    assert read({foreign: True}) == Reading(False, Source.DEFAULT, 7)


@pytest.mark.parametrize("flag", [AUTOMATED_REVIEW, REVIEW_STRICTNESS, HARMLESS, NAME, LIMIT, LAYOUT])
def test_where_nothing_is_set_the_default_stands(flag: Flag) -> None:
    assert read({}, flag=flag).value == flag.default


def test_the_automated_review_spends_and_is_off_until_somebody_sets_it() -> None:
    assert AUTOMATED_REVIEW.spending
    assert not AUTOMATED_REVIEW.default


@pytest.mark.parametrize(
    ("flag", "value"),
    [(NAME, "Hola"), (LIMIT, 50), (LIMIT, -0.5), (LAYOUT, {"columns": [1, None, "x"]}), (LAYOUT, [])],
)
def test_each_type_of_flag_says_what_is_set(flag: Flag, value: Any) -> None:
    assert read({DEPARTMENT: value}, flag=flag) == Reading(value, Source.DEPARTMENT, 7)


WRONG: dict[str, list[Any]] = {
    AUTOMATED_REVIEW.key: ["true", 1, 0, 1.0, None, [], {}, "on"],
    REVIEW_STRICTNESS.key: ["Strict", "", "loose", 1, True, None, ["strict"]],
    NAME.key: [1, None, True, "x" * 4001, "a\x00b", ["x"]],
    LIMIT.key: [True, "5", None, float("nan"), float("inf"), -float("inf"), 1e13, 10**400],
    LAYOUT.key: [
        "{}",
        1,
        None,
        True,
        {"x": float("nan")},
        {"x": object()},
        ["y" * 4001],
        ["a\x00"],
        {"x": {1}},
    ],
}
BY_KEY = {flag.key: flag for flag in (AUTOMATED_REVIEW, REVIEW_STRICTNESS, NAME, LIMIT, LAYOUT)}


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in WRONG.items() for value in values]
)
def test_a_value_of_another_type_is_never_taken_for_a_yes(key: str, value: Any) -> None:
    flag = BY_KEY[key]
    assert not fits(flag, value)
    safe = flag.safe if flag.spending else flag.default
    # Not the next layer either: nobody knows what the broken one was meant to say.
    assert read({PERSON: value, EVERYONE: flag.default}, flag=flag) == Reading(safe, Source.WRONG_TYPE, 7)


def test_a_value_that_is_nested_without_end_fits_no_flag() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert not fits(LAYOUT, deep)


@pytest.mark.parametrize(
    ("until", "on"), [(NOW + A_SECOND, True), (NOW, False), (NOW - A_SECOND, False), (None, True)]
)
def test_a_setting_counts_until_its_end(until: datetime | None, on: bool) -> None:
    assert read_settings({PERSON: Setting(True, until), EVERYONE: Setting(False)}).on is on


def test_after_its_end_the_next_one_speaks() -> None:
    overrides = {PERSON: Setting(False, NOW), DEPARTMENT: Setting(True, NOW), EVERYONE: Setting(True)}
    assert read_settings(overrides) == Reading(True, Source.EVERYONE, 7)


SETTINGS = st.dictionaries(
    st.sampled_from([PERSON, DEPARTMENT, EVERYONE]),
    st.builds(Setting, st.booleans(), st.none() | st.sampled_from([NOW - A_SECOND, NOW + A_SECOND])),
)


@given(SETTINGS)
def test_a_spending_flag_is_off_without_fresh_knowledge_whatever_is_set(overrides: Overrides) -> None:
    late = FRESH_FOR + timedelta(milliseconds=1)
    assert read_settings(overrides, age=late) == Reading(False, Source.STALE, 7)
    assert read_settings(overrides, age=FRESH_FOR) == read_settings(overrides)


@given(st.sampled_from(list(STRICTNESS)))
def test_the_review_is_strict_without_fresh_knowledge(name: str) -> None:
    assert read({EVERYONE: name}, flag=REVIEW_STRICTNESS, age=FRESH_FOR * 2).value == "strict"


@given(SETTINGS)
def test_another_flag_keeps_its_last_known_value_for_ten_minutes(overrides: Overrides) -> None:
    assert read_settings(overrides, flag=HARMLESS, age=KEPT_FOR) == read_settings(overrides, flag=HARMLESS)
    late = KEPT_FOR + timedelta(milliseconds=1)
    assert read_settings(overrides, flag=HARMLESS, age=late) == Reading(True, Source.STALE, 7)


@pytest.mark.parametrize("flag", [AUTOMATED_REVIEW, REVIEW_STRICTNESS, HARMLESS, NAME, LIMIT, LAYOUT])
def test_who_never_heard_of_the_flags_goes_by_the_safe_value_or_the_default(flag: Flag) -> None:
    assert read_nothing(flag) == Reading(flag.safe if flag.spending else flag.default, Source.STALE, 0)
    assert read({EVERYONE: flag.default}, flag=flag, age=timedelta.max).source is Source.STALE


@given(SETTINGS, st.booleans())
def test_setting_it_for_a_person_is_final_while_fresh(overrides: Overrides, value: bool) -> None:
    assert read_settings(dict(overrides) | {PERSON: Setting(value)}).on is value


def test_two_seconds_are_fresh_and_ten_minutes_are_kept() -> None:
    assert (timedelta(seconds=2), timedelta(minutes=10)) == (FRESH_FOR, KEPT_FOR)


def test_every_reading_says_why() -> None:
    assert {source: Reading(None, source, 1).reason for source in Source} == {
        Source.PERSON: "set for person",
        Source.ROLLOUT: "rollout: given to some first",
        Source.DEPARTMENT: "set for department",
        Source.EVERYONE: "set for everyone",
        Source.DEFAULT: "nothing is set, so the default stands",
        Source.STALE: "no fresh snapshot of the flags",
        Source.WRONG_TYPE: "what is set has another type, so it does not count",
    }


def test_a_chain_goes_from_the_closest_to_everyone() -> None:
    assert list(chain(Level.PERSON, ANA, MARKETING)) == [PERSON, DEPARTMENT, EVERYONE]
    assert list(chain(Level.DEPARTMENT, MARKETING, MARKETING)) == [DEPARTMENT, EVERYONE]
    assert list(chain(Level.EVERYONE, "", "")) == [EVERYONE]


@pytest.mark.parametrize(
    "key",
    ["", "Automated-Review", "../x", "a b", "x" * 300, "__proto__", "constructor", "automated_review"],
)
def test_an_unknown_key_is_no_flag(key: str) -> None:
    assert key not in FLAGS


def test_every_flag_is_found_by_its_own_plain_key_and_fits_itself() -> None:
    for key, flag in FLAGS.items():
        assert key == flag.key
        assert re.fullmatch(r"[a-z][a-z0-9-]{0,62}", key)
        assert flag.title
        assert flag.says
        assert fits(flag, flag.default)
        assert fits(flag, flag.safe) is flag.spending


def test_each_strictness_is_an_option_from_the_tightest_to_the_loosest() -> None:
    assert REVIEW_STRICTNESS.options == tuple(STRICTNESS) == ("strict", "standard", "lenient")
    assert REVIEW_STRICTNESS.safe == "strict"
