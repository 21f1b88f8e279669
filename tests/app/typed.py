"""A command of the house, run in this process as if it was typed: what one costs as a process is its imports."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


def typed(main: Callable[[Sequence[str]], int], database_url: str, *arguments: str, answer: str = "") -> Said:
    """Run a command's `main` on a database.

    Args:
        answer: the line that it reads from standard input.
    """
    env = {"VISTOBUENO_MODE": "local", "SECRET_KEY": "k" * 40, "DATABASE_URL": database_url}
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, env),
        patch.object(sys, "stdin", io.StringIO(f"{answer}\n")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = main(arguments)
    return Said(code, out.getvalue(), err.getvalue())
