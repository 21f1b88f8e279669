"""The try-out: the scheduler itself, with chosen input, outcomes and outputs, event by event. Nothing is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flask import make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import database
from app.access import may_here, opens
from app.errors import is_htmx
from app.pages.designer.draft import open_draft, save
from app.pages.designer.outline import ICONS
from app.pages.designer.routes import pages
from app.pages.designer.typed import read_value, write_value
from rules.errors import BusinessError, Invalid, InvalidFields
from rules.person import Act
from rules.process import Input, Node, Outcome, Process, Scenario, ValueKind
from rules.process_edit import set_scenario
from rules.process_input import judge_input
from rules.process_language import Language
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan, ProcessCannotRun, make_plan
from rules.process_sandbox import Chosen, Sandbox, sample_input, sample_outputs
from rules.process_scenario import as_it_goes
from rules.process_svg import draw
from rules.process_trial import Frame, try_out
from rules.process_words import say_why
from storage import process as processes

NEVER: Final = "never"
COMPUTED: Final = "computed"
WORDS: Final[Mapping[str, object]] = {
    COMPUTED: _l("as the values say"),
    Outcome.COMPLETED.value: _l("completed"),
    Outcome.SATISFIED.value: _l("yes"),
    Outcome.NOT_SATISFIED.value: _l("no"),
    Outcome.TIMEOUT.value: _l("no answer in time"),
    Outcome.FAILED.value: _l("failed"),
    NEVER: _l("does not end"),
}


@dataclass(frozen=True)
class Question:
    """A node whose outcome can be chosen.

    Attributes:
        choices: the first is what counts where nothing was chosen.
        is_again: its body may run several times, so that later rounds may end otherwise.
        is_plain: it can only be completed, fail or never end.
        output: what it gives out, as JSON; None for one that the run computes.
    """

    node: Node
    choices: Sequence[str]
    first: str
    later: str
    is_again: bool
    is_plain: bool
    output: str | None


@dataclass(frozen=True)
class Typed:
    """What the form holds: what was sent, or a scenario, or what usually fits.

    Attributes:
        problems: input or `outputs.<node>` -> what is wrong with it.
    """

    inputs: Sequence[tuple[Input, str]]
    questions: Sequence[Question]
    chosen: Chosen
    problems: Mapping[str, str]


@pages.route("/processes/<key>/try", methods=["GET", "POST"], endpoint="processes_trial")
@opens(Act.READ_PROCESS)
def trial(key: str) -> ResponseReturnValue:
    """Choose what goes in and how each node ends, and see what follows; a form that is sent changes nothing."""
    process, number = _process(key)
    shown = _tried(process) | {
        "key": key,
        "process": process,
        "number": number,
        "icons": ICONS,
        "words": WORDS,
        "may_draw": may_here(Act.DRAW_PROCESS),
    }
    return render_template("designer/_trial.html" if is_htmx() else "designer/trial.html", **shown)


@pages.post("/processes/<key>/try/keep", endpoint="processes_trial_keep")
@opens(Act.DRAW_PROCESS)
def keep(key: str) -> ResponseReturnValue:
    """Keep what was tried as a scenario of the draft."""
    process, _number = _process(key)
    plan = make_plan(process)
    typed = _typed(plan)
    try:
        if typed.problems:
            raise InvalidFields(dict(typed.problems))
        name = request.form.get("name", "").strip()
        if not name:
            raise Invalid(_("Please give the scenario a name."), "name")
        opened = open_draft(key)
        save(opened, opened.revision, [set_scenario(as_it_goes(plan, name, typed.chosen))])
    except BusinessError as refusal:
        database.session().rollback()
        shown = _tried(process) | {
            "key": key,
            "process": process,
            "number": _number,
            "icons": ICONS,
            "words": WORDS,
        }
        page = render_template("designer/trial.html", **shown, may_draw=True, refused=refusal.message)
        return make_response(page, refusal.status)
    database.commit()
    return redirect(url_for("designer.processes_scenarios", key=key), 303)


def _process(key: str) -> tuple[Process, int]:
    given = request.values.get("version", "")
    if not given:
        opened = open_draft(key)
        return opened.process, opened.number
    if not (given.isascii() and given.isdigit() and len(given) < 7):
        raise Invalid(_("The address names no version."))
    row = processes.version(database.session(), key, int(given))
    return row.process, row.version


def _tried(process: Process) -> dict[str, object]:
    try:
        plan = make_plan(process)
    except ProcessCannotRun as refusal:
        return {"refusal": refusal.message}
    if not plan.nodes:
        return {"refusal": str(_("There is no node yet, so there is nothing to try."))}
    typed = _typed(plan)
    sandbox = Sandbox(plan, typed.chosen)
    frames = try_out(plan, sandbox.answer, sandbox.ended)
    place = _place(len(frames))
    frame = frames[place]
    return {
        "refusal": "",
        "plan": plan,
        "typed": typed,
        "questions": typed.questions,
        "frames": frames,
        "place": place,
        "frame": frame,
        "order": [
            (turn, number) for number, one in enumerate(frames[: place + 1]) for turn in one.step.ready
        ],
        "done": _done(sandbox, frames[: place + 1]),
        "why": _why(plan, frame),
        "nodes": [plan.nodes[number] for number in plan.order],
        "titles": {node.id: node.title for node in plan.nodes},
        "picture": draw(process, frame.edges, frame.nodes),
    }


def _done(sandbox: Sandbox, frames: Sequence[Frame]) -> dict[str, dict[str, str]]:
    """Node -> what went into it and what came out, of its newest round up to this event, as JSON."""
    started = [turn for frame in frames for turn in frame.step.ready]
    ended = {frame.ended[0] for frame in frames if frame.ended}
    shown: dict[str, dict[str, str]] = {}
    for turn in started:
        done = sandbox.done.get(turn)
        if done is not None:
            shown[turn.node] = {
                "given": _json(done.given),
                "output": _json(done.output) if turn in ended and done.output else "",
                "error": done.error if turn in ended or done.error else "",
            }
    return shown


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, default=str)


def _place(count: int) -> int:
    """The event that is shown; the last one unless another is asked for."""
    given = request.values.get("step", "")
    return min(int(given), count - 1) if given.isascii() and given.isdigit() and len(given) < 7 else count - 1


def _why(plan: Plan, frame: Frame) -> dict[str, tuple[str, ...]]:
    return {node_id: say_why(plan, why, Language.ENGLISH) for node_id, why in frame.why.items()}


def _typed(plan: Plan) -> Typed:
    name = request.args.get("scenario", "")
    scenario = next((each for each in plan.process.scenarios if each.name == name), None)
    problems: dict[str, str] = {}
    given, inputs = _given(plan.process, scenario, problems)
    questions = _questions(plan, scenario)
    outputs = {}
    for each in questions:
        output = _object(each.output or "{}")
        if output is None:
            problems[f"outputs.{each.node.id}"] = str(_("What it gives out must be a JSON object."))
        if output:
            outputs[each.node.id] = output
    outcomes = {each.node.id: _answers(each) for each in questions if _is_chosen(each)}
    return Typed(inputs, questions, Chosen(given, outcomes, outputs), problems)


def _given(
    process: Process, scenario: Scenario | None, problems: dict[str, str]
) -> tuple[dict[str, Any], list[tuple[Input, str]]]:
    """The input, and what its form shows."""
    usual = dict(scenario.given) if scenario else sample_input(process)
    whole = request.form.get("given", "").strip()
    if whole:
        sent = _object(whole)
        if sent is None:
            problems["given"] = str(_("The input must be a JSON object."))
        usual = sent or {}
    given, inputs = {}, []
    for each in process.inputs:
        text = request.form.get(f"input.{each.name}") if not whole else None
        if text is None:
            text = _as_typed(each, usual[each.name]) if usual.get(each.name) is not None else ""
        inputs.append((each, text))
        if text.strip():
            given[each.name] = text.strip() if each.kind in _TEXTS else read_value(text)
    given |= {name: value for name, value in usual.items() if whole and name not in given}
    try:
        return judge_input(process, given, "somebody"), inputs
    except InvalidFields as refusal:
        problems.update(refusal.problems)
        return given, inputs


def _object(text: str) -> dict[str, Any] | None:
    """The JSON object that somebody typed; None where it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


#: What is text whatever it looks like.
_TEXTS: Final = (ValueKind.TEXT, ValueKind.AMOUNT, ValueKind.MOMENT)


def _as_typed(each: Input, value: Any) -> str:
    return value if each.kind in _TEXTS and isinstance(value, str) else write_value(value)


def _questions(plan: Plan, scenario: Scenario | None) -> list[Question]:
    again = {plan.nodes[number].id for loop in plan.loops.values() for number in loop.body}
    samples = sample_outputs(plan.process)
    asked = []
    for number in plan.order:
        node = plan.nodes[number]
        kind = NODE_TYPES.get(node.type)
        usual = [each.value for each in (kind.outcomes if kind else (Outcome.COMPLETED,))]
        inline = kind is not None and kind.is_inline
        more = [] if node.type == "end" else [Outcome.FAILED.value, NEVER]
        choices = [*([COMPUTED] if inline else []), *usual, *more]
        words = ["never" if each is None else each.value for each in _said(scenario, node)] or [choices[0]]
        first = _chosen(f"first.{node.id}", choices, words[0])
        later = _chosen(f"later.{node.id}", choices, words[-1])
        output = None if inline else request.form.get(f"output.{node.id}", _output(scenario, node, samples))
        asked.append(Question(node, choices, first, later, node.id in again, len(usual) == 1, output))
    return asked


def _said(scenario: Scenario | None, node: Node) -> Sequence[Outcome | None]:
    return scenario.outcomes.get(node.id, ()) if scenario else ()


def _output(scenario: Scenario | None, node: Node, samples: Mapping[str, Any]) -> str:
    given = scenario.outputs.get(node.id, {}) if scenario else samples.get(node.id, {})
    return json.dumps(given, ensure_ascii=False) if given else ""


def _chosen(name: str, choices: Sequence[str], usual: str) -> str:
    given = request.form.get(name, usual)
    return given if given in choices else choices[0]


def _is_chosen(question: Question) -> bool:
    """Whether it ends otherwise than it would by itself."""
    return {question.first, question.later if question.is_again else question.first} != {question.choices[0]}


def _answers(question: Question) -> tuple[Outcome | None, ...]:
    given = (question.first, question.later) if question.is_again else (question.first,)
    usual = next(each for each in question.choices if each != COMPUTED)
    return tuple(None if each == NEVER else Outcome(usual if each == COMPUTED else each) for each in given)
