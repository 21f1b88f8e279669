"""Somebody of the demo company who buys something in a browser, over HTTP alone. Knows pages, not what is behind."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import requests as http

from local.demo.company import read_company
from local.program import PATIENCE_SECONDS
from local.vendor.catalogue import Article
from tests.containers.engine import until


class Hidden(HTMLParser):
    """The hidden fields of the form on a page that is sent to `target`, as a browser would send them."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self._target = target
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser for each tag."""
        said = dict(attrs)
        if tag == "form":
            self._is_inside = (said.get("action") or "") == self._target
        elif tag == "input" and self._is_inside and said.get("type") == "hidden" and said.get("name"):
            self.fields[str(said["name"])] = said.get("value") or ""


@dataclass
class Buyer:
    """One person's browser at the product's address; `headers` go with every question, as a proxy would add them."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    browser: http.Session = field(default_factory=http.Session)

    def log_in(self, email: str) -> None:
        """Log in with the demo company's password. Raises AssertionError."""
        self._send("/login", "/login", {"email": email, "password": read_company().password})

    def submit(self, article: Article) -> str:
        """Submit a request for one article; the request's number. Raises AssertionError."""
        form = {
            "product_link": f"https://www.{article.host}/dp/{article.asin}",
            "quantity": "1",
            "currency": "EUR",
            "amount": str(article.unit_price),
            "reason": "for the office",
            "needed_by": "",
        }
        return self._send("/requests/new", "/requests", form).headers["Location"].rpartition("/")[2]

    def page_of(self, number: str) -> str:
        """The request's page."""
        return self._get(f"/requests/{number}").text

    def wait_until_ordered(self, number: str, vendor_url: str) -> dict[str, Any]:
        """The order in the vendor's own ledger, as soon as it is there and the page tells its number."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            orders = http.get(f"{vendor_url}/sandbox/ledger", timeout=PATIENCE_SECONDS).json()["orders"]
            page = self.page_of(number)
            found[:] = [order for order in orders if str(order["order_id"]) in page]
            return bool(found)

        assert until(is_there), f"{number} was not ordered: {_text(self.page_of(number))}"
        (order,) = found
        return order

    def _send(self, page: str, target: str, form: dict[str, str]) -> http.Response:
        """Open a page and send its form: hidden fields as they came, then what is typed."""
        hidden = Hidden(target)
        hidden.feed(self._get(page).text)
        answer = self.browser.post(
            self.url + target,
            {**hidden.fields, **form},
            headers={"Origin": self.url, **self.headers},
            allow_redirects=False,
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 303, f"{target} answered {answer.status_code}: {_text(answer.text)}"
        return answer

    def _get(self, path: str) -> http.Response:
        answer = self.browser.get(self.url + path, headers=self.headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 200, f"{path} answered {answer.status_code}: {_text(answer.text)}"
        return answer


def _text(page: str) -> str:
    """A page without its marks, cut short."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))[:1500]
