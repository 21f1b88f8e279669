"""Scenarios go the way that they say, and one is found for every edge that any outcome can reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from rules.process import Ending, Input, Outcome, Process, Scenario, ValueKind
from rules.process_cover import is_reachable
from rules.process_cover_make import cover, scenario_for
from rules.process_plan import make_plan
from rules.process_sandbox import Chosen, rehearse
from rules.process_scenario import ScenariosFail, judge_scenarios, require_scenarios
from tests.rules.graphs import GRAPHS, Graph
from tests.rules.processes import CASES, SETTINGS, drawn, sound

BIG = {"test": {"left": "{{input.amount}}", "op": "gt", "right": "500.00"}}


def with_scenarios(process: Process, *scenarios: Scenario) -> Process:
    """The process with these, and no other."""
    return replace(process, scenarios=scenarios)


def small_or_big(**more: Any) -> Process:
    """A trip: the manager up to 500, the director above."""
    return sound(
        "big-T>director, big-F>manager, director-T>yes, director-F>no, manager-T>yes, manager-F>no",
        {"big": {"type": "condition", "config": BIG}},
        inputs=(Input("amount", ValueKind.AMOUNT),),
        **more,
    )


def test_a_scenario_goes_the_way_that_the_input_leads() -> None:
    scenario = Scenario("small", {"amount": "500.00"}, path=("big", "manager", "yes"))
    coverage = judge_scenarios(with_scenarios(small_or_big(), scenario))
    assert coverage.failing == ()
    assert coverage.missing == (
        "big-true_branch>director", "director-true_branch>yes", "director-false_branch>no", "manager-false_branch>no",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        (Scenario("x", {"amount": "500.01"}, path=("big", "manager", "yes")), "comes director; expected was manager."),
        (Scenario("x", {"amount": "1.00"}, path=("big",)), "After big comes manager; expected was nothing more."),
        (Scenario("x", {"amount": "1.00"}, path=("big", "manager", "yes", "no")), "expected was no."),
        (Scenario("x", {}, path=("big", "manager", "yes")), "input.amount: This input is missing."),
        (Scenario("x", {"amount": 7}), "input.amount: This must be an amount"),
        (Scenario("x", {"amount": "1.00"}, {"gone": (Outcome.SATISFIED,)}), "There is no node 'gone'."),
        (Scenario("x", {"amount": "1.00"}, {"yes": (Outcome.SATISFIED,)}), "yes cannot end with 'satisfied'."),
        (
            Scenario("x", {"amount": "1.00"}, {"manager": (None,)}, path=("big", "manager")),
            "The run is open; expected was completed.",
        ),
    ],
)  # fmt: skip
def test_what_goes_another_way_fails_and_says_where(scenario: Scenario, said: str) -> None:
    failing = judge_scenarios(with_scenarios(small_or_big(), scenario)).failing
    assert said in " ".join(failing[0].problems)
    with pytest.raises(ScenariosFail) as refusal:
        require_scenarios(with_scenarios(small_or_big(), scenario))
    assert said in refusal.value.problems["scenarios.x"]


def test_a_template_that_leads_nowhere_fails_its_scenario_as_it_would_fail_the_run() -> None:
    process = sound("tell>end", {"tell": {"config": {"to": [], "subject": "{{input.gone}}"}}}, inputs=())
    judged = judge_scenarios(with_scenarios(process, Scenario("x", path=("tell", "end"))))
    assert "tell failed: input.gone is unknown" in judged.failing[0].problems[-1]


def test_a_failing_scenario_covers_nothing_and_every_edge_is_named() -> None:
    process = with_scenarios(small_or_big(), Scenario("x", {"amount": "1.00"}, path=("big",)))
    with pytest.raises(ScenariosFail) as refusal:
        require_scenarios(process)
    assert (
        refusal.value.problems["edges.big-true_branch>director"]
        == "No scenario takes the edge big (yes) → director."
    )
    assert len([each for each in refusal.value.problems if each.startswith("edges.")]) == len(process.edges)


def test_scenarios_are_made_for_every_edge_and_conditions_are_met_by_values() -> None:
    scenarios = cover(small_or_big())
    assert judge_scenarios(with_scenarios(small_or_big(), *scenarios)).is_complete
    assert all("big" not in each.outcomes for each in scenarios)
    assert {each.given["amount"] for each in scenarios} == {"100.00", "501.00"}
    assert sorted(each.name for each in scenarios) == sorted({each.name for each in scenarios})
    require_scenarios(with_scenarios(small_or_big(), *scenarios))


def decided(graph: Graph) -> Graph:
    """The graph with people in every node, so that each may end in any way."""
    nodes = tuple(replace(node, type="approval") for node in graph.process.nodes)
    answers = {
        node: [Outcome.SATISFIED if each is Outcome.COMPLETED else each for each in words]
        for node, words in graph.answers.items()
    }
    return Graph(replace(graph.process, nodes=nodes), answers)


@settings(max_examples=60)
@given(GRAPHS | GRAPHS.map(decided))
def test_any_graph_gets_scenarios_that_go_as_they_say_and_leave_no_reachable_edge_out(graph: Graph) -> None:
    process = replace(graph.process, scenarios=())
    coverage = judge_scenarios(with_scenarios(process, *cover(process)))
    assert [each.problems for each in coverage.failing] == []
    assert coverage.missing == ()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_every_published_case_gets_scenarios(case: dict[str, Any]) -> None:
    process = drawn(**{name: case[name] for name in SETTINGS if name in case})
    assert judge_scenarios(with_scenarios(process, *cover(process))).is_complete


@given(GRAPHS.map(decided))
def test_an_edge_that_a_run_took_is_never_called_unreachable(graph: Graph) -> None:
    plan = make_plan(graph.process)
    for edge in rehearse(plan, Chosen(outcomes=graph.answers)).taken:
        assert is_reachable(plan, edge)


def test_an_edge_behind_two_branches_that_exclude_each_other_is_unreachable_and_asks_for_nothing() -> None:
    process = drawn("c-T>a, c-F>b, a>j, b>j, j>e", {"j": {"join": "strict"}})
    coverage = judge_scenarios(with_scenarios(process, *cover(process)))
    assert coverage.unreachable == ("j-sequence>e",)
    assert coverage.is_complete
    assert coverage.covered == len(process.edges) - 1


def test_a_way_back_is_taken_and_left_again() -> None:
    process = drawn("d>m, m-F3>d, m-T>p")
    made = scenario_for(make_plan(process), "m-false_branch>d")
    assert made is not None
    assert made.path == ("d", "m", "d", "m", "p")
    assert made.ending is Ending.COMPLETED


def test_values_are_found_for_nested_tests_on_outputs_texts_lists_and_variables() -> None:
    test = {
        "all": [
            {"left": "{{input.amount}}", "op": "gte", "right": "1000.00"},
            {"left": "{{vars.limit}}", "op": "lt", "right": "3000.00"},
            {"not": {"left": "{{input.country}}", "op": "in", "right": ["ES", "PT"]}},
            {"left": "{{ask.answer.level}}", "op": "eq", "right": 7},
        ]
    }  # fmt: skip
    process = sound(
        "ask>keep, keep>c, c-T>yes, c-F>no",
        {
            "ask": {"type": "call_external"},
            "keep": {"type": "set", "config": {"values": {"limit": "{{input.amount}}"}}},
            "c": {"type": "condition", "config": {"test": test}},
        },
        inputs=(Input("amount", ValueKind.AMOUNT), Input("country", ValueKind.TEXT)),
    )
    made = scenario_for(make_plan(process), "c-true_branch>yes")
    assert made is not None
    assert "c" not in made.outcomes
    assert made.path[-1] == "yes"
    assert judge_scenarios(with_scenarios(process, *cover(process))).is_complete


def test_a_condition_that_no_value_meets_is_said_in_the_scenario_itself() -> None:
    never = {"all": [
        {"left": "{{input.amount}}", "op": "gt", "right": "500.00"},
        {"left": "{{input.amount}}", "op": "lt", "right": "400.00"},
    ]}  # fmt: skip
    process = sound("c-T>a, c-F>b", {"c": {"type": "condition", "config": {"test": never}}})
    made = scenario_for(make_plan(process), "c-true_branch>a")
    assert made is not None
    assert made.outcomes == {"c": (Outcome.SATISFIED,)}


def test_a_graph_made_to_be_weighed_for_ever_is_given_up_and_its_edge_counts_as_reachable() -> None:
    pairs = [f"c{n}-T>a{n}, c{n}-F>b{n}, a{n}>j{n}, b{n}>j{n}, j{n}>end" for n in range(24)]
    against = "x-T>left, x-F>right, left>both, right>both, both>end, end>last"
    strict = {"end": {"join": "strict"}, "both": {"join": "strict"}}
    process = drawn(", ".join([against, *pairs]), strict)
    coverage = judge_scenarios(with_scenarios(process, *cover(process)))
    assert coverage.failing == ()
    assert "end-sequence>last" in {*coverage.unreachable, *coverage.missing}
    assert "c7-true_branch>a7" not in {*coverage.unreachable, *coverage.missing}
