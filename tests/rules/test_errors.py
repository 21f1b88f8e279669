"""Refusals are facts: a stable code, a status, a sentence."""

from __future__ import annotations

import pytest

from rules import errors
from rules.errors import BusinessError, ChangedSinceShown, InvalidFields


def kinds(base: type[BusinessError] = BusinessError) -> set[type[BusinessError]]:
    """The refusals of this module, not those that other subjects add."""
    found = {base} | {kind for child in base.__subclasses__() for kind in kinds(child)}
    return {kind for kind in found if kind.__module__ == errors.__name__}


def test_every_refusal_keeps_its_code_and_status() -> None:
    # Clients of the API tell refusals apart by these.
    assert {(kind.code, kind.status) for kind in kinds()} == {
        ("business-error", 422),
        ("invalid", 422),
        ("not-found", 404),
        ("not-allowed", 403),
        ("own-request-cannot-be-decided", 403),
        ("not-the-asked-approver", 403),
        ("already-decided", 409),
        ("request-is-closed", 409),
        ("changed-since-shown", 409),
        ("key-reused-for-another-request", 422),
    }


def test_a_code_is_the_name_unless_a_class_says_otherwise() -> None:
    class CupIsEmpty(errors.NotFound):
        pass

    class CupIsLost(CupIsEmpty):
        code = "lost"

    assert (CupIsEmpty.code, CupIsEmpty.status) == ("cup-is-empty", 404)
    assert (CupIsLost.code, CupIsLost.status) == ("lost", 404)


@pytest.mark.parametrize("field", [None, "amount"])
def test_a_refusal_carries_its_sentence_and_its_field(field: str | None) -> None:
    refusal = errors.Invalid("Too much.", field)
    assert (str(refusal), refusal.message, refusal.field) == ("Too much.", "Too much.", field)


def test_several_problems_are_one_sentence_each() -> None:
    refusal = InvalidFields({"amount": "Too much.", "reason": "Too little."})
    assert refusal.message == "amount: Too much.; reason: Too little."
    assert refusal.field is None


def test_a_change_tells_what_was_shown_and_what_stands_now() -> None:
    refusal = ChangedSinceShown({"amount": ("1", "2")})
    assert "amount was 1 and is now 2" in refusal.message
