"""YAML and JSON are the same process, exactly; what is no such YAML is refused with its line and built into nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.process_yaml import (
    DEEPEST,
    LONGEST_YAML,
    YamlUnreadable,
    read_definition,
    read_text,
    read_yaml,
    write_yaml,
)
from rules.errors import InvalidFields
from rules.process import Process
from rules.process_content import content_hash, read_process, to_content
from rules.process_steps import from_steps, to_steps
from tests.rules.drafts import random_draft
from tests.rules.graphs import GRAPHS, Graph

#: What YAML readers disagree about.
_ODD = (
    "no", "On", "y", "null", "~", "", " ", "0x1f", "1_000", "12:30", "2026-01-01", "1e5", "1.", ".5", "-0", "007", "0o7",
    "+1", "- a", "a: b", "# c", "&a", "*a", "!t", "|", "> x", "%d", "@", "`", "'", '"', "{{input.x}}", "[", "]", "\t", "a\n",
    "\na", "a\n\nb", " a\nb ", "a\r\nb", "a\u2028b", "a\x85b", "\ufeff", "ñ", "🙂", "---", "...", "? a", "=", "<<", "a #b",
    "1.0e+5", "1e+5", "499.90",
)  # fmt: skip
_TEXTS = st.sampled_from(_ODD) | st.text(st.characters(exclude_categories=("Cs", "Cc")))
_NUMBERS = st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
_DATA = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(_DATA)
def test_whatever_is_written_is_read_as_it_was(content: Any) -> None:
    read = read_yaml(write_yaml(content)).content
    assert json.dumps(read) == json.dumps(content)


@given(st.integers(0, 2**32).map(random.Random).map(random_draft))
def test_a_process_is_the_same_in_json_in_yaml_and_as_a_graph(process: Process) -> None:
    again = read_process(read_yaml(write_yaml(to_content(process))).content)
    assert again == process
    assert content_hash(again) == content_hash(process)
    assert to_content(again) == to_content(process)


@given(GRAPHS)
def test_a_made_up_graph_is_the_same_in_yaml(graph: Graph) -> None:
    assert read_process(read_yaml(write_yaml(to_content(graph.process))).content) == graph.process


def test_other_readers_of_yaml_read_the_same() -> None:
    content = {"names": list(_ODD), "on": [1, 1.5, -2, 1e300, None, True, {"no": "yes"}]}
    assert yaml.safe_load(write_yaml(content)) == content


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1, 2", "this is no YAML"),
        ("a: 1\nb: 2\na: 3\n", "Line 3: 'a' is given twice."),
        ("a: &x 1\nb: *x\n", "Line 1: anchors (&x)"),
        ("a: 1\nb: *x\n", "Line 2: aliases (*x)"),
        ("a: !!python/object/apply:os.system [ls]\n", "Line 1: tags"),
        ("a: 1\n---\nb: 2\n", "Line 2: a second document"),
        ("? [a]\n: 1\n", "Line 1: the name of an entry must be text."),
        ("", "Line 1: there is nothing in it."),
        ("# nothing", "Line 1: there is nothing in it."),
        ("a: \x00", "this is no YAML"),
        ("a:\n\tb: 1", "Line 2: this is no YAML"),
        ("[" * (DEEPEST + 1), "nested more than"),
        ("[" * 200_000, "nested more than"),
        ("a" * (LONGEST_YAML + 1), "at most 1,000,000 are read"),
        ("a: &a [l, l]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", "Line 1: anchors"),
    ],
)
def test_what_is_not_read_here_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(YamlUnreadable) as refusal:
        read_yaml(text)
    assert said in refusal.value.message


def test_what_makes_no_process_is_told_with_its_line() -> None:
    text = (
        "key: travel\nnodes:\n- id: a\n  type: end\n- id: b\n  type: end\n  join: both\nedges:\n- source: a\n"
    )
    with pytest.raises(InvalidFields) as refusal:
        read_definition(text)
    assert refusal.value.problems["nodes[1].join"].startswith("Line 7: 'both' is not known here")
    assert refusal.value.problems["edges[0].target"].startswith("Line 9: ")


def test_what_people_write_without_quotes_is_what_they_see() -> None:
    text = "answer: no\nat: 12:30\nday: 2026-01-01\nlarge: 1_000\nmoney: 499.90\nempty:\n"
    assert read_yaml(text).content == {
        "answer": "no", "at": "12:30", "day": "2026-01-01", "large": "1_000", "money": 499.90, "empty": None,
    }  # fmt: skip


def test_json_is_read_as_json_whatever_is_in_it() -> None:
    assert read_text(' {"a": "\\ud83d\\ude42", "b": 1e5}').content == {"a": "🙂", "b": 100_000.0}
    for broken, said in (('{"a": \n}', "Line 2: this is no JSON"), ('{"a":' * 100_000, "nested too deep")):
        with pytest.raises(YamlUnreadable) as refusal:
            read_text(broken)
        assert said in refusal.value.message


@given(st.integers(0, 2**32).map(random.Random).map(random_draft))
def test_the_step_form_in_yaml_is_the_same_process(process: Process) -> None:
    if {edge.source for edge in process.edges if edge.source} <= {node.id for node in process.nodes}:
        assert read_definition(write_yaml(to_steps(process))) == from_steps(to_steps(process))


def test_an_ordered_list_in_yaml_is_read_and_its_faults_have_lines() -> None:
    text = "key: trip\nlist:\n- activity: {type: notify, config: {subject: Hello}}\n- wait: 3 d\n"
    assert [node.type for node in read_definition(text).nodes] == ["end", "notify", "wait"]
    with pytest.raises(InvalidFields) as refusal:
        read_definition(text + "- pause: 3 d\n")
    assert refusal.value.problems["list[2]"].startswith("Line 5: ")
