"""The containers of the manifests as tests/containers runs them: environment put together, names and ports resolved."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.containers.container import Container, Probe
from tests.containers.dockerfile import read_image
from tests.k8s.rendered import Manifest, Workload, of_kind

#: Our images -> the stages of our Dockerfile that they are built from.
TARGETS: Final = {"vistobueno": "product", "vistobueno-drills": "drills"}


def is_ours(container: Manifest) -> bool:
    """Whether a container runs an image of ours."""
    return _image_name(container) in TARGETS


def containers_of(
    workload: Workload, manifests: Sequence[Manifest], told: Mapping[str, str] | None = None
) -> list[Container]:
    """The containers of one pod, each waiting for those before it; the last one is what the pod is for.

    Args:
        told: what somebody outside adds to the environment, as the Worker Controller does.
    """
    found: list[Container] = []
    for container in workload.containers:
        serves = container in workload.servers and not workload.is_job
        env = {**_environment(container, workload, manifests), **(told or {})}
        image = _image_of(container)
        command = [*container.get("command", ()), *container.get("args", ())] or list(image.command)
        found.append(
            Container(
                name=_host(workload, manifests)
                if serves
                else f"{_host(workload, manifests)}-{container['name']}",
                command=tuple(_expanded(part, env) for part in command),
                env=env,
                ports=tuple(port["containerPort"] for port in container.get("ports", ())),
                probe=_probe(container, "readinessProbe") if serves else None,
                alive=_probe(container, "livenessProbe") if serves else None,
                after=(found[-1].name,) if found else (),
                image=container["image"],
            )
        )
    return found


def _image_name(container: Manifest) -> str:
    name: str = container["image"].rpartition("/")[2].partition(":")[0]
    return name


def _image_of(container: Manifest) -> Any:
    tag = container["image"].rpartition(":")[2]
    return read_image(TARGETS[_image_name(container)], {"BUILD_ID": tag})


def _host(workload: Workload, manifests: Sequence[Manifest]) -> str:
    """The name by which other pods reach it: that of its Service where it has one."""
    name = str(workload.manifest["metadata"]["name"])
    for service in of_kind(manifests, "Service"):
        metadata = service["metadata"]
        if metadata["namespace"] == workload.namespace and metadata["name"] == workload.name:
            return f"{name}.{workload.namespace}.svc.cluster.local"
    return name


def _environment(container: Manifest, workload: Workload, manifests: Sequence[Manifest]) -> dict[str, str]:
    """What the image says, then what ConfigMaps say, then what the container says: the last word counts."""
    env: dict[str, str] = dict(_image_of(container).env)
    for source in container.get("envFrom", ()):
        name = source["configMapRef"]["name"]
        for settings in of_kind(manifests, "ConfigMap"):
            if (settings["metadata"]["namespace"], settings["metadata"]["name"]) == (
                workload.namespace,
                name,
            ):
                env |= settings["data"]
    for pair in container.get("env", ()):
        env[pair["name"]] = pair["value"] if "value" in pair else _field(pair["valueFrom"], workload)
    return env


def _field(source: Mapping[str, Any], workload: Workload) -> str:
    path = source["fieldRef"]["fieldPath"]
    label = re.fullmatch(r"metadata\.labels\['([\w./-]+)'\]", path)
    if label is None:
        raise ValueError(f"{path} is not known here")
    return workload.labels[label[1]]


def _expanded(text: str, env: Mapping[str, str]) -> str:
    """$(NAME) in a command stands for the variable, as Kubernetes has it."""
    return re.sub(r"\$\((\w+)\)", lambda name: env.get(name[1], name[0]), text)


def _probe(container: Manifest, kind: str) -> Probe | None:
    asked = container.get(kind, {}).get("httpGet")
    if asked is None:
        return None
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    headers = {each["name"]: each["value"] for each in asked.get("httpHeaders", ())}
    return Probe(port=named.get(asked["port"], asked["port"]), path=asked["path"], headers=headers)
