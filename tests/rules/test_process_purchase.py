"""Which processes purchase requests can follow, what they may read, and that a node orders nothing else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.money import Money
from rules.process import Input, Node, Process, ValueKind
from rules.process_purchase import (
    FACTS,
    CannotDecidePurchases,
    OtherPurchase,
    check_same_purchase,
    facts,
    input_of,
    misfits,
)
from rules.product import BuyingGuidance, Product
from rules.request import Draft

ORDER = Node("order", "place_order")
CHAIR = Product(
    asin="B0CHAIR001",
    offer_id="offer-chair",
    title="Chair",
    url="https://amazon.es/dp/B0CHAIR001",
    vendor="amazon.es",
    seller="Sillas",
    category="furniture",
    unit_price=Money(Decimal("50.00"), "EUR"),
    available=True,
    buying_guidance=BuyingGuidance.NONE,
    max_quantity=None,
)
WISH = Draft(CHAIR, 2, Money(Decimal("100.00"), "EUR"), "To sit on.", "it", None)


def process(*inputs: Input, nodes: tuple[Node, ...] = (ORDER,)) -> Process:
    return Process("buy", nodes=nodes, inputs=inputs)


def test_a_process_may_ask_for_every_fact_that_a_request_always_has() -> None:
    asked = [Input(name, kind, name != "needed_by") for name, kind in FACTS.items()]
    assert misfits(process(*asked)) == ()
    assert input_of(process(*asked), known := facts(WISH, "PR-2026-000001", "ana")) == known


@pytest.mark.parametrize(
    ("misfit", "said"),
    [
        (process(nodes=()), "orders nothing"),
        (process(Input("trip", ValueKind.TEXT)), "trip"),
        (process(Input("amount", ValueKind.NUMBER)), "amount is number"),
        (process(Input("needed_by", ValueKind.TEXT)), "needed_by"),
    ],
)
def test_what_keeps_requests_from_following_it_is_named(misfit: Process, said: str) -> None:
    [sentence] = misfits(misfit)
    assert said in sentence
    with pytest.raises(CannotDecidePurchases, match=said):
        input_of(misfit, facts(WISH, "PR-2026-000001", "ana"))


def test_an_input_that_no_request_has_may_be_left_out() -> None:
    one = process(Input("trip", ValueKind.TEXT, required=False), Input("url", ValueKind.TEXT))
    assert input_of(one, facts(WISH, "PR-2026-000001", "ana")) == {"url": CHAIR.url}


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"vendor": "amazon.com"}, "product"),
        ({"asin": "B000000000"}, "product"),
        ({"quantity": 3}, "quantity"),
        ({"currency": "USD"}, "currency"),
    ],
)
def test_a_node_orders_exactly_what_its_request_asks_for(changed: dict[str, object], field: str) -> None:
    same = {"vendor": CHAIR.vendor, "asin": CHAIR.asin, "quantity": 2, "currency": "EUR"}
    check_same_purchase(WISH, **same)  # type: ignore[arg-type]
    with pytest.raises(OtherPurchase) as refused:
        check_same_purchase(WISH, **{**same, **changed})  # type: ignore[arg-type]
    assert refused.value.field == field
