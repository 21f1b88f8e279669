"""A process as JSON and back, exactly; its hash. Refuses what is of no shape, and leaves what makes no sense to the checks.

YAML needs a parser that the standard library lacks: whoever reads YAML hands over the plain data it gives, and writes the
plain data of `to_content`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any, Final, TypeVar

from rules.errors import Invalid, InvalidFields
from rules.process import (
    LONGEST_ID,
    Edge,
    EdgeType,
    Ending,
    Input,
    Join,
    Node,
    OnBranchFailure,
    OnError,
    OnTimeout,
    Process,
    Retry,
    Scenario,
    ValueKind,
)
from rules.process_scenario_content import (
    parse_outcomes,
    parse_outputs,
    parse_path,
    parse_values,
    scenario_parts,
)
from rules.text import clean_text

LONGEST_NAME: Final = 120
LARGEST_NUMBER: Final = 100_000_000
DEEPEST_CONFIG: Final = 20
_KEY: Final = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_T = TypeVar("_T")
_E = TypeVar("_E", bound=StrEnum)


def to_content(process: Process) -> dict[str, Any]:
    """The JSON form. What has its usual value is left out, so that a new field changes no hash."""
    content = _written(process, keep=("key",))
    content["inputs"] = [_written(each, keep=("name",)) for each in process.inputs]
    content["nodes"] = [node_content(node) for node in process.nodes]
    content["edges"] = [edge_content(edge) for edge in process.edges]
    if process.layout:
        content["layout"] = {node_id: list(process.layout[node_id]) for node_id in sorted(process.layout)}
    content["scenarios"] = [scenario_content(each) for each in process.scenarios]
    return {name: value for name, value in content.items() if value != []}


def scenario_content(scenario: Scenario) -> dict[str, Any]:
    """The JSON form of one scenario."""
    return _written(scenario, keep=("name",)) | scenario_parts(scenario)


def node_content(node: Node) -> dict[str, Any]:
    """The JSON form of one node."""
    content = _written(node, keep=("id", "type"))
    if node.retry is not None:
        content["retry"] = _written(node.retry)
    return content


def edge_content(edge: Edge) -> dict[str, Any]:
    """The JSON form of one edge; an edge of the start has no source."""
    return _written(edge, keep=("target",))


def content_hash(process: Process) -> str:
    """The SHA-256 of all that says what happens, in hex: the canvas and the scenarios are left out."""
    content = to_content(replace(process, layout={}, scenarios=()))
    written = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(written.encode()).hexdigest()


def read_process(content: object) -> Process:
    """The process that a JSON object means.

    Raises:
        InvalidFields: a sentence for each entry that is unknown, missing or of another shape, by its path, such as
            `nodes[2].join`.
    """
    reader = _Reader({})
    process = _process(reader, "", content)
    if reader.problems:
        raise InvalidFields(reader.problems)
    return process


def read_node(content: object) -> Node:
    """The node that a JSON object means; raises InvalidFields as `read_process` does."""
    return _alone(_node, content)


def read_edge(content: object) -> Edge:
    """The edge that a JSON object means; raises InvalidFields as `read_process` does."""
    return _alone(_edge, content)


def read_scenario(content: object) -> Scenario:
    """The scenario that a JSON object means; raises InvalidFields as `read_process` does."""
    return _alone(_scenario, content)


def _written(fact: Any, keep: tuple[str, ...] = ()) -> dict[str, Any]:
    """The plain fields of a fact that differ from their usual value."""
    plain = {
        each.name: (value.value if isinstance(value := getattr(fact, each.name), StrEnum) else value)
        for each in fields(fact)
        if each.name in keep or getattr(fact, each.name) != each.default
    }
    nested = ("nodes", "edges", "inputs", "layout", "retry", "scenarios", "path")
    return {
        name: value
        for name, value in plain.items()
        if name not in nested and not (value in ({}, ()) or value is None)
    }


class _Reader:
    """Reads part by part and keeps what is wrong with each, by its path."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems

    def object(self, path: str, content: object, kind: type, keep: tuple[str, ...]) -> Mapping[str, Any]:
        """The object at `path`; entries that `kind` does not have, or must have, are noted."""
        if not isinstance(content, Mapping):
            self.problems[path or "process"] = "This must be an object."
            return {}
        known = {each.name for each in fields(kind)}
        for name in content:
            if name not in known:
                self.problems[_at(path, str(name))] = "This entry is unknown."
        for name in keep:
            if name not in content:
                self.problems[_at(path, name)] = "This entry is missing."
        return content

    def read(
        self, path: str, content: Mapping[str, Any], name: str, parse: Callable[[Any], _T], usual: _T
    ) -> _T:
        if name not in content:
            return usual
        try:
            return parse(content[name])
        except Invalid as refusal:
            self.problems[_at(path, name)] = refusal.message
            return usual

    def each(
        self, path: str, content: Mapping[str, Any], name: str, parse: Callable[[_Reader, str, Any], _T]
    ) -> tuple[_T, ...]:
        listed = content.get(name, [])
        if not isinstance(listed, list | tuple):
            self.problems[_at(path, name)] = "This must be a list."
            return ()
        return tuple(parse(self, f"{_at(path, name)}[{place}]", each) for place, each in enumerate(listed))


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _alone(parse: Callable[[_Reader, str, Any], _T], content: object) -> _T:
    reader = _Reader({})
    found = parse(reader, "", content)
    if reader.problems:
        raise InvalidFields(reader.problems)
    return found


def _process(reader: _Reader, path: str, content: object) -> Process:
    given = reader.object(path, content, Process, ("key",))
    usual = Process("unnamed")
    return Process(
        key=reader.read(path, given, "key", parse_key, usual.key),
        name=reader.read(path, given, "name", _name, ""),
        nodes=reader.each(path, given, "nodes", _node),
        edges=reader.each(path, given, "edges", _edge),
        inputs=reader.each(path, given, "inputs", _input),
        on_branch_failure=reader.read(
            path, given, "on_branch_failure", _one_of(OnBranchFailure), usual.on_branch_failure
        ),
        detached_timeout_seconds=reader.read(
            path, given, "detached_timeout_seconds", _whole, usual.detached_timeout_seconds
        ),
        layout=reader.read(path, given, "layout", _layout, {}),
        scenarios=reader.each(path, given, "scenarios", _scenario),
    )


def _node(reader: _Reader, path: str, content: object) -> Node:
    given = reader.object(path, content, Node, ("id", "type"))
    return Node(
        id=reader.read(path, given, "id", parse_text, ""),
        type=reader.read(path, given, "type", parse_text, ""),
        name=reader.read(path, given, "name", _name, ""),
        config=reader.read(path, given, "config", parse_config, {}),
        join=reader.read(path, given, "join", _one_of(Join), Join.ALL),
        quorum=reader.read(path, given, "quorum", _whole, 0),
        cancel_rest=reader.read(path, given, "cancel_rest", parse_flag, False),
        on_error=reader.read(path, given, "on_error", _one_of(OnError), OnError.INCIDENT),
        on_timeout=reader.read(path, given, "on_timeout", _one_of(OnTimeout), OnTimeout.FALSE),
        retry=_retry(reader, _at(path, "retry"), given["retry"]) if "retry" in given else None,
    )


def _edge(reader: _Reader, path: str, content: object) -> Edge:
    given = reader.object(path, content, Edge, ("target",))
    return Edge(
        source=reader.read(path, given, "source", parse_text, None),
        target=reader.read(path, given, "target", parse_text, ""),
        type=reader.read(path, given, "type", _one_of(EdgeType), EdgeType.SEQUENCE),
        order=reader.read(path, given, "order", _whole, 0),
        detached=reader.read(path, given, "detached", parse_flag, False),
        max_iterations=reader.read(path, given, "max_iterations", _whole, 0),
    )


def _input(reader: _Reader, path: str, content: object) -> Input:
    given = reader.object(path, content, Input, ("name",))
    return Input(
        name=reader.read(path, given, "name", parse_text, ""),
        kind=reader.read(path, given, "kind", _one_of(ValueKind), ValueKind.ANY),
        required=reader.read(path, given, "required", parse_flag, True),
    )


def _scenario(reader: _Reader, path: str, content: object) -> Scenario:
    given = reader.object(path, content, Scenario, ("name",))
    return Scenario(
        name=reader.read(path, given, "name", parse_text, ""),
        given=reader.read(path, given, "given", parse_values, {}),
        outcomes=reader.read(path, given, "outcomes", parse_outcomes, {}),
        outputs=reader.read(path, given, "outputs", parse_outputs, {}),
        path=reader.read(path, given, "path", parse_path, ()),
        ending=reader.read(path, given, "ending", _one_of(Ending), Ending.COMPLETED),
    )


def _retry(reader: _Reader, path: str, content: object) -> Retry:
    given = reader.object(path, content, Retry, ())
    usual = Retry()
    read = {
        each.name: reader.read(path, given, each.name, _whole, getattr(usual, each.name))
        for each in fields(Retry)
    }
    for name in ("attempts", "factor", "timeout_seconds"):
        if not read[name]:
            reader.problems[_at(path, name)] = "This must be at least 1."
    return Retry(**read)


def parse_key(value: Any) -> str:
    """A process's key; raises Invalid."""
    if not isinstance(value, str) or not _KEY.fullmatch(value) or len(value) > LONGEST_ID:
        raise Invalid("A key is lower-case letters, digits and -, and begins with a letter.")
    return value


def parse_text(value: Any) -> str:
    """Text that is not empty; raises Invalid."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME:
        raise Invalid(f"This must be text of 1 to {LONGEST_NAME} characters.")
    return clean_text(value, "", LONGEST_NAME)


def parse_flag(value: Any) -> bool:
    """True or false; raises Invalid."""
    if not isinstance(value, bool):
        raise Invalid("This must be true or false.")
    return value


def parse_config(value: Any) -> Mapping[str, Any]:
    """A node's config: an object of plain JSON without fractions, which are written as text; raises Invalid."""
    if not isinstance(value, Mapping):
        raise Invalid("This must be an object.")
    _check_plain(value, 0)
    return value


def _check_plain(value: Any, depth: int) -> None:
    if depth > DEEPEST_CONFIG:
        raise Invalid(f"This is nested more than {DEEPEST_CONFIG} deep.")
    if isinstance(value, Mapping):
        if not all(isinstance(name, str) for name in value):
            raise Invalid("The names in an object must be text.")
        for each in value.values():
            _check_plain(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            _check_plain(each, depth + 1)
    elif value is not None and not isinstance(value, str | bool | int):
        raise Invalid('Please write a number with a fraction, and a date, as text: "499.90".')


def _name(value: Any) -> str:
    return "" if value == "" else parse_text(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST_NUMBER:
        raise Invalid("This must be a whole number from 0.")
    return value


def _layout(value: Any) -> Mapping[str, tuple[int, int]]:
    if not isinstance(value, Mapping):
        raise Invalid("This must be an object: node -> [x, y].")
    return {str(node_id): _place(place) for node_id, place in sorted(value.items())}


def _place(value: Any) -> tuple[int, int]:
    whole = isinstance(value, list | tuple) and all(type(each) is int for each in value)
    if not whole or len(value) != 2:
        raise Invalid("A place is two whole numbers: [x, y].")
    return (value[0], value[1])


def _one_of(kind: type[_E]) -> Callable[[Any], _E]:
    def parse(value: Any) -> _E:
        if not isinstance(value, str) or value not in list(kind):
            raise Invalid(f"{value!r} is not known here; known are {', '.join(kind)}.")
        return kind(value)

    return parse
