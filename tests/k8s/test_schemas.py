"""Every object of every overlay is one that three releases of Kubernetes, KEDA and the Worker Controller take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.k8s.rendered import WHOLES, Manifest, render, whole
from tests.k8s.schemas import VERSIONS, misfits


@pytest.mark.whole
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", WHOLES)
def test_every_object_is_one_that_the_cluster_takes(name: str, version: str) -> None:
    assert [why for each in whole(name) for why in misfits(each, version)] == []


def _edit(path: str, value: Any) -> Callable[[Manifest], None]:
    """Set what stands at a path of keys and numbers, such as `spec.triggers.0.type`; None takes it away."""

    def edit(manifest: Manifest) -> None:
        *way, last = path.split(".")
        at: Any = manifest
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return edit


@pytest.mark.parametrize(
    ("kustomization", "kind", "edit", "word"),
    [
        ("minikube/product", "Deployment", _edit("spec.template.spec.containers.0.imagee", "x"), "imagee"),
        ("minikube/product", "Deployment", _edit("spec.progressDeadlineSeconds", "soon"), "soon"),
        ("minikube/builds/a", "ScaledObject", _edit("spec.triggers.0.metadata.buildId", "a"), "buildId"),
        ("minikube/builds/a", "ScaledObject", _edit("spec.triggers.0.metadata.targetQueueSize", 16), "16"),
        ("minikube/builds/a", "ScaledObject", _edit("spec.triggers", None), "triggers is missing"),
        ("worker-controller", "Connection", _edit("spec.hostPort", None), "hostPort is missing"),
        ("worker-controller", "WorkerDeployment", _edit("spec.rollout.strategy", "Slowly"), "Slowly"),
        ("worker-controller", "WorkerDeployment", _edit("spec.template.spec.containers", None), "containers"),
        (
            "worker-controller",
            "WorkerResourceTemplate",
            _edit("spec.temporalWorkerDeploymentRef", {"name": "approvals"}),
            "temporalWorkerDeploymentRef is not known",
        ),
    ],
)
def test_an_object_that_is_spoilt_is_refused(
    kustomization: str, kind: str, edit: Callable[[Manifest], None], word: str
) -> None:
    spoilt = next(each for each in render(kustomization) if each["kind"] == kind)
    edit(spoilt)
    assert word in "\n".join(misfits(spoilt, VERSIONS[-1]))
