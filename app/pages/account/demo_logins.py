"""The demo company's logins, shown on the login page in local mode only. Knows no password rule."""

from __future__ import annotations

import json
from dataclasses import dataclass

from settings import Settings


@dataclass(frozen=True)
class DemoLogin:
    """One demo account to log in with in one click."""

    name: str
    email: str
    role: str
    password: str


def demo_logins(settings: Settings) -> list[DemoLogin]:
    """The accounts in the JSON file that VISTOBUENO_DEMO_LOGINS names; none outside local mode.

    The file holds a list of objects with name, email, role and password.
    """
    file = settings.demo_logins_file
    if settings.mode != "local" or file is None or not file.is_file():
        return []
    entries: list[dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return [DemoLogin(e["name"], e["email"], e["role"], e["password"]) for e in entries]
