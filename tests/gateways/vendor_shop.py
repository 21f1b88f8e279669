"""A test's view of the running vendor sandbox: switch faults, change prices, look into the ledger."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import requests

from gateways.amazon import AmazonAccount, AmazonBusiness, Deadlines, ShippingAddress
from local.vendor import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from local.vendor.catalogue import Article, catalogue
from rules.order import PurchaseOrder, external_id, highest_unit_price

#: Short enough that a test of a hanging vendor is quick; a good answer takes about two milliseconds.
QUICK = Deadlines(connect_seconds=2, read_seconds=0.8, total_seconds=1.0)
PATIENT = Deadlines(connect_seconds=5, read_seconds=20, total_seconds=20)
ADDRESS = ShippingAddress.from_text("Goods in; +34 910 000 000; Calle Mayor 1; Madrid; Madrid; 28001; ES")


class VendorShop:
    """The sandbox at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.article = find_article()

    def account(self, **changes: str) -> AmazonAccount:
        fields: dict[str, Any] = {
            "base_url": self.url,
            "token_url": f"{self.url}/auth/o2/token",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "refresh_token": REFRESH_TOKEN,
            "region": "ES",
            "locale": "es_ES",
            "user_email": "purchasing@vistobueno.example",
            "buying_group": "vistobueno",
            "shipping_address": ADDRESS,
        }
        return AmazonAccount(**(fields | changes))

    def client(self, deadlines: Deadlines = PATIENT, /, **changes: str) -> AmazonBusiness:
        """A new adapter, without a token yet."""
        return AmazonBusiness(self.account(**changes), deadlines)

    def order(self, quantity: int = 2, article: Article | None = None) -> PurchaseOrder:
        """A new order at the catalogue's price plus five percent."""
        wanted = article or self.article
        price = highest_unit_price(wanted.as_product().unit_price, Decimal(5))
        return PurchaseOrder(
            external_id(uuid.uuid4(), 1),
            "PR-2026-000123",
            wanted.host,
            wanted.asin,
            wanted.offer_id,
            quantity,
            price,
        )

    def switch_on(self, scenario: str, **wish: object) -> None:
        answer = requests.post(f"{self.url}/sandbox/faults", json={"scenario": scenario, **wish}, timeout=5)
        assert answer.status_code == 201, answer.text

    def faults(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = requests.get(f"{self.url}/sandbox/faults", timeout=5).json()["faults"]
        return listed

    def clear(self) -> None:
        requests.delete(f"{self.url}/sandbox/faults", timeout=5).raise_for_status()

    def set_price(self, unit_price: Decimal) -> None:
        wish = {"asin": self.article.asin, "unit_price": str(unit_price)}
        requests.post(f"{self.url}/sandbox/prices", json=wish, timeout=5).raise_for_status()

    def records(self, kind: str, order: PurchaseOrder) -> list[dict[str, Any]]:
        """The ledger's "orders", "trials" or "rejections" under the order's key."""
        ledger = requests.get(f"{self.url}/sandbox/ledger", timeout=5).json()
        return [entry for entry in ledger[kind] if entry["external_id"] == order.external_id]

    def orders(self, order: PurchaseOrder) -> list[dict[str, Any]]:
        return self.records("orders", order)


def find_article(*, in_stock: bool = True, guidance: str = "NONE", host: str = "amazon.es") -> Article:
    """The first article of the catalogue that is like this."""
    return next(
        article
        for article in catalogue()
        if (article.in_stock, article.guidance, article.host) == (in_stock, guidance, host)
    )
