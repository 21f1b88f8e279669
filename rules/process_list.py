"""A process as an ordered list: activity, decision, parallel, wait. Only in, as not every graph is a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rules.errors import InvalidFields
from rules.process import EdgeType, Process
from rules.process_content import read_process

MOST_ENTRIES: Final = 500
DEEPEST: Final = 10
_KINDS: Final = ("activity", "decision", "parallel", "wait")
_BESIDE: Final = {"decision": ("then", "else")}

#: A way that waits for the next entry: its source, None for the start, and its type.
_Open = tuple[str | None, EdgeType]


def from_list(content: object) -> Process:
    """The process that an ordered list means: each entry follows all that is open before it.

    `{"activity": {node}}`, `{"wait": "3 d"}` or `{"wait": {config}}`, `{"parallel": [[…], […]]}`,
    `{"decision": {condition or node}, "then": […], "else": […]}`; each may have `"when": {condition}`, without which it is
    passed over, and an `"id"`. What is open at the end leads to an end of its own.

    Raises:
        InvalidFields: by the entry that is wrong, such as `list[2].then[0]`.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("list"), list):
        raise InvalidFields({"list": "There must be a list."})
    builder = _List()
    open_ways = builder.add_all("list", content["list"], [(None, EdgeType.START)], 0)
    if open_ways and not builder.problems:
        builder.add_node("list", {"type": "end", "name": ""}, open_ways)
    if builder.problems:
        raise InvalidFields(builder.problems)
    rest = {name: value for name, value in content.items() if name != "list"}
    try:
        return read_process({**rest, "nodes": builder.nodes, "edges": builder.edges})
    except InvalidFields as refusal:
        raise InvalidFields({builder.place(path): said for path, said in refusal.problems.items()}) from None


class _List:
    """Entries as nodes and edges in their JSON form."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.edges: list[dict[str, Any]] = []
        self.problems: dict[str, str] = {}
        self._places: list[str] = []
        self._counts: dict[str, int] = {}
        self._orders: dict[str | None, int] = {}

    def add_all(self, at: str, entries: Any, open_ways: Sequence[_Open], depth: int) -> list[_Open]:
        """Add a list of entries; the ways that are open behind it."""
        if not isinstance(entries, list) or depth > DEEPEST:
            self.problems[at] = f"This must be a list, at most {DEEPEST} within each other."
            return []
        ways = list(open_ways)
        for number, entry in enumerate(entries):
            here = f"{at}[{number}]"
            kinds = [kind for kind in _KINDS if isinstance(entry, Mapping) and kind in entry]
            allowed = {*kinds, "when", "id", *_BESIDE.get("".join(kinds), ())}
            if len(kinds) != 1 or entry.keys() - allowed or len(self.nodes) >= MOST_ENTRIES:
                self.problems[here] = f"An entry is one of {', '.join(_KINDS)}; with when, and id."
                return []
            if not ways:
                self.problems[here] = "Nothing leads here: everything before has ended."
                return []
            ways = self._add_entry(here, entry, kinds[0], ways, depth)
        return ways

    def _add_entry(
        self, at: str, entry: Mapping[str, Any], kind: str, ways: list[_Open], depth: int
    ) -> list[_Open]:
        passed: list[_Open] = []
        if "when" in entry:
            asked = self.add_node(at, {"type": "condition", "config": {"test": entry["when"]}}, ways)
            ways, passed = [(asked, EdgeType.TRUE)], [(asked, EdgeType.FALSE)]
        given = {"id": entry["id"]} if "id" in entry else {}
        said = entry[kind]
        if kind == "parallel":
            return _once([*self._add_branches(at, said, ways, depth), *passed])
        if kind == "decision":
            is_node = isinstance(said, Mapping) and "type" in said
            node = said if is_node else {"type": "condition", "config": {"test": said}}
            asked = self.add_node(at, {**given, **node}, ways)
            yes = self.add_all(f"{at}.then", entry.get("then", []), [(asked, EdgeType.TRUE)], depth + 1)
            no = self.add_all(f"{at}.else", entry.get("else", []), [(asked, EdgeType.FALSE)], depth + 1)
            return _once([*yes, *no, *passed])
        node = _waiting(said) if kind == "wait" else said
        if not isinstance(node, Mapping) or not isinstance(node.get("type"), str):
            self.problems[at] = f"{kind} must be an object with a type."
            return []
        added = self.add_node(at, {**given, **node}, ways)
        return _once([*([] if node["type"] == "end" else [(added, EdgeType.SEQUENCE)]), *passed])

    def _add_branches(self, at: str, branches: Any, ways: list[_Open], depth: int) -> list[_Open]:
        if not isinstance(branches, list) or len(branches) < 2:
            self.problems[at] = "parallel must be a list of at least two lists."
            return []
        beside = [(source, EdgeType.PARALLEL if kind is EdgeType.SEQUENCE else kind) for source, kind in ways]
        ends: list[_Open] = []
        for number, branch in enumerate(branches):
            ends += self.add_all(f"{at}.parallel[{number}]", branch, beside, depth + 1)
        return ends

    def add_node(self, at: str, node: Mapping[str, Any], ways: Sequence[_Open]) -> str:
        """Add a node behind what is open; its id."""
        node_id = node.get("id") or self._new_id(str(node.get("type")))
        self.nodes.append({**node, "id": node_id})
        self._places.append(at)
        for source, kind in ways:
            order = self._orders.get(source, 0)
            self._orders[source] = order + 1
            begins = {} if source is None else {"source": source}
            self.edges.append({**begins, "target": node_id, "type": kind.value, "order": order})
        return str(node_id)

    def place(self, path: str) -> str:
        """Where in the list a problem of the graph lies."""
        group, _, rest = path.partition("[")
        number, _, entry = rest.partition("]")
        return f"{self._places[int(number)]}{entry}" if group == "nodes" and number else path

    def _new_id(self, kind: str) -> str:
        taken = {node["id"] for node in self.nodes}
        while True:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            node_id = f"{kind}_{self._counts[kind]}"
            if node_id not in taken:
                return node_id


def _waiting(said: Any) -> Any:
    """A wait for a while, or for a signal, by what it says."""
    if isinstance(said, str):
        return {"type": "wait", "config": {"duration": said}}
    if isinstance(said, Mapping):
        return {"type": "wait_for_signal" if "signal" in said else "wait", "config": dict(said)}
    return said


def _once(ways: Sequence[_Open]) -> list[_Open]:
    return list(dict.fromkeys(ways))
