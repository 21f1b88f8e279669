"""What a visitor of the demo company is shown in local mode only: whom to be, where to find goods. No password rule."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from settings import Settings


@dataclass(frozen=True)
class DemoLogin:
    """One demo account to log in with in one click."""

    name: str
    email: str
    role: str
    password: str


def demo_shop(settings: Settings) -> str | None:
    """The page of the sandbox shop's goods; None where there is no demo company or the vendor is a real one."""
    is_ours = urlsplit(settings.vendor_url).hostname in {"127.0.0.1", "localhost"}
    return f"{settings.vendor_url}/products" if is_ours and demo_logins(settings) else None


def demo_logins(settings: Settings) -> list[DemoLogin]:
    """The accounts in the JSON file that VISTOBUENO_DEMO_LOGINS names; none outside local mode.

    The file holds a list of objects with name, email, role and password.
    """
    file = settings.demo_logins_file
    if settings.mode != "local" or file is None or not file.is_file():
        return []
    entries: list[dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return [DemoLogin(e["name"], e["email"], e["role"], e["password"]) for e in entries]
