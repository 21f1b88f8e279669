"""The policies hold for every overlay, and each one notices what it is for: manifests are spoilt on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.k8s import policies
from tests.k8s.network import is_allowed, may_go_out
from tests.k8s.policies import POLICIES, Policy
from tests.k8s.rendered import ROOT, WHOLES, Manifest, Workload, whole, workloads

Spoil = Callable[[list[Manifest]], object]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: str(policy.__name__))
@pytest.mark.parametrize("name", WHOLES)
def test_every_policy_holds_for_every_overlay(name: str, policy: Policy) -> None:
    assert list(policy(whole(name))) == []


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """The object of this kind and name."""
    return next(each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name)


def pod(manifests: list[Manifest], name: str, kind: str = "Deployment") -> Any:
    """The spec of the pods of one workload."""
    return Workload(one(manifests, kind, name)).pod


def first(manifests: list[Manifest], name: str) -> Any:
    """The first container of a Deployment."""
    return pod(manifests, name)["containers"][0]


def label(manifests: list[Manifest], name: str, key: str, value: str) -> None:
    """Change a label of a Deployment's pods."""
    one(manifests, "Deployment", name)["spec"]["template"]["metadata"]["labels"][key] = value


def drop(manifests: list[Manifest], kind: str, name: str) -> None:
    """Take an object away."""
    manifests.remove(one(manifests, kind, name))


SPOILT: list[tuple[Policy, Spoil, str]] = [
    (policies.images_are_pinned, lambda m: first(m, "web").update(image="vistobueno"), "moves"),
    (policies.images_are_pinned, lambda m: first(m, "web").update(image="a.example:5000/v:latest"), "moves"),
    (
        policies.resources_are_bounded,
        lambda m: first(m, "web")["resources"]["limits"].pop("memory"),
        "no limits for memory",
    ),
    (policies.resources_are_bounded, lambda m: first(m, "valkey").pop("resources"), "no requests for cpu"),
    (policies.servers_are_probed, lambda m: first(m, "control").pop("livenessProbe"), "no livenessProbe"),
    (
        policies.servers_are_probed,
        lambda m: first(m, "web")["readinessProbe"]["httpGet"].update(port="pages"),
        "asks port pages",
    ),
    (policies.nobody_is_root, lambda m: pod(m, "web")["securityContext"].pop("runAsNonRoot"), "as root"),
    (policies.nobody_is_root, lambda m: pod(m, "web")["securityContext"].update(runAsUser=0), "as root"),
    (policies.nobody_is_root, lambda m: pod(m, "web")["securityContext"].pop("seccompProfile"), "seccomp"),
    (policies.nobody_is_root, lambda m: pod(m, "web").update(hostNetwork=True), "shares the host"),
    (
        policies.nobody_is_root,
        lambda m: pod(m, "web")["volumes"].append({"name": "host", "hostPath": {"path": "/"}}),
        "folder of the host",
    ),
    (
        policies.containers_are_restricted,
        lambda m: first(m, "web")["securityContext"].pop("readOnlyRootFilesystem"),
        "write its own image",
    ),
    (
        policies.containers_are_restricted,
        lambda m: first(m, "web")["securityContext"]["capabilities"].update(add=["NET_ADMIN"]),
        "keeps capabilities",
    ),
    (
        policies.containers_are_restricted,
        lambda m: first(m, "web")["securityContext"].pop("allowPrivilegeEscalation"),
        "may gain rights",
    ),
    (policies.containers_are_restricted, lambda m: first(m, "web")["volumeMounts"].pop(), "no room in /tmp"),
    (
        policies.containers_are_restricted,
        lambda m: pod(m, "web")["volumes"][-1]["emptyDir"].clear(),
        "has no end",
    ),
    (policies.nobody_has_a_token, lambda m: pod(m, "web").pop("automountServiceAccountToken"), "mounts a"),
    (policies.nobody_has_a_token, lambda m: drop(m, "ServiceAccount", "web"), "account is not there"),
    (
        policies.nobody_has_a_token,
        lambda m: one(m, "ServiceAccount", "web").update(automountServiceAccountToken=True),
        "hands out tokens",
    ),
    (
        policies.secrets_are_elsewhere,
        lambda m: first(m, "web").update(env=[{"name": "SECRET_KEY", "value": "abc"}]),
        "SECRET_KEY is written out",
    ),
    (
        policies.secrets_are_elsewhere,
        lambda m: one(m, "ConfigMap", "vistobueno")["data"].update(REDIS_URL="redis://:word@host/0"),
        "no secret any more",
    ),
    (
        policies.secrets_are_elsewhere,
        lambda m: m.append({"kind": "Secret", "metadata": {"name": "s", "namespace": "infra"}}),
        "stands in the repository",
    ),
    (policies.what_is_referenced_is_there, lambda m: drop(m, "ConfigMap", "vistobueno"), "is not there"),
    (policies.what_is_referenced_is_there, lambda m: drop(m, "Namespace", "infra"), "namespace is not there"),
    (policies.what_is_referenced_is_there, lambda m: pod(m, "web")["volumes"].pop(), "volume tmp is not"),
    (
        policies.pods_end_in_their_own_time,
        lambda m: pod(m, "approvals-a").update(terminationGracePeriodSeconds=45),
        "is killed after 45 s",
    ),
    (
        policies.pods_end_in_their_own_time,
        lambda m: pod(m, "drills-versioned-a").pop("terminationGracePeriodSeconds"),
        "is killed after 30 s",
    ),
    (policies.pods_end_in_their_own_time, lambda m: first(m, "web").pop("lifecycle"), "before everybody"),
    (policies.nothing_is_open_by_default, lambda m: drop(m, "NetworkPolicy", "default-deny"), "is open"),
    (
        policies.nothing_is_open_by_default,
        lambda m: one(m, "Namespace", "infra")["metadata"]["labels"].clear(),
        "takes any pod",
    ),
    (policies.services_find_pods, lambda m: drop(m, "Deployment", "web"), "finds no pod"),
    (
        policies.services_find_pods,
        lambda m: one(m, "Service", "web")["spec"]["ports"][0].update(targetPort="pages"),
        "has no port pages",
    ),
    (
        policies.selectors_take_their_own_pods,
        lambda m: label(m, "approvals-b", policies.BUILD, "a"),
        "do not fit",
    ),
    (policies.selectors_take_their_own_pods, lambda m: drop(m, "Deployment", "control"), "finds no pod"),
    (
        policies.selectors_take_their_own_pods,
        lambda m: one(m, "PodDisruptionBudget", "web")["spec"].update(maxUnavailable=0),
        "never be emptied",
    ),
    (policies.what_is_scaled_is_there, lambda m: drop(m, "Deployment", "web"), "web is not there"),
    (
        policies.what_is_scaled_is_there,
        lambda m: one(m, "Deployment", "web")["spec"].update(replicas=2),
        "says how many",
    ),
    (
        policies.what_is_scaled_is_there,
        lambda m: one(m, "ScaledObject", "approvals-b")["spec"]["triggers"][0]["metadata"].update(
            workerDeploymentBuildId="a"
        ),
        "workerDeploymentBuildId is a, not b",
    ),
    (
        policies.what_is_scaled_is_there,
        lambda m: one(m, "ScaledObject", "approvals-b")["spec"].update(minReplicaCount=0),
        "without a worker",
    ),
    (
        policies.builds_are_called_by_one_name,
        lambda m: first(m, "approvals-b").update(image="vistobueno:a"),
        "is of build b, with the image a, b",
    ),
    (
        policies.builds_are_called_by_one_name,
        lambda m: m.append(one(m, "Deployment", "approvals-b")),
        "two builds are called b",
    ),
    (policies.tables_come_first, lambda m: pod(m, "control").pop("initContainers"), "does not wait"),
    (
        policies.pages_are_asked_by_their_name,
        lambda m: one(m, "ConfigMap", "vistobueno")["data"].update(PUBLIC_URL="https://a.example.com"),
        "does not ask for a.example.com",
    ),
    (
        policies.only_the_migration_owns_tables,
        lambda m: pod(m, "web")["volumes"][0]["secret"].update(secretName="vistobueno-owner"),
        "not where it belongs",
    ),
]


@pytest.mark.parametrize(
    ("policy", "spoil", "word"), SPOILT, ids=[f"{policy.__name__}: {word}" for policy, _, word in SPOILT]
)
def test_every_policy_notices_what_it_is_for(policy: Policy, spoil: Spoil, word: str) -> None:
    manifests = whole("minikube")
    spoil(manifests)
    assert word in "\n".join(policy(manifests))


def test_no_policy_goes_without_a_manifest_that_breaks_it() -> None:
    assert {policy for policy, _, _ in SPOILT} == set(POLICIES)


NEEDED = (
    ("web", "postgres", 5432),
    ("web", "valkey", 6379),
    ("web", "vendor", 8010),
    ("control", "postgres", 5432),
    ("control", "valkey", 6379),
    ("control", "temporal", 7233),
    ("control", "mailbox", 1025),
    ("approvals", "postgres", 5432),
    ("approvals", "valkey", 6379),
    ("approvals", "temporal", 7233),
    ("approvals", "vendor", 8010),
    ("migration", "postgres", 5432),
    ("drills", "temporal", 7233),
    ("temporal", "postgres", 5432),
    ("temporal-ui", "temporal", 7233),
    ("temporal-namespace", "temporal", 7233),
)
CLOSED = (
    ("web", "temporal", 7233),
    ("web", "control", 8001),
    ("drills", "postgres", 5432),
    ("vendor", "postgres", 5432),
    ("mailbox", "web", 8000),
    ("temporal", "web", 8000),
    ("approvals", "postgres", 22),
)


def of_name(manifests: list[Manifest], name: str) -> Workload:
    """A workload by what its pods are called."""
    return next(each for each in workloads(manifests) if each.name == name)


@pytest.mark.parametrize(("source", "target", "port"), NEEDED)
def test_what_has_to_talk_may_talk(source: str, target: str, port: int) -> None:
    manifests = whole("minikube")
    assert is_allowed(manifests, of_name(manifests, source), of_name(manifests, target), port)


@pytest.mark.parametrize(("source", "target", "port"), CLOSED)
def test_what_need_not_talk_may_not(source: str, target: str, port: int) -> None:
    manifests = whole("minikube")
    assert not is_allowed(manifests, of_name(manifests, source), of_name(manifests, target), port)


@pytest.mark.parametrize("overlay", ["production", "worker-controller"])
@pytest.mark.parametrize(
    ("source", "port", "allowed"),
    [
        ("web", 443, True),
        ("approvals", 443, True),
        ("approvals", 5432, True),
        ("control", 587, True),
        ("migration", 5432, True),
        ("migration", 443, False),
        ("web", 587, False),
        ("web", 80, False),
    ],
)
def test_the_way_out_is_open_for_those_who_need_it(
    overlay: str, source: str, port: int, allowed: bool
) -> None:
    manifests = whole(overlay)
    assert may_go_out(manifests, of_name(manifests, source), port) is allowed


def test_a_laptops_cluster_runs_the_very_servers_that_its_containers_run() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    images = {each["image"] for each in compose if not each["image"].startswith("vistobueno")}
    in_cluster = {
        container["image"] for each in workloads(whole("minikube")) for container in each.containers
    }
    assert {each for each in in_cluster if not each.startswith("vistobueno")} == images
