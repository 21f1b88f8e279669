"""What every command of the house has in common: settings, one transaction, refusals in one line, an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from sqlalchemy.orm import Session

from rules.errors import BusinessError
from settings import Settings, SettingsError
from storage.database import make_engine, make_sessions


def run(name: str, work: Callable[[Session], str]) -> int:
    """Do the work in one transaction and write what it says. Exit codes: 0, 1 refused, 2 settings.

    Args:
        name: how the database calls this connection.
        work: returns the line for standard output; a BusinessError names the field that was refused.
    """
    try:
        engine = make_engine(Settings.from_environment(os.environ).database_url, pool_size=1, name=name)
        try:
            with make_sessions(engine).begin() as session:
                said = work(session)
        finally:
            engine.dispose()
    except SettingsError as refused:
        sys.stderr.write("\n".join(refused.problems) + "\n")
        return 2
    except BusinessError as refused:
        sys.stderr.write(f"{refused.field or 'refused'}: {refused.message}\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0
