"""The rule sets that ship: valid, written where none is, never over another."""

from __future__ import annotations

from sqlalchemy.orm import Session

from rules.policy import read_rule_set
from storage import policy
from storage.audit import SYSTEM
from storage.seed import seed_policy, shipped_rule_sets


def test_every_shipped_rule_set_is_valid_and_stands_in_its_stored_form() -> None:
    shipped = shipped_rule_sets()
    assert set(shipped) == {policy.DEFAULT, "it", "marketing", "finance"}
    for content in shipped.values():
        assert read_rule_set(content).to_content() == content


def test_seeding_puts_each_rule_set_into_force_once(session: Session) -> None:
    assert seed_policy(session) == list(shipped_rule_sets())
    assert seed_policy(session) == []
    in_force = policy.in_force(session, "operations")
    assert in_force is not None
    assert in_force.content == shipped_rule_sets()[policy.DEFAULT]


def test_seeding_leaves_a_department_with_rules_of_its_own_alone(session: Session) -> None:
    stricter = shipped_rule_sets()["it"] | {"max_amount": "50.00"}
    policy.save_version(session, "it", stricter, SYSTEM, replaces_version=0)
    assert "it" not in seed_policy(session)
    assert [row.content["max_amount"] for row in policy.versions(session, "it")] == ["50.00"]
