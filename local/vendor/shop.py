"""The sandbox shop: prices, stock and orders. Takes an order into its ledger before it says a word."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final

from local.vendor import ledger as book
from local.vendor import wire
from local.vendor.catalogue import Article
from local.vendor.faults import Fault, Switchboard
from local.vendor.wire import Asked, BadRequest, Document
from rules.exact_json import parse_exact

_CENT: Final = Decimal("0.01")
_READS_UNTIL_VISIBLE: Final = 3


@dataclass(frozen=True)
class _Verdict:
    """What the shop makes of a line."""

    accepted: int = 0
    unit_price: Decimal = Decimal(0)
    reasons: tuple[Document, ...] = ()
    trial: bool = False


class Shop:
    """All that the shop knows. Safe for many threads; one order at a time."""

    def __init__(self, articles: Sequence[Article], ledger: Path, board: Switchboard) -> None:
        self._articles = {article.asin: article for article in articles}
        self._ledger = book.Ledger(ledger)
        self._board = board
        self._lock = threading.Lock()
        self._hidden_reads: dict[str, int] = {}
        for record in self._ledger.records(book.PRICE):
            self._reprice(record["asin"], Decimal(record["unit_price"]))

    def articles(self) -> list[Article]:
        """Everything on sale, at the prices of now."""
        with self._lock:
            return list(self._articles.values())

    def product(self, asin: str, region: str) -> Document | None:
        """The by-ASIN answer, or None where this region's shop does not sell it."""
        with self._lock:
            article = self._articles.get(asin)
        if article is None or wire.region_of(article) != region:
            return None
        return wire.product_document(article)

    def set_price(self, asin: str, unit_price: Decimal) -> None:
        """Change a price from now on, restarts included; raises BadRequest."""
        if not (unit_price.is_finite() and unit_price > 0 and unit_price == unit_price.quantize(_CENT)):
            raise BadRequest("unit_price must be above zero with at most two digits after the point")
        with self._lock:
            if asin not in self._articles:
                raise BadRequest(f"there is no product {asin}")
            self._ledger.append(book.PRICE, _now(), {"asin": asin, "unit_price": str(unit_price)})
            self._reprice(asin, unit_price)

    def place(self, body: bytes) -> tuple[int, Document]:
        """Judge an order request and enter it into the ledger; status and answer. Raises BadRequest."""
        try:
            asked = wire.read_order(parse_exact(body))
        except ValueError as reason:
            raise BadRequest(f"not a JSON document: {reason}") from None
        digest = hashlib.sha256(body).hexdigest()
        with self._lock:
            earlier = self._ledger.find(asked.external_id)
            if earlier is not None:
                repeat = self._board.take("repeat", "order", asked.asin)
                mode = repeat.scenario if repeat else "repeat_same_result"
                if mode == "repeat_refused" or (mode == "repeat_same_result" and earlier["body"] != digest):
                    return 400, wire.error_document(
                        "DUPLICATE_EXTERNAL_ID", f"the externalId {asked.external_id} has been used"
                    )
                if mode == "repeat_same_result":
                    return 200, self._answer_of(earlier)
            return 200, self._enter(asked, digest)

    def read(self, external_id: str) -> Document | None:
        """The order under a key as it stands now; None where there is none, or where it is not visible yet."""
        with self._lock:
            if self._hidden_reads.get(external_id, 0) > 0:
                self._hidden_reads[external_id] -= 1
                return None
            record = self._ledger.find(external_id)
            return None if record is None else self._answer_of(record)

    def asin_of(self, external_id: str) -> str | None:
        """The product ordered under a key."""
        with self._lock:
            record = self._ledger.find(external_id)
            return None if record is None else str(record["asin"])

    def hide(self, body: bytes) -> None:
        """Make the order in this request invisible to the next few read-backs."""
        with self._lock:
            self._hidden_reads[parse_exact(body)["externalId"]] = _READS_UNTIL_VISIBLE

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The ledger for people and checkers: orders (each with `cancelled`), trials, rejections, prices."""
        with self._lock:
            listed = {
                kind: [_without_answer(record) for record in self._ledger.records(kind)]
                for kind in (book.ORDER, book.TRIAL, book.REJECTION, book.PRICE)
            }
            for order in listed[book.ORDER]:
                order["cancelled"] = self._ledger.is_cancelled(order["external_id"])
        return {f"{kind}s": entries for kind, entries in listed.items()}

    def _reprice(self, asin: str, unit_price: Decimal) -> None:
        if asin in self._articles:
            self._articles[asin] = replace(self._articles[asin], unit_price=unit_price)

    def _answer_of(self, record: Mapping[str, Any]) -> Document:
        if not self._ledger.is_cancelled(record["external_id"]):
            answer: Document = record["answer"]
            return answer
        reasons = wire.code_and_message(
            "ORDER_CANCELLED", "The order was cancelled after it had been accepted."
        )
        return wire.order_document(
            record["line_id"], [], [wire.rejected(record["asked_quantity"], *reasons)], signed=False
        )

    def _enter(self, asked: Asked, digest: str) -> Document:
        fault = self._board.take("outcome", "order", asked.asin)
        article = self._articles.get(asked.asin)
        verdict = _judge(asked, article, fault)
        currency = article.currency if article else "EUR"
        order_id = _order_number() if verdict.accepted and not verdict.trial else None
        taken = verdict.accepted
        rest = asked.quantity - taken
        answer = wire.order_document(
            asked.line_id,
            [wire.accepted(taken, verdict.unit_price, currency, order_id)] if taken else [],
            [wire.rejected(rest, *verdict.reasons)] if rest else [],
            signed=order_id is not None,
        )
        kind = book.ORDER if order_id else book.TRIAL if taken else book.REJECTION
        fields = {
            "order_id": order_id,
            "external_id": asked.external_id,
            "line_id": asked.line_id,
            "purchase_order_number": asked.purchase_order_number,
            "buyer": asked.buyer,
            "vendor": article.host if article else "",
            "asin": asked.asin,
            "offer_id": asked.offer_id,
            "asked_quantity": asked.quantity,
            "quantity": taken,
            "unit_price": str(verdict.unit_price),
            "total": str(verdict.unit_price * taken),
            "currency": currency,
            "expected_unit_price": None if asked.boundary is None else str(asked.boundary),
            "scenario": fault.scenario if fault else None,
            "body": digest,
            "answer": answer,
        }
        self._ledger.append(kind, _now(), fields)
        if fault and fault.scenario == "cancelled_later" and order_id:
            self._ledger.append(book.CANCELLATION, _now(), {"external_id": asked.external_id})
        return answer


def _judge(asked: Asked, article: Article | None, fault: Fault | None) -> _Verdict:
    name = fault.scenario if fault else ""
    unknown = article is None or wire.region_of(article) != asked.region or name == "unknown_asin"
    if article is None or unknown:
        return _refuse("INVALID_PRODUCT", f"The product {asked.asin} is not sold in {asked.region}.")
    if name == "rejected":
        return _refuse("ITEM_NOT_ELIGIBLE", "The item cannot be sold to this account.")
    if name == "blocked" or article.guidance == "BLOCKED":
        return _refuse("GUIDED_BUYING_BLOCKED", "Your organisation's guided buying blocks this product.")
    if article.offer_id != asked.offer_id:
        return _refuse("OFFER_NOT_AVAILABLE", "The offer has ended.")
    if not article.in_stock:
        return _refuse("OUT_OF_STOCK", "The product is out of stock.")
    if article.most and asked.quantity > article.most:
        return _refuse("QUANTITY_LIMIT", f"At most {article.most} of this product in one order.")
    broken = _broken_expectation(asked, article, name)
    if broken is not None:
        return _Verdict(reasons=(broken,))
    accepted = asked.quantity
    reasons: tuple[Document, ...] = ()
    if name == "part_accepted":
        accepted = asked.quantity // 2
        reasons = (
            {"rejectionArtifactType": "AvailableQuantity", "quantity": accepted},
            {"rejectionArtifactType": "UnavailableQuantity", "quantity": asked.quantity - accepted},
        )
    price = (
        _raised(asked.boundary or article.unit_price, 50) if name == "other_amount" else article.unit_price
    )
    return _Verdict(accepted, price if accepted else Decimal(0), reasons, asked.trial or name == "trial")


def _broken_expectation(asked: Asked, article: Article, scenario: str) -> Document | None:
    price, boundary, most = article.unit_price, asked.boundary, asked.charge_boundary
    if scenario == "price_above_expectation":
        boundary = boundary or price
        price = _raised(boundary, 20)
    if boundary is not None and price > boundary:
        return wire.broken_price(boundary, price, article.currency)
    charge = price * asked.quantity
    if scenario == "charge_above_expectation":
        most = most or charge
        charge = _raised(most, 20)
    if most is not None and charge > most:
        return wire.broken_charge(most, charge, article.currency)
    return None


def _refuse(code: str, message: str) -> _Verdict:
    return _Verdict(reasons=wire.code_and_message(code, message))


def _raised(amount: Decimal, percent: int) -> Decimal:
    return (amount * (100 + percent) / 100).quantize(_CENT, rounding=ROUND_HALF_UP)


def _order_number() -> str:
    digits = f"{secrets.randbelow(10**14):014d}"
    return f"40{secrets.randbelow(10)}-{digits[:7]}-{digits[7:]}"


def _without_answer(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in {"answer", "body", "kind"}}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
