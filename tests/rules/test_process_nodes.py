"""The types of nodes: whole entries in the registry, fields that are judged, and when enough people have answered."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rules.process_nodes
from rules.process import Node, OnTimeout, Outcome
from rules.process_language import Language, say_condition, say_duration, say_list, say_people
from rules.process_node import Field, FieldKind, NodeType, parse_duration
from rules.process_nodes import NODE_TYPES
from rules.process_nodes.approval import POLICIES, Seat, count
from rules.process_value import ERROR, OUTCOME
from tests.rules.processes import USUAL_CONFIGS

TYPES = list(NODE_TYPES.values())


def test_each_file_is_one_type_under_its_name() -> None:
    folder = Path(str(rules.process_nodes.__file__)).parent
    assert set(NODE_TYPES) == {path.stem for path in folder.glob("[a-z]*.py")}
    assert set(NODE_TYPES) == set(USUAL_CONFIGS)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.key)
def test_a_type_is_whole(kind: NodeType) -> None:
    assert {language for language in Language if kind.title[language]} == set(Language)
    assert len({field.name for field in kind.fields}) == len(kind.fields)
    assert not set(kind.outputs) & {OUTCOME, ERROR}
    assert Outcome.FAILED not in kind.outcomes
    assert (Outcome.SATISFIED in kind.outcomes) is (Outcome.NOT_SATISFIED in kind.outcomes)
    assert json.dumps([field.to_content() for field in kind.fields])
    # What costs no event is computed at once, and nothing that is computed at once waits.
    assert kind.is_inline is (kind.history_events == 0)
    assert not (kind.is_inline and kind.waits)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.key)
def test_the_usual_config_is_fine_and_is_told_in_both_languages(kind: NodeType) -> None:
    config = USUAL_CONFIGS[kind.key]
    assert list(kind.complaints(config)) == []
    said = [kind.say(config, language) for language in Language]
    assert all(said)
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.key)
def test_a_form_may_be_saved_empty_and_is_told_all_the_same(kind: NodeType) -> None:
    required = {field.name for field in kind.fields if field.required}
    said = {complaint.field for complaint in kind.complaints({}) if complaint.code == "config_missing"}
    assert required <= said
    assert all(kind.say({}, language) for language in Language)


@given(st.sampled_from(TYPES), st.integers(0, 2**32))
def test_a_draft_is_told_and_judged_whatever_stands_in_it(kind: NodeType, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 (the drawn seed makes it)
    values = [value for each in FieldKind for value in (*WRONG[each], *RIGHT[each])] + [
        None,
        "",
        [],
        {},
        [None],
    ]
    config = {field.name: chance.choice(values) for field in kind.fields if chance.random() < 0.8}
    assert all(isinstance(kind.say(config, language), str) for language in Language)
    assert all(complaint.message for complaint in kind.complaints(config))


WRONG: dict[FieldKind, list[Any]] = {
    FieldKind.TEXT: [5, ["x"], "x" * 2001],
    FieldKind.LONG_TEXT: [5],
    FieldKind.WORD: ["Not a word", 5, "9x"],
    FieldKind.WHOLE: [-1, 1.5, "5", True, 10**9],
    FieldKind.AMOUNT: [500, "500,00", "-1", "1e3", "many"],
    FieldKind.FLAG: ["yes", 1],
    FieldKind.CHOICE: ["other", 5],
    FieldKind.CHOICES: ["page", ["other"]],
    FieldKind.DURATION: ["soon", "3 weeks", "0 d", "400 d", 3, "3d 2h"],
    FieldKind.DURATIONS: ["3 d", ["soon"]],
    FieldKind.MOMENT: ["tomorrow", "2026-12-01T09:00:00", 5],
    FieldKind.ADDRESS: [
        "http://x.example",
        "https://",
        "https://me:secret@x.example",
        "ftp://x",
        5,
        "https://[x",
    ],
    FieldKind.PEOPLE: ["finance", [{}], [{"role": "a", "person": "b"}], [{"role": 5}], [{"boss": "x"}]],
    FieldKind.CONDITION: ["yes", {"op": "eq"}],
    FieldKind.VALUES: [["x"], {"Not a word": 1}],
}
RIGHT: dict[FieldKind, list[Any]] = {
    FieldKind.TEXT: ["x", "{{input.x}}"],
    FieldKind.LONG_TEXT: ["two\nlines"],
    FieldKind.WORD: ["paid_1"],
    FieldKind.WHOLE: [1, 2000, "{{input.x}}"],
    FieldKind.AMOUNT: ["500", "0.999", "{{input.x}}"],
    FieldKind.FLAG: [True, False],
    FieldKind.CHOICE: ["page"],
    FieldKind.CHOICES: [["page", "mail"]],
    FieldKind.DURATION: ["30 s", "15min", "12 h", "366 d", "{{input.x}}"],
    FieldKind.DURATIONS: [["3 d", "5 d"]],
    FieldKind.MOMENT: ["2026-12-01T09:00:00+01:00", "{{input.x}}"],
    FieldKind.ADDRESS: ["https://x.example/a?b=c"],
    FieldKind.PEOPLE: [
        [{"role": "finance"}, {"manager_of": "{{input.x}}", "group": "it"}],
        "{{input.people}}",
    ],
    FieldKind.CONDITION: [{"left": 1, "op": "eq", "right": 1}],
    FieldKind.VALUES: [{"total_2": [1, None]}, "{{input.x}}"],
}


def judged(kind: FieldKind, value: Any) -> list[str]:
    field = Field("x", kind, "X", choices=("page", "mail"))
    made = NodeType("made_up", NODE_TYPES["end"].title, NODE_TYPES["end"].say, fields=(field,))
    return [complaint.code for complaint in made.complaints({"x": value})]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in FieldKind for value in WRONG[kind]])
def test_an_entry_of_another_kind_is_refused(kind: FieldKind, value: Any) -> None:
    assert judged(kind, value) == ["config_invalid"]


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in FieldKind for value in RIGHT[kind]])
def test_an_entry_of_its_kind_is_taken(kind: FieldKind, value: Any) -> None:
    assert judged(kind, value) == []


@pytest.mark.parametrize("kind", [FieldKind.FLAG, FieldKind.CHOICE, FieldKind.CONDITION, FieldKind.WORD])
def test_what_decides_how_a_process_runs_is_never_filled_in(kind: FieldKind) -> None:
    assert judged(kind, "{{input.x}}") == ["config_invalid"]


def test_a_duration_is_read_as_it_is_written() -> None:
    assert [str(parse_duration(each)) for each in ("30 s", "15 min", "2 h", "3 d")] == [
        "0:00:30",
        "0:15:00",
        "2:00:00",
        "3 days, 0:00:00",
    ]


def seats(word: str, groups: str = "") -> list[Seat]:
    said = {"y": True, "n": False, "-": None}
    return [Seat(group, said[each]) for each, group in zip(word, groups or " " * len(word), strict=True)]


@pytest.mark.parametrize(
    ("policy", "quorum", "word", "groups", "outcome"),
    [
        ("first", 0, "--", "", None),
        ("first", 0, "-n", "", Outcome.NOT_SATISFIED),
        ("first", 0, "y-", "", Outcome.SATISFIED),
        ("all", 0, "yy-", "", None),
        ("all", 0, "yyy", "", Outcome.SATISFIED),
        ("all", 0, "-n-", "", Outcome.NOT_SATISFIED),
        ("quorum", 2, "y--", "", None),
        ("quorum", 2, "yn-", "", None),
        ("quorum", 2, "yny", "", Outcome.SATISFIED),
        ("quorum", 2, "nn-", "", Outcome.NOT_SATISFIED),
        ("per_group", 0, "y-n-", "aabb", None),
        ("per_group", 0, "y-ny", "aabb", Outcome.SATISFIED),
        ("per_group", 0, "y-nn", "aabb", Outcome.NOT_SATISFIED),
        ("quorum", 2, "", "", None),
    ],
)
def test_an_approval_is_decided_as_soon_as_it_can_be(
    policy: str, quorum: int, word: str, groups: str, outcome: Outcome | None
) -> None:
    assert count(policy, quorum, False, seats(word, groups)) is outcome


@pytest.mark.parametrize("policy", POLICIES)
def test_with_a_veto_one_refusal_decides(policy: str) -> None:
    assert count(policy, 1, True, seats("yn-", "aab")) is Outcome.NOT_SATISFIED


@given(
    st.sampled_from(POLICIES[1:]),
    st.integers(1, 3),
    st.booleans(),
    st.lists(st.booleans(), min_size=1, max_size=4),
)
def test_once_an_approval_is_decided_no_later_answer_changes_it(
    policy: str, quorum: int, veto: bool, answers: Sequence[bool]
) -> None:
    orders = [list(order) for order in permutations(range(len(answers)))]
    ends = set()
    for order in orders:
        given_seats = [Seat("ab"[place % 2]) for place in range(len(answers))]
        decided: Outcome | None = None
        for place in order:
            given_seats[place] = Seat(given_seats[place].group, answers[place])
            now = count(policy, min(quorum, len(answers)), veto, given_seats)
            assert decided is None or veto or now is decided
            decided = decided or now
        ends.add(decided)
    assert None not in ends
    assert veto or len(ends) == 1


def test_only_a_yes_that_somebody_gave_lets_money_go() -> None:
    spending = {
        (kind.key, released, late)
        for kind, released, late in product(TYPES, (True, False), OnTimeout)
        if kind.lets_go(Node("x", kind.key, config={"released": released}, on_timeout=late))
    }
    assert {key for key, _, _ in spending} == {"approval", "automated_review"}
    assert ("approval", False, OnTimeout.TRUE) not in spending
    assert ("automated_review", False, OnTimeout.FALSE) not in spending
    assert {kind.key for kind in TYPES if kind.spends} == {"place_order"}


@pytest.mark.parametrize(
    ("words", "english", "spanish"),
    [
        (["a"], "a", "a"),
        (["a", "b", "c"], "a, b and c", "a, b y c"),
        (["finanzas", "informática"], "finanzas and informática", "finanzas e informática"),
        (["agua", "hielo"], "agua and hielo", "agua y hielo"),
    ],
)
def test_lists_are_told_as_people_say_them(words: list[str], english: str, spanish: str) -> None:
    assert [say_list(words, Language.ENGLISH), say_list(words, Language.SPANISH)] == [english, spanish]


def test_conditions_people_and_times_are_told_as_people_say_them() -> None:
    it = {"left": "{{input.department}}", "op": "in", "right": ["it", "operations"]}
    dear = {"left": "{{input.price}}", "op": "gt", "right": {"amount": "500.00", "currency": "EUR"}}
    condition = {
        "any": [{"all": [it, dear]}, {"not": {"left": "{{input.urgent}}", "op": "eq", "right": True}}]
    }
    assert say_condition(condition, Language.ENGLISH) == (
        "(input.department is one of it or operations and input.price is over 500.00 EUR)"
        " or it is not so that (input.urgent is yes)"
    )
    assert "supera 500.00 EUR" in say_condition(condition, Language.SPANISH)
    assert say_list(["siete", "ocho"], Language.SPANISH, either=True) == "siete u ocho"
    people = [
        {"role": "finance"},
        {"role": "queen"},
        {"manager_of": "{{input.requester}}"},
        {"person": "ana"},
    ]
    assert say_people(people, Language.ENGLISH) == "finance, queen, the manager of input.requester and ana"
    assert [say_duration(each, Language.SPANISH) for each in ("1 d", "3 h", "{{input.time}}")] == [
        "1 día",
        "3 horas",
        "input.time",
    ]


def test_an_approval_whose_deadline_was_emptied_is_told_without_one() -> None:
    asked = {"who": [{"role": "finance"}], "deadline": ""}
    told = [NODE_TYPES["approval"].say(asked, language) for language in Language]
    assert told == ["Ask finance to approve", "Pedir aprobación a finanzas"]
