"""What the nodes of a process read and write: paths that are there, kinds that fit, variables with one writer at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

from rules.process import Node, ValueKind
from rules.process_condition import ORDERING, READ_AS, Operator, kind_of, problems_of, single_tests
from rules.process_flow import Flow
from rules.process_nodes import NODE_TYPES
from rules.process_problem import Problem, problem
from rules.process_template import TemplateUnreadable, Use, uses
from rules.process_value import ERROR, OUTCOME

_SECRET: Final = re.compile(
    r"(^|_)(secret|secrets|password|passwd|token|api_?key|credential)s?($|_)", re.ASCII
)
_TEXTS: Final = (ValueKind.TEXT, ValueKind.AMOUNT, ValueKind.MOMENT)
_HOLDERS: Final = (*_TEXTS, ValueKind.LIST, ValueKind.OBJECT)


def data_problems(flow: Flow) -> Iterator[Problem]:
    """Everything that is wrong with templates, conditions and variables."""
    for node in flow.plan.nodes:
        for field in sorted(node.config):
            yield from _template_problems(flow, node, field)
        if NODE_TYPES.get(node.type) is not None:
            yield from _test_problems(flow, node)
    yield from _writer_problems(flow)


def _template_problems(flow: Flow, node: Node, field: str) -> Iterator[Problem]:
    try:
        found = list(uses(node.config[field]))
    except TemplateUnreadable as refusal:
        yield problem("template_unreadable", refusal.message, node=node.id, field=field)
        return
    for use in dict.fromkeys(found):
        path = ".".join(use.path)
        if any(_SECRET.search(word) for word in use.path):
            said = f"{path} looks like a secret, and what is filled in is kept in the history of the run."
            hint = "Name the secret where the node asks for the name of one."
            yield problem("secret_in_template", said, hint, node=node.id, field=field)
            continue
        code, said, hint = _judge(flow, node, use)
        if code:
            yield problem(code, said, hint, node=node.id, field=field)


def _judge(flow: Flow, node: Node, use: Use) -> tuple[str, str, str]:
    """The code, message and hint for one path; an empty code where it is fine."""
    path, first = ".".join(use.path), use.path[0]
    if first == "input":
        return _judge_input(flow, use, path)
    writers = _writers(flow, use.path[1]) if first == "vars" and len(use.path) > 1 else []
    if first == "vars":
        if not writers:
            return "path_unknown", f"{path} is never set.", "Set it in a node before."
        if use.has_default or any(
            flow.completed_before(each, flow.plan.numbers[node.id]) for each in writers
        ):
            return "", "", ""
        return "path_may_be_missing", f"{path} may not be set yet.", "Add | default(…)."
    source = flow.plan.numbers.get(first)
    if source is None:
        return (
            "path_unknown",
            f"{path} is unknown: there is no node {first!r}.",
            _nearest(first, flow.plan.numbers),
        )
    return _judge_node(flow, node, source, use)


def _judge_input(flow: Flow, use: Use, path: str) -> tuple[str, str, str]:
    given = {each.name: each for each in flow.plan.process.inputs}
    if len(use.path) == 1:
        return "", "", ""
    if use.path[1] not in given:
        return "path_unknown", f"{path} is not among the inputs.", _nearest(use.path[1], given)
    if not given[use.path[1]].required and not use.has_default:
        return "path_may_be_missing", f"{path} need not be given.", "Add | default(…)."
    return "", "", ""


def _judge_node(flow: Flow, node: Node, source: int, use: Use) -> tuple[str, str, str]:
    user, path = flow.plan.numbers[node.id], ".".join(use.path)
    kind = NODE_TYPES.get(flow.plan.nodes[source].type)
    entry = use.path[1] if len(use.path) > 1 else ""
    if kind is not None and entry not in (*kind.outputs, OUTCOME, ERROR, "") and not kind.is_open:
        hint = f"Known there are: {', '.join((*kind.outputs, OUTCOME, ERROR))}."
        return "path_unknown", f"{path} is unknown: {use.path[0]} gives out no {entry!r}.", hint
    in_a_round = any(user in loop.body and source in loop.body for loop in flow.plan.loops.values())
    if source == user or not (flow.ended_before(source, user) or _leads_to(flow, source, user) or in_a_round):
        hint = "Read only what lies before."
        return "path_unknown", f"{path} is never known here: {use.path[0]} does not come before.", hint
    needs_output = entry not in (OUTCOME, ERROR)
    sure = flow.completed_before(source, user) if needs_output else flow.ran_before(source, user)
    if sure or use.has_default:
        return "", "", ""
    return (
        "path_may_be_missing",
        f"{path} may be missing: {use.path[0]} may be skipped or fail.",
        "Add | default(…).",
    )


def _leads_to(flow: Flow, source: int, user: int) -> bool:
    plan = flow.plan
    pending, seen = [source], {source: None}
    for number in pending:  # grows while it is walked through
        for edge in plan.leaving[number]:
            target = plan.targets[edge]
            if target == user:
                return True
            if target not in seen:
                seen[target] = None
                pending.append(target)
    return False


def _writers(flow: Flow, name: str) -> list[int]:
    return [
        number
        for number, node in enumerate(flow.plan.nodes)
        if node.type in NODE_TYPES and name in NODE_TYPES[node.type].writes(node.config)
    ]


def _writer_problems(flow: Flow) -> Iterator[Problem]:
    plan = flow.plan
    names: dict[str, None] = {}
    for node in plan.nodes:
        if node.type in NODE_TYPES:
            names.update(dict.fromkeys(NODE_TYPES[node.type].writes(node.config)))
    for name in names:
        writers = _writers(flow, name)
        for place, one in enumerate(writers):
            for other in writers[place + 1 :]:
                reducers = [_reducer(plan.nodes[each], name) for each in (one, other)]
                in_turn = flow.ended_before(one, other) or flow.ended_before(other, one)
                if in_turn or (all(reducers) and reducers[0] == reducers[1]) or flow.excludes(one, other):
                    continue
                said = f"{name} may be set by {plan.nodes[one].title} at the same time."
                hint = "Say how the values meet: append, sum or last; or give each its own name."
                yield problem("variable_written_twice", said, hint, node=plan.nodes[other].id, field="values")


def _reducer(node: Node, name: str) -> str:
    return NODE_TYPES[node.type].writes(node.config)[name]


def _test_problems(flow: Flow, node: Node) -> Iterator[Problem]:
    for field in sorted(node.config):
        condition = node.config[field]
        if not isinstance(condition, Mapping) or not ({"op", "all", "any", "not"} & condition.keys()):
            continue
        if next(problems_of(condition), ""):
            continue
        for test in single_tests(condition):
            left, right = (_kind(flow, test[side]) for side in ("left", "right"))
            said = _mismatch(Operator(test["op"]), left, right, test.get("as"))
            if said:
                hint = 'Compare values of one kind; an amount is written as text: "500.00".'
                yield problem("type_mismatch", said, hint, node=node.id, field=field)


def _mismatch(operator: Operator, left: ValueKind | None, right: ValueKind | None, read_as: Any) -> str:
    """What is wrong between two kinds; None and ANY are kinds of which nothing is known."""
    if operator is Operator.IN:
        operator, left, right = Operator.CONTAINS, right, left
    known = [each for each in (left, right) if each not in (None, ValueKind.ANY)]
    if operator is Operator.CONTAINS:
        if left in (ValueKind.NUMBER, ValueKind.FLAG):
            return f"A {left.value} holds nothing."
        wrong = left in _TEXTS and right in (
            ValueKind.NUMBER,
            ValueKind.FLAG,
            ValueKind.LIST,
            ValueKind.OBJECT,
        )
        return f"A text holds no {right.value}." if wrong and right else ""
    if operator in ORDERING and ValueKind.FLAG in known:
        return "True and false have no order."
    if len(known) < 2 or read_as in READ_AS[1:]:
        return ""
    one, other = (ValueKind.TEXT if each in _TEXTS else each for each in known)
    return f"{known[0].value} and {known[1].value} are never compared." if one is not other else ""


def _kind(flow: Flow, value: Any) -> ValueKind | None:
    """The kind of a literal, or what is known of the value that a template alone stands for."""
    try:
        found = list(uses(value))
    except TemplateUnreadable:
        return ValueKind.ANY
    if not found:
        return kind_of(value)
    if not found[0].is_alone or isinstance(value, Mapping | list):
        return ValueKind.TEXT if isinstance(value, str) else kind_of(value)
    path = found[0].path
    if len(path) != 2:
        return ValueKind.ANY
    if path[0] == "input":
        return next((each.kind for each in flow.plan.process.inputs if each.name == path[1]), ValueKind.ANY)
    if path[1] in (OUTCOME, ERROR):
        return ValueKind.TEXT
    number = flow.plan.numbers.get(path[0])
    kind = None if number is None else NODE_TYPES.get(flow.plan.nodes[number].type)
    return ValueKind.ANY if kind is None else kind.outputs.get(path[1], ValueKind.ANY)


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(word, list(known), n=3)
    return (
        f"Did you mean {', '.join(close)}?" if close else f"Known are: {', '.join(sorted(known)) or 'none'}."
    )
