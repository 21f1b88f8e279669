"""What must hold for every manifest of ours: pure functions from manifests to complaints, one a policy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from local.drills.lifecycle_worker import GRACE as DRILLS_GRACE
from rules.messages import APPROVALS_DEPLOYMENT, APPROVALS_QUEUE
from tests.k8s.network import selects
from tests.k8s.rendered import Manifest, Workload, of_kind, said, workloads
from worker import GRACE as WORKER_GRACE

Complaints = Iterator[str]
Policy = Callable[[Sequence[Manifest]], Complaints]

BUILD: Final = "vistobueno.example/build"
#: What gunicorn gives a request that has begun (its default; the image's command does not say otherwise).
PAGE_SECONDS: Final = 30
#: How much longer than its longest step a pod may take to end.
MARGIN_SECONDS: Final = 15
#: Its drills have no page to ask: a worker without work looks like one that is stuck.
UNPROBED: Final = frozenset({"drills"})
SECRET_NAME: Final = re.compile(r"(PASSWORD|PASSWD|PWD|SECRET|TOKEN|API_KEY|_KEY)$")
URL_WITH_PASSWORD: Final = re.compile(r"\w+://[^/\s:]*:[^/\s@]+@")


def images_are_pinned(manifests: Sequence[Manifest]) -> Complaints:
    """Every image says which one: a tag, and not the moving one."""
    for each in workloads(manifests):
        for container in each.containers:
            _, _, tag = container["image"].rpartition("/")[2].partition(":")
            if tag in {"", "latest"}:
                yield f"{each.said}: {container['image']} moves"


def resources_are_bounded(manifests: Sequence[Manifest]) -> Complaints:
    """Every container asks for CPU and memory, and may take no more than it says."""
    for each in workloads(manifests):
        for container in each.containers:
            for bound in ("requests", "limits"):
                missing = {"cpu", "memory"} - container.get("resources", {}).get(bound, {}).keys()
                if missing:
                    yield f"{each.said}: {container['name']} has no {bound} for {', '.join(sorted(missing))}"


def servers_are_probed(manifests: Sequence[Manifest]) -> Complaints:
    """Whatever serves says when it has started, whether it lives and whether it is ready, at a port it has."""
    for each in workloads(manifests):
        if each.is_job or each.name in UNPROBED:
            continue
        for container in each.servers:
            ports = {
                key for port in container.get("ports", []) for key in (port["name"], port["containerPort"])
            }
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                probe = container.get(kind)
                if probe is None:
                    yield f"{each.said}: {container['name']} has no {kind}"
                    continue
                asked = next(
                    (probe[how]["port"] for how in ("httpGet", "tcpSocket", "grpc") if how in probe), None
                )
                if asked is not None and asked not in ports:
                    yield f"{each.said}: the {kind} of {container['name']} asks port {asked}, which it has not"


def nobody_is_root(manifests: Sequence[Manifest]) -> Complaints:
    """Pods run as a user, under the runtime's seccomp profile, without the host."""
    for each in workloads(manifests):
        given = each.pod.get("securityContext", {})
        if given.get("runAsNonRoot") is not True or not given.get("runAsUser"):
            yield f"{each.said}: may run as root"
        if given.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{each.said}: has no seccomp profile"
        if any(each.pod.get(shared) for shared in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{each.said}: shares the host's namespaces"
        for volume in each.pod.get("volumes", []):
            if "hostPath" in volume:
                yield f"{each.said}: {volume['name']} is a folder of the host"


def containers_are_restricted(manifests: Sequence[Manifest]) -> Complaints:
    """No container gains rights, has capabilities, or writes but where it was given room; /tmp is such room."""
    for each in workloads(manifests):
        room = {volume["name"] for volume in each.pod.get("volumes", []) if "emptyDir" in volume}
        for container in each.containers:
            given = container.get("securityContext", {})
            if given.get("allowPrivilegeEscalation") is not False:
                yield f"{each.said}: {container['name']} may gain rights"
            if given.get("capabilities", {}).get("drop") != ["ALL"] or given["capabilities"].get("add"):
                yield f"{each.said}: {container['name']} keeps capabilities"
            if given.get("readOnlyRootFilesystem") is not True:
                yield f"{each.said}: {container['name']} may write its own image"
            mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
            if mounts.get("/tmp") not in room:  # noqa: S108 (a container's own)
                yield f"{each.said}: {container['name']} has no room in /tmp"
    for volume in (v for each in workloads(manifests) for v in each.pod.get("volumes", [])):
        if "emptyDir" in volume and not volume["emptyDir"].get("sizeLimit"):
            yield f"the emptyDir {volume['name']} has no end"


def nobody_has_a_token(manifests: Sequence[Manifest]) -> Complaints:
    """Every pod has an account of its own kind, and no token of Kubernetes."""
    accounts = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each
        for each in of_kind(manifests, "ServiceAccount")
    }
    for key, account in accounts.items():
        if account.get("automountServiceAccountToken") is not False:
            yield f"the account {key[0]}/{key[1]} hands out tokens"
    for each in workloads(manifests):
        if each.pod.get("automountServiceAccountToken") is not False:
            yield f"{each.said}: mounts a token"
        if (each.namespace, each.pod.get("serviceAccountName")) not in accounts:
            yield f"{each.said}: its account is not there"


def secrets_are_elsewhere(manifests: Sequence[Manifest]) -> Complaints:
    """No secret stands in a manifest: not as an object, not as a value, not in an address."""
    for secret in of_kind(manifests, "Secret"):
        yield f"{said(secret)} stands in the repository"
    for each in workloads(manifests):
        for container in each.containers:
            for pair in container.get("env", []):
                if SECRET_NAME.search(pair["name"]) and "value" in pair:
                    yield f"{each.said}: {pair['name']} is written out"
                if URL_WITH_PASSWORD.search(pair.get("value", "")):
                    yield f"{each.said}: {pair['name']} carries a password"
    for settings in of_kind(manifests, "ConfigMap"):
        for key, value in settings.get("data", {}).items():
            if SECRET_NAME.search(key) or URL_WITH_PASSWORD.search(value):
                yield f"{said(settings)}: {key} is no secret any more"


def what_is_referenced_is_there(manifests: Sequence[Manifest]) -> Complaints:
    """Each ConfigMap that a pod names is there, with the keys that it names; each volume that is mounted, too."""
    there = {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in of_kind(manifests, "ConfigMap")
    }
    spaces = {each["metadata"]["name"] for each in of_kind(manifests, "Namespace")}
    for manifest in manifests:
        space = manifest["metadata"].get("namespace")
        if space is not None and space not in spaces:
            yield f"{said(manifest)}: its namespace is not there"
    for each in workloads(manifests):
        names = [
            volume["configMap"]["name"] for volume in each.pod.get("volumes", []) if "configMap" in volume
        ]
        volumes = {volume["name"] for volume in each.pod.get("volumes", [])}
        volumes |= {
            claim["metadata"]["name"] for claim in each.manifest["spec"].get("volumeClaimTemplates", [])
        }
        for container in each.containers:
            names += [source["configMapRef"]["name"] for source in container.get("envFrom", [])]
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes:
                    yield f"{each.said}: the volume {mount['name']} is not there"
        for name in names:
            if (each.namespace, name) not in there:
                yield f"{each.said}: the ConfigMap {name} is not there"


def pods_end_in_their_own_time(manifests: Sequence[Manifest]) -> Complaints:
    """A pod that is told to end has longer than the longest step that it may have begun."""
    longest = {
        "approvals": WORKER_GRACE.total_seconds(),
        "drills": DRILLS_GRACE.total_seconds(),
        "web": PAGE_SECONDS,
    }
    for each in workloads(manifests):
        hooks = [
            container["lifecycle"]["preStop"]["sleep"]["seconds"]
            for container in each.servers
            if "lifecycle" in container
        ]
        needed = longest.get(each.name, 0) + sum(hooks) + MARGIN_SECONDS
        given = each.pod.get("terminationGracePeriodSeconds", 30)
        if given < needed:
            yield f"{each.said}: is killed after {given} s, may need {needed:g} s"
        if each.name == "web" and not hooks:
            yield f"{each.said}: ends before everybody has heard of it"


def nothing_is_open_by_default(manifests: Sequence[Manifest]) -> Complaints:
    """Each namespace closes both ways for all of its pods, and asks for the restricted standard."""
    closed = {
        policy["metadata"]["namespace"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["spec"]["podSelector"] == {}
        and set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not policy["spec"].get("ingress")
        and not policy["spec"].get("egress")
    }
    for namespace in of_kind(manifests, "Namespace"):
        name, labels = namespace["metadata"]["name"], namespace["metadata"].get("labels", {})
        if name not in closed:
            yield f"the namespace {name} is open"
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"the namespace {name} takes any pod"


def services_find_pods(manifests: Sequence[Manifest]) -> Complaints:
    """Each Service selects pods that have the port it sends to; each Ingress names a Service and a port of it."""
    services = {}
    for service in of_kind(manifests, "Service"):
        space, spec = service["metadata"]["namespace"], service["spec"]
        services[space, service["metadata"]["name"]] = {port["name"] for port in spec["ports"]}
        found = [
            each
            for each in workloads(manifests)
            if each.namespace == space and selects({"matchLabels": spec["selector"]}, each.labels)
        ]
        if not found:
            yield f"{said(service)}: finds no pod"
        for each in found:
            names = {port["name"] for container in each.servers for port in container.get("ports", [])}
            for port in spec["ports"]:
                if port["targetPort"] not in names:
                    yield f"{said(service)}: {each.said} has no port {port['targetPort']}"
    for ingress in of_kind(manifests, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                aim = path["backend"]["service"]
                if aim["port"]["name"] not in services.get(
                    (ingress["metadata"]["namespace"], aim["name"]), ()
                ):
                    yield f"{said(ingress)}: {aim['name']} is not there"


def selectors_take_their_own_pods(manifests: Sequence[Manifest]) -> Complaints:
    """A Deployment selects its pods and nobody else's; a PodDisruptionBudget selects some and lets one go."""
    everybody = list(workloads(manifests))
    for each in everybody:
        selector = each.manifest["spec"].get("selector")
        for other in everybody if selector else ():
            if other.namespace == each.namespace and selects(selector, other.labels) is not (other == each):
                yield f"{each.said}: its selector and the pods of {other.said} do not fit"
    for budget in of_kind(manifests, "PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"], each.labels) for each in everybody):
            yield f"{said(budget)}: finds no pod"
        if budget["spec"].get("maxUnavailable") != 1:
            yield f"{said(budget)}: a node may never be emptied"


def what_is_scaled_is_there(manifests: Sequence[Manifest]) -> Complaints:
    """Each autoscaler has a target, whose manifest does not say how many; a build's asks for its own backlog."""
    targets = {
        (each.manifest["kind"], each.namespace, each.manifest["metadata"]["name"]): each
        for each in workloads(manifests)
    }
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler", "ScaledObject"):
        aim = scaler["spec"]["scaleTargetRef"]
        target = targets.get((aim.get("kind", "Deployment"), scaler["metadata"]["namespace"], aim["name"]))
        if target is None:
            yield f"{said(scaler)}: {aim['name']} is not there"
            continue
        if "replicas" in target.manifest["spec"]:
            yield f"{target.said}: says how many, which {said(scaler)} does"
        for trigger in scaler["spec"].get("triggers", []):
            yield from _asks_for_its_own(scaler, trigger["metadata"], target)


def _asks_for_its_own(scaler: Manifest, asked: dict[str, Any], target: Workload) -> Complaints:
    wanted = {
        "taskQueue": APPROVALS_QUEUE,
        "workerDeploymentName": APPROVALS_DEPLOYMENT,
        "workerDeploymentBuildId": target.labels[BUILD],
    }
    for key, value in wanted.items():
        if asked.get(key) != value:
            yield f"{said(scaler)}: {key} is {asked.get(key)}, not {value}"
    if scaler["spec"]["minReplicaCount"] < 1:
        yield f"{said(scaler)}: leaves a build without a worker"


def builds_are_called_by_one_name(manifests: Sequence[Manifest]) -> Complaints:
    """The label of a build, its image's tag and its object's name are one word, and no two builds share it."""
    builds = [each for each in workloads(manifests) if BUILD in each.labels]
    for each in builds:
        build = each.labels[BUILD]
        tags = {container["image"].rpartition(":")[2] for container in each.containers}
        if tags != {build} or each.manifest["metadata"]["name"] != f"approvals-{build}":
            yield f"{each.said}: is of build {build}, with the image {', '.join(sorted(tags))}"
    names = [each.labels[BUILD] for each in builds]
    yield from (f"two builds are called {name}" for name in sorted(set(names)) if names.count(name) > 1)


def tables_come_first(manifests: Sequence[Manifest]) -> Complaints:
    """Whatever of ours uses the database waits until the tables are there, but for what makes them."""
    for each in workloads(manifests):
        needs = any("envFrom" in container for container in each.containers)
        if (
            needs
            and each.name != "migration"
            and "await-tables" not in [c["name"] for c in each.starters[:1]]
        ):
            yield f"{each.said}: does not wait for the tables"


def pages_are_asked_by_their_name(manifests: Sequence[Manifest]) -> Complaints:
    """The product answers to its own name only, so the probes of the pages have to ask for it."""
    for settings in of_kind(manifests, "ConfigMap"):
        public = settings.get("data", {}).get("PUBLIC_URL")
        if public is None:
            continue
        host = public.split("/")[2].partition(":")[0]
        for each in workloads(manifests):
            for container in each.servers if each.name == "web" else ():
                for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                    headers = container[kind]["httpGet"].get("httpHeaders", [])
                    if {"name": "Host", "value": host} not in headers:
                        yield f"{each.said}: its {kind} does not ask for {host}"


def only_the_migration_owns_tables(manifests: Sequence[Manifest]) -> Complaints:
    """The Secret of the owner's role is mounted by the migration alone."""
    for each in workloads(manifests):
        secrets = [
            volume["secret"]["secretName"] for volume in each.pod.get("volumes", []) if "secret" in volume
        ]
        if ("vistobueno-owner" in secrets) is not (each.name == "migration"):
            yield f"{each.said}: the owner's address is not where it belongs"


POLICIES: Final[tuple[Policy, ...]] = (
    images_are_pinned,
    resources_are_bounded,
    servers_are_probed,
    nobody_is_root,
    containers_are_restricted,
    nobody_has_a_token,
    secrets_are_elsewhere,
    what_is_referenced_is_there,
    pods_end_in_their_own_time,
    nothing_is_open_by_default,
    services_find_pods,
    selectors_take_their_own_pods,
    what_is_scaled_is_there,
    builds_are_called_by_one_name,
    tables_come_first,
    pages_are_asked_by_their_name,
    only_the_migration_owns_tables,
)
