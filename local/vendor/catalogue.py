"""The sandbox shop's catalogue: some 200 articles, the same for the same seed. Knows no server and no ledger."""

from __future__ import annotations

import hashlib
import json
import random
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Final

from gateways.amazon_taxonomy import category_of
from local.vendor.wares import FAMILIES, Family
from rules.money import Money
from rules.product import BuyingGuidance, Product, link_to

DEFAULT_SEED: Final = 2026
_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HOSTS: Final = ("amazon.es",) * 17 + ("amazon.com",) * 2 + ("amazon.de",)
_CENTS: Final = tuple(map(Decimal, ("0.00", "0.49", "0.90", "0.95", "0.99")))
_SELLERS: Final = (
    "Amazon", "Amazon", "Suministros Ibérica", "TecnoPunto", "Oficina Directa", "Casa Molina",
    "Norte Distribución", "PaperWorld EU",
)  # fmt: skip


@dataclass(frozen=True)
class Article:
    """One thing the shop sells, at the price of now.

    Attributes:
        host: the shop, such as amazon.es.
        unit_price: EUR, two digits after the point.
        in_stock: False: shown, cannot be ordered.
        guidance: NONE, PREFERRED, RESTRICTED (sold) or BLOCKED (every order is refused).
        most: the largest quantity in one order; 0 for no limit.
    """

    asin: str
    offer_id: str
    title: str
    host: str
    seller: str
    unspsc: str
    taxonomy: str
    unit_price: Decimal
    currency: str
    in_stock: bool
    guidance: str
    most: int

    @property
    def category(self) -> str:
        """Our category for it, as the product would map it."""
        return category_of([{"type": "UNSPSC", "taxonomyCode": self.unspsc}])

    @property
    def url(self) -> str:
        """The link that people paste."""
        return link_to(self.host, self.asin).url

    def as_product(self) -> Product:
        """What looking it up through the vendor's API gives."""
        return Product(
            self.asin, self.offer_id, self.title, self.url, self.host, self.seller, self.category,
            Money(self.unit_price, self.currency), self.in_stock, BuyingGuidance(self.guidance.lower()),
            self.most or None,
        )  # fmt: skip


@lru_cache(maxsize=4)
def catalogue(seed: int = DEFAULT_SEED) -> tuple[Article, ...]:
    """All articles, family by family; equal seeds give equal catalogues in every process."""
    chance = random.Random(seed)  # noqa: S311  goods for a sandbox, not secrets
    articles: list[Article] = []
    for family in FAMILIES:
        articles.extend(_article(family, name, usual, chance) for name, usual in family.names)
    if len({article.asin for article in articles}) != len(articles):
        raise ValueError(f"seed {seed} gives an ASIN twice")
    return tuple(articles)


def simple_articles() -> tuple[Article, ...]:
    """What can simply be bought at amazon.es: in stock, and nothing is said against it."""
    return tuple(
        each for each in catalogue() if each.host == "amazon.es" and each.in_stock and each.guidance == "NONE"
    )


def load_catalogue(path: Path) -> tuple[Article, ...]:
    """Articles from a JSON file written by `save_catalogue`."""
    with path.open(encoding="utf-8") as file:
        entries = json.load(file, parse_float=Decimal)
    return tuple(Article(**{**entry, "unit_price": Decimal(entry["unit_price"])}) for entry in entries)


def save_catalogue(path: Path, articles: tuple[Article, ...]) -> None:
    """Write articles as JSON, prices as text."""
    entries = [{**asdict(article), "unit_price": str(article.unit_price)} for article in articles]
    path.write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _price_near(usual: int, chance: random.Random) -> Decimal:
    """A shop price within an eighth of the usual one."""
    euros = max(int(usual * chance.uniform(0.88, 1.12)), 2)
    return Decimal(euros) + chance.choice(_CENTS)


def _article(family: Family, name: str, usual: int, chance: random.Random) -> Article:
    asin = (
        _isbn(chance) if family.unspsc.startswith("5510") else "B0" + "".join(chance.choices(_LETTERS, k=8))
    )
    return Article(
        asin=asin,
        offer_id="offer-" + hashlib.sha256(asin.encode()).hexdigest()[:40],
        title=f"{chance.choice(family.makers)} {name}",
        host=chance.choice(_HOSTS),
        seller=chance.choice(_SELLERS),
        unspsc=family.unspsc,
        taxonomy=family.taxonomy,
        unit_price=_price_near(usual, chance),
        currency="EUR",
        in_stock=chance.random() >= 0.05,
        guidance=chance.choices(("NONE", "PREFERRED", "RESTRICTED", "BLOCKED"), (78, 15, 4, 3))[0],
        most=family.most,
    )


def _isbn(chance: random.Random) -> str:
    """Books carry an ISBN-10 as their ASIN; its last digit checks the others."""
    digits = [8, 4] + [chance.randrange(10) for _ in range(7)]
    check = (
        11 - sum(weight * digit for weight, digit in zip(range(10, 1, -1), digits, strict=True)) % 11
    ) % 11
    return "".join(map(str, digits)) + ("X" if check == 10 else str(check))
