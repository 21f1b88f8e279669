// A part of a page that is fetched again and again: only what differs is touched, so that nothing flickers, the focus
// stays, an opened fold stays open, and what somebody types ([data-keep]) is theirs.
import { Idiomorph } from "idiomorph/dist/idiomorph.esm.js";

// Nobody looks, or somebody wants it to stand still.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.elt.matches("[data-live]")) return;
  if (document.hidden || document.querySelector("[data-follow]")?.checked === false) event.preventDefault();
});

const isKept = (node) => node instanceof Element && node.matches("[data-keep], [data-chart]");

window.htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap(style, target, fragment) {
    if (style !== "morph") return false;
    return Idiomorph.morph(target, fragment.childNodes, {
      morphStyle: "innerHTML",
      callbacks: {
        beforeNodeMorphed: (old) => !isKept(old),
        beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches("details")),
      },
    });
  },
});
