"""`make build-worker ID=…`: another build of the approvals worker beside the running ones, on a laptop.

With COMMIT it runs the code of that commit, from a git worktree of its own; else the code that lies here, under
another id. It belongs to the running `make run` and ends with it, or with Ctrl-C.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from local import locks
from local.plan import CannotRun, Plan
from rules.build import check_build_id
from rules.errors import Invalid

ROOT = Path(__file__).resolve().parents[1]


def worktree(plan: Plan, build_id: str, commit: str) -> Path:
    """A folder with the code of a commit; the one of an earlier start is used again. Raises CannotRun."""
    wanted = _git("rev-parse", "--verify", f"{commit}^{{commit}}")
    folder = plan.folder("builds") / build_id
    if folder.exists():
        there = _git("rev-parse", "HEAD", folder=folder)
        if there != wanted:
            raise CannotRun(f"Build {build_id} is commit {there[:12]}: take another ID for {wanted[:12]}")
        return folder
    _git("worktree", "prune")
    _git("worktree", "add", "--detach", str(folder), wanted)
    return folder


def environment(plan: Plan, given: Mapping[str, str], code: Path) -> dict[str, str]:
    """What the worker gets: what the run's own parts have, and what the builds page says of it."""
    commit = _git("rev-parse", "HEAD", folder=code)
    changed = "+" if _git("status", "--porcelain", "--untracked-files=no", folder=code) else ""
    env = {**plan.environment, "BUILD_COMMIT": f"{commit}{changed}", "BUILD_NOTE": given.get("NOTE", "")}
    for name in ("ID", "COMMIT", "NOTE"):
        env.pop(name, None)
    return env


def _git(*arguments: str, folder: Path = ROOT) -> str:
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def run(given: Mapping[str, str]) -> NoReturn:
    """Become the keeper of a worker, which serves until told to end. Raises CannotRun."""
    try:
        build_id = check_build_id(given.get("ID", ""))
    except Invalid as refusal:
        raise CannotRun(f"make build-worker ID=…: {refusal.message}") from None
    plan = Plan(given)
    owner = plan.room.become_owner()
    if owner is not None:
        locks.release(owner)
        raise CannotRun("Nothing runs here: start `make run` first, in another window")
    name = f"build-{build_id}"
    if name in plan.room.processes():
        raise CannotRun(f"Build {build_id} runs already: take another ID")
    commit = given.get("COMMIT", "")
    code = worktree(plan, build_id, commit) if commit else ROOT
    print(f"Build {build_id} from {code}; Ctrl-C ends it\n", flush=True)
    keeper = [sys.executable, "-m", "local.keeper", "app", name, str(plan.room.folder), "--"]
    worker = [sys.executable, str(code / "worker.py"), "approvals", "--build", build_id]
    # Becomes the keeper, so that whatever signal is meant for us ends the worker in its turn.
    os.execve(sys.executable, [*keeper, *worker], environment(plan, given, code))


def main() -> int:
    """The command; every expected trouble is one line and exit code 1."""
    try:
        run(os.environ)
    except CannotRun as stopped:
        print(stopped, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
