"""What an administrator may do to an account. Knows no session, no store."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from rules.errors import BusinessError, Invalid
from rules.person import Role, role_conflicts


class OwnAccountCannotBeChanged(BusinessError):
    """Nobody grants themselves a role, nor locks or frees their own account."""

    status = 403


def check_may_change_account(administrator_id: UUID, person_id: UUID) -> None:
    """Refuse a change to one's own account; raises OwnAccountCannotBeChanged."""
    if administrator_id == person_id:
        raise OwnAccountCannotBeChanged("You cannot change your own account; ask another administrator.")


def judge_roles(typed: Collection[str]) -> frozenset[Role]:
    """The roles that a typed form means.

    Raises:
        Invalid: for an unknown role, none at all, or two that must not meet in one account.
    """
    known = {role.value for role in Role}
    unknown = sorted(set(typed) - known)
    if unknown:
        raise Invalid("There is no such role.", "roles")
    if not typed:
        raise Invalid("Please leave at least one role; to shut somebody out, lock the account.", "roles")
    roles = frozenset(Role(role) for role in typed)
    conflicts = role_conflicts(roles)
    if conflicts:
        raise Invalid(" ".join(conflicts), "roles")
    return roles
