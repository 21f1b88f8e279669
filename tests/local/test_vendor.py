"""The vendor sandbox keeps its own book, checks its contract and shows what it has sold."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from local.vendor import running
from local.vendor.catalogue import catalogue, load_catalogue, save_catalogue
from local.vendor.faults import SCENARIOS
from local.vendor.ledger import read_records
from rules.exact_json import write_exact
from rules.order import OrderState
from rules.product import BuyingGuidance, link_to, parse_product_link
from tests.gateways.vendor_shop import VendorShop

TOKEN_FORM = {
    "grant_type": "refresh_token",
    "refresh_token": "local-refresh-token",
    "client_id": "local-client",
    "client_secret": "local-client-secret",
}
ORDERS = "/ordering/2022-10-30/orders"


@pytest.fixture(scope="module")
def sandbox_url() -> Iterator[str]:
    """The base URL of a sandbox on a free port."""
    with running() as url:
        yield url


@pytest.fixture
def shop(sandbox_url: str) -> Iterator[VendorShop]:
    """The sandbox without faults."""
    shop = VendorShop(sandbox_url)
    shop.clear()
    yield shop
    shop.clear()


@pytest.fixture
def headers(shop: VendorShop) -> dict[str, str]:
    """What every call to the vendor needs."""
    token = requests.post(f"{shop.url}/auth/o2/token", data=TOKEN_FORM, timeout=5).json()["access_token"]
    return {
        "x-amz-access-token": token,
        "x-amz-date": "20261120T101500Z",
        "x-amz-user-email": "purchasing@vistobueno.example",
        "content-type": "application/json",
    }


def order_body(shop: VendorShop) -> bytes:
    """The request that the adapter would send for a new order."""
    return write_exact(shop.client()._order_body(shop.order())).encode()


def test_catalogue_is_the_same_in_every_process_and_has_something_for_every_rule() -> None:
    articles = catalogue()
    code = (
        "from local.vendor.catalogue import catalogue; print([(a.asin, a.unit_price) for a in catalogue()])"
    )
    elsewhere = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert elsewhere.stdout.strip() == str([(article.asin, article.unit_price) for article in articles])
    assert 190 <= len(articles) <= 210
    shop = "amazon.es"
    assert all(parse_product_link(each.asin, [shop], shop).asin == each.asin for each in articles)
    assert len({article.asin for article in articles}) == len(articles)
    assert {article.currency for article in articles} == {"EUR"}
    assert all(Decimal(3) <= article.unit_price <= 2600 for article in articles)
    assert {BuyingGuidance(article.guidance.lower()) for article in articles} == set(BuyingGuidance) - {
        BuyingGuidance.UNKNOWN
    }
    assert {article.in_stock for article in articles} == {True, False}
    assert {article.host for article in articles} == {"amazon.es", "amazon.com", "amazon.de"}


def test_catalogue_survives_a_file(tmp_path: Path) -> None:
    save_catalogue(tmp_path / "catalogue.json", catalogue())
    assert load_catalogue(tmp_path / "catalogue.json") == catalogue()


def test_sandbox_sells_what_its_catalogue_file_says(tmp_path: Path) -> None:
    save_catalogue(tmp_path / "one.json", catalogue()[:1])
    with running(catalogue=tmp_path / "one.json") as url:
        article, other = catalogue()[0], catalogue()[1]
        client = VendorShop(url).client()
        assert client.look_up(link_to(article.host, article.asin)) == article.as_product()
        assert client.place_order(VendorShop(url).order(article=other)).state is OrderState.REFUSED


def test_orders_and_prices_outlive_a_restart(tmp_path: Path) -> None:
    ledger = tmp_path / "new" / "ledger.jsonl"
    with running(ledger=ledger) as url:
        shop = VendorShop(url)
        order = shop.order()
        placed = shop.client().place_order(order)
        assert [record["external_id"] for record in read_records(ledger)] == [order.external_id]
        shop.set_price(Decimal("1234.50"))
    with ledger.open("ab") as file:
        file.write(b'{"kind":"order","external_id":"cut off by a cra')
    with running(ledger=ledger) as url:
        shop = VendorShop(url)
        assert shop.client().read_order(order) == placed
        assert shop.client().place_order(order) == placed
        assert len(shop.orders(order)) == 1
        article = shop.article
        product = shop.client().look_up(link_to(article.host, article.asin))
        assert product.unit_price.amount == Decimal("1234.50")
        later = shop.order()
        shop.client().place_order(later)
    assert [record["kind"] for record in read_records(ledger)] == ["order", "price", "rejection"]


def test_order_is_in_the_file_before_its_answer_arrives(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with running(ledger=ledger) as url:
        shop = VendorShop(url)
        for count in range(1, 20):
            shop.client().place_order(shop.order())
            assert len(list(read_records(ledger))) == count


def test_one_key_on_many_connections_at_once_is_one_order(shop: VendorShop, headers: dict[str, str]) -> None:
    body = order_body(shop)

    def send(_: int) -> str:
        return requests.post(shop.url + ORDERS, data=body, headers=headers, timeout=10).text

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(send, range(32)))
    assert len(answers) == 1
    ledger = requests.get(f"{shop.url}/sandbox/ledger", timeout=5).json()
    key = json.loads(body)["externalId"]
    assert len([entry for entry in ledger["orders"] if entry["external_id"] == key]) == 1


def test_one_key_for_two_different_orders_is_refused(shop: VendorShop, headers: dict[str, str]) -> None:
    body = order_body(shop)
    assert requests.post(shop.url + ORDERS, data=body, headers=headers, timeout=5).status_code == 200
    other = body.replace(b'"quantity":2', b'"quantity":3')
    assert other != body
    answer = requests.post(shop.url + ORDERS, data=other, headers=headers, timeout=5)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "DUPLICATE_EXTERNAL_ID")


@pytest.mark.parametrize(
    ("header", "status"),
    [("x-amz-access-token", 403), ("x-amz-date", 403), ("content-type", 415), ("user-agent", 400)],
)
def test_order_without_a_required_header_is_not_taken(
    shop: VendorShop, headers: dict[str, str], header: str, status: int
) -> None:
    body = order_body(shop)
    changed = headers | {header: ""}
    assert requests.post(shop.url + ORDERS, data=body, headers=changed, timeout=5).status_code == status
    assert requests.post(shop.url + ORDERS, data=body, headers=headers, timeout=5).status_code == 200


def test_read_back_and_look_up_need_the_users_mail_address(shop: VendorShop, headers: dict[str, str]) -> None:
    del headers["x-amz-user-email"]
    for path in (f"{ORDERS}/VB-1", f"/products/2020-08-26/products/{shop.article.asin}"):
        answer = requests.get(shop.url + path, headers=headers, timeout=5)
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "EMAIL_ID_NOT_FOUND")


@pytest.mark.parametrize(
    "part",
    [
        "PurchaseOrderNumber", "BuyerReference", "BuyingGroupReference", "Region", "SelectedPaymentMethodReference",
        "ShippingAddress", "SelectedProductReference", "SelectedBuyingOptionReference", "externalId", "lineItems",
        "expectations", "postalCode",
    ],
)  # fmt: skip
def test_order_without_a_required_part_is_not_taken(
    shop: VendorShop, headers: dict[str, str], part: str
) -> None:
    body = order_body(shop)
    assert body.count(part.encode()) >= 1
    answer = requests.post(
        shop.url + ORDERS, data=body.replace(part.encode(), b"Elsewhere"), headers=headers, timeout=5
    )
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_REQUEST_PARAMETER")


@pytest.mark.parametrize("as_json", [True, False])
def test_token_service_takes_a_form_and_a_document_and_refuses_other_secrets(
    shop: VendorShop, as_json: bool
) -> None:
    def ask(**changes: str) -> int:
        form = TOKEN_FORM | changes
        url = f"{shop.url}/auth/o2/token"
        answer = (
            requests.post(url, json=form, timeout=5) if as_json else requests.post(url, data=form, timeout=5)
        )
        return answer.status_code

    assert ask() == 200
    assert ask(client_secret="guess") == 401
    assert ask(refresh_token="guess") == 400
    assert ask(grant_type="password") == 400


def test_fault_shows_as_often_as_asked_and_only_for_its_product(shop: VendorShop) -> None:
    client = shop.client()
    shop.switch_on("rejected", count=2, asin=shop.article.asin)
    other = next(a for a in catalogue() if a.in_stock and a.guidance == "PREFERRED" and a.host == "amazon.es")
    assert client.place_order(shop.order(article=other)).state is OrderState.PLACED
    states = [client.place_order(shop.order()).state for _ in range(3)]
    assert states == [OrderState.REFUSED, OrderState.REFUSED, OrderState.PLACED]
    assert shop.faults() == []


def test_fault_switched_on_for_always_stays_until_it_is_cleared(shop: VendorShop) -> None:
    shop.switch_on("rejected", always=True)
    for _ in range(3):
        assert shop.client().place_order(shop.order()).state is OrderState.REFUSED
    assert [fault["left"] for fault in shop.faults()] == [None]
    shop.clear()
    assert shop.client().place_order(shop.order()).state is OrderState.PLACED


@pytest.mark.parametrize(
    "wish",
    [
        {}, {"scenario": "earthquake"}, {"scenario": "busy", "count": 0}, {"scenario": "busy", "count": True},
        {"scenario": "busy", "operation": "coffee"}, {"scenario": "rejected", "operation": "read"},
        {"scenario": "busy", "always": "yes"}, {"scenario": "busy", "colour": "red"}, {"scenario": "slow", "seconds": "x"},
    ],
)  # fmt: skip
def test_wish_for_a_fault_that_cannot_be_understood_is_refused(
    shop: VendorShop, wish: dict[str, object]
) -> None:
    assert requests.post(f"{shop.url}/sandbox/faults", json=wish, timeout=5).status_code == 400
    assert shop.faults() == []


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "1.999", "much", ""])
def test_price_that_is_no_amount_is_refused(shop: VendorShop, price: str) -> None:
    wish = {"asin": shop.article.asin, "unit_price": price}
    assert requests.post(f"{shop.url}/sandbox/prices", json=wish, timeout=5).status_code == 400


def test_page_lists_orders_and_switches_faults_on_and_off(shop: VendorShop) -> None:
    placed = shop.client().place_order(shop.order())
    page = requests.get(shop.url, timeout=5)
    assert page.headers["content-type"].startswith("text/html")
    assert placed.vendor_order_ids[0] in page.text
    assert all(f'value="{name}"' in page.text for name in SCENARIOS)
    form = {"scenario": "rejected", "times": "always", "asin": ""}
    page = requests.post(f"{shop.url}/page/faults", data=form, timeout=5)
    assert "Switch all off" in page.text
    assert shop.client().place_order(shop.order()).state is OrderState.REFUSED
    number = {"number": str(shop.faults()[0]["number"])}
    assert "Switch all off" not in requests.post(f"{shop.url}/page/clear", data=number, timeout=5).text
    assert shop.client().place_order(shop.order()).state is OrderState.PLACED


def test_page_shows_hostile_text_literally(shop: VendorShop, headers: dict[str, str]) -> None:
    body = order_body(shop).replace(b"PR-2026-000123", b"<script>alert(1)</script>")
    assert requests.post(shop.url + ORDERS, data=body, headers=headers, timeout=5).status_code == 200
    page = requests.get(shop.url, timeout=5).text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>" not in page


def test_products_page_finds_products_and_changes_a_price(shop: VendorShop) -> None:
    page = requests.get(f"{shop.url}/products", params={"q": "monitor amazon.es"}, timeout=5).text
    assert "0 of 196" in page, "a link is not searched"
    page = requests.get(f"{shop.url}/products", params={"q": shop.article.title.upper()}, timeout=5).text
    assert shop.article.url in page
    assert "1 of 196" in page
    form = {"asin": shop.article.asin, "unit_price": "77.70"}
    assert 'value="77.70"' in requests.post(f"{shop.url}/page/prices", data=form, timeout=5).text
    shop.set_price(shop.article.unit_price)


@pytest.mark.parametrize("path", ["/page/faults", "/page/clear", "/sandbox/faults", "/page/prices"])
def test_other_sites_cannot_use_the_control_door(shop: VendorShop, path: str) -> None:
    cross = {"sec-fetch-site": "cross-site"}
    answer = requests.post(shop.url + path, data={"scenario": "rejected"}, headers=cross, timeout=5)
    assert answer.status_code == 403
    assert shop.faults() == []


def test_unknown_address_is_404(shop: VendorShop) -> None:
    assert requests.get(f"{shop.url}/nowhere", timeout=5).status_code == 404


def test_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(RuntimeError, match=f"cannot listen on 127.0.0.1:{port}"), running(port=port):
            pytest.fail("it must not have started")


def test_sandbox_ends_with_the_process_that_wanted_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "local.vendor",
            "--port",
            "0",
            "--until-stdin-ends",
            "--ledger",
            tmp_path / "l",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Vendor sandbox: http://127.0.0.1:")
    process.communicate(timeout=30)  # closes its standard input, as the death of a parent does
    assert process.returncode == 0
