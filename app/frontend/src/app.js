// What every page has: menus, htmx, confirmations, forms that are sent once.
import htmx from "htmx.org";
import Collapse from "@tabler/core/js/src/bootstrap/collapse";
import Dropdown from "@tabler/core/js/src/bootstrap/dropdown";
import Modal from "@tabler/core/js/src/bootstrap/modal";
import { guardForms } from "./forms.js";
import { confirmFirst } from "./confirm.js";

window.htmx = htmx;
htmx.config.includeIndicatorStyles = false; // they are in style.css: inline styles are closed by the CSP
htmx.config.allowEval = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0; // pages with other people's money do not belong in localStorage
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "[23]..", swap: true },
  { code: "4(09|22)", swap: true }, // a refusal that the page explains is an answer, no fault
  { code: "[45]..", swap: true, error: true }, // errors come as a fragment with its own place (HX-Retarget)
];

for (const element of document.querySelectorAll('[data-bs-toggle="dropdown"]')) Dropdown.getOrCreateInstance(element);
for (const element of document.querySelectorAll('[data-bs-toggle="collapse"]')) {
  const target = document.querySelector(element.dataset.bsTarget);
  if (target) Collapse.getOrCreateInstance(target, { toggle: false });
}

guardForms();
confirmFirst(Modal);
