"""Which tokens may be made: no wider than their person, none for ever."""

from __future__ import annotations

import pytest

from rules.api_token import LONGEST_LIFE, check_may_make
from rules.errors import Invalid


@pytest.mark.parametrize("days", [1, LONGEST_LIFE.days])
def test_a_token_carries_some_of_its_persons_roles_for_a_while(days: int) -> None:
    check_may_make(["platform", "employee"], ["platform"], days)


@pytest.mark.parametrize(
    ("roles", "days", "field"),
    [
        ([], 1, "roles"),
        (["platform", "finance"], 1, "roles"),
        (["platform"], 0, "days"),
        (["platform"], LONGEST_LIFE.days + 1, "days"),
    ],
)
def test_what_opens_too_much_or_too_long_is_refused_at_its_field(
    roles: list[str], days: int, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        check_may_make(["platform", "employee"], roles, days)
    assert refused.value.field == field
