"""Looking up what was typed, at a real vendor over HTTP: found, remembered, unknown, silent, and never asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from app import catalogue
from local.vendor.catalogue import catalogue as articles
from settings import Settings
from storage.product import ProductRow
from tests.app.wishes import age_memory

#: The first thing in the shop that a bare ASIN finds.
ARTICLE = next(a for a in articles() if a.host == "amazon.es" and a.in_stock)


@pytest.fixture
def shop(make_app: Callable[..., Flask], settings: Settings, vendor: str) -> Flask:
    """An app whose vendor is the sandbox shop."""
    return make_app(replace(settings, vendor_url=vendor, vendor_token_url=f"{vendor}/auth/o2/token"))


def _resolve(shop: Flask, text: str) -> catalogue.Resolved:
    with shop.test_request_context():
        return catalogue.resolve(text)


def _fault(vendor: str, scenario: str, **more: object) -> None:
    wish = {"scenario": scenario, "operation": "product", "always": True, **more}
    requests.post(f"{vendor}/sandbox/faults", json=wish, timeout=10).raise_for_status()


def test_an_asin_or_a_link_finds_title_price_seller_and_category_and_is_remembered(
    shop: Flask, sessions: sessionmaker[Session]
) -> None:
    for text in (
        ARTICLE.asin,
        ARTICLE.asin.lower(),
        f"https://amazon.es/some-title/dp/{ARTICLE.asin}/ref=x?tag=y",
    ):
        product = _resolve(shop, text).product
        assert product is not None
        assert (product.title, product.seller, product.category) == (
            ARTICLE.title,
            ARTICLE.seller,
            ARTICLE.category,
        )
        assert product.unit_price.amount == ARTICLE.unit_price
        assert product.url == f"https://www.amazon.es/dp/{ARTICLE.asin}"
    with sessions.begin() as session:
        assert [row.asin for row in session.scalars(select(ProductRow))] == [ARTICLE.asin]


def test_what_was_asked_lately_is_not_asked_again(shop: Flask, vendor: str) -> None:
    first = _resolve(shop, ARTICLE.asin)
    _fault(vendor, "error_500")
    assert _resolve(shop, ARTICLE.asin) == first


def test_a_product_that_the_shop_does_not_have_is_named(shop: Flask) -> None:
    found = _resolve(shop, "B000000000")
    assert (found.product, found.problem) == (None, "amazon.es has no product B000000000.")
    assert not found.will_pass


@pytest.mark.parametrize(
    "scenario", ["hang", "error_500", "reset", "html_answer", "cut_json", "busy", "trickle"]
)
def test_a_vendor_in_trouble_is_told_as_such_and_todays_facts_stand_in_for_it(
    shop: Flask, vendor: str, sessions: sessionmaker[Session], scenario: str
) -> None:
    known = _resolve(shop, ARTICLE.asin).product
    _fault(vendor, scenario)
    age_memory(sessions, "20 minutes")
    assert _resolve(shop, ARTICLE.asin) == catalogue.Resolved(known, is_old=True)
    age_memory(sessions, "25 hours")
    lost = _resolve(shop, ARTICLE.asin)
    assert lost.product is None
    assert lost.will_pass
    assert "you can still submit in a moment" in lost.problem


def test_a_vendor_that_nobody_reaches_is_told_as_such(
    make_app: Callable[..., Flask], settings: Settings
) -> None:
    away = make_app(
        replace(settings, vendor_url="http://127.0.0.1:1", vendor_token_url="http://127.0.0.1:1/t")
    )
    assert "amazon.es does not answer at the moment." in _resolve(away, ARTICLE.asin).problem


def test_links_elsewhere_are_refused_without_asking_anybody(shop: Flask, vendor: str) -> None:
    _fault(vendor, "hang")  # whoever asked would get no answer in time
    for text in (
        "https://www.ebay.com/dp/B000000000",
        "http://169.254.169.254/latest",
        "https://amazon.es/",
        "x",
    ):
        found = _resolve(shop, text)
        assert found.problem
        assert not found.will_pass
