"""The checker finds every breach of every law in doctored facts, and none in good ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from rules.money import Money
from rules.order import external_id
from rules.request import Status
from tests.checking.facts import Call, Consent, Facts
from tests.checking.loading import read_journal, write_journal
from tests.checking.small_world import (
    ANA,
    APPROVED,
    AUTOMATIC,
    BRUNO,
    EXPIRED,
    HUGO,
    NOON,
    REJECTED,
    ROSE,
    STRANGER,
    UNKNOWN,
    WAITING,
    good_facts,
    question_id,
)
from tests.invariants import LAWS, breaches

Doctor = Callable[[Facts], Facts]
Chosen = Callable[[Any], bool]
LATE: Final = NOON + timedelta(days=30)


def _is(**wanted: Any) -> Chosen:
    """Facts with these values."""
    return lambda fact: all(getattr(fact, name) == value for name, value in wanted.items())


def _with(facts: Facts, side: str, standing: list[Any]) -> Facts:
    changed: dict[str, Any] = {side: standing}
    return replace(facts, **changed)


def _change(side: str, chosen: Chosen, **changes: Any) -> Doctor:
    """The first chosen fact becomes another."""

    def doctor(facts: Facts) -> Facts:
        standing = list(getattr(facts, side))
        at = next(number for number, fact in enumerate(standing) if chosen(fact))
        standing[at] = replace(standing[at], **changes)
        return _with(facts, side, standing)

    return doctor


def _drop(side: str, chosen: Chosen) -> Doctor:
    """The chosen facts are lost; there must be some."""

    def doctor(facts: Facts) -> Facts:
        left = [fact for fact in getattr(facts, side) if not chosen(fact)]
        assert len(left) < len(getattr(facts, side))
        return _with(facts, side, left)

    return doctor


def _again(side: str, chosen: Chosen, **changes: Any) -> Doctor:
    """A copy of the first chosen fact, with changes, stands beside it."""

    def doctor(facts: Facts) -> Facts:
        standing = list(getattr(facts, side))
        original = next(fact for fact in standing if chosen(fact))
        return _with(facts, side, [*standing, replace(original, **changes)])

    return doctor


def _call(act: str, actor: UUID, key: str, payload: str, result: str, told: str = "") -> Doctor:
    """One more line in the journal."""
    return lambda facts: replace(
        facts, calls=[*(facts.calls or ()), Call(act, actor, key, payload, 2.0, 2.1, result, told)]
    )


def _of(request_id: UUID) -> Chosen:
    """Facts about this request."""
    return _is(request_id=request_id)


def _row(request_id: UUID) -> Chosen:
    """The request itself."""
    return _is(id=request_id)


_KEY = f"key-{AUTOMATIC.int}"
_FORM = f"form-{AUTOMATIC.int}"
_CONTESTED = str(question_id(APPROVED))

#: Law -> what was doctored -> how.
DOCTORED: Final[dict[str, dict[str, Doctor]]] = {
    "I1": {
        "a request without a key": _drop("submissions", _of(WAITING)),
        "two keys for one request": _again("submissions", _of(WAITING), key="another"),
        "a key without a request": _again("submissions", _of(WAITING), request_id=STRANGER, key="another"),
        "a taken submit that left nothing": _call("submit", ANA, "lost", "form", "ok", "PR-2026-000999"),
        "a taken submit of another form": _change("calls", _is(key=_KEY, result="ok"), payload="other"),
        "a refused submit that left a request": lambda facts: replace(
            facts,
            calls=[
                replace(each, result="refused") if each.key == _KEY else each for each in facts.calls or ()
            ],
        ),
        "a request that nobody asked for": _drop("calls", _is(key=_KEY)),
    },
    "I2": {
        "two forms under one key": _call("submit", ANA, _KEY, "form-b", "ok", "PR-2026-000256"),
        "two answers to one form": _call("submit", ANA, _KEY, _FORM, "ok", "PR-2026-000999"),
        "somebody else's request": _change("requests", _row(WAITING), requester_id=STRANGER),
    },
    "I3": {
        "no entry of the submit": _drop("entries", _is(request_id=WAITING, action="request.submitted")),
        "no start": _drop("messages", _is(request_id=WAITING, kind="start_approval")),
        "a start of another moment": _change(
            "messages", _is(request_id=WAITING, kind="start_approval"), created_at=LATE
        ),
        "two starts": _again("messages", _is(request_id=WAITING, kind="start_approval"), id=999),
        "a start of nothing": _again(
            "messages", _is(request_id=WAITING, kind="start_approval"), id=999, request_id=STRANGER
        ),
    },
    "I4": {
        "a step that is no edge": _drop("entries", _is(request_id=AUTOMATIC, action="request.ordering")),
        "a step after the end": _again(
            "entries", _is(request_id=REJECTED, action="request.rejected"), seq=999, detail={}
        ),
        "a state that its trail does not know": _drop(
            "entries", _is(request_id=EXPIRED, action="request.expired")
        ),
        "an end without a time": _change("requests", _row(AUTOMATIC), closed_at=None),
        "a request that is stuck": _change("requests", _row(WAITING), status=Status.IN_REVIEW),
    },
    "I5": {
        "two runs": _again("runs", _of(AUTOMATIC), run_id="run-b"),
        "no run": _drop("runs", _of(WAITING)),
        "a run of nothing": _again("runs", _of(WAITING), workflow_id=f"purchase-{STRANGER}"),
        "a run of another request": _change("runs", _of(WAITING), request_id=EXPIRED),
        "a run that failed": _change("runs", _of(WAITING), status="FAILED"),
        "a run that ended early": _change("runs", _of(WAITING), status="COMPLETED"),
    },
    "I7": {"another end in Temporal": _change("runs", _of(EXPIRED), result="rejected")},
    "I8": {
        "the requester decides": _change("questions", _of(REJECTED), decided_by=ANA),
        "the requester is asked": _change("questions", _of(WAITING), asked_ids=(ANA, BRUNO)),
        "a stranger decides": _change("questions", _of(REJECTED), decided_by=STRANGER),
    },
    "I10": {
        "a decision after the end": _change(
            "questions", _of(REJECTED), decided_at=LATE, deadline_at=LATE + timedelta(days=1)
        ),
        "a decision after the deadline": _change("questions", _of(REJECTED), deadline_at=NOON),
        "an open question about what has ended": _change(
            "questions", _of(EXPIRED), outcome=None, decided_at=None
        ),
        "two questions in a round": _again("questions", _of(EXPIRED), id=STRANGER),
        "nobody is asked": _drop("questions", _of(WAITING)),
        "a question about nothing": _again("questions", _of(EXPIRED), id=STRANGER, request_id=STRANGER),
    },
    "I11": {
        "two effects": _again(
            "entries", _is(request_id=APPROVED, action="request.ordering"), seq=999, request_id=STRANGER
        ),
        "an answer without effect": _change(
            "entries", _is(request_id=APPROVED, action="request.ordering"), detail={}
        ),
        "two signals": _again("messages", _is(request_id=APPROVED, kind="signal_decision"), id=999),
        "no signal": _drop("messages", _is(request_id=APPROVED, kind="signal_decision")),
        "another answer for the second click": _call(
            "decide", BRUNO, _CONTESTED, "approve", "ok", "somewhat approved"
        ),
    },
    "I12": {
        "a question that ended otherwise": _change(
            "questions", _of(EXPIRED), outcome="withdrawn", decided_by=ANA
        ),
        "two winners": _call("decide", HUGO, _CONTESTED, "approve", "ok", "approved"),
        "a loser who is not told who won": _call("decide", HUGO, _CONTESTED, "reject", "refused", "Sorry."),
    },
    "I14": {
        "rules that were rewritten": _change("rule_sets", lambda _: True, content={}, content_hash="x"),
        "another result": _change("reviews", _of(AUTOMATIC), reason="I like it."),
        "another confidence": _change("reviews", _of(AUTOMATIC), confidence=Decimal("0.2")),
        "another route": _change("reviews", _of(UNKNOWN), auto_approved=False),
        "rules that are not named": _change("reviews", _of(AUTOMATIC), rule_set_id=None, rule_set_hash=None),
        "rules of another hash": _change("reviews", _of(AUTOMATIC), rule_set_hash="x"),
        "an unknown algorithm": _change("reviews", _of(AUTOMATIC), algorithm="by-feeling-v1"),
        "an unknown build": _change("reviews", _of(AUTOMATIC), written_by=""),
        "no flags": _change("reviews", _of(AUTOMATIC), flag_revision=0),
        "an approval without a review": _drop("reviews", _of(AUTOMATIC)),
        "two reviews": _again("reviews", _of(AUTOMATIC)),
    },
    "I18": {
        "bought twice": _again("vendor_orders", _is(external_id=external_id(ROSE, 2)), order_id="404-b"),
        "bought although rejected": _change("requests", _row(APPROVED), status=Status.REJECTED),
        "completed without an order": _drop("vendor_orders", _is(external_id=external_id(AUTOMATIC, 1))),
        "bought for nobody": _again(
            "vendor_orders", _is(order_id=f"404-{ROSE.int}"), external_id=external_id(STRANGER, 1)
        ),
        "an order number that we do not know": _change("orders", _of(AUTOMATIC), vendor_order_ids=("404-x",)),
        "another product": _change("vendor_orders", _is(order_id=f"404-{ROSE.int}"), asin="B0OTHER001"),
        "dearer than approved": _change(
            "vendor_orders", _is(order_id=f"404-{ROSE.int}"), unit_price=Money(Decimal("52.51"), "EUR")
        ),
        "another currency": _change(
            "vendor_orders", _is(order_id=f"404-{ROSE.int}"), unit_price=Money(Decimal(50), "USD")
        ),
        "another total": _change("vendor_orders", _is(order_id=f"404-{ROSE.int}"), total=Decimal(51)),
        "more than asked for": _change("vendor_orders", _is(order_id=f"404-{ROSE.int}"), quantity=2),
        "a changed request": _change("requests", _row(WAITING), computed_hash="other"),
        "something else was approved": _change("questions", _of(APPROVED), content_hash="other"),
    },
    "I19": {
        "bought without an intent": _drop("orders", _of(UNKNOWN)),
        "bought before the intent": _change("orders", _of(AUTOMATIC), intended_at=LATE),
        "bought without being sent": _change("orders", _of(AUTOMATIC), sends=0),
        "no entry of the sending": _drop("entries", _is(request_id=AUTOMATIC, action="order.sent")),
    },
    "I20": {
        "a key of another round": _change("orders", _of(UNKNOWN), external_id=external_id(UNKNOWN, 2)),
        "an order under another key": _change(
            "vendor_orders", _is(external_id=external_id(UNKNOWN, 1)), external_id=external_id(UNKNOWN, 2)
        ),
        "another number for people": _change(
            "vendor_orders", _is(external_id=external_id(UNKNOWN, 1)), purchase_order_number="PR-2026-000999"
        ),
    },
    "I21": {
        "an unknown order counted as done": _change("requests", _row(UNKNOWN), status=Status.ORDERING),
        "a second key while unknown": _again(
            "orders", _of(UNKNOWN), round=2, external_id=external_id(UNKNOWN, 2)
        ),
        "a failure that the vendor took": _change("orders", _of(UNKNOWN), state="refused"),
        "unknown for days, and nobody asked": _change("orders", _of(UNKNOWN), unknown_since=NOON),
        "an order for nothing": _again(
            "orders", _of(UNKNOWN), request_id=STRANGER, external_id=external_id(STRANGER, 1)
        ),
    },
    "I22": {
        "bought by a process that asked nobody": _change(
            "requests", _row(AUTOMATIC), run_id=STRANGER, auto_approved=False
        ),
        "agreed to by whoever wanted it": lambda facts: _change("requests", _row(APPROVED), run_id=STRANGER)(
            _change("questions", _of(APPROVED), decided_by=ANA)(facts)
        ),
        "agreed to when it was bought": lambda facts: _change("requests", _row(APPROVED), run_id=STRANGER)(
            _change("questions", _of(APPROVED), decided_at=LATE)(facts)
        ),
        "agreed to in another run": lambda facts: replace(
            _change("requests", _row(AUTOMATIC), run_id=STRANGER, auto_approved=False)(facts),
            consents=[Consent(AUTOMATIC, BRUNO, NOON)],
        ),
    },
}


def test_good_facts_break_no_law() -> None:
    assert breaches(good_facts()) == []


@pytest.mark.parametrize(
    ("law", "what"), [(law, what) for law, doctored in DOCTORED.items() for what in doctored]
)
def test_a_doctored_fact_breaks_its_law(law: str, what: str) -> None:
    found = breaches(DOCTORED[law][what](good_facts()))
    assert law in {breach.law for breach in found}, f"{what} went unseen; found: {found}"


def test_every_law_is_tried_on_doctored_facts() -> None:
    assert [law.id for law in LAWS] == list(DOCTORED)


def test_every_counter_example_names_what_it_is_about() -> None:
    doctored = [doctor(good_facts()) for doctors in DOCTORED.values() for doctor in doctors.values()]
    assert all(breach.subject and breach.text for facts in doctored for breach in breaches(facts))


def test_work_under_way_is_no_breach_while_it_is() -> None:
    def begin(facts: Facts) -> Facts:
        begun = _change("requests", _row(WAITING), status=Status.IN_REVIEW)(facts)
        asked = _drop("entries", _is(request_id=WAITING, action="request.awaiting_decision"))(begun)
        return _drop("runs", _of(WAITING))(_drop("questions", _of(WAITING))(asked))

    assert breaches(replace(begin(good_facts()), is_quiet=False)) == []
    assert {breach.law for breach in breaches(begin(good_facts()))} == {"I4", "I5"}


def test_an_order_that_the_vendor_cancelled_is_not_money_spent() -> None:
    refused = _change("requests", _row(UNKNOWN), status=Status.ORDER_REFUSED)
    cancelled = _change("vendor_orders", _is(external_id=external_id(UNKNOWN, 1)), cancelled=True)
    laws = {breach.law for breach in breaches(refused(good_facts()))}
    assert "I18" in laws
    assert "I18" not in {breach.law for breach in breaches(cancelled(refused(good_facts())))}


def test_without_a_journal_the_other_sides_are_still_judged() -> None:
    silent = replace(good_facts(), calls=None)
    assert breaches(silent) == []
    assert {breach.law for breach in breaches(_drop("submissions", _of(WAITING))(silent))} == {"I1"}


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    calls = list(good_facts().calls or ())
    write_journal(tmp_path / "journal", calls)
    assert read_journal(tmp_path / "journal") == calls
