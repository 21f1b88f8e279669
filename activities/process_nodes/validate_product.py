"""Validate product: asks the vendor whether a product can be bought now, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.process_work import Work
from gateways.amazon import AmazonBusiness
from rules.process import Outcome
from rules.process_messages import NodeResult
from rules.process_nodes.validate_product import TYPE
from rules.product import BuyingGuidance, Product, ProductUnknownToVendor, parse_product_link
from storage import product as products


@dataclass(frozen=True)
class ValidateProductExecutor:
    """Satisfied by a product that the vendor sells at the moment and guided buying does not block.

    Attributes:
        hosts: the shops whose links are accepted; a bare ASIN means the first.
    """

    vendor: AmazonBusiness
    hosts: Sequence[str]

    def prepare(self, work: Work) -> str:
        """Nothing: asking twice changes nothing."""
        return ""

    def begin(self, work: Work) -> NodeResult:
        """Ask the vendor; a link that is none fails the node, an absent vendor has it tried again."""
        link = parse_product_link(str(work.config["url"]), self.hosts, self.hosts[0])
        try:
            found = self.vendor.look_up(link)
        except ProductUnknownToVendor:
            return work.end(Outcome.NOT_SATISFIED, dict.fromkeys(TYPE.outputs))
        products.remember(work.session, found)
        fine = found.available and found.buying_guidance is not BuyingGuidance.BLOCKED
        return work.end(Outcome.SATISFIED if fine else Outcome.NOT_SATISFIED, _output(found))

    def settle(self, work: Work, why: str) -> NodeResult:
        """Waits for nothing."""
        return work.fail("a check of a product does not wait")


def _output(found: Product) -> dict[str, str]:
    return {
        "title": found.title,
        "vendor": found.vendor,
        "category": found.category,
        "unit_price": str(found.unit_price.amount),
        "currency": found.unit_price.currency,
    }
