"""A purchase request that a process decides about: what it may read of it, whether it can buy it. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rules.errors import BusinessError, Invalid
from rules.process import Process, ValueKind
from rules.process_nodes import NODE_TYPES
from rules.process_plan import make_plan
from rules.product import Product
from rules.request import Draft

#: Inputs that a process may ask for, and what each is; a process of purchases may require no other.
FACTS: Final[Mapping[str, ValueKind]] = {
    "requester": ValueKind.TEXT,
    "number": ValueKind.TEXT,
    "department": ValueKind.TEXT,
    "title": ValueKind.TEXT,
    "url": ValueKind.TEXT,
    "vendor": ValueKind.TEXT,
    "category": ValueKind.TEXT,
    "quantity": ValueKind.NUMBER,
    "unit_price": ValueKind.AMOUNT,
    "amount": ValueKind.AMOUNT,
    "currency": ValueKind.TEXT,
    "reason": ValueKind.TEXT,
    "needed_by": ValueKind.TEXT,
}
#: Facts that a request may do without.
PERHAPS_MISSING: Final = frozenset({"needed_by"})


class CannotDecidePurchases(BusinessError):
    """The process cannot be followed by purchase requests."""

    status = 422


class OtherPurchase(Invalid):
    """A node would order something else than the request that its run is about."""


def misfits(process: Process) -> tuple[str, ...]:
    """What keeps purchase requests from following a process, one sentence each; empty where nothing does."""
    found = []
    for each in process.inputs:
        kind = FACTS.get(each.name)
        if kind is None:
            if each.required:
                found.append(
                    f"It needs the input {each.name}, which no request has; known are: {', '.join(FACTS)}."
                )
        elif each.kind not in (kind, ValueKind.ANY):
            found.append(f"Its input {each.name} is {each.kind.value}; that of a request is {kind.value}.")
        elif each.required and each.name in PERHAPS_MISSING:
            found.append(f"It needs the input {each.name}, which may be left empty in a request.")
    types = [NODE_TYPES[node.type] for node in process.nodes if node.type in NODE_TYPES]
    if not any(each.spends for each in types):
        found.append("It orders nothing: no request could ever be completed.")
    return tuple(found)


def require_fit(process: Process) -> None:
    """Raises CannotDecidePurchases with everything that does not fit."""
    found = misfits(process)
    if found:
        raise CannotDecidePurchases(" ".join(found), "process")


def steps_of(process: Process) -> tuple[str, ...]:
    """What people call the steps that are not computed at once, in an order in which they may come."""
    plan = make_plan(process)
    nodes = (plan.nodes[number] for number in plan.order)
    return tuple(
        node.title for node in nodes if (kind := NODE_TYPES.get(node.type)) is None or not kind.is_inline
    )


def facts(draft: Draft, number: str, requester: str) -> dict[str, Any]:
    """What a process may read of a request.

    Args:
        requester: the id of the person.
    """
    return {
        "requester": requester,
        "number": number,
        "department": draft.department_id,
        "title": draft.product.title,
        "url": draft.product.url,
        "vendor": draft.product.vendor,
        "category": draft.product.category,
        "quantity": draft.quantity,
        "unit_price": str(draft.unit_price.amount),
        "amount": str(draft.amount.amount),
        "currency": draft.amount.currency,
        "reason": draft.reason,
        "needed_by": draft.needed_by.isoformat() if draft.needed_by else None,
    }


def input_of(process: Process, known: Mapping[str, Any]) -> dict[str, Any]:
    """The input of a run about a request: of its facts those that are asked for; raises CannotDecidePurchases."""
    require_fit(process)
    return {each.name: known[each.name] for each in process.inputs if each.name in known}


def check_same_purchase(draft: Draft, *, vendor: str, asin: str, quantity: int, currency: str) -> None:
    """Raises OtherPurchase unless a node orders exactly what its run's request asks for.

    What it may cost is said by the request: above that the vendor has to refuse, and somebody is asked again.
    """
    asked: Product = draft.product
    if (vendor, asin) != (asked.vendor, asked.asin):
        raise OtherPurchase(
            f"The request is for {asked.asin} at {asked.vendor}; this would order {asin} at {vendor}.",
            "product",
        )
    if quantity != draft.quantity:
        raise OtherPurchase(f"The request is for {draft.quantity}; this would order {quantity}.", "quantity")
    if currency != draft.amount.currency:
        raise OtherPurchase(f"The request is in {draft.amount.currency}, not {currency}.", "currency")
