"""A process as Mermaid text, to be pasted elsewhere. Quotes whatever people typed: nothing in it is markup."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from rules.process import Edge, EdgeType, Node, Process
from rules.process_language import Language, both
from rules.process_nodes import NODE_TYPES

_SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "condition": ("{", "}"),
    "approval": ("([", "])"),
    "automated_review": ("([", "])"),
    "end": ("((", "))"),
    "sub_process": ("[[", "]]"),
}
_LABELS: Final = {
    EdgeType.TRUE: both("yes", "sí"),
    EdgeType.FALSE: both("no", "no"),
    EdgeType.ALWAYS: both("in any case", "en todo caso"),
}
_AGAIN: Final = both("again, up to {} rounds", "otra vez, hasta {} vueltas")
_ASIDE: Final = both("nobody waits", "nadie espera")
#: What Mermaid, or a page that shows it, would read as more than a letter.
_ESCAPED: Final = str.maketrans(
    {each: f"#{ord(each)};" for each in '"#<>&`;|\\{}[]()'} | {"\n": " ", "\r": " "}
)


def to_mermaid(process: Process, language: Language) -> str:
    """A flowchart; ids are numbers, so that no node's name can be read as a word of the language."""
    names = {node.id: f"n{number}" for number, node in enumerate(process.nodes, 1)}
    return (
        "\n".join(
            [
                "flowchart TD",
                '  s((" "))',
                *_nodes(process, names, language),
                *_edges(process, names, language),
            ]
        )
        + "\n"
    )


def _nodes(process: Process, names: Mapping[str, str], language: Language) -> Iterator[str]:
    for node in process.nodes:
        before, behind = _SHAPES.get(node.type, ("[", "]"))
        yield f'  {names[node.id]}{before}"{_label(node, language)}"{behind}'


def _label(node: Node, language: Language) -> str:
    kind = NODE_TYPES.get(node.type)
    return (node.name or (kind.title[language] if kind else node.id)).translate(_ESCAPED)


def _edges(process: Process, names: Mapping[str, str], language: Language) -> Iterator[str]:
    for edge in process.edges:
        source = "s" if edge.source is None else names.get(edge.source)
        if source is None or edge.target not in names:
            continue
        said = _said(edge, language)
        line = "-.->" if edge.is_rework or edge.detached else "-->"
        yield f"  {source} {line}{f'|{said}|' if said else ''} {names[edge.target]}"


def _said(edge: Edge, language: Language) -> str:
    parts = [_LABELS[edge.type][language]] if edge.type in _LABELS else []
    if edge.is_rework:
        parts.append(_AGAIN[language].format(edge.max_iterations))
    if edge.detached:
        parts.append(_ASIDE[language])
    return ", ".join(parts)
