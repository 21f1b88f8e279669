// The inbox: rows that answer in place, keys, and ticking several. Everything works without it, only slower.
const STORED = "vistobueno.keys";
const dialog = document.querySelector("[data-keys]");
const rows = () => [...document.querySelectorAll("[data-ask]")];
const rowOf = (element) => element?.closest?.("[data-ask], [data-answered]");

function focusRow(row) {
  if (!row) return;
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest", behavior: "auto" });
}

function openReason(row) {
  const place = row.querySelector("[data-reason]");
  if (!place) return;
  place.hidden = false;
  place.querySelector("textarea").focus();
}

function closeReason(row) {
  const place = row?.querySelector("[data-reason]");
  if (!place || place.hidden) return false;
  place.hidden = true;
  focusRow(row);
  return true;
}

// --- a touch instead of typing
function fillIn(chip) {
  const text = chip.closest("[data-reasons]").querySelector("textarea");
  const words = chip.textContent.trim();
  text.value = text.value.trim() ? `${text.value.trim().replace(/[.;]$/, "")}. ${words}` : words;
  text.focus();
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const reject = target.closest("[data-reject]");
  if (reject) {
    event.preventDefault();
    openReason(rowOf(reject));
  } else if (target.closest("[data-chip]")) {
    fillIn(target.closest("[data-chip]"));
  } else if (target.closest("[data-cancel]")) {
    closeReason(rowOf(target));
  } else if (target.closest("[data-keys-help]")) {
    dialog?.showModal();
  } else if (target.closest("[data-keys-close]")) {
    dialog?.close();
  }
});

// --- after an answer: the row keeps its height, so that nothing slides under a finger, and the next one gets the focus
let height = 0;
document.addEventListener("htmx:beforeSwap", (event) => {
  const row = rowOf(event.detail.target);
  height = row ? row.getBoundingClientRect().height : 0;
});
// Not earlier: htmx puts the attributes of the new row in order until it has settled.
document.addEventListener("htmx:afterSettle", (event) => {
  const row = event.detail.elt.closest("[data-ask], [data-answered]");
  if (!row) return;
  if ("answered" in row.dataset) {
    row.style.minHeight = `${height}px`;
    focusRow(next(row) ?? previous(row) ?? row);
  } else {
    const problem = row.querySelector('[aria-invalid="true"]');
    if (problem) problem.focus();
    else focusRow(row);
  }
  showPicked();
});

function next(row) {
  return rows().find((other) => row.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
}
function previous(row) {
  return rows()
    .reverse()
    .find((other) => row.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_PRECEDING);
}

// --- several at once
const bar = document.querySelector("[data-several]");
const picks = () => [...document.querySelectorAll("[data-pick]")];
function showPicked() {
  if (!bar) return;
  const picked = picks().filter((box) => box.checked).length;
  bar.classList.toggle("is-shown", picked > 0);
  bar.querySelector("[data-several-count]").textContent = picked ? bar.dataset.words.replace("0", picked) : "";
  bar.querySelector("[data-several-clear]").hidden = picked === 0;
  for (const box of picks()) box.closest("[data-ask]").classList.toggle("is-picked", box.checked);
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-pick]")) showPicked();
});
bar?.addEventListener("reset", () => setTimeout(showPicked));
if (bar) {
  bar.classList.add("is-live");
  window.addEventListener("pageshow", showPicked);
}

// --- keys
const keysSwitch = document.querySelector("[data-keys-on]");
const keysAreOn = () => {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true; // no storage, no choice kept: they are on
  }
};
if (keysSwitch) {
  keysSwitch.checked = keysAreOn();
  keysSwitch.addEventListener("change", () => {
    try {
      localStorage.setItem(STORED, keysSwitch.checked ? "on" : "off");
    } catch {
      keysSwitch.checked = true;
    }
  });
}

const typing = (element) => element.matches("input:not([type=checkbox]), textarea, select, [contenteditable]");

function act(key, row) {
  switch (key) {
    case "j":
      return focusRow(row ? (next(row) ?? row) : rows()[0]);
    case "k":
      return focusRow(row ? (previous(row) ?? row) : rows()[0]);
    case "a":
      return row?.querySelector("[data-approve]")?.click();
    case "r":
      return row && openReason(row);
    case "x":
      return row?.querySelector("[data-pick]")?.click();
    case "?":
      return dialog?.showModal();
    case "Enter":
      if (document.activeElement !== row) return undefined; // on a button or link Enter does what it always does
      return row?.querySelector("[data-open]")?.click();
    default:
      return undefined;
  }
}

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (dialog?.open || event.isComposing) return;
  const row = rowOf(document.activeElement);
  if (key === "Escape") {
    if (!closeReason(row)) bar?.reset();
    return;
  }
  if (key === "Enter" && (event.ctrlKey || event.metaKey) && target.matches("textarea")) {
    row?.querySelector("[data-reject-send]")?.click();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing(target) || !keysAreOn()) return;
  if (!rows().length && key !== "?") return;
  if ("jkarx?".includes(key) || (key === "Enter" && target === row)) {
    event.preventDefault();
    act(key, row);
  }
});
