"""What NetworkPolicies allow between pods, as a cluster whose network enforces them would judge. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.k8s.rendered import Manifest, Workload, of_kind

#: Every namespace carries its own name as this label, made by Kubernetes.
NAME_LABEL: Final = "kubernetes.io/metadata.name"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels; an empty one takes all."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for rule in selector.get("matchExpressions", []):
        if rule["operator"] != "In":
            raise ValueError(f"operator {rule['operator']} is not known here")
        if labels.get(rule["key"]) not in rule["values"]:
            return False
    return True


def is_allowed(manifests: Sequence[Manifest], source: Workload, target: Workload, port: int) -> bool:
    """Whether the source's pods may open a TCP connection to this port of the target's pods."""
    return _lets(manifests, source, "egress", target, port) and _lets(
        manifests, target, "ingress", source, port
    )


def may_go_out(manifests: Sequence[Manifest], source: Workload, port: int) -> bool:
    """Whether the source's pods may reach this TCP port anywhere outside the cluster."""
    return any(
        _has_port(rule, port) and ("to" not in rule or any("ipBlock" in peer for peer in rule["to"]))
        for policy in _of(manifests, source, "egress")
        for rule in policy["spec"].get("egress", [])
    )


def _of(manifests: Sequence[Manifest], whose: Workload, way: str) -> list[Manifest]:
    return [
        policy
        for policy in of_kind(manifests, "NetworkPolicy")
        if policy["metadata"]["namespace"] == whose.namespace
        and way.capitalize() in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], whose.labels)
    ]


def _lets(manifests: Sequence[Manifest], whose: Workload, way: str, other: Workload, port: int) -> bool:
    policies = _of(manifests, whose, way)
    if not policies:
        return True  # who is not selected at all is open to all
    side = "to" if way == "egress" else "from"
    return any(
        _has_port(rule, port) and _is_peer(rule.get(side), whose, other)
        for policy in policies
        for rule in policy["spec"].get(way, [])
    )


def _has_port(rule: Mapping[str, Any], port: int) -> bool:
    ports = rule.get("ports")
    return ports is None or any(each["port"] == port and each.get("protocol") == "TCP" for each in ports)


def _is_peer(peers: Sequence[Mapping[str, Any]] | None, whose: Workload, other: Workload) -> bool:
    if peers is None:
        return True
    for peer in peers:
        if "ipBlock" in peer:
            continue  # pods have addresses of the cluster, which nobody names
        spaces = peer.get("namespaceSelector")
        own = {"matchLabels": {NAME_LABEL: whose.namespace}}
        near = selects(own if spaces is None else spaces, {NAME_LABEL: other.namespace})
        if near and selects(peer.get("podSelector", {}), other.labels):
            return True
    return False
