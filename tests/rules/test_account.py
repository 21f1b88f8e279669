"""What an administrator may do to an account."""

from __future__ import annotations

from itertools import combinations
from uuid import uuid4

import pytest

from rules.account import OwnAccountCannotBeChanged, check_may_change_account, judge_roles
from rules.errors import Invalid
from rules.person import NEVER_TOGETHER, Role


def test_nobody_changes_their_own_account() -> None:
    greta = uuid4()
    with pytest.raises(OwnAccountCannotBeChanged):
        check_may_change_account(greta, greta)
    check_may_change_account(greta, uuid4())


@pytest.mark.parametrize("pair", list(combinations(Role, 2)))
def test_two_roles_are_accepted_unless_the_table_keeps_them_apart(pair: tuple[Role, Role]) -> None:
    typed = [role.value for role in pair]
    if pair in NEVER_TOGETHER or pair[::-1] in NEVER_TOGETHER:
        with pytest.raises(Invalid, match="must not be in one hand") as refused:
            judge_roles(typed)
        assert refused.value.field == "roles"
    else:
        assert judge_roles(typed) == frozenset(pair)


@pytest.mark.parametrize("typed", [[], ["owner"], ["employee", "root"], ["EMPLOYEE"]])
def test_no_role_or_an_unknown_one_is_refused(typed: list[str]) -> None:
    with pytest.raises(Invalid):
        judge_roles(typed)
