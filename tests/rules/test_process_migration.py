"""What a run was given may keep it on its version; what has happened is tried in test_process_edit.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rules.process import Input, ValueKind
from rules.process_migration import blockers
from rules.process_plan import make_plan
from rules.process_play import play
from tests.rules.processes import answers, drawn

OLD = replace(drawn("a>b, b>e"), inputs=(Input("amount", ValueKind.AMOUNT),))


@pytest.mark.parametrize(
    ("inputs", "is_kept"),
    [
        ((Input("amount", ValueKind.AMOUNT),), False),
        ((), False),
        ((Input("amount", ValueKind.AMOUNT), Input("city", ValueKind.TEXT, required=False)), False),
        ((Input("amount", ValueKind.AMOUNT), Input("city", ValueKind.TEXT)), True),
        ((Input("amount", ValueKind.TEXT),), True),
    ],
)
def test_a_version_that_wants_to_know_more_takes_no_run_that_was_not_asked(
    inputs: tuple[Input, ...], is_kept: bool
) -> None:
    plan = make_plan(OLD)
    state = play(plan, answers({"b": "-"})).state
    found = blockers(plan, state, make_plan(replace(OLD, inputs=inputs)))
    assert [each.node for each in found] == ([""] if is_kept else [])
