"""A process as a picture: each node and edge once, in its colours, in rows that do not meet; no word of it is markup."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hypothesis import given

from rules.process import Edge, EdgeType, Node, Outcome, Process
from rules.process_language import Language
from rules.process_layout import HEIGHT, START, WIDTH, lay_out
from rules.process_svg import draw
from rules.process_svg_style import STYLE
from rules.process_trial import try_out
from tests.rules.graphs import GRAPHS, Graph
from tests.rules.processes import drawn, planned

SVG = "{http://www.w3.org/2000/svg}"


def read(picture: str) -> ElementTree.Element:
    """The picture as a reader of XML sees it."""
    return ElementTree.fromstring(picture)  # noqa: S314  # our own


def marked(picture: str, entry: str) -> dict[str, set[str]]:
    """Id -> its classes, of every node or edge."""
    groups = [each for each in read(picture).iter(f"{SVG}g") if each.get(f"data-{entry}")]
    return {str(each.get(f"data-{entry}")): set(str(each.get("class")).split()) for each in groups}


@given(GRAPHS)
def test_every_node_and_edge_is_drawn_once_and_the_same_each_time(graph: Graph) -> None:
    picture = draw(graph.process)
    assert picture == draw(graph.process)
    assert sorted(marked(picture, "node")) == [node.id for node in graph.process.nodes]
    assert sorted(marked(picture, "edge")) == sorted(edge.id for edge in graph.process.edges)


@given(GRAPHS)
def test_no_node_covers_another_and_edges_lead_down(graph: Graph) -> None:
    boxes = lay_out(graph.process).boxes
    nodes = [boxes[node.id] for node in graph.process.nodes]
    for number, (x, y) in enumerate(nodes):
        assert all(abs(x - a) >= WIDTH or abs(y - b) >= HEIGHT for a, b in nodes[number + 1 :])
    for edge in graph.process.edges:
        assert boxes[edge.target][1] > boxes[edge.source or START][1]


def test_a_drawing_of_anything_is_made_circles_loose_ends_and_nothing_at_all() -> None:
    draft = Process(
        "draft", nodes=(Node("a", "condition"), Node("b", "unknown"), Node("c", "end")),
        edges=(Edge("a", "b"), Edge("b", "a"), Edge("c", "c"), Edge("b", "gone"), Edge(None, "gone", EdgeType.START)),
    )  # fmt: skip
    assert marked(draw(draft), "edge").keys() == {"a-sequence>b", "b-sequence>a", "c-sequence>c"}
    assert marked(draw(Process("empty")), "node") == {}


def test_placed_nodes_stand_where_they_were_placed() -> None:
    process = replace(drawn("a>b"), layout={"a": (500, 40), "b": (10, 300)})
    assert {name: lay_out(process).boxes[name] for name in ("a", "b")} == {"a": (500, 40), "b": (10, 300)}


def test_what_people_typed_is_text_and_no_markup() -> None:
    name = '</text><script>alert(1)</script>"\x07'
    process = Process(name, name, (Node("a", '"><b>', name),), (Edge(None, "a", EdgeType.START),))
    picture = draw(process, node_status={"a": "<i>"})
    assert {each.tag.removeprefix(SVG) for each in read(picture).iter()} <= {
        "svg", "title", "desc", "g", "rect", "text", "path", "polygon", "circle",
    }  # fmt: skip


def test_a_run_is_seen_in_it_by_class_by_sign_and_in_words() -> None:
    plan = planned("c-T>a, c-F>b, a>j, b>j", {"b": {"name": "Bookkeeping"}})
    frame = try_out(plan, {"c": (Outcome.SATISFIED,), "a": (None,)})[-1]
    picture = draw(plan.process, frame.edges, {**frame.nodes, "a": "awaited"}, language=Language.SPANISH)
    nodes, edges = marked(picture, "node"), marked(picture, "edge")
    assert "is-completed" in nodes["c"]
    assert "is-skipped" in nodes["b"]
    assert "is-awaited" in nodes["a"]
    assert "is-live" in edges["c-true_branch>a"]
    assert "is-dead" in edges["c-false_branch>b"]
    said = read(picture).findtext(f"{SVG}desc")
    assert said is not None
    assert "Bookkeeping: omitido" in said
    assert "✓" in [each.text for each in read(picture).iter(f"{SVG}text")]


def test_the_picture_says_what_it_is_before_all_else_and_has_no_style_of_its_own_in_a_page() -> None:
    first: list[Any] = list(read(draw(drawn("a>b"))))
    assert [each.tag for each in first[:2]] == [f"{SVG}title", f"{SVG}desc"]
    assert first[0].text == "Process drawn"
    assert "style" not in draw(drawn("a>b"))
    assert "prefers-color-scheme: dark" in draw(drawn("a>b"), stands_alone=True)


def test_a_page_and_a_file_have_the_same_colours() -> None:
    page = Path(__file__).parents[2] / "app/frontend/src/drawing.css"
    assert page.read_text(encoding="utf-8") == STYLE
