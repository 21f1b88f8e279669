// The designer: palette, canvas, problems, the form of what is chosen, and every gesture as a key, too.
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Background, Controls, MiniMap, ReactFlow, applyNodeChanges, useReactFlow } from "@xyflow/react";
import { HEIGHT, WIDTH, adding, arrange, connecting, copying, edgeId, keeping, op, pasting, picture, places, removing } from "./graph.js";
import { useDraft } from "./draft.js";
import { readColours } from "./server.js";
import { Find, Inspector, Palette, Problems } from "./panels.jsx";
import { Step, Way } from "./step.jsx";

const NODE_TYPES = { step: Step };
const EDGE_TYPES = { way: Way };
const KEYS = [
  ["A", "add a node behind the chosen one"],
  ["C", "connect the chosen node with another one"],
  ["/", "find a node"],
  ["arrows", "move the chosen nodes"],
  ["Del", "remove what is chosen"],
  ["Ctrl Z, Ctrl Y", "undo, redo"],
  ["Ctrl C, Ctrl V", "copy, paste"],
  ["L", "lay everything out"],
  ["I", "go to the form of what is chosen"],
  ["Y", "show or hide the YAML"],
  ["V", "show or hide which edges no scenario takes"],
  ["D", "show or hide what differs from the version in force"],
];

export function Designer({ given }) {
  const { draft, stand, conflict, depth, apply, applyForm, settle, undo, redo } = useDraft(given);
  const { process, problems, revision } = draft;
  const { types, paths } = given;
  const [selected, setSelected] = useState([]);
  const [found, setFound] = useState("");
  const [help, setHelp] = useState(false);
  const [text, setText] = useState(false);
  const [colouring, setColouring] = useState("");
  const colours = useColours(paths, revision, colouring);
  const drawn = useRef({ nodes: [], edges: [] });
  const shown = useMemo(() => {
    const now = picture(process, problems, types, selected, found, colours);
    drawn.current = { nodes: keeping(drawn.current.nodes, now.nodes), edges: keeping(drawn.current.edges, now.edges) };
    return drawn.current;
  }, [process, problems, types, selected, found, colours]);
  const [nodes, setNodes] = useState(shown.nodes);
  const copied = useRef(null);
  const search = useRef(null);
  const find = useRef(null);
  const flow = useReactFlow();
  useEffect(() => setNodes(shown.nodes), [shown.nodes]);
  const isWider = Boolean(colours?.removed); // what was removed is shown, too, and moves the rest
  useEffect(() => {
    if (isWider) window.requestAnimationFrame(() => flow.fitView({ padding: 0.15, maxZoom: 1 }));
  }, [flow, isWider]);

  const chosenNode = process.nodes?.find((node) => node.id === selected[0] && selected.length === 1);
  const chosenEdge = process.edges?.find((edge) => edgeId(edge) === selected[0] && selected.length === 1);
  const chosen = text ? { as: "text" } : chosenEdge ? { edge: edgeId(chosenEdge) } : chosenNode ? { node: chosenNode.id } : {};

  const show = useCallback(
    (id) => {
      setSelected([id]);
      setFound(id);
      const edge = process.edges?.find((each) => edgeId(each) === id);
      const [x, y] = places(process)[edge ? edge.target : id] ?? [0, 0];
      flow.setCenter(x + WIDTH / 2, y + HEIGHT / 2, { zoom: Math.min(1, Math.max(0.7, flow.getZoom())) });
    },
    [flow, process],
  );

  const add = useCallback(
    async (type, position) => {
      const { id, operations } = adding(process, type, position ? "" : chosenNode?.id, types, position);
      if (await apply(operations)) setSelected([id]);
    },
    [apply, chosenNode, process, types],
  );

  const remove = useCallback(
    async (ids) => {
      if (await apply(removing(process, ids))) setSelected([]);
    },
    [apply, process],
  );

  const layOut = useCallback(async () => {
    const at = arrange(process);
    await apply(Object.entries(at).map(([id, place]) => op("move", id, "", place)));
    window.requestAnimationFrame(() => flow.fitView({ padding: 0.15 }));
  }, [apply, flow, process]);

  const paste = useCallback(async () => {
    if (!copied.current) return;
    const { ids, operations } = pasting(process, copied.current);
    if (await apply(operations)) setSelected(ids);
  }, [apply, process]);

  const save = useCallback(
    async (form, button) => {
      const done = await applyForm(form, button);
      if (done && /^(remove|disconnect)$/.test(form.dataset.do)) setSelected([]);
    },
    [applyForm],
  );

  useEffect(() => {
    const intoInspector = (selector) => document.querySelector(`#canvas .inspector ${selector}`)?.focus();
    const actions = {
      a: () => search.current.focus(),
      "/": () => find.current.focus(),
      c: () => intoInspector("#i-target"),
      i: () => intoInspector("input:not([type=hidden]), select, textarea"),
      l: layOut,
      y: () => setText((on) => !on),
      v: () => setColouring((what) => (what === "coverage" ? "" : "coverage")),
      d: () => setColouring((what) => (what === "changes" ? "" : "changes")),
      "?": () => setHelp((on) => !on),
      Delete: () => remove(selected),
      Backspace: () => remove(selected),
    };
    const withControl = {
      z: undo,
      y: redo,
      Z: redo,
      c: () => {
        copied.current = copying(process, selected);
      },
      v: paste,
    };
    const press = (event) => {
      if (event.target.closest?.("input, textarea, select, [contenteditable]")) {
        if (event.key === "Escape") event.target.blur();
        return;
      }
      const controlled = event.ctrlKey || event.metaKey;
      if (controlled && event.key === "c" && String(window.getSelection())) return;
      const action = controlled ? withControl[event.key] : event.altKey ? null : actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [layOut, paste, process, redo, remove, selected, undo]);

  const changed = useCallback(
    (changes) => {
      setNodes((before) => applyNodeChanges(changes.filter((each) => each.type !== "remove" && each.type !== "select"), before));
      choose(changes, setSelected);
      const moved = changes.filter((each) => each.type === "position" && each.dragging === false && each.position);
      if (moved.length) apply(moved.filter((each) => isElsewhere(process, each)).map((each) => op("move", each.id, "", [Math.round(each.position.x), Math.round(each.position.y)])));
    },
    [apply, process],
  );

  return (
    <div className={`designer${text ? " has-text" : ""}`}>
      <div className="designer-bar">
        <button type="button" className="btn btn-sm" disabled={!depth[0]} onClick={undo}>Undo</button>
        <button type="button" className="btn btn-sm" disabled={!depth[1]} onClick={redo}>Redo</button>
        <button type="button" className="btn btn-sm" onClick={layOut}>Lay out</button>
        <button type="button" className="btn btn-sm" aria-pressed={text} onClick={() => setText(!text)}>YAML</button>
        {[["coverage", "Coverage"], ["changes", "Changes"]].map(([what, word]) => (
          <button key={what} type="button" className="btn btn-sm" aria-pressed={colouring === what} onClick={() => setColouring(colouring === what ? "" : what)}>{word}</button>
        ))}
        <button type="button" className="btn btn-sm" aria-expanded={help} onClick={() => setHelp(!help)}>Keys (?)</button>
        <Find process={process} types={types} onFound={show} field={find} />
        {colours && <span className="designer-coverage" role="status">{colours.text}</span>}
        <span className={`designer-saved status status-${stand.tone}`} role="status">{stand.text}</span>
      </div>
      {help && (
        <dl className="designer-keys">
          {KEYS.map(([key, does]) => (
            <div key={key}>
              <dt><kbd>{key}</kbd></dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
      )}
      {conflict && (
        <div className="note note-no" role="alert">
          <div>
            <strong>{conflict.gone ? "Not saved." : "Somebody else changed the draft."}</strong> {conflict.said} Your last change is kept here.
            <div className="d-flex gap-2 mt-2">
              <button type="button" className="btn btn-sm btn-primary" onClick={() => settle(true)}>{conflict.gone ? "Try again" : "Show theirs and put mine on top"}</button>
              <button type="button" className="btn btn-sm" onClick={() => settle(false)}>Show theirs only</button>
            </div>
          </div>
        </div>
      )}
      <Palette types={types} onAdd={add} search={search} />
      <div className="designer-canvas" onDragOver={(event) => event.preventDefault()}
        onDrop={(event) => {
          const type = event.dataTransfer.getData("text/node-type");
          if (type) add(type, flow.screenToFlowPosition({ x: event.clientX, y: event.clientY }));
        }}>
        <ReactFlow nodes={nodes} edges={shown.edges} nodeTypes={NODE_TYPES} edgeTypes={EDGE_TYPES} onNodesChange={changed} onEdgesChange={(changes) => choose(changes, setSelected)}
          onConnect={(made) => apply([connecting(process, made.source, made.target, types)])} onPaneClick={() => setSelected([])}
          deleteKeyCode={null} selectionKeyCode="Shift" multiSelectionKeyCode={["Control", "Meta"]} fitView fitViewOptions={{ padding: 0.15, maxZoom: 1 }} minZoom={0.1}
          colorMode={document.documentElement.dataset.bsTheme === "dark" ? "dark" : "light"}
          ariaLabelConfig={{ "node.a11yDescription.default": "Press Enter to choose it, arrows to move it.", "edge.a11yDescription.default": "Press Enter to choose it." }}>
          <Background gap={20} />
          <Controls showInteractive={false} />
          {nodes.length > 12 && <MiniMap pannable ariaLabel="Small map of the process" />}
        </ReactFlow>
        {!nodes.length && <p className="designer-empty">Choose a first node on the left: the process begins with it.</p>}
      </div>
      <div className="designer-side">
        <Inspector paths={paths} chosen={chosen} revision={revision} onSave={save} onChoose={show} />
        <Problems problems={problems} process={process} types={types} onShow={show} />
      </div>
    </div>
  );
}

// What the server says of coverage or changes, asked anew after every change while it is shown.
function useColours(paths, revision, what) {
  const [colours, setColours] = useState(null);
  useEffect(() => {
    let late = false;
    if (!what) setColours(null);
    else
      readColours(paths, what).then(
        (answer) => late || setColours({ ...answer, what }),
        (refusal) => late || setColours({ text: refusal.message }),
      );
    return () => {
      late = true;
    };
  }, [paths, revision, what]);
  return colours;
}

// React Flow tells what is chosen as changes of each element; kept is the list of ids.
function choose(changes, setSelected) {
  const picks = changes.filter((each) => each.type === "select");
  if (!picks.length) return;
  setSelected((before) => {
    const gone = picks.filter((each) => !each.selected).map((each) => each.id);
    const come = picks.filter((each) => each.selected).map((each) => each.id);
    return [...before.filter((id) => !gone.includes(id) && !come.includes(id)), ...come];
  });
}

function isElsewhere(process, change) {
  const before = process.layout?.[change.id];
  return !before || before[0] !== Math.round(change.position.x) || before[1] !== Math.round(change.position.y);
}
