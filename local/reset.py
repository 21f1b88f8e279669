"""What `make reset` does: asks, then throws away everything that `make run` keeps. Knows only the folder."""

from __future__ import annotations

import os
import shutil
import sys

from local.plan import Plan


def main() -> int:
    """Ask and delete; returns the exit code."""
    plan = Plan(os.environ)
    if not plan.state.exists():
        print(f"Nothing to delete: {plan.state} is not there.")
        return 0
    if plan.room.become_owner() is None:
        print(
            f"It runs, as process {plan.room.owner_pid()}: end that one first (Ctrl-C there).",
            file=sys.stderr,
        )
        return 1
    print(
        f"This deletes {plan.state} with all requests, mails, workflows and passwords of this installation."
    )
    try:
        answer = input("Type yes to go on: ")
    except EOFError:
        answer = ""
    if answer.strip().lower() != "yes":
        print("Nothing was deleted.")
        return 0
    plan.room.end_processes(patience_seconds=10)
    shutil.rmtree(plan.state)
    print("Deleted. The next `make run` starts afresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
