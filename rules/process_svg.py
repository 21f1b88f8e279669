"""A process as a picture: SVG text, the same for the same process, with where a run stands if that is given.

Whatever people typed is text in it, never markup. Colours are classes: a page brings app/frontend/src/drawing.css, a file
that stands alone holds the same rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from rules.process import Edge, EdgeType, Node, Process
from rules.process_language import Language, both
from rules.process_layout import DOT, HEIGHT, START, WIDTH, Layout, Point, lay_out
from rules.process_nodes import NODE_TYPES
from rules.process_svg_style import ALONE, STYLE

_MARGIN: Final = 24
#: About how many letters fit into one line of a node.
_LETTERS: Final = 26
_BACK: Final = 30  # how far to the right a way back runs
_WORDS: Final = {
    EdgeType.TRUE: both("yes", "sí"),
    EdgeType.FALSE: both("no", "no"),
    EdgeType.ALWAYS: both("in any case", "en todo caso"),
}
_ROUNDS: Final = both("up to {} rounds", "hasta {} vueltas")
_ASIDE: Final = both("nobody waits", "nadie espera")
_PROCESS: Final = both("Process {}", "Proceso {}")
_STANDS: Final = both("{} nodes and {} edges. {}", "{} nodos y {} conexiones. {}")
#: What a status is shown by beside its colour, and its words.
_STATUS: Final = {
    "waiting": ("", both("waiting", "en espera")),
    "ready": ("▸", both("ready", "listo")),
    "running": ("▸", both("running", "en curso")),
    "awaited": ("…", both("awaited", "se espera respuesta")),
    "incident": ("!", both("incident", "incidente")),
    "completed": ("✓", both("completed", "completado")),
    "failed": ("✕", both("failed", "fallido")),
    "skipped": ("–", both("skipped", "omitido")),
    "cancelled": ("✕", both("cancelled", "cancelado")),
    "pending": ("", both("pending", "pendiente")),
    "live": ("", both("taken", "recorrida")),
    "dead": ("", both("dead", "muerta")),
    "added": ("+", both("added", "nuevo")),
    "removed": ("−", both("removed", "quitado")),
    "changed": ("~", both("changed", "cambiado")),
    "uncovered": ("", both("no scenario takes it", "ningún escenario la recorre")),
}
#: Letters that no XML may hold.
_UNSAFE: Final = dict.fromkeys((*range(32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)), " ")


def draw(
    process: Process,
    edge_status: Mapping[str, str] | None = None,
    node_status: Mapping[str, str] | None = None,
    *,
    language: Language = Language.ENGLISH,
    stands_alone: bool = False,
) -> str:
    """The picture.

    Args:
        edge_status: edge id -> pending, live or dead; for two versions added, removed or changed.
        node_status: node id -> a `rules.process_state.NodeStatus`, or `awaited` for one that people are asked by.
        stands_alone: a file of its own, with its colours in it; else the page has them.
    """
    edges, nodes = edge_status or {}, node_status or {}
    layout = lay_out(process)
    ways = {edge.id: _Way(edge, layout) for edge in process.edges if _is_shown(edge, layout)}
    left, top, right, bottom = _frame(layout, ways)
    parts = [
        *_edges(process, ways, edges, language),
        *_dot(layout),
        *(_node(node, layout.boxes[node.id], nodes.get(node.id, ""), language) for node in process.nodes),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="process-drawing" role="img" width="{right - left}" '
        f'height="{bottom - top}" viewBox="{left} {top} {right - left} {bottom - top}">\n'
        f"<title>{_text(_PROCESS[language].format(process.name or process.key))}</title>\n"
        f"<desc>{_text(_told(process, nodes, language))}</desc>\n"
        + (f"<style>\n{STYLE}{ALONE}</style>\n" if stands_alone else "")
        + "\n".join(parts)
        + "\n</svg>\n"
    )


class _Way:
    """An edge's line: from below its source to above its target, or back on the right side."""

    def __init__(self, edge: Edge, layout: Layout) -> None:
        source, target = layout.boxes[edge.source or START], layout.boxes[edge.target]
        wide, high = (DOT, DOT) if edge.source is None else (WIDTH, HEIGHT)
        self.back = edge.is_rework or target[1] <= source[1]
        if self.back:
            begin = (source[0] + wide, source[1] + high // 2)
            end = (target[0] + WIDTH, target[1] + HEIGHT // 2)
            beside = [x for x, y in layout.boxes.values() if target[1] <= y <= source[1]]
            far = max(beside) + WIDTH + _BACK
            self.points: list[Point] = [begin, (far, begin[1]), (far, end[1]), end]
            self.line = (
                f"M{begin[0]} {begin[1]} L{far - 16} {begin[1]} Q{far} {begin[1]} {far} {begin[1] - 16} "
                f"L{far} {end[1] + 16} Q{far} {end[1]} {far - 16} {end[1]} L{end[0] + 8} {end[1]}"
            )
            self.head = f"{end[0]},{end[1]} {end[0] + 10},{end[1] - 5} {end[0] + 10},{end[1] + 5}"
            self.word = (far, (begin[1] + end[1]) // 2)
            return
        begin, end = (source[0] + wide // 2, source[1] + high), (target[0] + WIDTH // 2, target[1])
        self.points = [begin, *layout.bends.get(edge.id, ()), end]
        self.line = f"M{begin[0]} {begin[1]}" + "".join(
            _curve(one, (other[0], other[1] - 8) if other is end else other)
            for one, other in pairwise(self.points)
        )
        self.head = f"{end[0]},{end[1]} {end[0] - 5},{end[1] - 10} {end[0] + 5},{end[1] - 10}"
        # Where it leaves its node, a little towards where it leads: in the middle the words of two edges would meet.
        next_one = self.points[1]
        lean = max(-40, min(40, (next_one[0] - begin[0]) // 4))
        self.word = (begin[0] + lean, begin[1] + 20)


def _curve(one: Point, other: Point) -> str:
    middle = (one[1] + other[1]) // 2
    return f" C{one[0]} {middle} {other[0]} {middle} {other[0]} {other[1]}"


def _is_shown(edge: Edge, layout: Layout) -> bool:
    return edge.target in layout.boxes and (edge.source or START) in layout.boxes


def _frame(layout: Layout, ways: Mapping[str, _Way]) -> tuple[int, int, int, int]:
    points = [(x, y) for x, y in layout.boxes.values()] or [(0, 0)]
    points += [(x + (DOT if each == START else WIDTH), y + HEIGHT) for each, (x, y) in layout.boxes.items()]
    points += [(x + 50, y) for way in ways.values() if way.back for x, y in way.points]
    points += [point for way in ways.values() for point in way.points]
    return (
        min(x for x, _ in points) - _MARGIN,
        min(y for _, y in points) - _MARGIN,
        max(x for x, _ in points) + _MARGIN,
        max(y for _, y in points) + _MARGIN,
    )


def _edges(
    process: Process, ways: Mapping[str, _Way], status: Mapping[str, str], language: Language
) -> Iterator[str]:
    titles = {node.id: node.title for node in process.nodes}
    for edge in process.edges:
        way = ways.get(edge.id)
        if way is None:
            continue
        stands, words = status.get(edge.id, ""), _edge_words(edge, language)
        aside = " is-aside" if edge.detached or edge.is_rework else ""
        said = [
            f"{titles.get(edge.source or '', '●')} → {titles[edge.target]}",
            *words,
            *_said(stands, language),
        ]
        yield (
            f'<g class="edge edge-{edge.type.value}{aside}{_class(stands)}" data-edge="{_text(edge.id)}">'
            f'<title>{_text(", ".join(said))}</title><path class="way" d="{way.line}"/>'
            f'<polygon class="head" points="{way.head}"/>{_edge_word(way, words)}</g>'
        )


def _edge_words(edge: Edge, language: Language) -> list[str]:
    words = [_WORDS[edge.type][language]] if edge.type in _WORDS else []
    if edge.is_rework:
        words.append(_ROUNDS[language].format(edge.max_iterations))
    if edge.detached:
        words.append(_ASIDE[language])
    return words


def _edge_word(way: _Way, words: Sequence[str]) -> str:
    if not words:
        return ""
    x, y = way.word
    return f'<text class="edge-word" x="{x}" y="{y}" text-anchor="middle">{_text(", ".join(words))}</text>'


def _dot(layout: Layout) -> Iterator[str]:
    if START in layout.boxes:
        x, y = layout.boxes[START]
        yield f'<circle class="dot" cx="{x + DOT // 2}" cy="{y + DOT // 2}" r="{DOT // 2}"/>'


def _node(node: Node, place: Point, stands: str, language: Language) -> str:
    kind = NODE_TYPES.get(node.type)
    kind_words = kind.title[language] if kind else node.type
    title = node.name or kind_words
    lines = _lines(title)
    rest = [kind_words if node.name else node.id]
    first = 46 - 9 * (len(lines) + len(rest))
    said = ", ".join([title, *rest, *_said(stands, language)])
    mark = _STATUS[stands][0] if stands in _STATUS else ""
    shown = [("node-title", line) for line in lines] + [("node-kind", _cut(line)) for line in rest]
    texts = "".join(
        f'<text class="{name}" x="{WIDTH // 2}" y="{first + 17 * number}" text-anchor="middle">{_text(line)}</text>'
        for number, (name, line) in enumerate(shown)
    )
    corner = f'<text class="node-mark" x="{WIDTH - 14}" y="18">{mark}</text>' if mark else ""
    round_by = HEIGHT // 2 if node.type == "end" else 10
    return (
        f'<g class="node node-{_text(node.type)}{_class(stands)}" data-node="{_text(node.id)}" '
        f'transform="translate({place[0]} {place[1]})"><title>{_text(said)}</title>'
        f'<rect class="node-box" width="{WIDTH}" height="{HEIGHT}" rx="{round_by}"/>{texts}{corner}</g>'
    )


def _lines(title: str) -> list[str]:
    """The title in at most two lines."""
    if len(title) <= _LETTERS:
        return [title]
    at = title.rfind(" ", 0, _LETTERS + 1)
    if at < _LETTERS // 2:
        return [_cut(title)]
    return [title[:at], _cut(title[at + 1 :])]


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _told(process: Process, status: Mapping[str, str], language: Language) -> str:
    stands = "; ".join(
        f"{node.title}: {', '.join(_said(status[node.id], language))}"
        for node in process.nodes
        if status.get(node.id)
    )
    return _STANDS[language].format(len(process.nodes), len(process.edges), stands).strip()


def _said(status: str, language: Language) -> list[str]:
    return [_STATUS[status][1][language] if status in _STATUS else status] if status else []


def _class(status: str) -> str:
    return f" is-{_text(status)}" if status else ""


def _text(text: str) -> str:
    return escape(text.translate(_UNSAFE))
