"""The try-out: the scheduler itself, with outcomes that somebody chose, event by event. Nothing is done and nothing kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import database
from app.access import opens
from app.errors import is_htmx
from app.pages.designer.draft import open_draft
from app.pages.designer.outline import ICONS
from app.pages.designer.routes import pages
from rules.errors import Invalid
from rules.person import Act
from rules.process import Node, Outcome, Process
from rules.process_language import Language
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan, ProcessCannotRun, make_plan
from rules.process_trial import Frame, try_out
from rules.process_words import say_why
from storage import process as processes

NEVER: Final = "never"
WORDS: Final[Mapping[str, object]] = {
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
    """

    node: Node
    choices: Sequence[str]
    first: str
    later: str
    is_again: bool
    is_plain: bool


@pages.route("/processes/<key>/try", methods=["GET", "POST"], endpoint="processes_trial")
@opens(Act.READ_PROCESS)
def trial(key: str) -> ResponseReturnValue:
    """Choose how each node ends and see what follows; a form that is sent changes nothing."""
    given = request.values.get("version", "")
    if given:
        if not (given.isascii() and given.isdigit() and len(given) < 7):
            raise Invalid(_("The address names no version."))
        row = processes.version(database.session(), key, int(given))
        process, number = row.process, row.version
    else:
        opened = open_draft(key)
        process, number = opened.process, opened.number
    shown = _tried(process) | {
        "key": key,
        "process": process,
        "number": number,
        "icons": ICONS,
        "words": WORDS,
    }
    return render_template("designer/_trial.html" if is_htmx() else "designer/trial.html", **shown)


def _tried(process: Process) -> dict[str, object]:
    try:
        plan = make_plan(process)
    except ProcessCannotRun as refusal:
        return {"refusal": refusal.message}
    if not plan.nodes:
        return {"refusal": str(_("There is no node yet, so there is nothing to try."))}
    questions = _questions(plan)
    frames = try_out(plan, {each.node.id: _answers(each) for each in questions})
    place = _place(len(frames))
    frame = frames[place]
    return {
        "refusal": "",
        "plan": plan,
        "questions": questions,
        "frames": frames,
        "place": place,
        "frame": frame,
        "order": [
            (turn, number) for number, one in enumerate(frames[: place + 1]) for turn in one.step.ready
        ],
        "why": _why(plan, frame),
        "nodes": [plan.nodes[number] for number in plan.order],
        "titles": {node.id: node.title for node in plan.nodes},
    }


def _place(count: int) -> int:
    """The event that is shown; the last one unless another is asked for."""
    given = request.values.get("step", "")
    return min(int(given), count - 1) if given.isascii() and given.isdigit() and len(given) < 7 else count - 1


def _why(plan: Plan, frame: Frame) -> dict[str, tuple[str, ...]]:
    return {node_id: say_why(plan, why, Language.ENGLISH) for node_id, why in frame.why.items()}


def _questions(plan: Plan) -> list[Question]:
    again = {plan.nodes[number].id for loop in plan.loops.values() for number in loop.body}
    asked = []
    for number in plan.order:
        node = plan.nodes[number]
        kind = NODE_TYPES.get(node.type)
        usual = [each.value for each in (kind.outcomes if kind else (Outcome.COMPLETED,))]
        choices = [*usual, *([] if node.type == "end" else [Outcome.FAILED.value, NEVER])]
        first, later = _chosen(f"first.{node.id}", choices), _chosen(f"later.{node.id}", choices)
        asked.append(Question(node, choices, first, later, node.id in again, len(usual) == 1))
    return asked


def _chosen(name: str, choices: Sequence[str]) -> str:
    given = request.form.get(name, "")
    return given if given in choices else choices[0]


def _answers(question: Question) -> tuple[Outcome | None, ...]:
    given = (question.first, question.later) if question.is_again else (question.first,)
    return tuple(None if each == NEVER else Outcome(each) for each in given)
