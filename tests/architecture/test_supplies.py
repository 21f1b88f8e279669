"""What the house is built from: pinned, with hashes, from no named place, and with nothing of one machine in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from storage.migrate import alembic_config
from tests.architecture.house import ROOT, files

REQUIREMENTS = sorted(path.name for path in ROOT.glob("requirements*.txt"))
PINNED = re.compile(r"(?P<name>[a-z0-9._-]+)(\[[a-z,]+\])?==[^ ]+( ; [^\\]+)?( \\)?")

#: Homes and folders of some machine; such a path works nowhere else.
MACHINE_PATH = re.compile(r"(?<![\w.~})])/(?:root|home|Users|work)/\w")
WEB_ADDRESS = re.compile(r"\bhttps?://", re.IGNORECASE)


def blocks(name: str) -> list[str]:
    """The requirements of a file, each with its continued lines, without comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [block.strip() for block in re.split(r"\n(?=\S)", "\n".join(lines)) if block.strip()]


def canonical(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_package_is_pinned_with_hashes(name: str) -> None:
    assert blocks(name)
    for block in blocks(name):
        first, *rest = block.splitlines()
        assert PINNED.fullmatch(first.strip()), first
        assert rest, f"{first} has no hash"
        assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in rest), first


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_wished_package_has_been_pinned(name: str) -> None:
    wishes = (ROOT / name).with_suffix(".in").read_text(encoding="utf-8").splitlines()
    wished = {canonical(re.split(r"[\[<>=~! ]", line)[0]) for line in wishes if line and line[0] not in "#-"}
    pinned = {canonical(match["name"]) for block in blocks(name) if (match := PINNED.match(block))}
    assert wished - pinned == set()


def test_a_package_has_the_same_version_in_all_lists() -> None:
    seen: dict[str, set[frozenset[str]]] = {}
    for name in REQUIREMENTS:
        pins: dict[str, set[str]] = {}
        for first in (block.splitlines()[0] for block in blocks(name)):
            pins.setdefault(canonical(re.split(r"[\[=]", first)[0]), set()).add(first)
        for package, lines in pins.items():
            seen.setdefault(package, set()).add(frozenset(lines))
    assert {package: versions for package, versions in seen.items() if len(versions) > 1} == {}


@pytest.mark.parametrize("name", [*REQUIREMENTS, "app/frontend/package-lock.json"])
def test_no_lock_file_names_the_place_it_was_filled_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".json"):
        packages = json.loads(text)["packages"]
        assert [path for path, package in packages.items() if "resolved" in package] == []
        assert [path for path, package in packages.items() if path and "integrity" not in package] == []
    else:
        assert not WEB_ADDRESS.search(text)
        assert "index-url" not in text


def test_no_file_names_a_folder_of_one_machine() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:120]}"
        for path in files()
        for number, line in enumerate(_lines(ROOT / path), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:  # a picture or a font
        return []


def test_the_schema_has_one_newest_step() -> None:
    assert len(ScriptDirectory.from_config(alembic_config()).get_heads()) == 1
