"""Runs of processes: the list, one with its path and why, tasks, incidents, moves to another version."""

from app.pages.run import impact as _impact  # noqa: F401  (their routes hang on the same blueprint)
from app.pages.run import moving as _moving  # noqa: F401
from app.pages.run import one as _one  # noqa: F401
from app.pages.run import operating as _operating  # noqa: F401
from app.pages.run import starting as _starting  # noqa: F401
from app.pages.run import tasks as _tasks  # noqa: F401
from app.pages.run.routes import pages

__all__ = ["pages"]
