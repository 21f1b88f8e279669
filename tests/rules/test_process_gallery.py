"""The templates: each is sound, goes as its scenarios say and leaves no edge out, whatever is filled in."""

from __future__ import annotations

import pytest

from rules.errors import InvalidFields
from rules.person import Role
from rules.process import EdgeType
from rules.process_check import Surroundings, check_process
from rules.process_content import read_process, to_content
from rules.process_gallery import Template, judge_values, make_process
from rules.process_language import Language
from rules.process_plan import make_plan
from rules.process_sandbox import Chosen, rehearse
from rules.process_scenario import judge_scenarios
from rules.process_templates import TEMPLATES
from rules.process_words import tell

AROUND = Surroundings(roles=tuple(role.value for role in Role))
each_template = pytest.mark.parametrize("template", TEMPLATES.values(), ids=list(TEMPLATES))


@each_template
@pytest.mark.parametrize("language", list(Language))
def test_a_template_is_sound_and_its_scenarios_take_every_edge(
    template: Template, language: Language
) -> None:
    process = make_process(template, template.key, "", template.usual, language)
    assert check_process(process, AROUND) == ()
    coverage = judge_scenarios(process)
    assert coverage.is_complete
    assert coverage.unreachable == ()
    assert process.name == template.title[language]
    assert read_process(to_content(process)) == process


@each_template
def test_no_scenario_of_a_template_says_itself_what_a_condition_decides(template: Template) -> None:
    process = make_process(template, template.key, "", {})
    conditions = {node.id for node in process.nodes if node.type == "condition"}
    assert [each.name for each in process.scenarios if conditions & each.outcomes.keys()] == []


@each_template
def test_every_person_in_a_template_has_a_deadline_and_every_refusal_leads_somewhere(
    template: Template,
) -> None:
    process = make_process(template, template.key, "", {})
    for node in process.nodes:
        if node.type == "approval":
            leaving = {edge.type for edge in process.edges if edge.source == node.id}
            assert leaving == {EdgeType.TRUE, EdgeType.FALSE}
            assert node.config["deadline"]


def test_what_is_filled_in_is_judged_field_by_field() -> None:
    travel = TEMPLATES["travel-expense"]
    wrong = {"limit": "much", "director": "king", "most_pending": 99, "deadline": "soon", "colour": "red"}
    with pytest.raises(InvalidFields) as refusal:
        judge_values(travel, wrong)
    assert refusal.value.problems.keys() == wrong.keys()
    with pytest.raises(InvalidFields):
        judge_values(travel, {"limit": ""})
    assert judge_values(travel, {"limit": "250.00"})["limit"] == "250.00"


def test_a_reminder_behind_the_deadline_is_a_problem_of_the_draft() -> None:
    process = make_process(
        TEMPLATES["two-step-purchase"], "purchase", "", {"deadline": "1 d", "reminder": "2 d"}
    )
    assert {each.code for each in check_process(process, AROUND)} == {"approval_times"}


@pytest.mark.parametrize(
    ("amount", "pending", "asked"),
    [("499.99", 0, "manager"), ("500.00", 0, "director"), ("100.00", 2, "manager"), ("100.00", 3, None)],
)
def test_a_trip_goes_to_the_manager_below_the_limit_and_nowhere_before_earlier_ones_are_settled(
    amount: str, pending: int, asked: str | None
) -> None:
    travel = TEMPLATES["travel-expense"]
    given = {"requester": "ana", "amount": amount, "destination": "Oporto", "pending_trips": pending}
    went = rehearse(make_plan(make_process(travel, "travel", "", {})), Chosen(given))
    started = {turn.node for turn in went.order}
    assert started & {"manager", "director"} == ({asked} if asked else set())


def test_one_person_does_not_release_a_large_payment_alone_in_two_roles() -> None:
    payment = TEMPLATES["four-eyes-payment"]
    plan = make_plan(make_process(payment, "payment", "", {}))
    given = {"requester": "ana", "payee": "Adif", "amount": "9000.00", "reference": "7"}
    for second, paid in ((["carla"], False), (["bruno"], True)):
        outputs = {"first": {"decided_by": ["carla"]}, "second": {"decided_by": second}}
        went = rehearse(plan, Chosen(given, outputs=outputs))
        assert ("pay" in {turn.node for turn in went.order}) is paid


@each_template
def test_a_template_is_told_in_spanish_as_people_say_it(template: Template) -> None:
    process = make_process(template, template.key, "", {}, Language.SPANISH)
    said = " ".join(tell(make_plan(process), Language.SPANISH))
    assert " a el " not in said
    assert " de el " not in said
