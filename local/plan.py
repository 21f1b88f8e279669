"""What one `make run` consists of: which parts are ours to start, on which ports, with which addresses. Starts none.

Everything comes from the environment. A part whose address is given there is the user's own and is not started.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from local.room import Room

HOST = "127.0.0.1"


class CannotRun(Exception):
    """Something outside stands in the way; the message is the one line to show."""


@dataclass(frozen=True)
class Part:
    """One program of the Procfile, under the name it has there."""

    name: str
    title: str
    ports: tuple[str, ...] = ()
    """The variables that hold the ports it listens on."""
    own: str | None = None
    """The variable that replaces this part by the user's own."""


PARTS = (
    Part("postgres", "Postgres", ("POSTGRES_PORT",), "DATABASE_URL"),
    Part("valkey", "Valkey", ("VALKEY_PORT",), "REDIS_URL"),
    Part("temporal", "Temporal", ("TEMPORAL_PORT", "TEMPORAL_UI_PORT"), "TEMPORAL_ADDRESS"),
    Part("vendor", "the vendor sandbox", ("VENDOR_PORT",), "VENDOR_URL"),
    Part("mailbox", "the mailbox", ("MAILBOX_SMTP_PORT", "MAILBOX_PORT"), "SMTP_URL"),
    Part("control", "the control worker"),
    Part("approvals", "the approvals worker"),
    Part("web", "the web server", ("WEB_PORT",)),
)
APPS = frozenset({"control", "approvals", "web"})

PORTS: Mapping[str, int] = {
    "WEB_PORT": 8000,
    "POSTGRES_PORT": 5442,
    "VALKEY_PORT": 6389,
    "TEMPORAL_PORT": 7243,
    "TEMPORAL_UI_PORT": 8243,
    "VENDOR_PORT": 8010,
    "MAILBOX_SMTP_PORT": 2525,
    "MAILBOX_PORT": 8025,
}

DATABASE = "vistobueno"
OWNER_ROLE = "vistobueno_owner"
APP_ROLE = "vistobueno_app"


@dataclass(frozen=True)
class Plan:
    """The plan of one run, read from an environment. `state` is the folder that holds everything that lasts."""

    given: Mapping[str, str]

    @cached_property
    def state(self) -> Path:
        """Where data, secrets and locks lie: VISTOBUENO_STATE, or .local beside the Makefile."""
        return Path(self.given.get("VISTOBUENO_STATE") or ".local").resolve()

    @cached_property
    def room(self) -> Room:
        """Where this run keeps its locks."""
        return Room(self.state / "run")

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts that we start: all but those that the user brings."""
        return tuple(part for part in PARTS if not self.is_own(part))

    def is_own(self, part: Part) -> bool:
        """Whether the user brings this part."""
        return part.own is not None and bool(self.given.get(part.own) or self.given.get(f"{part.own}_FILE"))

    def starts(self, name: str) -> bool:
        """Whether the part of this name is ours to start."""
        return any(part.name == name for part in self.parts)

    def port(self, variable: str) -> int:
        """The port that a variable names, or its default. Raises CannotRun for nonsense."""
        text = self.given.get(variable) or str(PORTS[variable])
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
            raise CannotRun(f"{variable}: must be a port from 1 to 65535, not {text!r}")
        return int(text)

    def secret(self, name: str) -> str:
        """A secret of this installation, made on first use and kept in a file that only its owner reads."""
        path = self.secret_path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(32), encoding="ascii")
        return path.read_text(encoding="ascii")

    def secret_path(self, name: str) -> Path:
        """Where a secret lies."""
        return self.state / "secrets" / name

    def database_url(self, role: str, database: str = DATABASE) -> str:
        """The address of our Postgres for a role of ours."""
        return f"postgresql://{role}:{self.secret(role)}@{HOST}:{self.port('POSTGRES_PORT')}/{database}"

    @cached_property
    def environment(self) -> dict[str, str]:
        """What every process of the run gets: the user's environment, completed with the parts that we start."""
        env = dict(self.given)
        for variable in PORTS:
            env[variable] = str(self.port(variable))
        env["VISTOBUENO_STATE"] = str(self.state)
        env.setdefault("VISTOBUENO_DEMO_LOGINS", str(self.state / "demo-logins.json"))
        env.setdefault("VISTOBUENO_MODE", "local")
        env.setdefault("PUBLIC_URL", f"http://localhost:{env['WEB_PORT']}")
        if env["VISTOBUENO_MODE"] == "local":
            env.setdefault("VISTOBUENO_DEMO_LOGINS", str(self.state / "demo-logins.json"))
        env["PYTHONUNBUFFERED"] = "1"
        env["PATH"] = f"{Path(sys.executable).parent}:{env.get('PATH', '')}"
        if not (env.get("SECRET_KEY") or env.get("SECRET_KEY_FILE")):
            env["SECRET_KEY"] = self.secret("secret_key")
        if self.starts("postgres"):
            env["DATABASE_URL"] = self.database_url(APP_ROLE)
            env["MIGRATION_DATABASE_URL"] = self.database_url(OWNER_ROLE)
        if self.starts("valkey"):
            env["REDIS_URL"] = f"redis://{HOST}:{env['VALKEY_PORT']}/0"
        if self.starts("temporal"):
            env["TEMPORAL_ADDRESS"] = f"{HOST}:{env['TEMPORAL_PORT']}"
        if self.starts("mailbox"):
            env["SMTP_URL"] = f"smtp://{HOST}:{env['MAILBOX_SMTP_PORT']}"
        if self.starts("vendor"):
            env["VENDOR_URL"] = f"http://{HOST}:{env['VENDOR_PORT']}"
        return env

    def folder(self, name: str) -> Path:
        """The folder of one part's data, made if need be."""
        path = self.state / name
        path.mkdir(parents=True, exist_ok=True)
        return path
