"""The repository as the tests of the house see it: its files, and the Python in them. Judges nothing."""

from __future__ import annotations

import ast
import gc
import subprocess
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: The rooms of the product, as the import contract in pyproject.toml knows them, and its doors.
ROOMS = ("app", "activities", "workflows", "storage", "gateways", "rules")
DOORS = ("settings.py", "worker.py", "wsgi.py")


@dataclass(frozen=True)
class Module:
    """One Python file; `path` is relative to the repository, with slashes, `nodes` are all of the tree's."""

    path: str
    text: str
    tree: ast.Module
    nodes: tuple[ast.AST, ...]

    @property
    def room(self) -> str:
        """The folder at the top that it lies in; for a file at the top, its name."""
        return self.path.split("/")[0]

    @cached_property
    def imports(self) -> frozenset[str]:
        """The full names of all modules that it imports, wherever in the file."""
        names: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
        return frozenset(names)


@cache
def files() -> tuple[Path, ...]:
    """All files that are, or would be, in the repository, relative to it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return tuple(path for path in paths if (ROOT / path).is_file())


@cache
def modules() -> tuple[Module, ...]:
    """All Python files of the repository."""
    # Python before 3.11.5 fails if the collector, in the middle of one parsing, ends something that starts another.
    gc.disable()
    try:
        return tuple(_module(path) for path in files() if path.suffix == ".py")
    finally:
        gc.freeze()  # millions of nodes, which the collector would look through again and again
        gc.enable()


def _module(path: Path) -> Module:
    text = (ROOT / path).read_text(encoding="utf-8")
    tree = ast.parse(text, str(path))
    return Module(path.as_posix(), text, tree, tuple(ast.walk(tree)))


@cache
def product() -> tuple[Module, ...]:
    """The Python files that ship."""
    return tuple(module for module in modules() if module.room in (*ROOMS, *DOORS))
