"""What every service of compose.yaml must keep to. Judges the file as read; starts nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from tests.containers.compose import OURS
from tests.containers.dockerfile import read_image

Service = Mapping[str, Any]

#: Images whose digest nobody of us could look up, each with the reason.
WITHOUT_DIGEST: Final = {"temporalio/ui": "no public record of this version's digest was found"}

_PINNED: Final = re.compile(r"(?P<name>[a-z0-9./-]+):(?P<tag>[\w.-]+)(?P<digest>@sha256:[0-9a-f]{64})?")
_SECRET: Final = re.compile(r"(PASSWORD|PWD|SECRET|TOKEN|KEY|DATABASE_URL)")
_CREDENTIALS: Final = re.compile(r"://[^/@\s]+:[^/@\s]+@")
_ROOT: Final = ("", "root", "0")


def faults(compose: Mapping[str, Any]) -> list[str]:
    """What is wrong, as `service: what`; empty where all is well."""
    return [
        f"{name}: {fault}"
        for name, service in compose["services"].items()
        for rule in RULES
        for fault in rule(service, compose["services"])
    ]


def _is_job(service: Service) -> bool:
    return bool(service.get("healthcheck", {}).get("disable"))


def _image(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    pinned = _PINNED.fullmatch(service["image"])
    if pinned is None or pinned["tag"] in {"latest", "stable", "edge"}:
        yield f"the image {service['image']} is not of an exact version"
    elif pinned["name"].startswith(OURS):
        if not service.get("build") and service.get("pull_policy") != "never":
            yield "an image of ours is never fetched from elsewhere"
    elif pinned["digest"] is None and pinned["name"] not in WITHOUT_DIGEST:
        yield f"the image {service['image']} has no digest"


def _user(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    built_as = read_image("drills", {}).user if service["image"].startswith(OURS) else ""
    if str(service.get("user", built_as)).split(":")[0] in _ROOT:
        yield "runs as root"


def _hardening(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "its root file system can be written"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "keeps capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "may gain privileges"
    shared = {"privileged", "network_mode", "pid", "ipc", "uts", "userns_mode", "devices"} & service.keys()
    if shared:
        yield f"shares with the host: {', '.join(sorted(shared))}"
    for volume in service.get("volumes", []):
        if not re.match(r"[a-z-]+:", volume):
            yield f"mounts {volume} of the host"


def _health(service: Service, services: Mapping[str, Service]) -> Iterator[str]:
    built_in = read_image("product", {}).health if service["image"].startswith(OURS) else ()
    test = service.get("healthcheck", {}).get("test", ["CMD", *built_in] if built_in else None)
    if not _is_job(service) and (not test or test[0] != "CMD"):
        yield "has no health check in exec form"
    if service.get("restart") != ("no" if _is_job(service) else "unless-stopped"):
        yield f"is restarted {service.get('restart', 'never')}"
    waits = service.get("depends_on", {})
    for other in waits:
        wanted = "service_completed_successfully" if _is_job(services[other]) else "service_healthy"
        if isinstance(waits, list) or waits[other].get("condition") != wanted:
            yield f"does not wait for {other} by {wanted}"


def _ports(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    for port in service.get("ports", []):
        if not (isinstance(port, str) and re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)):
            yield f"the port {port} is open to others than this machine"


def _secrets(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    environment = service.get("environment", {})
    for name in environment:
        if _SECRET.search(name) and not name.endswith("_FILE"):
            yield f"{name} is told in the file itself"
    words = [str(value) for value in environment.values()] + [
        str(word) for word in service.get("command", [])
    ]
    for word in words:
        if _CREDENTIALS.search(word):
            yield "an address carries a password"
    mounted = set(service.get("secrets", []))
    for word in " ".join(words).split("/run/secrets/")[1:]:
        if (named := re.match(r"\w+", word)) and named[0] not in mounted:
            yield f"reads the secret {named[0]}, which it is not given"


def _limits(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    missing = {"cpus", "memory", "pids"} - limits.keys()
    if missing:
        yield f"has no limit of {', '.join(sorted(missing))}"
    if "max-size" not in service.get("logging", {}).get("options", {}):
        yield "its log may fill the disk"


def _command(service: Service, _all: Mapping[str, Service]) -> Iterator[str]:
    for name in ("command", "entrypoint"):
        if not isinstance(service.get(name, []), list):
            yield f"its {name} is not in exec form"


RULES: Final[tuple[Callable[[Service, Mapping[str, Service]], Iterator[str]], ...]] = (
    *(_image, _user, _hardening, _health, _ports, _secrets, _limits, _command),
)
