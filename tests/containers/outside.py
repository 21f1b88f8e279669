"""The servers that containers of ours talk to, empty and as real as on a laptop: each starts as its image would."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local import postgres as cluster
from local import readiness, temporal, valkey
from local.plan import HOST, Plan
from local.program import PATIENCE_SECONDS, Program, free_port
from local.room import Room
from tests.loop import elsewhere
from tests.post import Post, catching
from tests.servers import FORGETFUL


@dataclass(frozen=True)
class Outside:
    """host:port of each server; Postgres holds no role and no database yet but its superuser's."""

    postgres: str
    superuser_password: str
    valkey: str
    temporal: str
    mailbox: str
    post: Post


@contextmanager
def outside(folder: Path, room: Room) -> Iterator[Outside]:
    """All four, serving, as long as the block lasts; their data is in the folder."""
    folder.chmod(0o711)  # Postgres may run as another user, who must get through
    ports = {name: free_port() for name in ("postgres", "valkey", "temporal")}
    plan = Plan({"VISTOBUENO_STATE": str(folder / "state"), "POSTGRES_PORT": str(ports["postgres"])})
    redis_url = f"redis://{HOST}:{ports['valkey']}/0"
    data = plan.folder("valkey")
    plan.state.chmod(0o711)
    programs = {
        "postgres": (
            [sys.executable, "-m", "local.postgres", *FORGETFUL],
            partial(readiness.postgres, plan.database_url(cluster.SUPERUSER, "postgres")),
        ),
        "valkey": (valkey.server_command(data, ports["valkey"]), partial(readiness.valkey, redis_url)),
        "temporal": (
            temporal.server_command(ports["temporal"], ["--headless"]),
            partial(readiness.temporal_at, f"{HOST}:{ports['temporal']}"),
        ),
    }
    with ExitStack() as closing:
        started = []
        for name, (command, handshake) in programs.items():
            program = Program(f"{name}-of-containers", command, {**os.environ, **plan.given}, room)
            closing.callback(program.end)
            program.start()
            started.append((program, handshake))
        for program, handshake in started:
            elsewhere(partial(readiness.wait_until, handshake, PATIENCE_SECONDS, partial(_runs, program)))
        post = closing.enter_context(catching(folder / "mailbox"))
        yield Outside(
            postgres=f"{HOST}:{ports['postgres']}",
            superuser_password=plan.secret(cluster.SUPERUSER),
            valkey=f"{HOST}:{ports['valkey']}",
            temporal=f"{HOST}:{ports['temporal']}",
            mailbox=post.url.removeprefix("smtp://"),
            post=post,
        )


def _runs(program: Program) -> bool:
    return program.runs
