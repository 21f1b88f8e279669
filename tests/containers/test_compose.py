"""compose.yaml, without an engine: its commands run as plain processes in its order, and a purchase goes through."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from temporalio.client import Client

from gateways.temporal_builds import Deployment, describe
from local.postgres import PROGRAMS
from local.room import Room
from settings import SHORTEST_SECRET_KEY
from tests.browser.whole import article
from tests.containers.buyer import Buyer
from tests.containers.compose import our_containers, read_compose
from tests.containers.dockerfile import ROOT
from tests.containers.engine import PROGRAMS as PATH
from tests.containers.engine import Engine, until
from tests.containers.outside import Outside
from tests.loop import elsewhere

SCRIPTS = ROOT / "containers"
CONTAINERS = {container.name: container for container in our_containers(read_compose())}


def script(name: str, folder: Path, known: dict[str, str], env: dict[str, str]) -> str:
    """Run a script of containers/ with what it names put where that is here; what it said."""
    text = (SCRIPTS / name).read_text(encoding="utf-8")
    for given, here in known.items():
        assert given in text, f"{name} names no {given}"
        text = text.replace(given, here)
    copy = folder / "containers" / name
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["sh", copy], env={"PATH": f"{PROGRAMS}:{PATH}", **env}, timeout=120, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def secrets(tmp_path: Path, servers_outside: Outside) -> Path:
    """The secrets as the script makes them, with Postgres where it is here."""
    script("make-secrets.sh", tmp_path, {}, {})
    folder = tmp_path / "secrets"
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("postgres:5432", servers_outside.postgres))
    return folder


@pytest.fixture
def engine(
    tmp_path: Path, image: Path, room: Room, secrets: Path, servers_outside: Outside
) -> Iterator[Engine]:
    """An engine with roles and databases as Postgres's image makes them from our script."""
    host, port = servers_outside.postgres.split(":")
    client = {"PGHOST": host, "PGPORT": port, "PGPASSWORD": servers_outside.superuser_password}
    script("postgres-roles.sh", tmp_path, {"/run/secrets": str(secrets)}, client)
    script(
        "temporal-namespace.sh",
        tmp_path,
        {"temporal:7233": servers_outside.temporal},
        {"HOME": str(tmp_path)},
    )
    ledger = tmp_path / "ledger"
    ledger.mkdir()
    engine = Engine(
        image=image,
        room=room,
        addresses={
            "postgres:5432": servers_outside.postgres,
            "valkey:6379": servers_outside.valkey,
            "temporal:7233": servers_outside.temporal,
            "mailbox:1025": servers_outside.mailbox,
        },
        files={"/run/secrets": secrets, "/var/lib/vendor": ledger},
    )
    yield engine
    engine.end()


def test_secrets_are_made_once_and_lie_in_a_closed_folder(tmp_path: Path) -> None:
    script("make-secrets.sh", tmp_path, {}, {})
    folder = tmp_path / "secrets"
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert made.keys() == read_compose()["secrets"].keys()
    assert len(set(made.values())) == len(made)
    assert min(map(len, made.values())) >= SHORTEST_SECRET_KEY
    script("make-secrets.sh", tmp_path, {}, {})
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert folder.stat().st_mode & 0o777 == 0o700
    # Whoever reads a secret in a container is another user than its owner out here.
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def files_of(folder: Path) -> dict[str, int]:
    """Every file and folder of an image with the moment of its last change."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


async def deployment(address: str) -> Deployment:
    """The builds that Temporal knows, and which of them is current."""
    return await describe(await Client.connect(address))


@pytest.mark.whole
@pytest.mark.timeout(600)  # thirteen processes, on a machine that other tests share
def test_a_purchase_goes_through_the_containers_of_compose(engine: Engine, servers_outside: Outside) -> None:
    before = files_of(engine.image)
    engine.run_in_order(list(CONTAINERS.values()))
    buyer = Buyer(f"http://{engine.address('web', 8000)}")
    buyer.log_in("ana@vistobueno.example")
    number = buyer.submit(article("books", above=5, below=40))
    buyer.wait_until_ordered(number, f"http://{engine.address('vendor', 8010)}")
    assert "Approved automatically" in buyer.page_of(number)
    assert until(lambda: any(number in mail.subject for mail in servers_outside.post.mails()))
    builds = elsewhere(lambda: asyncio.run(deployment(servers_outside.temporal)))
    assert builds.route.current == "a"
    assert {build.build_id for build in builds.builds} == {"a", "b"}
    assert files_of(engine.image) == before, "a process wrote into its image, which is read-only"
    for container in CONTAINERS.values():
        if container.probe is not None:
            assert engine.says_yes(container, container.probe), container.name
