"""Which secrets the manifests refer to, and which ones k8s/README.md says how to make."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.k8s.rendered import ROOT, Manifest, of_kind, workloads

README: Final = ROOT / "k8s" / "README.md"
#: Where a Secret is mounted -> its name.
MOUNTS: Final = {
    "/run/secrets/vistobueno/": "vistobueno",
    "/run/secrets/vistobueno-owner/": "vistobueno-owner",
}

Key = tuple[str, str, str]
"""Namespace, Secret, key."""


def referenced(manifests: Sequence[Manifest]) -> set[Key]:
    """What pods need: keys in their environment, and files at paths that somebody names."""
    found: set[Key] = set()
    paths = {
        value
        for settings in of_kind(manifests, "ConfigMap")
        for key, value in settings.get("data", {}).items()
        if key.endswith("_FILE")
    }
    for each in workloads(manifests):
        for container in each.containers:
            for pair in container.get("env", []):
                if "valueFrom" in pair and "secretKeyRef" in pair["valueFrom"]:
                    asked = pair["valueFrom"]["secretKeyRef"]
                    found.add((each.namespace, asked["name"], asked["key"]))
                if pair["name"].endswith("_FILE") and "value" in pair:
                    paths.add(pair["value"])
    for path in paths:
        folder, name = str(Path(path).parent) + "/", Path(path).name
        if folder in MOUNTS:
            found.add(("vistobueno", MOUNTS[folder], name))
    return found


def documented(readme: str) -> set[Key]:
    """What the table of secrets names: rows of | namespace | Secret | key | …, each in backticks."""
    rows = re.findall(r"^\| `([\w-]+)` \| `([\w-]+)` \| `([\w.-]+)` \|", readme, re.MULTILINE)
    return {(space, secret, key) for space, secret, key in rows}


def made(readme: str) -> set[Key]:
    """What the commands in bash make: `kubectl create secret generic NAME --namespace N --from-literal=KEY=…`."""
    found: set[Key] = set()
    bash = "\n".join(re.findall(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL))
    for command in re.findall(r"^kubectl create secret generic (.*?[^\\])$", bash, re.MULTILINE | re.DOTALL):
        space = re.search(r"--namespace (\S+)", command)
        keys = re.findall(r"--from-literal=([\w.-]+)=", command)
        found |= {(space[1] if space else "", command.split()[0], key) for key in keys}
    return found
