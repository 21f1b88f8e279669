"""The house keeps its own rules: who imports whom, what is said where, how large things grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from tests.architecture.house import DOORS, ROOMS, ROOT, Module, modules, product

LONGEST_FILE_LINES = 350
#: A file of tests is a list, read from any place in it.
LONGEST_TEST_FILE_LINES = 550
LONGEST_FUNCTION_LINES = 60

#: Files and functions that may be longer, each with the reason.
LONGER_FILES = {
    "settings.py": "one docstring for every variable, and one short parser for each kind",
    "storage/migrations/versions/0001_the_first_schema.py": "one step: the whole schema at the beginning",
}
LONGER_FUNCTIONS = {
    "storage/migrations/versions/0001_the_first_schema.py:upgrade": "a list of tables, not a flow",
}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared", "stuff"}

#: The only product files that look at the environment, each for handing it to Settings.
READERS_OF_THE_ENVIRONMENT = {
    "activities/run_gate.py",
    "activities/emergency_return.py",
    "app/command.py",
    "wsgi.py",
    "worker.py",
    "storage/migrate.py",
    "storage/seed.py",
}

#: What makes a function of rules/ answer differently tomorrow, or reach out of itself.
IMPURE_MODULES = {
    *("asyncio", "glob", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "signal", "socket"),
    *("sqlite3", "subprocess", "tempfile", "threading", "time", "urllib.request"),
}
IMPURE_CALLS = {"now", "utcnow", "today", "uuid1", "uuid4", "uuid7", "open", "input", "print"}


def test_every_floor_imports_only_what_lies_below() -> None:
    # A process of its own: in this one it would silence every logger that other tests listen to.
    linter = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout


def test_nothing_that_ships_imports_what_a_laptop_gets() -> None:
    assert [
        module.path
        for module in product()
        if {name.split(".")[0] for name in module.imports} & {"local", "tests"}
    ] == []


def test_the_ground_uses_only_the_standard_library() -> None:
    allowed = (sys.stdlib_module_names - IMPURE_MODULES) | {"rules"}
    strangers = {
        f"{module.path} imports {name}"
        for module in product()
        for name in module.imports
        if module.room == "rules" and (name.split(".")[0] not in allowed or name in IMPURE_MODULES)
    }
    assert strangers == set()


def test_the_ground_asks_neither_clock_nor_chance_nor_the_outside() -> None:
    assert [
        f"{each.path}:{line} calls {name}" for each in product() for line, name in _impure_calls(each)
    ] == []


def _impure_calls(module: Module) -> list[tuple[int, str]]:
    if module.room != "rules":
        return []
    calls = [node for node in module.nodes if isinstance(node, ast.Call)]
    named = [(call.lineno, getattr(call.func, "attr", getattr(call.func, "id", ""))) for call in calls]
    return [(line, name) for line, name in named if name in IMPURE_CALLS]


def test_every_module_says_what_it_knows() -> None:
    silent = [module.path for module in modules() if not ast.get_docstring(module.tree)]
    assert [path for path in silent if "/migrations/versions/" not in path] == []


def test_every_room_of_the_product_is_a_package() -> None:
    assert [room for room in ROOMS if not (ROOT / room / "__init__.py").exists()] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [
        (module.path, part.removesuffix(".py")) for module in modules() for part in module.path.split("/")
    ]
    assert [path for path, part in named if part in VAGUE_NAMES] == []


def test_no_file_grows_out_of_hand() -> None:
    assert {path: lines for path, lines in _too_long().items() if path not in LONGER_FILES} == {}


def _too_long() -> dict[str, int]:
    lengths = {module.path: len(module.text.splitlines()) for module in modules()}
    limit = {
        path: LONGEST_TEST_FILE_LINES if path.startswith("tests/") else LONGEST_FILE_LINES for path in lengths
    }
    return {path: lines for path, lines in lengths.items() if lines > limit[path]}


def test_no_function_grows_out_of_hand() -> None:
    assert {
        name: lines
        for module in modules()
        for name, lines in _functions(module)
        if lines > LONGEST_FUNCTION_LINES and name not in LONGER_FUNCTIONS
    } == {}


def test_exceptions_are_still_needed() -> None:
    functions = dict(each for module in modules() for each in _functions(module))
    assert LONGER_FILES.keys() - _too_long().keys() == set()
    assert {name for name in LONGER_FUNCTIONS if functions.get(name, 0) <= LONGEST_FUNCTION_LINES} == set()


def _functions(module: Module) -> list[tuple[str, int]]:
    return [
        (f"{module.path}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in module.nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_only_the_doors_look_at_the_environment() -> None:
    readers = {
        module.path
        for module in product()
        for node in module.nodes
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "environb", "getenv"}
        and ast.unparse(node.value) == "os"
    }
    assert readers <= READERS_OF_THE_ENVIRONMENT


def test_every_room_and_door_goes_into_the_image() -> None:
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    wanted = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert [
        room for room in ROOMS if f"COPY {room} ./{room}\n" not in recipe or f"!{room}" not in wanted
    ] == []
    assert [door for door in DOORS if door not in recipe or f"!{door}" not in wanted] == []
