// What the canvas asks the server: it applies every change, judges the graph and gives back what undoes it.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? "The server does not answer.");
    this.status = status;
    this.fields = problem.problems ?? {};
  }
}

const token = () => document.querySelector("#canvas-token input").value;

async function ask(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { ...options, headers: { Accept: "application/json", "X-CSRFToken": token(), ...options.headers } });
  } catch {
    throw new Refused(0, { detail: "The server cannot be reached. What you drew is kept here; try again." });
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

export const read = (paths) => ask(paths.draft);

// What else the canvas can colour: `coverage` or `changes`.
export const readColours = (paths, what) => ask(paths[what]);

export const send = (paths, revision, operations) =>
  ask(paths.edit, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ revision, operations }),
  });

// A form of the inspector says what it means to the server, which answers with the operations.
export function sendForm(paths, revision, form, button) {
  const data = new FormData(form, button);
  data.set("revision", revision);
  return ask(paths.edit, { method: "POST", body: new URLSearchParams(data) });
}

export async function inspector(paths, what) {
  const answer = await fetch(`${paths.inspect}?${new URLSearchParams(what)}`, { headers: { "HX-Request": "true" } });
  return answer.ok ? answer.text() : "";
}
