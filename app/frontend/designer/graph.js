// Between the process as data and the picture of it: nodes, edges, layout, and the operations that gestures mean.
import dagre from "@dagrejs/dagre";
import { MarkerType } from "@xyflow/react";

export const WIDTH = 210;
export const HEIGHT = 64;
export const START = "-start-";
const WORDS = { true_branch: "yes", false_branch: "no", always: "in any case", parallel: "at the same time" };

const COVERAGE = { missing: "no scenario takes it", unreachable: "no outcome reaches it" };

export const op = (name, target = "", field = "", value = null) => ({ op: name, target, field, value });
export const edgeId = (edge) => `${edge.source ?? ""}-${edge.type ?? "sequence"}>${edge.target}`;
export const titleOf = (node, types) => node.name || types[node.type]?.title || node.id;

export function arrange(process) {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "TB", nodesep: 36, ranksep: 56 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of process.nodes ?? []) graph.setNode(node.id, { width: WIDTH, height: HEIGHT });
  for (const edge of process.edges ?? []) {
    if (edge.source && !edge.max_iterations && graph.hasNode(edge.source) && graph.hasNode(edge.target)) graph.setEdge(edge.source, edge.target);
  }
  dagre.layout(graph);
  return Object.fromEntries(
    (process.nodes ?? []).map((node) => {
      const { x, y } = graph.node(node.id);
      return [node.id, [Math.round(x - WIDTH / 2), Math.round(y - HEIGHT / 2)]];
    }),
  );
}

// Nodes that nobody has placed stand where the automatic layout puts them; that is worked out once for each state of the draft.
const known = new WeakMap();
export function places(process) {
  const placed = process.layout ?? {};
  if ((process.nodes ?? []).every((node) => placed[node.id])) return placed;
  if (!known.has(process)) known.set(process, { ...arrange(process), ...placed });
  return known.get(process);
}

export function worst(problems) {
  if (problems.some((each) => each.severity === "error")) return "error";
  return problems.length ? "warning" : "";
}

// Which class a node or an edge has by what is coloured, and the words for who does not see it.
function colour(colours, id, isEdge) {
  if (colours?.marks) return [colours.marks[id] ? `is-${colours.marks[id]}` : "", colours.marks[id]];
  if (colours?.edges && isEdge) return [`is-${colours.edges[id] ?? "covered"}`, COVERAGE[colours.edges[id]]];
  return ["", ""];
}

// What was removed since is shown beside what is there, and cannot be touched.
function withRemoved(process, removed) {
  if (!removed?.nodes && !removed?.edges) return process;
  return {
    ...process,
    nodes: [...(process.nodes ?? []), ...(removed.nodes ?? [])],
    edges: [...(process.edges ?? []), ...(removed.edges ?? [])],
    layout: { ...removed.layout, ...process.layout },
  };
}

// What has not changed stays the same object, so that only what has changed is drawn anew.
export function keeping(before, now) {
  const old = new Map(before.map((each) => [each.id, each]));
  return now.map((each) => (JSON.stringify(old.get(each.id)) === JSON.stringify(each) ? old.get(each.id) : each));
}

export function picture(draft, problems, types, selected, found, colours) {
  const process = withRemoved(draft, colours?.removed);
  const at = places(process);
  const ofNode = Map.groupBy(problems, (each) => each.node);
  const ofEdge = Map.groupBy(problems, (each) => each.edge);
  const nodes = (process.nodes ?? []).map((node) => {
    const [mark, says] = colour(colours, node.id, false);
    const gone = says === "removed";
    const mine = ofNode.get(node.id) ?? [];
    const kind = types[node.type];
    const title = titleOf(node, types);
    const stands = mine.length ? `, ${mine.length} problem${mine.length > 1 ? "s" : ""}` : "";
    return {
      id: node.id,
      type: "step",
      position: { x: at[node.id][0], y: at[node.id][1] },
      width: WIDTH,
      height: HEIGHT,
      measured: { width: WIDTH, height: HEIGHT }, // else every edge vanishes until the browser has measured all nodes again
      selected: selected.includes(node.id),
      className: mark,
      draggable: !gone,
      selectable: !gone,
      connectable: !gone,
      ariaLabel: `${title}, ${kind?.title ?? node.type}${stands}${says ? `, ${says}` : ""}`,
      data: { title, kind: kind?.title ?? node.type, type: node.type, ends: node.type === "end", mark: worst(mine), count: mine.length, found: found === node.id },
    };
  });
  const edges = (process.edges ?? [])
    .filter((edge) => edge.source)
    .map((edge) => {
      const id = edgeId(edge);
      const mark = worst(ofEdge.get(id) ?? []);
      const words = [WORDS[edge.type], edge.max_iterations && `up to ${edge.max_iterations} rounds`, edge.detached && "nobody waits", mark && "⚠"].filter(Boolean);
      const [tint, says] = colour(colours, id, true);
      return {
        id,
        source: edge.source,
        target: edge.target,
        data: { aside: edge.type === "false_branch" ? -24 : 24 },
        label: words.join(", ") || undefined,
        type: edge.max_iterations ? "default" : "way",
        selected: selected.includes(id),
        selectable: says !== "removed",
        className: `edge-${edge.type ?? "sequence"}${mark ? ` has-${mark}` : ""}${tint ? ` ${tint}` : ""}${edge.detached || edge.max_iterations ? " is-dashed" : ""}`,
        ariaLabel: `From ${edge.source} to ${edge.target}${[...words, says].filter(Boolean).map((each) => `, ${each}`).join("")}`,
        markerEnd: { type: MarkerType.ArrowClosed, width: 18, height: 18 },
      };
    });
  const starts = new Set((process.edges ?? []).filter((edge) => !edge.source).map((edge) => edge.target));
  for (const node of nodes) node.data.starts = starts.has(node.id);
  return { nodes, edges };
}

export function freeId(process, wish) {
  const taken = new Set((process.nodes ?? []).map((node) => node.id));
  if (!taken.has(wish) && wish !== "input" && wish !== "vars") return wish;
  let number = 2;
  while (taken.has(`${wish}_${number}`)) number += 1;
  return `${wish}_${number}`;
}

// The next edge from a node: its free branch, else one that just goes on.
export function nextType(process, source, types) {
  const node = process.nodes.find((each) => each.id === source);
  if (!types[node?.type]?.branches) return "sequence";
  const taken = (process.edges ?? []).filter((edge) => edge.source === source).map((edge) => edge.type);
  return taken.includes("true_branch") && !taken.includes("false_branch") ? "false_branch" : "true_branch";
}

export function connecting(process, source, target, types) {
  const type = nextType(process, source, types);
  const edge = { source, target, ...(type === "sequence" ? {} : { type }) };
  return op("connect", edgeId(edge), "", edge);
}

export function adding(process, type, after, types, position) {
  const id = freeId(process, type);
  const operations = [op("add_node", id, "", { id, type })];
  const from = process.nodes?.find((node) => node.id === after && node.type !== "end");
  if (from) operations.push(connecting(process, from.id, id, types));
  else if (!(process.edges ?? []).some((edge) => !edge.source)) {
    const edge = { target: id, type: "start" };
    operations.push(op("connect", edgeId(edge), "", edge));
  }
  if (position) operations.push(op("move", id, "", [Math.round(position.x), Math.round(position.y)]));
  return { id, operations };
}

// Copies of nodes and of the edges between them, a little aside.
export function pasting(process, copied) {
  const names = {};
  const operations = [];
  for (const node of copied.nodes) {
    const id = freeId({ nodes: [...(process.nodes ?? []), ...Object.values(names).map((each) => ({ id: each }))] }, node.id);
    names[node.id] = id;
    operations.push(op("add_node", id, "", { ...node, id }));
    const at = copied.at[node.id];
    if (at) operations.push(op("move", id, "", [at[0] + 40, at[1] + 40]));
  }
  for (const edge of copied.edges) {
    const made = { ...edge, source: names[edge.source], target: names[edge.target] };
    operations.push(op("connect", edgeId(made), "", made));
  }
  return { ids: Object.values(names), operations };
}

export function copying(process, ids) {
  const at = places(process);
  return {
    nodes: process.nodes.filter((node) => ids.includes(node.id)),
    edges: (process.edges ?? []).filter((edge) => ids.includes(edge.source) && ids.includes(edge.target)),
    at: Object.fromEntries(ids.filter((id) => at[id]).map((id) => [id, at[id]])),
  };
}

export function removing(process, ids) {
  const nodes = ids.filter((id) => process.nodes?.some((node) => node.id === id));
  const edges = (process.edges ?? []).filter((edge) => ids.includes(edgeId(edge)) && !nodes.includes(edge.source) && !nodes.includes(edge.target));
  return [...edges.map((edge) => op("disconnect", edgeId(edge))), ...nodes.map((id) => op("remove_node", id))];
}
