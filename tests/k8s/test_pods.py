"""The pods of the manifests, without a cluster: their commands run as plain processes and a purchase goes through."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from local.postgres import PROGRAMS
from local.room import Room
from rules.messages import APPROVALS_DEPLOYMENT
from settings import Settings
from tests.browser.whole import article
from tests.containers.buyer import Buyer
from tests.containers.container import Container
from tests.containers.engine import PROGRAMS as PATH
from tests.containers.engine import Engine, until
from tests.containers.outside import Outside
from tests.k8s.containers import containers_of, is_ours
from tests.k8s.rendered import OVERLAYS, WHOLES, Manifest, whole, workloads

SERVERS = OVERLAYS / "minikube" / "servers"
SECRET_KEY = "a key that only tests of pods use, and long enough"
PASSWORDS = {"OWNER_PASSWORD": "owner-of-pods", "APP_PASSWORD": "app-of-pods", "TEMPORAL_PASSWORD": "engine"}


def run_script(name: str, env: dict[str, str]) -> None:
    """Run a script that a server's pod mounts, as it is."""
    done = subprocess.run(
        ["sh", SERVERS / name], env={"PATH": f"{PROGRAMS}:{PATH}", **env}, timeout=120, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.fixture
def engine(tmp_path: Path, image: Path, room: Room, servers_outside: Outside) -> Iterator[Engine]:
    """An engine beside servers that the minikube overlay's own scripts have prepared, with the Secrets as files."""
    host, port = servers_outside.postgres.split(":")
    superuser = {"PGHOST": host, "PGPORT": port, "PGPASSWORD": servers_outside.superuser_password}
    run_script("roles.sh", {"POSTGRES_USER": "postgres", **superuser, **PASSWORDS})
    temporal = {"TEMPORAL_ADDRESS": servers_outside.temporal, "TEMPORAL_NAMESPACE": "default"}
    run_script("temporal-namespace.sh", {**temporal, "HOME": str(tmp_path)})
    database = f"{servers_outside.postgres}/vistobueno"
    secrets = {
        "vistobueno/secret-key": SECRET_KEY,
        "vistobueno/database-url": f"postgresql://vistobueno_app:app-of-pods@{database}",
        "vistobueno/redis-url": f"redis://{servers_outside.valkey}/0",
        "vistobueno/smtp-url": f"smtp://{servers_outside.mailbox}",
        "vistobueno/vendor-client-secret": "local-client-secret",
        "vistobueno/vendor-refresh-token": "local-refresh-token",
        "vistobueno-owner/migration-database-url": f"postgresql://vistobueno_owner:owner-of-pods@{database}",
    }
    for name, value in secrets.items():
        path = tmp_path / "secrets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    (tmp_path / "ledger").mkdir()
    engine = Engine(
        image=image,
        room=room,
        addresses={"temporal-frontend.temporal.svc.cluster.local:7233": servers_outside.temporal},
        files={
            "/run/secrets/vistobueno": tmp_path / "secrets" / "vistobueno",
            "/run/secrets/vistobueno-owner": tmp_path / "secrets" / "vistobueno-owner",
            "/var/lib/vendor": tmp_path / "ledger",
        },
    )
    yield engine
    engine.end()


def pods_of(manifests: list[Manifest], *names: str) -> list[Container]:
    """The containers of these workloads, one pod of each."""
    return [
        container
        for name in names
        for each in workloads(manifests)
        if each.manifest["metadata"]["name"] == name
        for container in containers_of(each, manifests)
    ]


def known_builds(secrets: Path) -> set[str]:
    """The builds that have told the database of themselves."""
    url = (secrets / "vistobueno-owner" / "migration-database-url").read_text()
    with closing(psycopg.connect(url)) as connection:
        return {row[0] for row in connection.execute("SELECT build_id FROM build WHERE live_until > now()")}


@pytest.mark.whole
def test_a_purchase_goes_through_the_pods_of_minikube(
    engine: Engine, servers_outside: Outside, tmp_path: Path
) -> None:
    pods = pods_of(whole("minikube"), "vendor", "migration", "control", "approvals-a", "approvals-b", "web")
    engine.run_in_order(pods)
    assert until(lambda: known_builds(tmp_path / "secrets") == {"a", "b"}), "both builds live side by side"
    buyer = Buyer(f"http://{engine.address('web.vistobueno.svc.cluster.local', 8000)}")
    buyer.log_in("ana@vistobueno.example")
    number = buyer.submit(article("books", above=5, below=40))
    vendor = engine.address("vendor.infra.svc.cluster.local", 8010)
    buyer.wait_until_ordered(number, f"http://{vendor}")
    assert until(lambda: any(number in mail.subject for mail in servers_outside.post.mails()))
    for each in pods:
        for probe in (each.probe, each.alive):
            assert probe is None or engine.says_yes(each, probe), each.name


@pytest.mark.whole
def test_a_pod_that_comes_before_the_migration_waits_for_it(engine: Engine) -> None:
    manifests = whole("minikube")
    waiting = pods_of(manifests, "control")[0]
    assert "await-tables" in waiting.name
    early = engine.start(waiting)
    assert until(lambda: early.runs)
    engine.run_in_order(pods_of(manifests, "migration"))
    early.wait_for_words("The database is ready")


@pytest.mark.whole
def test_a_run_of_the_drills_goes_through_the_pods_of_its_build(engine: Engine) -> None:
    manifests = whole("minikube")
    names = [f"drills-{kind}-{build}" for kind in ("unversioned", "versioned") for build in "ab"]
    workers = [engine.start(pod) for pod in pods_of(manifests, *names)]
    for worker in workers:
        worker.wait_for_words("worker is ready")
    inside = pods_of(manifests, "drills-versioned-a")[0]
    for build in "AB":
        said = engine.run(_client(inside, "quick", "--build", build))
        assert f"build {build}" in said, said
    assert engine.run(_client(inside, "quick"))


def _client(pod: Container, *arguments: str) -> Container:
    """What `kubectl exec` would run in a pod."""
    command = ("python", "-m", "local.drills", *arguments)
    return Container(name="client", command=command, env=pod.env)


def test_the_worker_controller_names_the_build_and_the_deployment_that_a_worker_serves() -> None:
    manifests = whole("worker-controller")
    kept = next(each for each in workloads(manifests) if each.manifest["kind"] == "WorkerDeployment")
    told = {"TEMPORAL_WORKER_BUILD_ID": "a", "TEMPORAL_DEPLOYMENT_NAME": "vistobueno/approvals"}
    worker = containers_of(kept, manifests, told)[-1]
    assert worker.command[-2:] == ("--build", "a")
    assert kept.manifest["spec"]["workerOptions"]["unsafeCustomBuildID"] == worker.image.rpartition(":")[2]
    metadata = kept.manifest["metadata"]
    assert f"{metadata['namespace']}/{metadata['name']}" == APPROVALS_DEPLOYMENT


def ours(name: str) -> list[Container]:
    """Each container of ours in an overlay."""
    manifests = whole(name)
    return [
        container
        for each in workloads(manifests)
        if any(map(is_ours, each.containers)) and each.name not in {"vendor", "drills"}
        for container in containers_of(each, manifests)
    ]


@pytest.mark.parametrize("name", WHOLES)
def test_the_settings_of_every_container_make_sense(name: str, tmp_path: Path) -> None:
    secrets = {
        "secret-key": SECRET_KEY,
        "database-url": "postgresql://app:word@postgres/vistobueno",
        "migration-database-url": "postgresql://owner:word@postgres/vistobueno",
        "redis-url": "redis://valkey:6379/0",
        "smtp-url": "smtp://mailbox:1025",
        "vendor-client-secret": "secret",
        "vendor-refresh-token": "token",
    }
    for secret, value in secrets.items():
        (tmp_path / secret).write_text(value)
    containers = ours(name)
    assert containers
    for container in containers:
        given = {
            key: str(tmp_path / Path(value).name) if key.endswith("_FILE") else value
            for key, value in container.env.items()
        }
        env = _Asked(given)
        assert Settings.from_environment(env) == Settings.from_environment(given), container.name
        image_only = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
        assert set(given) - env.names - image_only == set(), f"{container.name}: nobody reads these"


class _Asked(dict[str, str]):
    """An environment that remembers what was asked for."""

    def __init__(self, env: dict[str, str]) -> None:
        super().__init__(env)
        self.names: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.names.add(name)
        return super().get(name, default)


def test_our_packages_bring_what_renders() -> None:
    assert os.access(Path(PATH.split(":")[0]) / "kubectl", os.X_OK) or os.uname().sysname != "Linux"
