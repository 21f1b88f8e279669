"""The steps of a release, run against the real product and real builds; only kubectl, docker and minikube stand outside.

There is no cluster here: a recording kubectl writes down what it is asked, renders for real, and lets the test start
the pods of a build as processes before it says that they are ready.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from werkzeug.serving import make_server

from rules.person import Role
from rules.request import Status
from settings import Settings
from storage import api_token, build, build_return, rollout
from storage.audit import SYSTEM
from storage.person import PersonRow
from tests.app.conftest import running as web
from tests.builds.conftest import yard
from tests.builds.yard import Yard
from tests.k8s.rendered import ROOT, kubectl
from tests.servers import Database

pytestmark = pytest.mark.whole

__all__ = ["yard"]

RECORDING = """#!/bin/sh
echo "{name} $*" >> "$RECORD"
{does}
"""
#: Renders with the real one; what is applied from standard input is kept; a rollout ends when the test says so.
KUBECTL = """
case "$1 $2" in
'kustomize '*) exec "$REAL_KUBECTL" "$@" ;;
'apply --selector') cat >> "$RECORD.applied" ;;
'rollout status')
    case "$*" in *' 0s') exit 1 ;; esac
    until [ -e "$RECORD.ready" ]; do sleep 0.1; done ;;
esac
"""


@dataclass(frozen=True)
class Release:
    """A copy of the repository to release from, and programs that only write down what they are asked."""

    root: Path
    env: dict[str, str]

    @property
    def record(self) -> Path:
        """What kubectl, docker and minikube were asked, one line each."""
        return Path(self.env["RECORD"])

    @property
    def asked(self) -> str:
        """The same as a text."""
        return self.record.read_text() if self.record.exists() else ""

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run deploy.sh to its end."""
        return subprocess.run(
            [self.root / "k8s" / "deploy.sh", *arguments],
            env={**self.env, **more}, capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Everything of the repository by reference but k8s/, which a release writes to."""
    root, tools = tmp_path / "repository", tmp_path / "tools"
    root.mkdir()
    tools.mkdir()
    for each in ROOT.iterdir():
        if each.name not in {"k8s", ".git"}:
            (root / each.name).symlink_to(each)
    shutil.copytree(ROOT / "k8s", root / "k8s")
    for name, does in (("kubectl", KUBECTL), ("docker", ""), ("minikube", "")):
        (tools / name).write_text(RECORDING.format(name=name, does=does))
        (tools / name).chmod(0o755)
    env = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "RECORD": str(tmp_path / "record"),
        "REAL_KUBECTL": kubectl(),
        "HOME": str(tmp_path),
    }
    return Release(root, env)


@pytest.fixture
def running(release: Release, yard: Yard, settings: Settings) -> Iterator[Release]:
    """The product serves, build `one` is current, Elena's program releases and Julia's promotes."""
    yard.start_build("one")
    yard.await_current("one")
    people = {
        "VISTOBUENO_TOKEN": yard.desk.company.elena.id,
        "VISTOBUENO_PROMOTER_TOKEN": yard.desk.company.julia.id,
    }
    tokens = {}
    with yard.desk.sessions.begin() as session:
        for name, person_id in people.items():
            person = session.get_one(PersonRow, person_id)
            person.roles = [Role.EMPLOYEE.value, Role.PLATFORM.value]
            tokens[name] = api_token.add(session, person, "release", [Role.PLATFORM.value], 1, SYSTEM)
    with web(settings) as app:
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        release.env.update(tokens, VISTOBUENO_URL=f"http://127.0.0.1:{server.port}")
        yield release
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let something happen in the cluster and in the company as long as the block runs. Raises what goes wrong there."""
    is_over, wrong = threading.Event(), []

    def run() -> None:
        try:
            work(is_over)
        except BaseException as error:
            wrong.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    if wrong:
        raise wrong[0]


def await_it(look: Callable[[], bool], is_over: threading.Event) -> None:
    """Look again and again until it is so. Raises AssertionError where the release is over before."""
    while not look():
        assert not is_over.wait(0.2), "the release ended before"


def start_pods(release: Release, yard: Yard, is_over: threading.Event, *changes: tuple[str, str]) -> None:
    """Be the cluster: start build `two` when it is applied, and say then that its pods are ready."""
    await_it(lambda: "apply --kustomize" in release.asked, is_over)
    code = yard.changed_code("two", "activities/order.py", *changes) if changes else ROOT
    yard.start_build("two", code)
    Path(f"{release.record}.ready").touch()


def await_share(yard: Yard, is_over: threading.Event) -> None:
    """Wait until the rollout has given somebody the new build."""

    def is_out() -> bool:
        with yard.desk.sessions.begin() as session:
            return any(row.exposed_at and row.carried for row in rollout.open_rollouts(session))

    await_it(is_out, is_over)


def multiply(yard: Yard, database: Database, request_id: Any, count: int) -> None:
    """Let what one request did on the new build stand for many: real ones would take minutes."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        last = "SELECT 1 FROM outcome WHERE request_id = %s AND stage = 'tell_people'"
        yard.until(lambda: connection.execute(last, [request_id]).fetchone())  # a worker writes them later
        with connection.transaction():
            _multiply(connection, request_id, count)


def _multiply(connection: psycopg.Connection[Any], request_id: Any, count: int) -> None:
    connection.execute(
        "CREATE TEMP TABLE twin AS SELECT n, gen_random_uuid() AS id FROM generate_series(1, %s) AS n",
        [count],
    )
    for query in (
        """INSERT INTO request SELECT (jsonb_populate_record(request, jsonb_build_object(
               'id', twin.id, 'number', 'PR-TWIN-' || n))).* FROM request, twin WHERE request.id = %s""",
        """INSERT INTO route SELECT (jsonb_populate_record(route, jsonb_build_object(
               'request_id', twin.id))).* FROM route, twin WHERE route.request_id = %s""",
        """INSERT INTO outcome (at, build_id, run_id, activity_id, attempt, stage, request_id, department_id,
                                variant, outcome, error, ms)
           SELECT now(), build_id, run_id || n, activity_id, 1, stage, twin.id, department_id, variant,
                  outcome, NULL, 40 FROM outcome, twin WHERE outcome.request_id = %s AND outcome = 'ok'""",
    ):
        connection.execute(query, [request_id])


def test_a_good_build_goes_from_nothing_to_everybody(
    running: Release, yard: Yard, database: Database
) -> None:
    def cluster_and_company(is_over: threading.Event) -> None:
        start_pods(running, yard, is_over)
        await_share(yard, is_over)
        request = yard.await_status(yard.submit(), Status.COMPLETED)
        multiply(yard, database, request.id, 90)

    with beside(cluster_and_company):
        done = running.run(
            "--from", "tables", "--shares", "100", "--department", "marketing", "--patience", "200", "two"
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert yard.deployment().route.current == "two"
    overlay = running.root / "k8s" / "overlays" / "minikube"
    assert running.asked.replace(str(overlay), "").replace(" --namespace vistobueno", "").splitlines() == [
        "kubectl delete job migration --ignore-not-found --wait",
        "kubectl kustomize /product",
        "kubectl apply --selector app.kubernetes.io/name=migration --filename -",
        "kubectl wait --for=condition=complete job/migration --timeout 200s",
        "kubectl apply --kustomize /builds/two",
        "kubectl rollout status deployment/approvals-two --timeout 200s",
        "kubectl apply --kustomize /product",
        "kubectl rollout status deployment/control --timeout 200s",
        "kubectl rollout status deployment/web --timeout 200s",
    ]
    applied = list(yaml.safe_load_all(Path(f"{running.record}.applied").read_text()))
    job = next(each for each in applied if each["kind"] == "Job")
    images = {each["name"]: each["image"] for each in job["spec"]["template"]["spec"]["initContainers"]}
    assert images == {"migrate": "vistobueno:two", "demo": "vistobueno-drills:a"}
    kept = yaml.safe_load((overlay / "release" / "kustomization.yaml").read_text())["images"]
    assert [(each["name"], each["newTag"]) for each in kept] == [
        ("vistobueno", "two"),
        ("vistobueno-drills", "a"),
    ]
    assert running.env["VISTOBUENO_PROMOTER_TOKEN"] not in done.stdout + done.stderr


def test_a_bad_build_is_sent_back_and_the_pages_stay_as_they_are(running: Release, yard: Yard) -> None:
    before = "def place_order(self, given: OrderStep) -> OrderStepResult:"
    broken = f"{before}\n        raise RuntimeError('this build cannot place an order')"

    def cluster_and_company(is_over: threading.Event) -> None:
        start_pods(running, yard, is_over, (before, broken))
        await_share(yard, is_over)
        for _ in range(4):
            yard.submit()

    with beside(cluster_and_company):
        done = running.run(
            "--from", "workers", "--shares", "100", "--department", "marketing", "--patience", "200", "two"
        )
        assert done.returncode == 1, done.stdout + done.stderr
    assert "two is not good" in done.stdout
    yard.await_current("one")

    def is_rejected() -> bool:
        with yard.desk.sessions.begin() as session:
            return build.by_id(session, "two").rejected_at is not None and bool(
                build_return.newest(session, 1)
            )

    yard.until(is_rejected)
    assert "minikube/product" not in running.asked


def test_too_few_figures_stop_a_release_where_it_can_go_on(running: Release, yard: Yard) -> None:
    with beside(lambda is_over: start_pods(running, yard, is_over)):
        done = running.run("--from", "workers", "--shares", "10 100", "--patience", "60", "two")
    assert done.returncode == 2, done.stdout + done.stderr
    assert '--from ramp --shares "10 100"' in done.stdout
    assert "minikube/product" not in running.asked


def test_a_dry_run_names_every_step_and_does_nothing(release: Release) -> None:
    done = release.run("--dry-run", "three", VISTOBUENO_PROMOTER_TOKEN="vbt_secret")
    assert done.returncode == 0, done.stderr
    for step in ("image", "replay", "tables", "workers", "gate", "ramp", "promote", "product", "done"):
        assert f"== {step}: " in done.stdout
    assert "vbt_secret" not in done.stdout
    assert release.asked == ""
    assert not (release.root / "k8s/overlays/minikube/builds/three").exists()


def test_what_is_built_is_loaded_into_the_cluster_and_replays_what_was_recorded(release: Release) -> None:
    done = release.run("--from", "image", "--patience", "0", "three", VISTOBUENO_URL="http://127.0.0.1:1")
    assert done.returncode != 0, "there is no product"
    assert "docker build --build-arg BUILD_ID=three" in release.asked
    assert "minikube image load vistobueno:three" in release.asked
    assert "== tables" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "a build is called by"),
        (("Two",), "a build is called by"),
        (("two", "three"), "one build at a time"),
        (("--from", "nowhere", "two"), "there is no step nowhere"),
        (("--patience", "long", "two"), "--patience is a number"),
        (("--overlay", "nowhere", "two"), "there is no overlay nowhere"),
        (("--overlay",), "--overlay needs a value"),
        (("--fast", "two"), "there is no option --fast"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_done(
    release: Release, arguments: tuple[str, ...], word: str
) -> None:
    done = release.run(*arguments)
    assert done.returncode == 64
    assert word in done.stderr
    assert release.asked == ""


@pytest.mark.parametrize("overlay", ["minikube", "production"])
def test_a_build_that_is_written_renders_like_those_that_are_there(release: Release, overlay: str) -> None:
    release.run("--overlay", overlay, "--from", "workers", "--patience", "0", "nine")  # ends: no such pods
    folder = release.root / "k8s" / "overlays" / overlay / "builds"

    def rendered(name: str) -> str:
        done = subprocess.run(
            [kubectl(), "kustomize", folder / name], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    assert rendered("nine").replace("nine", "a") == rendered("a")
