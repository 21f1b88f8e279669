"""Reads compose.yaml as Docker Compose would: variables put in, each of our services with what its image says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from tests.containers.container import Container, Probe
from tests.containers.dockerfile import ROOT, Image, read_image

COMPOSE: Final = ROOT / "compose.yaml"
#: Images of this name are built from our Dockerfile, whichever service builds them.
OURS: Final = "vistobueno"
_VARIABLE: Final = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


def read_compose(env: Mapping[str, str] | None = None, path: Path = COMPOSE) -> dict[str, Any]:
    """The file with all variables put in, `env` before the defaults."""
    given = env or {}
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    found: dict[str, Any] = yaml.safe_load("\n".join(lines))
    return {name: _put_in(part, given) for name, part in found.items()}


def _put_in(part: Any, given: Mapping[str, str]) -> Any:
    if isinstance(part, dict):
        return {name: _put_in(each, given) for name, each in part.items()}
    if isinstance(part, list):
        return [_put_in(each, given) for each in part]
    if isinstance(part, str):
        return _VARIABLE.sub(lambda found: given.get(found[1], found[2] or "") if found[1] else "$", part)
    return part


def our_containers(compose: Mapping[str, Any]) -> list[Container]:
    """The services of our own images, as containers."""
    services = {
        name: service for name, service in compose["services"].items() if service["image"].startswith(OURS)
    }
    images = {service["image"]: _image(service) for service in services.values() if "build" in service}
    return [_container(name, service, images[service["image"]]) for name, service in services.items()]


def _image(service: Mapping[str, Any]) -> Image:
    return read_image(service["build"]["target"], service["build"]["args"])


def _container(name: str, service: Mapping[str, Any], image: Image) -> Container:
    health = service.get("healthcheck", {})
    if health.get("disable"):
        probe = None
    else:
        how, *asking = health.get("test", ["CMD", *image.health])
        assert how == "CMD", f"{name}: a health check of ours is in exec form"
        probe = Probe(command=tuple(asking))
    env = {**image.env, **{key: str(value) for key, value in service.get("environment", {}).items()}}
    command = tuple(service.get("entrypoint", ())) + tuple(service.get("command", image.command))
    said = " ".join([*command, *env.values()])
    listens = {int(port) for port in re.findall(r"\b0\.0\.0\.0:(\d+)", said)}
    listens |= {int(port.rpartition(":")[2]) for port in service.get("ports", ())}
    return Container(
        name=name,
        command=command,
        env=env,
        ports=tuple(sorted(listens)),
        probe=probe,
        after=tuple(service.get("depends_on", ())),
        image=service["image"],
    )
