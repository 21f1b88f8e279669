"""Whether each object is one that Kubernetes knows: its own schemas for its own kinds, key by key for those of others.

KEDA (2.21) and Temporal's Worker Controller (app 1.7.0) come with no package that holds their schemas; the trees
below are their documented fields, as far as we use them. What is not in a tree is refused, as their servers would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.k8s.rendered import Manifest, said

#: The newest release and the two before it, as Kubernetes supports them.
VERSIONS: Final = ("1.35", "1.36", "1.37")

#: A mapping with these keys; a key that begins with ! is required. ANY is not looked into, [tree] is a list of such.
ANY: Final = object()

_SCALED_OBJECT: Final = {
    "!scaleTargetRef": {"!name": str, "kind": str, "apiVersion": str, "envSourceContainerName": str},
    "pollingInterval": int,
    "cooldownPeriod": int,
    "initialCooldownPeriod": int,
    "idleReplicaCount": int,
    "minReplicaCount": int,
    "maxReplicaCount": int,
    "advanced": {
        "restoreToOriginalReplicaCount": bool,
        "horizontalPodAutoscalerConfig": {"name": str, "behavior": ANY},
    },
    "!triggers": [
        {
            "!type": str,
            "name": str,
            "metricType": str,
            "useCachedMetrics": bool,
            "authenticationRef": {"!name": str, "kind": str},
            "!metadata": {
                "!endpoint": str,
                "namespace": str,
                "!taskQueue": str,
                "queueTypes": str,
                "targetQueueSize": str,
                "activationTargetQueueSize": str,
                "workerDeploymentName": str,
                "workerDeploymentBuildId": str,
                "minConnectTimeout": str,
                "unsafeSsl": str,
                "tlsServerName": str,
            },
        }
    ],
}
_CONNECTION: Final = {
    "!hostPort": str,
    "tls": {"serverName": str, "caCertSecretRef": {"!name": str}},
    "mutualTLSSecretRef": {"!name": str},
    "apiKeySecretRef": {"!name": str, "!key": str},
}
_WORKER_DEPLOYMENT: Final = {
    "replicas": int,
    "minReadySeconds": int,
    "progressDeadlineSeconds": int,
    "!workerOptions": {
        "!connectionRef": {"!name": str},
        "!temporalNamespace": str,
        "unsafeCustomBuildID": str,
    },
    "!rollout": {
        "!strategy": str,
        "gate": {"!workflowType": str, "input": ANY, "inputFrom": ANY},
        "steps": [{"!rampPercentage": int, "!pauseDuration": str}],
    },
    "!sunset": {"scaledownDelay": str, "deleteDelay": str},
    "!template": ANY,
}
_RESOURCE_TEMPLATE: Final = {
    "!workerDeploymentRef": {"!name": str},
    "!template": {"!apiVersion": str, "!kind": str, "!spec": ANY},
}
TREES: Final[Mapping[tuple[str, str], Any]] = {
    ("keda.sh/v1alpha1", "ScaledObject"): _SCALED_OBJECT,
    ("temporal.io/v1alpha1", "Connection"): _CONNECTION,
    ("temporal.io/v1alpha1", "WorkerDeployment"): _WORKER_DEPLOYMENT,
    ("temporal.io/v1alpha1", "WorkerResourceTemplate"): _RESOURCE_TEMPLATE,
}
_STRATEGIES: Final = frozenset({"Manual", "AllAtOnce", "Progressive"})


def misfits(manifest: Manifest, version: str) -> Iterator[str]:
    """Why this release of Kubernetes would refuse an object; nothing where it would not."""
    import kubernetes_validate  # takes seconds, which whoever only collects the tests need not wait for

    tree = TREES.get((manifest["apiVersion"], manifest["kind"]))
    if tree is None:
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as refused:
            yield f"{said(manifest)}: {version}: {str(refused).splitlines()[0]}"
        return
    spec = manifest["spec"]
    yield from (f"{said(manifest)}: {why}" for why in _unlike(spec, tree, "spec"))
    if manifest["kind"] == "WorkerDeployment":
        if spec["rollout"]["strategy"] not in _STRATEGIES:
            yield f"{said(manifest)}: there is no strategy {spec['rollout']['strategy']}"
        yield from misfits(_as_deployment(manifest), version)


def _as_deployment(manifest: Manifest) -> Manifest:
    """What the controller makes of it: the pod template has to be one."""
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": manifest["metadata"],
        "spec": {"selector": {"matchLabels": labels}, "template": manifest["spec"]["template"]},
    }


def _unlike(given: Any, tree: Any, path: str) -> Iterator[str]:
    if tree is ANY:
        return
    if isinstance(tree, list):
        if not isinstance(given, list):
            yield f"{path} is no list"
            return
        for number, each in enumerate(given):
            yield from _unlike(each, tree[0], f"{path}[{number}]")
    elif isinstance(tree, dict):
        if not isinstance(given, dict):
            yield f"{path} is no mapping"
            return
        known = {key.removeprefix("!"): below for key, below in tree.items()}
        yield from (f"{path}.{key} is not known" for key in given if key not in known)
        yield from (f"{path}.{key[1:]} is missing" for key in tree if key[0] == "!" and key[1:] not in given)
        for key in given.keys() & known.keys():
            yield from _unlike(given[key], known[key], f"{path}.{key}")
    elif type(given) is not tree:
        yield f"{path} is {given!r}, not of type {tree.__name__}"
