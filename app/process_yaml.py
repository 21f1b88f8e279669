"""A process as YAML and back, exactly: the JSON subset of it, with the line of whatever is refused. Judges nothing.

Only null, true, false, numbers and text are told apart, so `no`, `12:30` and a date are text. Anchors, aliases, tags and a
name given twice are refused: they mean something else to each reader, and a few of them can fill a memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from rules.errors import BusinessError, InvalidFields
from rules.process import Process
from rules.process_content import read_process
from rules.process_list import from_list
from rules.process_steps import from_steps

#: A definition may have 200,000 bytes; written out with its scenarios and its layout it is longer.
LONGEST_YAML: Final = 1_000_000
DEEPEST: Final = 60
_BOOLEAN, _NULL, _INT, _FLOAT, _TEXT = (
    f"tag:yaml.org,2002:{name}" for name in ("bool", "null", "int", "float", "str")
)
#: What is no text, as in JSON: pattern and first letters by tag.
_FORMS: Final = {
    _NULL: (r"(?:null|~|)\Z", ["n", "~", ""]),
    _BOOLEAN: (r"(?:true|false)\Z", ["t", "f"]),
    _INT: (r"-?(?:0|[1-9][0-9]{0,30})\Z", list("-0123456789")),
    _FLOAT: (
        r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,40}(?:[eE][+-]?[0-9]{1,3})?|[eE][+-]?[0-9]{1,3})\Z",
        list("-0123456789"),
    ),
}


class YamlUnreadable(BusinessError):
    """The text is no YAML, or uses what is not read here. The message names the line."""

    status = 422


@dataclass(frozen=True)
class Read:
    """What a text says, and where.

    Attributes:
        lines: path, such as `nodes[2].join`, -> its line, from 1; empty for JSON.
    """

    content: Any
    lines: Mapping[str, int]

    def placed(self, problems: Mapping[str, str]) -> dict[str, str]:
        """Problems by path, each with its line, or that of the nearest entry around it."""
        if not self.lines:
            return dict(problems)
        return {path: f"Line {self.line(path)}: {said}" for path, said in problems.items()}

    def line(self, path: str) -> int:
        """The line of an entry; of what it should stand in, where it is missing."""
        while path and path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines.get(path, 1)


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Takes plain words for text unless they are JSON."""

    yaml_implicit_resolvers: Final[dict[str, Any]] = {}


class _Writer(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes every value out, however often it comes, and several lines as they are."""

    def ignore_aliases(self, data: Any) -> bool:
        """No aliases."""
        return True


for _tag, (_form, _first) in _FORMS.items():
    for _kind in (_Loader, _Writer):  # what would be read as a number is written in quotes where it is text
        _kind.add_implicit_resolver(_tag, re.compile(_form, re.ASCII), _first)


def _write_text(writer: Any, text: str) -> Any:
    style = "|" if "\n" in text and text.isprintable() is False and _is_plain(text) else None
    return writer.represent_scalar(_TEXT, text, style=style)


def _is_plain(text: str) -> bool:
    return all(line.isprintable() and line == line.strip() for line in text.split("\n"))


_Writer.add_representer(str, _write_text)


def write_yaml(content: Any) -> str:
    """Plain data as YAML, its entries in their order."""
    written: str = yaml.dump(
        content, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return written


def read_yaml(text: str) -> Read:
    """What a YAML text says. Raises YamlUnreadable."""
    if len(text) > LONGEST_YAML:
        raise YamlUnreadable(f"This has {len(text):,} letters; at most {LONGEST_YAML:,} are read.")
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as fault:
        raise YamlUnreadable(_said(fault)) from None
    if node is None:
        raise YamlUnreadable("Line 1: there is nothing in it.")
    lines: dict[str, int] = {}
    return Read(_value(node, "", lines), lines)


def read_text(text: str) -> Read:
    """What a text in JSON or in YAML says: in JSON, which begins with {, as JSON means it. Raises YamlUnreadable."""
    if not text.lstrip().startswith("{"):
        return read_yaml(text)
    try:
        return Read(json.loads(text[:LONGEST_YAML]), {})
    except (ValueError, RecursionError) as fault:
        said = (
            f"Line {fault.lineno}: this is no JSON: {fault.msg}."
            if isinstance(fault, json.JSONDecodeError)
            else ""
        )
        raise YamlUnreadable(
            said or "This is no JSON: it is nested too deep, or holds too long a number."
        ) from None


def read_definition(text: str, given: Mapping[str, str] | None = None) -> Process:
    """The process that a text in JSON or YAML means: a graph, steps or a list; entries of `given` count first.

    Raises:
        YamlUnreadable. InvalidFields: with lines.
    """
    read = read_text(text)
    if not isinstance(read.content, dict):
        raise YamlUnreadable("A process has entries such as key, nodes and edges; this text has none.")
    content = {**read.content, **(given or {})}
    parse = from_steps if "steps" in content else from_list if "list" in content else read_process
    try:
        return parse(content)
    except InvalidFields as refusal:
        raise InvalidFields(read.placed(refusal.problems)) from None


def _check_events(text: str) -> None:
    """Refuse what is not read here before anything is built of it."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise YamlUnreadable(
                f"Line {line}: aliases (*{event.anchor}) are not read here. Please write it out."
            )
        if getattr(event, "anchor", None):
            raise YamlUnreadable(
                f"Line {line}: anchors (&{event.anchor}) are not read here. Please leave it out."
            )
        if getattr(event, "tag", None):
            raise YamlUnreadable(f"Line {line}: tags ({event.tag}) are not read here. Please leave it out.")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlUnreadable(f"Line {line}: a second document begins here; only one is read.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise YamlUnreadable(f"Line {line}: this is nested more than {DEEPEST} deep.")


def _value(node: Any, path: str, lines: dict[str, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, f"{path}[{place}]", lines) for place, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _entries(node, path, lines)
    text: str = node.value
    if node.tag == _NULL:
        return None
    if node.tag == _BOOLEAN:
        return text == "true"
    if node.tag == _INT:
        return int(text)
    return float(text) if node.tag == _FLOAT else text


def _entries(node: Any, path: str, lines: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlUnreadable(f"Line {line}: the name of an entry must be text.")
        # A name is text whatever it looks like: `on`, `7`, `null`.
        name = key.value
        if name in found:
            raise YamlUnreadable(f"Line {line}: {name!r} is given twice.")
        at = f"{path}.{name}" if path else name
        lines[at] = line
        found[name] = _value(value, at, lines)
    return found


def _said(fault: yaml.YAMLError) -> str:
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    problem = getattr(fault, "problem", None) or getattr(fault, "reason", None) or "it cannot be read"
    return f"Line {mark.line + 1 if mark else 1}: this is no YAML: {problem}."
