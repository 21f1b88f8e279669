"""The documents of Amazon Business as the sandbox writes and checks them. Knows no faults, no ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from gateways.amazon_product import MARKETPLACES
from local.vendor.catalogue import Article

Document = dict[str, Any]

_REQUIRED: Final = (
    "PurchaseOrderNumber", "BuyerReference", "BuyingGroupReference", "Region",
    "SelectedPaymentMethodReference", "ShippingAddress",
)  # fmt: skip
_EXTERNAL_ID = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)


class BadRequest(Exception):
    """The request breaks the contract; the message names the field."""


@dataclass(frozen=True)
class Asked:
    """What an order request asks for.

    Attributes:
        boundary: the highest unit price, from ExpectedUnitPrice; None where none was sent.
        charge_boundary: the highest subtotal, from ExpectedCharge.
    """

    external_id: str
    line_id: str
    purchase_order_number: str
    buyer: str
    region: str
    asin: str
    offer_id: str
    quantity: int
    boundary: Decimal | None
    charge_boundary: Decimal | None
    trial: bool


def read_order(document: Any) -> Asked:
    """The order in a request of one line; raises BadRequest."""
    try:
        return _read_order(document)
    except (LookupError, TypeError, AttributeError) as reason:
        raise BadRequest(f"a required field is missing or of another type: {reason}") from None


def _read_order(document: Any) -> Asked:
    external_id = document["externalId"]
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise BadRequest("externalId must be 1 to 255 characters")
    attributes = {entry["attributeType"]: entry for entry in document["attributes"]}
    missing = [kind for kind in _REQUIRED if kind not in attributes]
    if missing:
        raise BadRequest(f"attributes are missing: {', '.join(missing)}")
    address = attributes["ShippingAddress"]["address"]
    for name in (
        "fullName",
        "phoneNumber",
        "addressLine1",
        "city",
        "stateOrRegion",
        "postalCode",
        "countryCode",
    ):
        if address["addressType"] != "PhysicalAddress" or not address[name]:
            raise BadRequest(f"the address needs {name}")
    if len(document["lineItems"]) != 1:
        raise BadRequest("this sandbox takes orders of one line")
    line = document["lineItems"][0]
    if type(line["quantity"]) is not int or line["quantity"] < 1 or not 1 <= len(line["externalId"]) <= 127:
        raise BadRequest("quantity must be a whole number from 1, externalId 1 to 127 characters")
    chosen = {entry["attributeType"]: entry for entry in line["attributes"]}
    return Asked(
        external_id=external_id,
        line_id=line["externalId"],
        purchase_order_number=attributes["PurchaseOrderNumber"]["purchaseOrderNumber"],
        buyer=attributes["BuyerReference"]["userReference"]["emailAddress"],
        region=attributes["Region"]["region"],
        asin=chosen["SelectedProductReference"]["productReference"]["id"],
        offer_id=chosen["SelectedBuyingOptionReference"]["buyingOptionReference"]["id"],
        quantity=line["quantity"],
        boundary=_expected(line["expectations"], "ExpectedUnitPrice"),
        charge_boundary=_expected(document["expectations"], "ExpectedCharge"),
        trial="TrialMode" in attributes,
    )


def _expected(expectations: Any, kind: str) -> Decimal | None:
    for entry in expectations:
        if entry["expectationType"] == kind:
            amount = entry["amount"]["amount"]
            if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or amount <= 0:
                raise BadRequest(f"{kind} needs an amount above zero")
            return Decimal(amount)
    return None


def region_of(article: Article) -> str:
    """The region by which the APIs know the article's shop."""
    return MARKETPLACES[article.host][0]


def error_document(code: str, message: str) -> Document:
    """The body of every refusal."""
    return {"errors": [{"code": code, "message": message, "details": ""}]}


def money(amount: Decimal, currency: str) -> Document:
    """An amount as the APIs write it."""
    return {"currencyCode": currency, "amount": amount}


def product_document(article: Article) -> Document:
    """A by-ASIN answer with the OFFERS facet."""
    offer: Document = {
        "offerId": article.offer_id,
        "availability": "In stock" if article.in_stock else "Currently unavailable",
        "buyingGuidance": article.guidance,
        "buyingRestrictions": [],
        "fulfillmentType": "AMAZON" if article.seller == "Amazon" else "THIRD_PARTY",
        "merchant": {"merchantId": f"M{sum(article.seller.encode()):08d}", "name": article.seller},
        "price": {
            "value": money(article.unit_price, article.currency),
            "formattedPrice": f"{article.unit_price} {article.currency}",
            "priceType": "BUSINESS",
        },
        "condition": {"conditionValue": "NEW", "subCondition": "NEW"},
        "productCondition": "NEW",
        "quantityLimits": {"minQuantity": 1, "maxQuantity": article.most}
        if article.most
        else {"minQuantity": 1},
        "deliveryInformation": "Two working days",
    }
    return {
        "asin": article.asin,
        "asinType": "STANDARD",
        "signedProductId": f"signed-{article.asin}",
        "title": article.title,
        "url": article.url,
        "features": [],
        "taxonomies": [{"type": "UNSPSC", "taxonomyCode": article.unspsc, "title": article.taxonomy}],
        "includedDataTypes": {"OFFERS": [offer]},
    }


def rejected(quantity: int, *artifacts: Document) -> Document:
    """A rejected part of a line."""
    return {"quantity": quantity, "artifacts": list(artifacts)}


def code_and_message(code: str, message: str) -> tuple[Document, Document]:
    """A rejection in words."""
    return (
        {"rejectionArtifactType": "RejectionCode", "code": code},
        {"rejectionArtifactType": "RejectionMessage", "message": message},
    )


def broken_price(boundary: Decimal, actual: Decimal, currency: str) -> Document:
    """One costs more than was expected."""
    return {
        "rejectionArtifactType": "BrokenUnitPriceExpectation",
        "boundary": money(boundary, currency),
        "actualAmount": money(actual, currency),
    }


def broken_charge(boundary: Decimal, actual: Decimal, currency: str) -> Document:
    """The goods cost more than was expected."""
    return {
        "rejectionArtifactType": "BrokenChargeExpectation",
        "boundary": money(boundary, currency),
        "actualAmount": money(actual, currency),
        "sources": ["SUBTOTAL"],
    }


def accepted(quantity: int, unit_price: Decimal, currency: str, order_id: str | None) -> Document:
    """An accepted part of a line; without a number it is a trial, which names tax and shipping as well."""
    goods = unit_price * quantity
    charges = [("SUBTOTAL", "PRINCIPAL", goods)]
    if order_id is None:
        charges += [
            ("SUBTOTAL", "TAX", (goods * 21 / 100).quantize(Decimal("0.01"))),
            ("SHIPPING", "PRINCIPAL", Decimal("4.99")),
        ]
    artifacts: list[Document] = [
        {"acceptanceArtifactType": "UnitPrice", "amount": money(unit_price, currency)},
        *(
            {
                "acceptanceArtifactType": "Charge",
                "category": category,
                "type": kind,
                "amount": money(amount, currency),
            }
            for category, kind, amount in charges
        ),
    ]
    if order_id is not None:
        artifacts.insert(0, {"acceptanceArtifactType": "OrderIdentifier", "identifier": order_id})
    return {"acceptedItemType": "SingleAcceptedItem", "quantity": quantity, "artifacts": artifacts}


def order_document(
    line_id: str, accepted_items: list[Document], rejected_items: list[Document], *, signed: bool
) -> Document:
    """The answer to placing and to reading an order."""
    line: Mapping[str, Any] = {
        "externalId": line_id, "acceptedItems": accepted_items, "rejectedItems": rejected_items,
    }  # fmt: skip
    return {
        "acceptanceArtifacts": [{"acceptanceArtifactType": "Signed"}] if signed else [],
        "rejectionArtifacts": [],
        "lineItems": [line],
    }
