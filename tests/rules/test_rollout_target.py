"""What a rollout gives to some: what people call it, and that there is one at a time of each thing."""

from __future__ import annotations

import pytest

from rules.errors import Invalid
from rules.flag import Value
from rules.rollout import Kind
from rules.rollout_target import FlagTarget, PolicyTarget, ProcessTarget, label, lane_of, parse_process

PROCESS = ProcessTarget(4, "ab" * 32, replaces=3)
POLICY = PolicyTarget("0198a5a0-0000-7000-8000-000000000001", 7, "IT", "")


def test_each_kind_is_called_what_people_call_it() -> None:
    assert label(Kind.BUILD, "two", {}) == "Build two"
    assert label(Kind.POLICY, "it", POLICY.to_content()) == "Policy of IT, version 7"
    assert label(Kind.PROCESS, "travel", PROCESS.to_content()) == "Process travel, version 4"


@pytest.mark.parametrize(
    ("value", "said"),
    [("lenient", "lenient"), (True, "on"), (False, "off"), (0.5, "0.5"), (["a", 1], '["a", 1]')],
)
def test_a_flags_value_is_called_as_people_read_it(value: Value, said: str) -> None:
    content = FlagTarget(value, 3).to_content()
    assert label(Kind.FLAG, "some-flag", content) == f"Flag some-flag = {said}"
    assert FlagTarget.from_content(content) == FlagTarget(value, 3)


def test_one_build_one_policy_a_department_and_one_value_a_flag_are_rolled_out_at_a_time() -> None:
    assert lane_of(Kind.BUILD, "two") == lane_of(Kind.BUILD, "three")
    assert lane_of(Kind.POLICY, "it") != lane_of(Kind.POLICY, "marketing")
    assert len({lane_of(kind, "x") for kind in Kind}) == len(Kind)


def test_a_version_of_a_process_fits_only_on_top_of_the_one_that_it_was_to_replace() -> None:
    assert ProcessTarget.from_content(PROCESS.to_content()) == PROCESS
    assert PROCESS.conflict(3) == ""
    assert "Version 5 was deployed after" in PROCESS.conflict(5)
    assert "follow it already" in PROCESS.conflict(4)
    assert "was retired" in PROCESS.conflict(None)


def test_a_process_and_its_version_are_typed_as_one_word() -> None:
    assert parse_process("four-eyes@12") == ("four-eyes", 12)
    for typed in ("", "travel", "travel@", "@4", "travel@4.0", "travel@-1", "travel@٤", "travel@1234567890"):
        with pytest.raises(Invalid):
            parse_process(typed)
