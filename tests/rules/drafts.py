"""Processes as nobody would draw them: every field with every kind of value, edges from anywhere to anywhere."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from rules.process import (
    Edge,
    EdgeType,
    Ending,
    Input,
    Join,
    Node,
    OnBranchFailure,
    OnError,
    OnTimeout,
    Outcome,
    Process,
    Retry,
    Scenario,
    ValueKind,
)

_IDS = ("ask", "b", "end", "order_1", "z")
_NAMES = ("", "Director", "¿Más de 500 €?", 'say "end"', "a | b > c", "{{input.x}}", "on")
_TEXTS = ("", "500.00", "{{input.amount}}", "yes", "null", "two\nlines", "ñ", "- x: 'y'")


def random_draft(chance: random.Random) -> Process:
    """A process of one to five nodes, with anything in any of its fields."""
    ids = chance.sample(_IDS, chance.randint(1, len(_IDS)))
    edges = {edge.id: edge for edge in (_edge(chance, ids) for _ in range(chance.randint(0, 8)))}
    places = {
        node_id: (chance.randint(-9, 900), chance.randint(-9, 900))
        for node_id in ids
        if chance.random() < 0.3
    }
    return Process(
        key=chance.choice(("travel", "two-step")),
        name=chance.choice(_NAMES),
        nodes=tuple(_node(chance, node_id) for node_id in ids),
        edges=tuple(edges.values()),
        inputs=tuple(
            Input(name, chance.choice(list(ValueKind)), chance.random() < 0.5)
            for name in ("amount", "url")
            if chance.random() < 0.5
        ),
        on_branch_failure=chance.choice(list(OnBranchFailure)),
        detached_timeout_seconds=chance.choice((86_400, 0, 60)),
        layout=places,
        scenarios=tuple(_scenario(chance, name) for name in ("Under 500", "no") if chance.random() < 0.5),
    )


def _scenario(chance: random.Random, name: str) -> Scenario:
    return Scenario(
        name,
        given=chance.choice(({}, {"amount": "500.00", "list": [1, 2.5, None, True]})),
        outcomes=chance.choice(({}, {"ask": (Outcome.SATISFIED, None), "b": (Outcome.FAILED,)})),
        outputs=chance.choice(({}, {"ask": {"note": "no", "deep": {"er": [{}]}}})),
        path=chance.choice(((), ("ask", "ask", "end"))),
        ending=chance.choice(list(Ending)),
    )


def _node(chance: random.Random, node_id: str) -> Node:
    return Node(
        node_id,
        chance.choice(("approval", "condition", "notify", "end", "unheard_of")),
        chance.choice(_NAMES),
        {name: _plain(chance, 3) for name in ("who", "test", "subject") if chance.random() < 0.5},
        chance.choice(list(Join)),
        chance.randint(0, 3),
        chance.random() < 0.3,
        chance.choice(list(OnError)),
        chance.choice(list(OnTimeout)),
        Retry(chance.randint(1, 9), chance.randint(0, 9), chance.randint(1, 3))
        if chance.random() < 0.3
        else None,
    )


def _edge(chance: random.Random, ids: list[str]) -> Edge:
    if chance.random() < 0.3:
        return Edge(None, chance.choice(ids), EdgeType.START, chance.randint(0, 2))
    kind = chance.choice([each for each in EdgeType if each is not EdgeType.START])
    rework = chance.choice((0, 0, 0, 2, 5))
    return Edge(
        chance.choice(ids), chance.choice(ids), kind, chance.randint(0, 4), chance.random() < 0.2, rework
    )


def _plain(chance: random.Random, depth: int) -> Any:
    kind = chance.randrange(6 if depth else 4)
    if kind == 4:
        return [_plain(chance, depth - 1) for _ in range(chance.randint(0, 2))]
    if kind == 5:
        return {name: _plain(chance, depth - 1) for name in chance.sample(_TEXTS[1:], chance.randint(0, 2))}
    return (None, chance.random() < 0.5, chance.randint(-(10**6), 10**6), chance.choice(_TEXTS))[kind]


DRAFTS = st.builds(random_draft, st.integers(0, 2**32).map(random.Random))
