"""A process in plain sentences, English or Spanish: what each node does and where it goes on, and why one did not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from rules.process import Edge, EdgeType, Join, Node, OnError, OnTimeout, Outcome
from rules.process_flow import joins
from rules.process_language import Language, both, contracted, say_list
from rules.process_nodes import NODE_TYPES
from rules.process_plan import Plan
from rules.process_why import DeadEdge, Reason, WhyNot

_BEGINS: Final = both("It begins with {}.", "Empieza por {}.")
_THEN: Final = both("Then {}", "Después, {}")
_AT_ONCE: Final = both("Then, at the same time, {}", "Después, al mismo tiempo, {}")
_YES: Final = both("If yes, {}", "Si sí, {}")
_NO: Final = both("If no, {}", "Si no, {}")
_YES_LATE: Final = both("If yes, or without an answer in time, {}", "Si sí, o sin respuesta a tiempo, {}")
_NO_LATE: Final = both("If no, or without an answer in time, {}", "Si no, o sin respuesta a tiempo, {}")
_ALWAYS: Final = both("In any case, even if it fails, {}", "En todo caso, aunque falle, {}")
_BACK: Final = both(
    "back to {}, for at most {} rounds in all", "volver a {}, como máximo {} vueltas en total"
)
_USED_UP: Final = both("{}; after the last, {}", "{}; tras la última, {}")
_ASIDE: Final = both("Beside it, and waited for by nobody, {}", "Aparte, sin que nadie espere, {}")
_LATE_FAILS: Final = both("Without an answer in time it fails", "Sin respuesta a tiempo, falla")
_JOINS: Final = {
    Join.ALL: both("Once every branch under way has arrived", "Cuando llegan todas las ramas en curso"),
    Join.STRICT: both("Only if every branch arrives", "Solo si llegan todas las ramas"),
    Join.ANY: both("As soon as one branch arrives", "En cuanto llega una rama"),
    Join.QUORUM: both("As soon as {} branches arrive", "En cuanto llegan {} ramas"),
}
_CANCELS: Final = both(", ending the others", ", cerrando las demás")
_ERRORS: Final = {
    OnError.CONTINUE: both("If it fails, it goes on all the same", "Si falla, se sigue igualmente"),
    OnError.FAIL: both("If it fails, so does the process", "Si falla, falla el proceso"),
}
_OUTCOMES: Final = {
    Outcome.COMPLETED: both("completed", "completado"),
    Outcome.SATISFIED: both("yes", "sí"),
    Outcome.NOT_SATISFIED: both("no", "no"),
    Outcome.TIMEOUT: both("no answer in time", "sin respuesta a tiempo"),
    Outcome.FAILED: both("failed", "fallido"),
}
_BECAUSE: Final[Mapping[Reason, Mapping[Language, str]]] = {
    Reason.OTHER_BRANCH: both("“{}” ended with: {}", "«{}» terminó con: {}"),
    Reason.SOURCE_FAILED: both("“{}” failed", "«{}» falló"),
    Reason.SOURCE_SKIPPED: both("“{}” did not run either, after {}", "«{}» tampoco se ejecutó, tras {}"),
}
_NOT_ENOUGH: Final = both(
    "{} of {} ways that were needed were open", "{} de las {} vías necesarias estaban abiertas"
)


def tell(plan: Plan, language: Language) -> tuple[str, ...]:
    """One line for the beginning and one for each node, numbered in an order in which they may run."""
    numbers = {plan.nodes[each].id: place for place, each in enumerate(plan.order, 1)}
    starts = [str(numbers[edge.target]) for edge in plan.process.edges if edge.source is None]
    waits = joins(plan)
    lines = [_BEGINS[language].format(say_list(starts, language))]
    for place, each in enumerate(plan.order, 1):
        node = plan.nodes[each]
        edges = [plan.process.edges[edge] for edge in plan.leaving[each]]
        parts = [*_arrival(plan, each, language, waits=waits[each]), *_ways(node, edges, numbers, language)]
        kind = NODE_TYPES.get(node.type)
        does = contracted(kind.say(node.config, language) if kind else node.type, language)
        name = f"{node.name}: " if node.name else ""
        lines.append(f"{place}. {name}{does}. {' '.join(f'{part}.' for part in parts)}".rstrip())
    return tuple(lines)


def say_why(plan: Plan, why: WhyNot, language: Language) -> tuple[str, ...]:
    """Why a node was skipped, a sentence for each edge that was dead."""
    said = [_say_dead(plan, each, language) for each in why.dead]
    if why.live:
        said.insert(0, _NOT_ENOUGH[language].format(why.live, why.wanted))
    return tuple(f"{each}." for each in said)


def _say_dead(plan: Plan, dead: DeadEdge, language: Language) -> str:
    if dead.reason is Reason.SOURCE_SKIPPED:
        more = say_list([f"“{_title(plan, each)}”" for each in dead.roots], language)
    else:
        more = _OUTCOMES[dead.outcome][language] if dead.outcome else ""
    return _BECAUSE[dead.reason][language].format(_title(plan, dead.source), more)


def _title(plan: Plan, node_id: str) -> str:
    return plan.nodes[plan.numbers[node_id]].title


def _arrival(plan: Plan, number: int, language: Language, *, waits: bool) -> list[str]:
    """What it waits for; of ways that exclude each other one arrives, and nothing is to be said."""
    node = plan.nodes[number]
    if len(plan.entering[number]) < 2 or (node.join is Join.ALL and not waits):
        return []
    said = _JOINS[node.join][language].format(node.quorum)
    return [said + (_CANCELS[language] if node.cancel_rest else "")]


def _ways(node: Node, edges: Sequence[Edge], numbers: Mapping[str, int], language: Language) -> list[str]:
    """Where it goes on, a part for each kind of way."""

    def to(*kinds: EdgeType, aside: bool = False) -> list[str]:
        return [
            str(numbers[edge.target])
            for edge in edges
            if edge.type in kinds and edge.detached is aside and not edge.is_rework
        ]

    def branch(kind: EdgeType) -> list[str]:
        back = [
            _BACK[language].format(numbers[edge.target], edge.max_iterations)
            for edge in edges
            if edge.type is kind and edge.is_rework
        ]
        onward = say_list(to(kind), language)
        return [_USED_UP[language].format(back[0], onward)] if back and onward else back or to(kind)

    kind = NODE_TYPES.get(node.type)
    asks = kind is not None and Outcome.TIMEOUT in kind.outcomes
    yes = _YES_LATE if asks and node.on_timeout is OnTimeout.TRUE else _YES
    no = _NO_LATE if asks and node.on_timeout is OnTimeout.FALSE else _NO
    onward = to(EdgeType.SEQUENCE, EdgeType.PARALLEL)
    said = []
    for words, targets in (
        (yes, branch(EdgeType.TRUE)),
        (no, branch(EdgeType.FALSE)),
        (_AT_ONCE if len(onward) > 1 else _THEN, onward),
        (_ALWAYS, to(EdgeType.ALWAYS)),
        (_ASIDE, to(EdgeType.PARALLEL, aside=True)),
    ):
        if targets:
            said.append(words[language].format(say_list(targets, language)))
    if asks and node.on_timeout is OnTimeout.FAIL:
        said.append(_LATE_FAILS[language])
    if node.on_error in _ERRORS:
        said.append(_ERRORS[node.on_error][language])
    return said
