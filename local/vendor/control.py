"""The sandbox vendor's own door: faults, prices, the ledger, and pages for people. No part of the vendor's contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from local.vendor import page
from local.vendor.delivery import Reply, json_reply
from local.vendor.faults import SCENARIOS, Switchboard
from local.vendor.request import Request
from local.vendor.shop import Shop
from local.vendor.wire import BadRequest, error_document


def answer_control(shop: Shop, board: Switchboard, request: Request) -> Reply:
    """The answer to everything that is no API operation."""
    act = _CONTROL.get((request.method, request.path))
    if act is None:
        return json_reply(404, error_document("NOT_FOUND", f"there is no {request.method} {request.path}"))
    if request.method != "GET" and request.headers.get("sec-fetch-site", "none") not in {
        "none",
        "same-origin",
    }:
        return json_reply(403, error_document("FORBIDDEN", "this door is not for other sites"))
    try:
        return act(shop, board, request)
    except (BadRequest, ValueError, InvalidOperation) as reason:
        return json_reply(400, error_document("BAD_REQUEST", str(reason)))


def _list_faults(shop: Shop, board: Switchboard, request: Request) -> Reply:
    scenarios = [
        {"name": s.name, "group": s.group, "title": s.title, "taken": s.taken} for s in SCENARIOS.values()
    ]
    return json_reply(200, {"faults": board.listed(), "scenarios": scenarios})


def _switch_on(shop: Shop, board: Switchboard, request: Request) -> Reply:
    board.switch_on(request.document())
    return json_reply(201, {"faults": board.listed()})


def _clear(shop: Shop, board: Switchboard, request: Request) -> Reply:
    board.clear()
    return json_reply(200, {"faults": []})


def _set_price(shop: Shop, board: Switchboard, request: Request) -> Reply:
    document = request.document()
    shop.set_price(str(document.get("asin")), Decimal(str(document.get("unit_price"))))
    return json_reply(200, {"asin": document["asin"], "unit_price": str(document["unit_price"])})


def _ledger(shop: Shop, board: Switchboard, request: Request) -> Reply:
    return json_reply(200, shop.records())


def _show_orders(shop: Shop, board: Switchboard, request: Request) -> Reply:
    return _html(page.orders_page(shop.records(), board.listed()))


def _show_products(shop: Shop, board: Switchboard, request: Request) -> Reply:
    return _html(page.products_page(shop.articles(), request.query.get("q", "")))


def _post_fault(shop: Shop, board: Switchboard, request: Request) -> Reply:
    form = request.form()
    wish: dict[str, Any] = {"scenario": form.get("scenario"), "always": form.get("times") == "always"}
    if form.get("asin", "").strip():
        wish["asin"] = form["asin"].strip().upper()
    board.switch_on(wish)
    return _see_other("/")


def _post_clear(shop: Shop, board: Switchboard, request: Request) -> Reply:
    number = request.form().get("number", "")
    board.clear(int(number) if number else None)
    return _see_other("/")


def _post_price(shop: Shop, board: Switchboard, request: Request) -> Reply:
    form = request.form()
    shop.set_price(form.get("asin", ""), Decimal(form.get("unit_price", "")))
    return _see_other("/products")


def _html(text: str) -> Reply:
    return Reply(
        200, text.encode(), kind="text/html; charset=utf-8", headers=(("Cache-Control", "no-store"),)
    )


def _see_other(where: str) -> Reply:
    return Reply(303, b"", headers=(("Location", where),))


_CONTROL: Final[Mapping[tuple[str, str], Callable[[Shop, Switchboard, Request], Reply]]] = {
    ("GET", "/"): _show_orders,
    ("GET", "/products"): _show_products,
    ("POST", "/page/faults"): _post_fault,
    ("POST", "/page/clear"): _post_clear,
    ("POST", "/page/prices"): _post_price,
    ("GET", "/sandbox/faults"): _list_faults,
    ("POST", "/sandbox/faults"): _switch_on,
    ("DELETE", "/sandbox/faults"): _clear,
    ("POST", "/sandbox/prices"): _set_price,
    ("GET", "/sandbox/ledger"): _ledger,
}
