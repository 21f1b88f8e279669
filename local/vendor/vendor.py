"""The sandbox vendor's side of the contract: tokens, headers, products, orders. Knows no sockets."""

from __future__ import annotations

import re
import secrets
import threading
import time
from typing import Final
from urllib.parse import parse_qs, unquote

from local.vendor import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from local.vendor.control import answer_control
from local.vendor.delivery import Reply, instead_of_acting, json_reply
from local.vendor.faults import Fault, Switchboard
from local.vendor.request import ORDERS, PRODUCTS, Request
from local.vendor.shop import Shop
from local.vendor.wire import BadRequest, error_document
from rules.exact_json import parse_exact

TOKEN_SECONDS: Final = 3600
_AMZ_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)


class Vendor:
    """Routes a request to the shop and answers it. One for all connections; safe for many threads."""

    def __init__(self, shop: Shop, board: Switchboard) -> None:
        self.shop = shop
        self.board = board
        self._tokens: dict[str, float] = {}
        self._tokens_lock = threading.Lock()

    def answer(self, request: Request) -> tuple[Reply, Fault | None]:
        """The answer to one request and the fault to deliver it with."""
        operation = request.operation
        if operation is None:
            return answer_control(self.shop, self.board, request), None
        fault = self.board.take("delivery", operation, self._asin(request))
        if fault is not None and not fault.taken:
            if fault.scenario == "token_expired":
                self._forget_tokens()
            return instead_of_acting(fault) or Reply(200, b""), fault
        reply = self._act(operation, request)
        if fault is not None and fault.scenario == "lost_answer_visible_late" and operation == "order":
            self.shop.hide(request.body)
        if fault is not None and fault.scenario == "foreign_answer":
            reply = _foreign(reply)
        return reply, fault

    def _act(self, operation: str, request: Request) -> Reply:
        if operation == "token":
            return self._issue_token(request)
        refusal = self._judge_headers(operation, request)
        if refusal is not None:
            return refusal
        if operation == "product":
            asin = unquote(request.path.removeprefix(PRODUCTS))
            product = self.shop.product(asin, request.query.get("productRegion", ""))
            if product is None:
                return json_reply(404, error_document("PRODUCT_NOT_FOUND", f"There is no product {asin}."))
            return json_reply(200, product)
        if operation == "read":
            order = self.shop.read(unquote(request.path.removeprefix(ORDERS + "/")))
            if order is None:
                return json_reply(
                    404, error_document("ORDER_NOT_FOUND", "There is no order with this externalId.")
                )
            return json_reply(200, order)
        try:
            return json_reply(*self.shop.place(request.body))
        except BadRequest as reason:
            return json_reply(400, error_document("INVALID_REQUEST_PARAMETER", str(reason)))

    def _judge_headers(self, operation: str, request: Request) -> Reply | None:
        headers = request.headers
        token = headers.get("x-amz-access-token", "")
        with self._tokens_lock:
            known = self._tokens.get(token, 0.0) > time.monotonic()
        if not known or not _AMZ_DATE.fullmatch(headers.get("x-amz-date", "")):
            return json_reply(
                403, error_document("UNAUTHORIZED", "The access token or the date is not valid.")
            )
        if not headers.get("user-agent"):
            return json_reply(400, error_document("INVALID_REQUEST_PARAMETER", "user-agent is missing"))
        if operation == "order":
            if not headers.get("content-type", "").startswith("application/json"):
                return json_reply(415, error_document("UNSUPPORTED_MEDIA_TYPE", "send application/json"))
        elif "@" not in headers.get("x-amz-user-email", ""):
            return json_reply(400, error_document("EMAIL_ID_NOT_FOUND", "x-amz-user-email is missing"))
        if operation == "product" and not {"productRegion", "locale"} <= request.query.keys():
            return json_reply(
                400, error_document("INVALID_REQUEST_PARAMETER", "productRegion and locale are required")
            )
        return None

    def _issue_token(self, request: Request) -> Reply:
        if request.headers.get("content-type", "").startswith("application/json"):
            form = parse_exact(request.body)
        else:
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return json_reply(
                401, {"error": "invalid_client", "error_description": "Client authentication failed"}
            )
        if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != REFRESH_TOKEN:
            return json_reply(
                400, {"error": "invalid_grant", "error_description": "The refresh token is invalid"}
            )
        token = f"Atza|{secrets.token_urlsafe(40)}"
        with self._tokens_lock:
            self._tokens[token] = time.monotonic() + TOKEN_SECONDS
        return json_reply(200, {
            "access_token": token, "refresh_token": REFRESH_TOKEN, "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
        })  # fmt: skip

    def _forget_tokens(self) -> None:
        with self._tokens_lock:
            self._tokens.clear()

    def _asin(self, request: Request) -> str | None:
        if request.operation == "product":
            return unquote(request.path.removeprefix(PRODUCTS))
        if request.operation == "read":
            return self.shop.asin_of(unquote(request.path.removeprefix(ORDERS + "/")))
        if request.operation == "order":
            found = re.search(rb'"ProductIdentifier"\s*,\s*"id"\s*:\s*"([A-Z0-9]{10})"', request.body)
            return found.group(1).decode() if found else None
        return None


def _foreign(reply: Reply) -> Reply:
    """The same answer under another order's key or another product's ASIN."""
    body = reply.body
    for name in re.findall(rb'"(?:externalId|asin)":"([^"]+)"', body):
        body = body.replace(name, b"X" * len(name))
    return Reply(reply.status, body, headers=reply.headers)
