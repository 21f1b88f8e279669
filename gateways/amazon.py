"""The vendor: Amazon Business (Product Search 2020-08-26, Ordering 2022-10-30). Speaks its formats; decides nothing.

Written for one question above all: can this call have ordered something? What cannot be told is OrderOutcomeUnknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from gateways.amazon_access import AmazonAccess, AmazonAccount, ShippingAddress, read_error
from gateways.amazon_product import MARKETPLACES, read_product
from gateways.bounded_http import AnswerLost, Deadlines, HttpAnswer
from gateways.vendor_error import (
    OrderOutcomeUnknown,
    VendorAccessDenied,
    VendorBusy,
    VendorError,
    VendorRefused,
    VendorUnavailable,
)
from rules.exact_json import parse_exact, write_exact
from rules.money import Money
from rules.order import OrderOutcome, OrderState, PurchaseOrder
from rules.order_answer import OrderAnswerUnclear, read_order_answer
from rules.product import FIELD, Product, ProductLink, ProductUnknownToVendor

__all__ = [
    "AmazonAccount",
    "AmazonBusiness",
    "Deadlines",
    "OrderOutcomeUnknown",
    "ShippingAddress",
    "VendorAccessDenied",
    "VendorBusy",
    "VendorError",
    "VendorRefused",
    "VendorUnavailable",
]

_PRODUCTS: Final = "/products/2020-08-26/products/"
_ORDERS: Final = "/ordering/2022-10-30/orders"


class AmazonBusiness:
    """Looks products up and places orders for one buying account. Safe for many threads."""

    def __init__(self, account: AmazonAccount, deadlines: Deadlines | None = None) -> None:
        self._account = account
        self._access = AmazonAccess(account, deadlines or Deadlines())

    def look_up(self, link: ProductLink) -> Product:
        """What the vendor says about a product and its featured offer now. One call.

        Raises:
            ProductUnknownToVendor: the shop has no such product.
            VendorUnavailable, VendorBusy: worth a retry. VendorRefused: not.
        """
        region, locale = self._marketplace(link.host)
        params = {"productRegion": region, "locale": locale, "facets": "OFFERS"}
        try:
            answer = self._access.call("look_up", "GET", _PRODUCTS + quote(link.asin, safe=""), params=params)
        except AnswerLost as failure:
            raise VendorUnavailable(f"the vendor did not answer in full ({failure})") from None
        if answer.status >= 500 or answer.status < 200 or 300 <= answer.status < 400:
            raise VendorUnavailable(f"the vendor answered {answer.status}")
        if answer.status >= 400:
            raise _look_up_refusal(link, *read_error(answer, f"HTTP_{answer.status}"))
        return self._read_product(link, answer)

    def place_order(self, order: PurchaseOrder, *, sent_before: bool = False) -> OrderOutcome:
        """Send the order once and say what came of it; never NOT_FOUND.

        Args:
            order: a trial is asked for with `order.as_trial()`.
            sent_before: True where this key may have been sent already; the order is read back first, and only
                an order that the vendor does not know is sent again.

        Raises:
            OrderOutcomeUnknown: it may have been taken: read it back, never treat it as refused.
            VendorUnavailable, VendorBusy: this call ordered nothing and is worth a retry.
            VendorRefused: the vendor will not take it, and a read-back found none. VendorAccessDenied likewise.
            With `sent_before`, none of these says anything about the earlier sending.
        """
        body = write_exact(self._order_body(order)).encode()
        if sent_before:
            earlier = self.read_order(order)
            if earlier.state is not OrderState.NOT_FOUND:
                return earlier
        try:
            answer = self._access.call("place_order", "POST", _ORDERS, body=body)
        except AnswerLost as failure:
            raise OrderOutcomeUnknown(f"the answer to the order was lost ({failure})") from None
        if 200 <= answer.status < 300:
            return self._read_outcome(answer, order)
        if 400 <= answer.status < 500 and answer.status != 408:
            return self._settle_refusal(order, answer, sent_before=sent_before)
        raise OrderOutcomeUnknown(f"the vendor answered the order with {answer.status}")

    def read_order(self, order: PurchaseOrder) -> OrderOutcome:
        """What the vendor has made of the order with this key; NOT_FOUND only on its own clear word.

        Raises:
            OrderOutcomeUnknown: it answered something that proves nothing.
            VendorUnavailable, VendorBusy: worth a retry. VendorRefused: not.
        """
        try:
            answer = self._access.call("read_order", "GET", f"{_ORDERS}/{quote(order.external_id, safe='')}")
        except AnswerLost as failure:
            raise VendorUnavailable(f"the vendor did not answer in full ({failure})") from None
        if 200 <= answer.status < 300:
            return self._read_outcome(answer, order)
        code, reason = read_error(answer, "")
        if answer.status == 404 and code:
            return OrderOutcome(OrderState.NOT_FOUND)
        if 400 <= answer.status < 500 and answer.status not in {404, 408}:
            raise VendorRefused(code or f"HTTP_{answer.status}", reason)
        # A 404 without the vendor's own error document may come from anything on the way.
        raise VendorUnavailable(f"the vendor answered the read-back with {answer.status}")

    def _settle_refusal(self, order: PurchaseOrder, answer: HttpAnswer, *, sent_before: bool) -> OrderOutcome:
        """A 4xx may also mean "I know this key already": only a read-back tells a refusal from a repeat."""
        code, reason = read_error(answer, f"HTTP_{answer.status}")
        try:
            outcome = self.read_order(order)
        except VendorError as failure:
            raise OrderOutcomeUnknown(f"refused with {code}, and the read-back failed: {failure}") from None
        if outcome.state is not OrderState.NOT_FOUND:
            return outcome
        if sent_before:
            raise OrderOutcomeUnknown(f"a repeat was refused with {code}, and no order is found")
        raise VendorRefused(code, reason)

    def _read_outcome(self, answer: HttpAnswer, order: PurchaseOrder) -> OrderOutcome:
        try:
            return read_order_answer(answer.body, order)
        except OrderAnswerUnclear as reason:
            self._access.distrust_connection()
            raise OrderOutcomeUnknown(str(reason)) from None

    def _read_product(self, link: ProductLink, answer: HttpAnswer) -> Product:
        try:
            document = parse_exact(answer.body)
            if isinstance(document, Mapping) and document.get("errors"):
                raise _look_up_refusal(link, *read_error(answer, "SERVICE_ERROR"))
            return read_product(document, link)
        except (ValueError, LookupError, TypeError, AttributeError):
            self._access.distrust_connection()
            raise VendorUnavailable("the vendor's answer about the product cannot be read") from None

    def _marketplace(self, host: str) -> tuple[str, str]:
        if host not in MARKETPLACES:
            raise VendorRefused("UNKNOWN_MARKETPLACE", f"{host} is not a shop that can be searched")
        region, locale = MARKETPLACES[host]
        return region, self._account.locale if region == self._account.region else locale

    def _order_body(self, order: PurchaseOrder) -> dict[str, Any]:
        price, total = order.highest_unit_price, order.highest_total
        account = self._account
        attributes: list[dict[str, Any]] = [
            _attribute("PurchaseOrderNumber", purchaseOrderNumber=order.purchase_order_number),
            _attribute("BuyerReference", userReference={
                "userReferenceType": "UserEmail", "emailAddress": account.user_email,
            }),
            _attribute("BuyingGroupReference", groupReference={
                "groupReferenceType": "GroupIdentity", "identifier": account.buying_group,
            }),
            _attribute("Region", region=self._marketplace(order.vendor)[0]),
            _attribute("SelectedPaymentMethodReference", paymentMethodReference={
                "paymentMethodReferenceType": "StoredPaymentMethod",
            }),
            _attribute("ShippingAddress", address=_address(account.shipping_address)),
        ]  # fmt: skip
        if order.trial:
            attributes.append(_attribute("TrialMode"))
        line = {
            "externalId": order.line_id,
            "quantity": order.quantity,
            "attributes": [
                _attribute("SelectedProductReference", productReference={
                    "productReferenceType": "ProductIdentifier", "id": order.asin,
                }),
                _attribute("SelectedBuyingOptionReference", buyingOptionReference={
                    "buyingOptionReferenceType": "BuyingOptionIdentifier", "id": order.offer_id,
                }),
            ],
            "expectations": [{"expectationType": "ExpectedUnitPrice", "amount": _money(price)}],
        }  # fmt: skip
        return {
            "externalId": order.external_id,
            "attributes": attributes,
            "expectations": [
                {"expectationType": "ExpectedCharge", "source": "SUBTOTAL", "amount": _money(total)}
            ],
            "lineItems": [line],
        }


def _look_up_refusal(link: ProductLink, code: str, reason: str) -> Exception:
    if code in {"PRODUCT_NOT_FOUND", "HTTP_404"}:
        return ProductUnknownToVendor(f"{link.host} has no product {link.asin}.", FIELD)
    if code == "SERVICE_ERROR":
        return VendorUnavailable("the vendor reported a failure of its own")
    return VendorRefused(code, reason)


def _attribute(kind: str, **fields: object) -> dict[str, Any]:
    return {"attributeType": kind, **fields}


def _money(money: Money) -> dict[str, Any]:
    return {"currencyCode": money.currency, "amount": money.amount}


def _address(address: ShippingAddress) -> dict[str, str]:
    fields = {
        "addressType": "PhysicalAddress",
        "fullName": address.full_name,
        "phoneNumber": address.phone_number,
        "companyName": address.company_name,
        "addressLine1": address.address_line1,
        "city": address.city,
        "stateOrRegion": address.state_or_region,
        "postalCode": address.postal_code,
        "countryCode": address.country_code,
    }
    return {name: text for name, text in fields.items() if text}
