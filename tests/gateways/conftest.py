"""The vendor sandbox as a real process, one for a test session; every test finds it without faults."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.vendor import running
from tests.gateways.vendor_shop import VendorShop


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The base URL of a sandbox on a free port."""
    with running() as url:
        yield url


@pytest.fixture
def shop(sandbox_url: str) -> Iterator[VendorShop]:
    """The sandbox without faults and at its catalogue's prices, before and after the test."""
    shop = VendorShop(sandbox_url)
    shop.clear()
    yield shop
    shop.clear()
    shop.set_price(shop.article.unit_price)
