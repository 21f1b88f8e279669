"""The image and compose.yaml keep to what is asked of them, and every rule of that can say no."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from local.temporal import DYNAMIC_CONFIG
from tests.containers.compose import COMPOSE, our_containers, read_compose
from tests.containers.container import Container, waves
from tests.containers.dockerfile import DOCKERFILE, ROOT, read_image, stages
from tests.containers.policy import WITHOUT_DIGEST, faults

Services = dict[str, dict[str, Any]]


def test_every_service_keeps_to_the_policy() -> None:
    assert faults(read_compose()) == []


def of(name: str, key: str, value: Any) -> Callable[[Services], None]:
    """A change of one service; None takes the key away."""

    def change(services: Services) -> None:
        if value is None:
            services[name].pop(key)
        else:
            services[name][key] = value

    return change


BROKEN: dict[str, Callable[[Services], None]] = {
    "web: the image vistobueno:latest is not of an exact version": of("web", "image", "vistobueno:latest"),
    "web: the image vistobueno is not of an exact version": of("web", "image", "vistobueno"),
    "valkey: the image valkey/valkey:9.1.1-alpine has no digest": of(
        "valkey", "image", "valkey/valkey:9.1.1-alpine"
    ),
    "web: an image of ours is never fetched from elsewhere": of("web", "pull_policy", "missing"),
    "postgres: runs as root": of("postgres", "user", None),
    "web: runs as root": of("web", "user", "0:0"),
    "web: its root file system can be written": of("web", "read_only", False),
    "control: keeps capabilities": of("control", "cap_add", ["NET_ADMIN"]),
    "mailbox: keeps capabilities": of("mailbox", "cap_drop", ["CHOWN"]),
    "mailbox: may gain privileges": of("mailbox", "security_opt", []),
    "temporal: shares with the host: network_mode": of("temporal", "network_mode", "host"),
    "vendor: shares with the host: privileged": of("vendor", "privileged", True),
    "web: mounts /var/run/docker.sock:/sock of the host": of(
        "web", "volumes", ["/var/run/docker.sock:/sock"]
    ),
    "control: has no health check in exec form": of("control", "healthcheck", {"test": "true"}),
    "valkey: has no health check in exec form": of("valkey", "healthcheck", None),
    "web: is restarted never": of("web", "restart", None),
    "migration: is restarted always": of("migration", "restart", "always"),
    "web: does not wait for rules by service_completed_successfully": of("web", "depends_on", ["rules"]),
    "web: does not wait for control by service_healthy": of(
        "web", "depends_on", {"control": {"condition": "service_started"}}
    ),
    "web: the port 8000:8000 is open to others than this machine": of("web", "ports", ["8000:8000"]),
    "web: the port 0.0.0.0:80:8000 is open to others than this machine": of(
        "web", "ports", ["0.0.0.0:80:8000"]
    ),
    "web: SECRET_KEY is told in the file itself": of("web", "environment", {"SECRET_KEY": "a"}),
    "web: an address carries a password": of(
        "web", "environment", {"REDIS_URL": "redis://a:b@valkey:6379/0"}
    ),
    "web: reads the secret owner_password, which it is not given": of(
        "web", "environment", {"A_FILE": "/run/secrets/owner_password"}
    ),
    "web: has no limit of cpus, memory, pids": of("web", "deploy", None),
    "web: its log may fill the disk": of("web", "logging", {"driver": "json-file"}),
    "web: its command is not in exec form": of("web", "command", "gunicorn wsgi:app"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_the_policy_says_what_is_wrong(fault: str) -> None:
    compose = copy.deepcopy(read_compose())
    BROKEN[fault](compose["services"])
    assert fault in faults(compose)


def test_exceptions_are_still_needed() -> None:
    plain = {service["image"].split(":")[0] for service in read_compose()["services"].values()
             if "@" not in service["image"]}  # fmt: skip
    assert set(WITHOUT_DIGEST) <= plain


def test_containers_start_after_all_that_they_wait_for() -> None:
    here = our_containers(read_compose())
    known = {container.name for container in here}
    up: set[str] = set()
    for wave in waves(here):
        assert all(set(container.after) & known <= up for container in wave)
        up |= {container.name for container in wave}
    assert up == known


def test_containers_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="these wait for each other: hen, egg"):
        list(waves([Container("hen", (), after=("egg",)), Container("egg", (), after=("hen",))]))


@pytest.mark.parametrize("container", our_containers(read_compose()), ids=lambda each: each.name)
def test_a_container_is_told_only_what_the_settings_know(container: Container) -> None:
    known = set(
        re.findall(r'^    """([A-Z_]+):', (ROOT / "settings.py").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert "HEALTH_ADDRESS" in known
    python = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}
    assert {name.removesuffix("_FILE") for name in container.env} - python - known == set()


def test_every_variable_of_compose_is_explained_with_its_default() -> None:
    used = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", COMPOSE.read_text(encoding="utf-8")))
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("=") for line in lines if line[0] != "#") == used


def test_temporal_is_told_what_the_laptops_is_told() -> None:
    told = yaml.safe_load((ROOT / "containers/temporal-dynamic-config.yaml").read_text(encoding="utf-8"))
    here = {name: [{"value": yaml.safe_load(value)}] for name, _, value in (
        each.partition("=") for each in DYNAMIC_CONFIG)}  # fmt: skip
    assert {name: told.get(name) for name in here} == here
    assert told.keys() - here.keys() == {"system.forceSearchAttributesCacheRefreshOnRead"}


def test_builds_name_themselves_and_share_the_code() -> None:
    a, b = (
        {each.name: each for each in our_containers(read_compose())}[name]
        for name in ("approvals-a", "approvals-b")
    )
    assert (a.env["BUILD_ID"], b.env["BUILD_ID"]) == ("a", "b")
    assert a.image != b.image
    assert a.command == b.command


@pytest.mark.parametrize("target", ["product", "drills"])
def test_an_image_tells_its_build_its_version_and_its_parts(target: str) -> None:
    image = read_image(
        target, {"VERSION": "1.2.3", "BUILD_ID": "b7", "BUILD_COMMIT": "abc", "BUILD_NOTE": "quicker"}
    )
    told = {name: image.env[name] for name in ("BUILD_ID", "BUILD_COMMIT", "BUILD_NOTE")}
    assert told == {"BUILD_ID": "b7", "BUILD_COMMIT": "abc", "BUILD_NOTE": "quicker"}
    assert image.labels["org.opencontainers.image.version"] == "1.2.3"
    assert image.labels["org.opencontainers.image.revision"] == "abc"
    assert image.labels["example.vistobueno.build"] == "b7"
    assert image.labels["example.vistobueno.sbom"] in {copy.target for copy in image.copies if copy.stage}


@pytest.mark.parametrize("target", ["product", "drills"])
def test_an_image_serves_as_nobody_and_can_be_asked_how_it_is(target: str) -> None:
    image = read_image(target, {})
    assert image.user == "10001"
    assert image.health[:3] == ("python", "-m", "gateways.health")
    assert image.command[0] == "gunicorn"


def test_the_image_that_is_built_without_a_target_is_the_product() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert list(stages(text))[-1] == "product"
    (product,) = [each for stage, each in stages(text).items() if stage == "product"]
    assert product == [("FROM", "base AS product")]


def test_every_base_is_pinned_and_one_python_builds_and_runs() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    foreign = [base for stage in stages(text).values()
               if (base := stage[0][1].split(" AS ")[0]) not in stages(text)]  # fmt: skip
    assert len(foreign) == 3
    assert all(re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+@sha256:[0-9a-f]{64}", base) for base in foreign)
    assert len({base for base in foreign if base.startswith("python")}) == 1


def test_the_image_is_of_the_version_that_the_product_is_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = set(re.findall(r"VERSION[=:-]+([\d.]+)", DOCKERFILE.read_text() + COMPOSE.read_text()))
    assert versions == {project["version"]}


def test_the_reader_of_the_image_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="ADD"):
        read_image("product", {}, "FROM scratch AS product\nADD a b\n")
