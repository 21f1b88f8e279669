"""The shops, and how a product and its featured offer read (Product Search 2020-08-26). Knows no network."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gateways.amazon_taxonomy import category_of
from rules.money import Money
from rules.order_answer import clean_vendor_text, read_amount
from rules.product import BuyingGuidance, Product, ProductLink

_LONGEST_TITLE: Final = 300

#: Shop -> the region and locale by which the vendor's APIs know it.
MARKETPLACES: Final[Mapping[str, tuple[str, str]]] = {
    "amazon.es": ("ES", "es_ES"),
    "amazon.com": ("US", "en_US"),
    "amazon.de": ("DE", "de_DE"),
    "amazon.fr": ("FR", "fr_FR"),
    "amazon.it": ("IT", "it_IT"),
    "amazon.co.uk": ("UK", "en_GB"),
    "amazon.ca": ("CA", "en_CA"),
    "amazon.co.jp": ("JP", "ja_JP"),
}

#: An offer whose availability text starts like this cannot be ordered now.
_UNAVAILABLE_TEXTS: Final = (
    "currently unavailable", "temporarily out of stock", "out of stock",
    "no disponible", "actualmente no disponible", "temporalmente sin stock", "agotado",
    "derzeit nicht verfügbar", "nicht auf lager", "actuellement indisponible", "non disponibile",
)  # fmt: skip


def read_product(document: Any, link: ProductLink) -> Product:
    """The product in a by-ASIN answer; the page address is our own, never the vendor's text.

    Raises:
        ValueError, LookupError, TypeError, AttributeError: the answer is about another product or cannot be read.
    """
    if document["asin"] != link.asin:
        raise ValueError("the answer is about another product")
    title = clean_vendor_text(document["title"], _LONGEST_TITLE) or link.asin
    category = category_of(document.get("taxonomies") or [])
    offer: Any = next(iter(document.get("includedDataTypes", {}).get("OFFERS") or []), {})
    availability = clean_vendor_text(offer.get("availability")).casefold()
    return Product(
        asin=link.asin,
        offer_id=clean_vendor_text(offer.get("offerId"), 1000),
        title=title,
        url=link.url,
        vendor=link.host,
        seller=clean_vendor_text((offer.get("merchant") or {}).get("name"), 200),
        category=category,
        unit_price=_read_price(offer),
        available=_can_be_ordered(offer) and not availability.startswith(_UNAVAILABLE_TEXTS),
        buying_guidance=_guidance(offer.get("buyingGuidance", "UNKNOWN")),
        max_quantity=_read_limit(offer),
    )


def _can_be_ordered(offer: Any) -> bool:
    return bool(offer.get("offerId")) and bool(offer.get("price"))


def _read_price(offer: Any) -> Money:
    """The price of one; zero where nobody offers the product."""
    if not offer.get("price"):
        return Money(Decimal(0), "EUR")
    value = offer["price"]["value"]
    amount = read_amount(value)
    if amount <= 0:
        raise ValueError("a product without a price")
    return Money(amount, value["currencyCode"])


def _read_limit(offer: Any) -> int | None:
    most = (offer.get("quantityLimits") or {}).get("maxQuantity")
    return most if isinstance(most, int) and not isinstance(most, bool) and most > 0 else None


def _guidance(word: object) -> BuyingGuidance:
    try:
        return BuyingGuidance(str(word).lower())
    except ValueError:
        return BuyingGuidance.UNKNOWN
