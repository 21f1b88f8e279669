"""Processes that buy, for tests: in the JSON form of tests/process_samples.py."""

from __future__ import annotations

from typing import Any

from tests.process_samples import content


def two_steps(**order: Any) -> dict[str, Any]:
    """The manager, then finance, then the order; a refusal of either ends it."""
    asks = {"deadline": "7 d", "question": "Shall we buy {{input.title}}?"}
    return content(
        "two-steps",
        {
            "manager": {
                "type": "approval",
                "name": "Manager",
                "config": {"who": [{"manager_of": "{{input.requester}}"}], **asks},
            },
            "finance": {"type": "approval", "name": "Finance", "config": {"who": [{"role": "finance"}], **asks}},
            "order": {
                "type": "place_order",
                "name": "Order",
                "config": {
                    "product": "{{input.url}}",
                    "quantity": "{{input.quantity}}",
                    "unit_price": "{{input.unit_price}}",
                    "currency": "{{input.currency}}",
                    **order,
                },
            },
            "bought": {"type": "end", "config": {"result": "satisfied"}},
            "refused": {"type": "end", "config": {"result": "not_satisfied"}},
        },
        ">manager, manager true>finance, manager false>refused, finance true>order, finance false>refused, order>bought",
        name="Two steps",
        inputs=[
            {"name": name, "kind": kind}
            for name, kind in (
                ("requester", "text"), ("title", "text"), ("url", "text"), ("quantity", "number"),
                ("unit_price", "amount"), ("currency", "text"),
            )
        ],
    )  # fmt: skip


def buying() -> dict[str, Any]:
    """Finance agrees, and the product is ordered: a run about no request."""
    return content(
        "restock",
        {
            "ask": {
                "type": "approval",
                "name": "Finance",
                "config": {"who": [{"role": "finance"}], "question": "Paper?", "deadline": "7 d"},
            },
            "order": {
                "type": "place_order",
                "name": "Paper",
                "config": {
                    "product": "{{input.url}}", "quantity": 1, "unit_price": "{{input.price}}", "currency": "EUR",
                },
            },
            "bought": {"type": "end", "config": {"result": "satisfied"}},
            "refused": {"type": "end", "config": {"result": "not_satisfied"}},
        },
        ">ask, ask true>order, ask false>refused, order>bought",
        inputs=[
            {"name": "requester", "kind": "text"}, {"name": "url", "kind": "text"},
            {"name": "price", "kind": "amount"},
        ],
    )  # fmt: skip


def reviewed_first(*, released: bool = True) -> dict[str, Any]:
    """The automated review; what it leaves to a person goes to the manager."""
    drawn = two_steps()
    nodes = {node["id"]: node for node in drawn["nodes"] if node["id"] != "finance"}
    nodes["check"] = {"id": "check", "type": "validate_product", "config": {"url": "{{input.url}}"}}
    nodes["review"] = {"id": "review", "type": "automated_review", "config": {"released": released}}
    after_review = "order" if released else "manager"
    return content(
        "reviewed-first",
        {
            node_id: {name: value for name, value in node.items() if name != "id"}
            for node_id, node in nodes.items()
        },
        f">check, check true>review, check false>manager, review true>{after_review}, review false>manager,"
        "manager true>order, manager false>refused, order>bought",
        name="Reviewed first",
        inputs=drawn["inputs"],
    )


def side_by_side() -> dict[str, Any]:
    """Manager and finance at once; one consent is behind the other, so both have to agree."""
    drawn = two_steps()
    nodes = {node["id"]: {**node, "join": "strict"} for node in drawn["nodes"]}
    nodes["both"] = {"id": "both", "type": "notify", "config": _note("Asked")}
    nodes["agreed"] = {"id": "agreed", "type": "notify", "join": "strict", "config": _note("Agreed")}
    for node_id in ("manager", "finance", "both", "bought"):
        nodes[node_id].pop("join", None)
    nodes["refused"]["join"] = "any"
    return content(
        "side-by-side",
        {
            node_id: {name: value for name, value in node.items() if name != "id"}
            for node_id, node in nodes.items()
        },
        ">both, both parallel>manager, both parallel>finance, manager true>agreed, manager false>refused,"
        "finance true>agreed, finance false>refused, agreed>order, order>bought",
        name="Side by side",
        inputs=drawn["inputs"],
    )


def _note(subject: str) -> dict[str, Any]:
    return {"to": [{"person": "{{input.requester}}"}], "channels": ["page"], "subject": subject}
