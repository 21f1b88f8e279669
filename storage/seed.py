"""Puts the rule sets that the product ships with into force where a department has none. Knows no figure itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy.orm import Session

from settings import Settings
from storage import person, policy  # noqa: F401  (a rule set names the person who wrote it)
from storage.audit import SYSTEM
from storage.database import make_engine, make_sessions

SHIPPED: Final = Path(__file__).parent / "shipped" / "policy.json"
NOTE: Final = "shipped with the product"


def shipped_rule_sets() -> dict[str, dict[str, Any]]:
    """Department id (or `storage.policy.DEFAULT`) -> the rule set that ships for it, in its stored form."""
    shipped: dict[str, dict[str, Any]] = json.loads(SHIPPED.read_text(encoding="utf-8"))
    return shipped


def seed_policy(session: Session) -> list[str]:
    """Write version 1 of every shipped rule set whose department has no version yet.

    Returns:
        The department ids that got one; empty when called again.
    """
    taken = {row.department_id for row in policy.newest(session)}
    missing = {name: content for name, content in shipped_rule_sets().items() if name not in taken}
    for name, content in missing.items():
        policy.save_version(session, name, content, SYSTEM, replaces_version=0, note=NOTE)
    return list(missing)


def main() -> None:
    """`python -m storage.seed`: seed the database that the settings name."""
    settings = Settings.or_exit(os.environ)
    engine = make_engine(settings.database_url, pool_size=1, name="seed")
    try:
        with make_sessions(engine).begin() as session:
            written = seed_policy(session)
    finally:
        engine.dispose()
    sys.stdout.write(f"Rule sets put into force: {', '.join(written) or 'none were missing'}.\n")


if __name__ == "__main__":
    main()
