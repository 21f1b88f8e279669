"""What a password must be like."""

from __future__ import annotations

import pytest

from rules.errors import Invalid
from rules.password import LONGEST_PASSWORD, SHORTEST_PASSWORD, judge_password

ANA = ["Ana", "Alonso", "ana", "vistobueno.example"]


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "ñandúes corren por la pampa",
        "abcde" * 3,
        "  spaces count too  ",
        "x" * 240 + "a whole sentence",
    ],
)
def test_length_and_variety_are_enough(password: str) -> None:
    assert judge_password(password, ANA) == password


def test_exactly_the_shortest_and_the_longest_pass() -> None:
    for length in (SHORTEST_PASSWORD, LONGEST_PASSWORD):
        password = ("abcdefghij" * 30)[:length]
        assert judge_password(password, ANA) == password


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("abcdefghijklmn", "at least 15"),
        ("abcdefghij" * 26, "at most 256"),
        ("ab" * 20, "different characters"),
        ("ÀÀàà" * 5, "different characters"),
        ("ana@vistobueno.example", "name or address"),
        ("Alonso-ALONSO-alonso", "name or address"),
    ],
)
def test_a_refusal_names_the_field_and_the_reason(password: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        judge_password(password, ANA)
    assert refused.value.field == "new_password"
    assert why in refused.value.message
    assert password not in refused.value.message
