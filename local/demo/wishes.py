"""What the people of the demo company ask for: articles of the sandbox shop to their department's taste."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property

from local.demo.company import Company, Words
from local.vendor.catalogue import Article
from rules.person import Person
from rules.product import BuyingGuidance
from rules.request import Draft

#: A cheap article is asked for more often than a dear one: weight = price to the power of minus this.
_THRIFT = 0.55


class Wishes:
    """Chooses articles, quantities and reasons by chance."""

    def __init__(
        self, company: Company, words: Words, articles: Sequence[Article], hosts: Collection[str]
    ) -> None:
        self._company = company
        self._words = words
        self._articles = [one for one in articles if one.in_stock and one.host in hosts]

    @cached_property
    def _shelves(self) -> dict[str, list[Article]]:
        shelves: dict[str, list[Article]] = {}
        for article in self._articles:
            shelves.setdefault(article.category, []).append(article)
        return shelves

    def wish(self, person: Person, at: datetime, chance: random.Random) -> Draft:
        """What `person` asked for at that moment."""
        taste = self._company.tastes[person.department_id]
        (category,) = chance.choices(list(taste), list(taste.values()))
        shelf = self._shelves[category]
        (article,) = chance.choices(shelf, [float(one.unit_price) ** -_THRIFT for one in shelf])
        product = article.as_product()
        quantity = _quantity(article, chance)
        return Draft(
            product=product,
            quantity=quantity,
            amount=product.unit_price.times(quantity),
            reason=chance.choice(self._words.asks[category]),
            department_id=person.department_id,
            needed_by=(at + timedelta(days=chance.randrange(5, 40))).date()
            if chance.random() < 0.3
            else None,
        )


def _quantity(article: Article, chance: random.Random) -> int:
    if article.guidance.lower() == BuyingGuidance.BLOCKED:
        return 1
    if article.unit_price < Decimal(30):
        wanted = chance.choices((1, 2, 3, 4, 5, 6, 8, 10), (30, 20, 12, 8, 10, 4, 3, 5))[0]
    elif article.unit_price < Decimal(160):
        wanted = chance.choices((1, 2, 3, 4), (70, 20, 6, 4))[0]
    else:
        wanted = chance.choices((1, 2), (92, 8))[0]
    return min(wanted, article.most or wanted)
