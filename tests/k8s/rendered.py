"""The manifests as a cluster would get them: rendered by kubectl's own kustomize, without a cluster."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
OVERLAYS: Final = ROOT / "k8s" / "overlays"

#: What lives together in one cluster -> the kustomizations it is applied from, in their order.
WHOLES: Final[Mapping[str, Sequence[str]]] = {
    "minikube": (
        "minikube/servers",
        "minikube/product",
        "minikube/builds/a",
        "minikube/builds/b",
        "minikube/drills",
    ),
    "production": ("production/product", "production/builds/a"),
    "worker-controller": ("worker-controller",),
}

Manifest = dict[str, Any]


class CannotRender(Exception):
    """kubectl is missing or refuses; the message says why."""


def kubectl() -> str:
    """The kubectl that our packages bring, else the machine's own. Raises CannotRender."""
    beside = Path(sys.executable).parent / "kubectl"
    found = str(beside) if beside.exists() else shutil.which("kubectl")
    if found is None:
        raise CannotRender("there is no kubectl: on this system none comes as a package, so install it")
    return found


@cache
def _read(kustomization: str) -> list[Manifest]:
    done = subprocess.run(
        [kubectl(), "kustomize", str(OVERLAYS / kustomization)], capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise CannotRender(f"{kustomization}: {done.stderr.strip()}")
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def render(kustomization: str) -> list[Manifest]:
    """The objects of one kustomization, a copy at every call, to spoil as one likes. Raises CannotRender."""
    return deepcopy(_read(kustomization))


def whole(name: str) -> list[Manifest]:
    """The objects of everything that lives together under a name. Raises CannotRender."""
    return [each for kustomization in WHOLES[name] for each in render(kustomization)]


def said(manifest: Manifest) -> str:
    """Kind and name, as a person would look for it."""
    metadata = manifest["metadata"]
    return f"{manifest['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


@dataclass(frozen=True)
class Workload:
    """Whatever makes pods: the object, and the pod it makes."""

    manifest: Manifest

    @property
    def said(self) -> str:
        """Kind and name."""
        return said(self.manifest)

    @property
    def namespace(self) -> str:
        """Where its pods live."""
        return str(self.manifest["metadata"]["namespace"])

    @property
    def template(self) -> Manifest:
        """The pod template."""
        template: Manifest = self.manifest["spec"]["template"]
        return template

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its pods."""
        labels: dict[str, str] = self.template["metadata"]["labels"]
        return labels

    @property
    def name(self) -> str:
        """What its pods are called by everybody who selects them."""
        return self.labels["app.kubernetes.io/name"]

    @property
    def pod(self) -> Manifest:
        """The spec of its pods."""
        pod: Manifest = self.template["spec"]
        return pod

    @property
    def is_job(self) -> bool:
        """Whether it ends by itself."""
        return str(self.manifest["kind"]) == "Job"

    @property
    def starters(self) -> list[Manifest]:
        """The containers that run before the others, one after the other."""
        return list(self.pod.get("initContainers", []))

    @property
    def servers(self) -> list[Manifest]:
        """The containers that it is for."""
        return list(self.pod["containers"])

    @property
    def containers(self) -> list[Manifest]:
        """All of them."""
        return self.starters + self.servers


WORKLOADS: Final = ("Deployment", "StatefulSet", "Job", "WorkerDeployment")


def workloads(manifests: Sequence[Manifest]) -> Iterator[Workload]:
    """Everything that makes pods."""
    return (Workload(each) for each in manifests if each["kind"] in WORKLOADS)


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> Iterator[Manifest]:
    """The objects of these kinds."""
    return (each for each in manifests if each["kind"] in kinds)
