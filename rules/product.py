"""Products and the links people paste to them. Knows what a usable link looks like; never fetches one."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import SplitResult, urlsplit

from rules.errors import Invalid
from rules.money import Money

LONGEST_LINK: Final = 2000
FIELD: Final = "product_link"

_TYPED_ASIN = re.compile(r"[A-Za-z0-9]{10}", re.ASCII)
#: /dp/ASIN and /gp/product/ASIN, after any title or language (/-/en/) and before any tracking tail.
_ASIN_IN_PATH = re.compile(r"/(?:dp|gp/product)/([A-Z0-9]{10})(?=/|$)", re.ASCII)
#: Control characters, spaces and backslashes: browsers and libraries disagree on what they mean in a link.
_NEVER_IN_A_LINK = re.compile(r"[\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")


class NotAProductLink(Invalid):
    """What was typed is neither an ASIN nor a link to one product."""


class VendorNotAllowed(Invalid):
    """The link leads to a shop that the company does not buy from."""


class ProductUnknownToVendor(Invalid):
    """The link is well formed, but the vendor has no such product."""


class BuyingGuidance(StrEnum):
    """What the company's own guided-buying policy at the vendor says about an offer."""

    PREFERRED = "preferred"
    RESTRICTED = "restricted"
    BLOCKED = "blocked"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProductLink:
    """One product in one shop.

    Attributes:
        host: the shop without `www.`, such as amazon.es.
        asin: ten capital letters and digits.
        url: the canonical https address of the product page.
    """

    host: str
    asin: str
    url: str


@dataclass(frozen=True)
class Product:
    """What the vendor said about a product and its featured offer at one moment.

    Attributes:
        offer_id: the vendor's name for this offer; empty where nobody offers the product.
        vendor: the shop's host, such as amazon.es.
        category: one of rules.policy.CATEGORIES; "other" where the vendor's taxonomy says nothing we know.
        unit_price: the price of one.
        available: whether it can be ordered now.
        max_quantity: the most that the vendor sells in one order; None where it sets no limit.
    """

    asin: str
    offer_id: str
    title: str
    url: str
    vendor: str
    seller: str
    category: str
    unit_price: Money
    available: bool
    buying_guidance: BuyingGuidance
    max_quantity: int | None


def link_to(host: str, asin: str) -> ProductLink:
    """The canonical link to `asin` in the shop `host` (with or without `www.`)."""
    bare = host.removeprefix("www.")
    return ProductLink(bare, asin, f"https://www.{bare}/dp/{asin}")


def parse_product_link(text: str, allowed_hosts: Collection[str], default_host: str) -> ProductLink:
    """The product that a person means.

    Args:
        text: a link such as https://www.amazon.es/dp/B0ABCDEFGH, or a bare ASIN.
        allowed_hosts: the shops the company buys from, with or without `www.`; compared exactly.
        default_host: the shop that a bare ASIN means; one of `allowed_hosts`.

    Raises:
        NotAProductLink: with one sentence that says what would be right.
        VendorNotAllowed: for a link into any other shop, naming the allowed ones.
    """
    shops = {host.lower().removeprefix("www.") for host in allowed_hosts}
    if default_host.removeprefix("www.") not in shops:
        raise ValueError(f"default_host {default_host!r} is not among the allowed hosts")
    cleaned = text.strip(" \t\r\n")
    if not cleaned:
        raise NotAProductLink("Please paste a product link or an ASIN.", FIELD)
    if len(cleaned) > LONGEST_LINK:
        raise NotAProductLink(f"The link is longer than {LONGEST_LINK} characters.", FIELD)
    if _TYPED_ASIN.fullmatch(cleaned):
        return link_to(default_host, cleaned.upper())
    if _NEVER_IN_A_LINK.search(cleaned):
        raise NotAProductLink(
            "The link holds a space, a backslash or a character that cannot be seen.", FIELD
        )
    parts = _split(cleaned)
    host = _judge_host(parts, shops)
    return link_to(host, _judge_path(parts.path))


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise NotAProductLink("This is not a link that can be read.", FIELD) from None
    if parts.scheme != "https" or not parts.netloc:
        raise NotAProductLink(
            "Please paste the whole link, starting with https://, or the product's ASIN: "
            "ten letters and digits such as B0ABCDEFGH.",
            FIELD,
        )
    return parts


def _judge_host(parts: SplitResult, shops: Collection[str]) -> str:
    if "@" in parts.netloc:
        raise NotAProductLink("The link holds a user name before the shop; please remove it.", FIELD)
    # The text before any path is judged as it stands, so that no second reading of it can differ.
    if ":" in parts.netloc or "[" in parts.netloc:
        raise NotAProductLink("The link names a port or a numeric address; please remove it.", FIELD)
    host = parts.netloc.lower().removeprefix("www.")
    if host not in shops:
        raise VendorNotAllowed(
            f"{_shown(parts.netloc)} is not a shop we buy from. Allowed: {', '.join(sorted(shops))}.", FIELD
        )
    return host


def _judge_path(path: str) -> str:
    asins = set(_ASIN_IN_PATH.findall(path))
    if not asins:
        raise NotAProductLink(
            "The link does not lead to a product: it has no /dp/ followed by an ASIN.", FIELD
        )
    if len(asins) > 1:
        raise NotAProductLink("The link names more than one product.", FIELD)
    asin: str = asins.pop()
    return asin


def _shown(host: str) -> str:
    """The host for a message: look-alike letters become visible, length stays bounded."""
    return host.encode("ascii", "backslashreplace").decode()[:100]
