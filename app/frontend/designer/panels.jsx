// What stands around the canvas: palette with search, problems, the form of what is chosen.
import { memo, useEffect, useMemo, useRef, useState } from "react";
import { inspector } from "./server.js";
import { Icon } from "./step.jsx";
import { titleOf } from "./graph.js";

export const Palette = memo(function Palette({ types, onAdd, search }) {
  const [words, setWords] = useState("");
  const shown = Object.entries(types).filter(([, kind]) => kind.title.toLowerCase().includes(words.toLowerCase()));
  return (
    <section className="palette" aria-label="Types of nodes">
      <input ref={search} className="form-control form-control-sm" type="search" placeholder="Add a node (A)" aria-label="Search a type of node to add" value={words} onChange={(event) => setWords(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && shown.length) {
            onAdd(shown[0][0]);
            setWords("");
          }
        }} />
      <ul>
        {shown.map(([key, kind]) => (
          <li key={key}>
            <button type="button" draggable onDragStart={(event) => event.dataTransfer.setData("text/node-type", key)} onClick={() => onAdd(key)}>
              <Icon name={key} />
              {kind.title}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
});

export function Find({ process, types, onFound, field }) {
  const [words, setWords] = useState("");
  const found = words ? (process.nodes ?? []).filter((node) => `${titleOf(node, types)} ${node.id} ${JSON.stringify(node.config ?? {})}`.toLowerCase().includes(words.toLowerCase())) : [];
  return (
    <div className="find">
      <input ref={field} className="form-control form-control-sm" type="search" placeholder="Find (/)" aria-label="Find a node" value={words} onChange={(event) => setWords(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && found.length) onFound(found[0].id);
        }} />
      {words && (
        <ul aria-label="Found nodes">
          {found.slice(0, 8).map((node) => (
            <li key={node.id}>
              <button type="button" onClick={() => { onFound(node.id); setWords(""); }}>
                <Icon name={node.type} />
                {titleOf(node, types)}
              </button>
            </li>
          ))}
          {!found.length && <li className="nothing">Nothing found</li>}
        </ul>
      )}
    </div>
  );
}

export const Problems = memo(function Problems({ problems, process, types, onShow }) {
  const errors = problems.filter((each) => each.severity === "error").length;
  const nodes = useMemo(() => new Map(process.nodes?.map((node) => [node.id, node])), [process]);
  const name = (each) => (nodes.has(each.node) ? titleOf(nodes.get(each.node), types) : each.edge);
  return (
    <section className="problems" aria-label="Problems">
      <h2>
        Problems <span className={`status status-${errors ? "no" : problems.length ? "wait" : "ok"}`} role="status">{errors ? `${errors} ${errors > 1 ? "errors" : "error"}` : problems.length ? "only warnings" : "none"}</span>
      </h2>
      <ul>
        {problems.map((each, number) => (
          <li key={`${each.code} ${each.node} ${each.edge} ${each.field} ${number}`}>
            <button type="button" className={`is-${each.severity}`} onClick={() => (each.node || each.edge) && onShow(each.node || each.edge)}>
              {name(each) && <strong>{name(each)}: </strong>}
              {each.message} <span className="hint">{each.hint}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
});

// The server makes the form, the same as in the outline; what is typed is saved when a field is left.
export const Inspector = memo(function Inspector({ paths, chosen, revision, onSave, onChoose }) {
  const [page, setPage] = useState("");
  const place = useRef(null);
  const key = JSON.stringify(chosen);
  const shown = useRef(key);
  useEffect(() => {
    let late = false;
    if (shown.current !== key) setPage(""); // nobody shall type into the form of what was chosen before
    shown.current = key;
    inspector(paths, JSON.parse(key)).then((text) => {
      if (!late) setPage(text);
    });
    return () => {
      late = true;
    };
  }, [paths, key, revision]);
  useEffect(() => {
    const box = place.current;
    const active = box.contains(document.activeElement) ? document.activeElement : null;
    if (page && active && isTouched(active) && !active.form?.dataset.sent) return; // what is being typed stays
    const focused = active?.name ?? "";
    box.innerHTML = page;
    if (focused) box.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
  }, [page]);
  return (
    <section className="inspector" aria-label="What is chosen" ref={place}
      onSubmit={(event) => {
        event.preventDefault();
        event.target.dataset.sent = "yes"; // the answer replaces the form, and the field that loses the focus is not sent again
        onSave(event.target, event.nativeEvent.submitter);
      }}
      onInput={(event) => {
        if (event.target.form) delete event.target.form.dataset.sent;
      }}
      onBlur={(event) => {
        const form = event.target.form;
        if (form && !form.dataset.sent && /^save_/.test(form.dataset.do) && isTouched(event.target)) {
          form.dataset.sent = "yes";
          onSave(form);
        }
      }}
      onClick={(event) => {
        const edge = event.target.closest("[data-edge]");
        if (edge) {
          event.preventDefault();
          onChoose(edge.dataset.edge);
        }
      }} />
  );
});

function isTouched(field) {
  if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected);
  if (field.type === "checkbox") return field.checked !== field.defaultChecked;
  return "defaultValue" in field && field.value !== field.defaultValue;
}
