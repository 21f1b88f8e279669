"""One HTTP request to the sandbox vendor, parsed. Knows which operation it is, does none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from rules.exact_json import parse_exact

PRODUCTS: Final = "/products/2020-08-26/products/"
ORDERS: Final = "/ordering/2022-10-30/orders"


class Request:
    """One parsed request. Header names are lower case."""

    def __init__(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        parts = urlsplit(target)
        self.method = method
        self.path = parts.path
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def operation(self) -> str | None:
        """The API operation, or None for the control door."""
        match self.method, self.path:
            case "POST", "/auth/o2/token":
                return "token"
            case "POST", path if path == ORDERS:
                return "order"
            case "GET", path if path.startswith(ORDERS + "/"):
                return "read"
            case "GET", path if path.startswith(PRODUCTS):
                return "product"
            case _:
                return None

    def form(self) -> dict[str, str]:
        """The fields of a posted form."""
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}

    def document(self) -> Mapping[str, Any]:
        """The posted JSON object; raises ValueError."""
        document = parse_exact(self.body)
        if not isinstance(document, Mapping):
            raise ValueError("send a JSON object")  # noqa: TRY004  one error for every bad document
        return document
