"""k8s/README.md says the truth: its secrets are those that pods need, its paths are there, its two shells say the same."""

from __future__ import annotations

import re

import pytest

from local.demo.company import read_company
from rules.person import Role
from tests.k8s.rendered import ROOT, WHOLES, whole
from tests.k8s.secrets import README, documented, made, referenced

TEXT = README.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WHOLES)
def test_every_secret_that_a_pod_needs_is_in_the_table(name: str) -> None:
    assert referenced(whole(name)) - documented(TEXT) == set()


def test_the_commands_make_every_secret_that_minikube_needs_and_no_other() -> None:
    assert made(TEXT) == referenced(whole("minikube"))


def test_a_secret_that_is_not_made_is_missed() -> None:
    spoilt = TEXT.replace(' --from-literal=owner-password="$OWNER"', "")
    assert referenced(whole("minikube")) - made(spoilt) == {("infra", "postgres", "owner-password")}
    spoilt = TEXT.replace("| `vistobueno` | `vistobueno` | `redis-url` |", "| |")
    assert referenced(whole("production")) - documented(spoilt) == {("vistobueno", "vistobueno", "redis-url")}


def test_bash_and_powershell_make_the_same_secrets() -> None:
    keys = re.findall(r"--from-literal=([\w.-]+)=", TEXT)
    half = len(keys) // 2
    assert keys[:half] == keys[half:]
    commands = re.findall(r"^kubectl create secret generic (\S+ --namespace \S+)", TEXT, re.MULTILINE)
    assert commands[: len(commands) // 2] == commands[len(commands) // 2 :]


def test_those_who_release_are_two_people_of_platform_in_the_demo_company() -> None:
    platform = {person.email for person in read_company().people if Role.PLATFORM in person.roles}
    named = set(re.findall(r"[\w.]+@vistobueno\.example", TEXT))
    assert named <= platform
    assert len(named) == 2


def test_every_path_that_is_named_is_there() -> None:
    paths = set(
        re.findall(r"(?:^|[\s`(])((?:\.\./docs|k8s|scripts|tests|rules)/[\w./-]*\w)", TEXT, re.MULTILINE)
    )
    assert len(paths) > 15
    there = {path: (README.parent / path if path.startswith("..") else ROOT / path) for path in paths}
    assert [path for path, at in there.items() if not at.exists()] == []


def test_every_workload_that_is_waited_for_is_there() -> None:
    there = {
        f"{each['metadata'].get('namespace')} {each['kind'].lower()}/{each['metadata']['name']}"
        for name in WHOLES
        for each in whole(name)
    }
    named = re.findall(
        r"--namespace (infra|temporal|vistobueno) (?:--\S+ )*((?:deployment|statefulset|job|service)/[\w-]+)",
        TEXT,
    )
    assert len(named) > 12
    assert [f"{space} {name}" for space, name in named if f"{space} {name}" not in there] == []
