"""`python -m local.demo` loads the demo company once; with `--logins` it prints who can log in. Local mode only."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from local.demo import logins
from local.demo.company import read_company
from local.demo.load import SEED, State, load, state_of
from settings import Settings, SettingsError
from storage.database import make_engine, make_sessions


class CannotLoad(Exception):
    """Something outside stands in the way; the message is the one line to show."""


def run(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Do what is asked; the text to print. Raises CannotLoad or SettingsError."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__)
    parser.add_argument("--logins", action="store_true", help="only print the demo logins")
    asked = parser.parse_args(arguments)
    settings = Settings.from_environment(env)
    if settings.mode != "local":
        raise CannotLoad(
            "The demo company has a password that everybody knows: it is for VISTOBUENO_MODE=local only"
        )
    engine = make_engine(settings.database_url, pool_size=1, name="demo")
    try:
        with make_sessions(engine).begin() as session:
            if asked.logins:
                there = state_of(session) is State.DEMO
                return logins.table(read_company()) if there else "  There is no demo company here."
            loaded = load(session, settings.vendor_hosts, settings.price_tolerance_percent)
            there = loaded is not None or state_of(session) is State.DEMO
    except DBAPIError as error:
        raise CannotLoad(f"The database did not take the demo company: {error.orig}") from error
    finally:
        engine.dispose()
    path = env.get("VISTOBUENO_DEMO_LOGINS")
    if there and path:
        logins.write_file(read_company(), Path(path))
    if loaded is None:
        return "The demo company is there." if there else "The database has people of its own: left alone."
    return (
        f"Demo company loaded (seed {SEED}): {loaded.people} people, {loaded.past} past requests, "
        f"{loaded.waiting} waiting for managers, {loaded.processes} drawn processes with {loaded.runs} runs."
    )


def main() -> int:
    """The command; every expected trouble is one line and exit code 1."""
    try:
        sys.stdout.write(run(sys.argv[1:], os.environ) + "\n")
    except (CannotLoad, SettingsError) as stopped:
        sys.stderr.write(f"{stopped}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
