"""Which of our product categories a vendor's taxonomy code means. Data; anything not listed is "other"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

OTHER: Final = "other"

#: UNSPSC code prefix (segment, family or class) -> our category. The longest matching prefix counts.
#: Other taxonomies (ECLASS) are not mapped: a wrong guess could make a product look trusted.
CATEGORY_OF_UNSPSC: Final[Mapping[str, str]] = {
    "14": "office_supplies",  # paper materials and products
    "23": "tools",  # industrial manufacturing and processing machinery
    "27": "tools",  # tools and general machinery
    "31": "tools",  # manufacturing components and supplies
    "43": "electronics",  # information technology, telecommunications
    "4323": "software",
    "44": "office_supplies",  # office equipment, accessories and supplies
    "45": "electronics",  # printing, photographic and audio-visual equipment
    "48": "breakroom",  # service industry machinery and supplies
    "50": "breakroom",  # food and beverage
    "5214": "breakroom",  # domestic appliances
    "5215": "breakroom",  # domestic kitchenware
    "5216": "electronics",  # consumer electronics
    "5510": "books",  # printed media
    "5511": "books",  # electronic reference material
    "5512": "office_supplies",  # signage, labels and tags
    "56": "furniture",
    "6010": "books",  # teaching materials
    "6012": "office_supplies",  # arts and crafts
}


def category_of(taxonomies: Sequence[Mapping[str, Any]]) -> str:
    """The category for a product's `taxonomies` entries (`type`, `taxonomyCode`).

    The first UNSPSC entry counts; without one, or with a code that is not listed, the category is "other".
    """
    for entry in taxonomies:
        code = entry.get("taxonomyCode")
        if entry.get("type") == "UNSPSC" and isinstance(code, str):
            prefixes = (code[:length] for length in range(len(code), 1, -1))
            return next((CATEGORY_OF_UNSPSC[p] for p in prefixes if p in CATEGORY_OF_UNSPSC), OTHER)
    return OTHER
