"""The colours of a drawn process, for a file that stands alone and, the same, for our pages. Draws nothing."""

from __future__ import annotations

from typing import Final

#: The rules of app/frontend/src/drawing.css, letter by letter: a test compares the two.
STYLE: Final = """\
.process-drawing {
  max-width: 100%;
  height: auto;
  font-family: inherit;
}
.process-drawing text {
  fill: var(--tblr-body-color, #1f2937);
  font-size: 14px;
}
.process-drawing .node-box {
  fill: var(--tblr-bg-surface, #ffffff);
  stroke: var(--vb-edge, #8b958f);
  stroke-width: 1.5;
}
.process-drawing .node-title {
  font-weight: 600;
}
.process-drawing .node-kind,
.process-drawing .edge-word {
  fill: var(--vb-quiet, #5b645f);
  font-size: 12px;
}
.process-drawing .edge-word {
  paint-order: stroke;
  stroke: var(--tblr-bg-surface, #ffffff);
  stroke-width: 5px;
}
.process-drawing .way {
  fill: none;
  stroke: var(--vb-edge, #8b958f);
  stroke-width: 1.5;
}
.process-drawing .head,
.process-drawing .dot {
  fill: var(--vb-edge, #8b958f);
}
.process-drawing .is-aside .way,
.process-drawing .is-dead .way,
.process-drawing .is-removed .way,
.process-drawing .is-skipped .node-box,
.process-drawing .is-removed .node-box {
  stroke-dasharray: 6 4;
}
.process-drawing .is-skipped,
.process-drawing .is-dead,
.process-drawing .is-cancelled {
  opacity: 0.6;
}
.process-drawing .node-mark {
  font-weight: 700;
  text-anchor: middle;
}
.process-drawing .is-completed .node-box,
.process-drawing .is-added .node-box,
.process-drawing .is-live .way,
.process-drawing .is-added .way {
  stroke: var(--vb-ok, #15803d);
  stroke-width: 2.5;
}
.process-drawing .is-completed .node-mark,
.process-drawing .is-added .node-mark,
.process-drawing .is-live .head,
.process-drawing .is-added .head {
  fill: var(--vb-ok, #15803d);
}
.process-drawing .is-running .node-box,
.process-drawing .is-ready .node-box,
.process-drawing .is-awaited .node-box {
  stroke: var(--vb-move, #1d4ed8);
  stroke-width: 3;
}
.process-drawing .is-running .node-mark,
.process-drawing .is-ready .node-mark,
.process-drawing .is-awaited .node-mark {
  fill: var(--vb-move, #1d4ed8);
}
.process-drawing .is-failed .node-box,
.process-drawing .is-incident .node-box,
.process-drawing .is-removed .node-box,
.process-drawing .is-removed .way {
  stroke: var(--vb-no, #b91c1c);
  stroke-width: 2.5;
}
.process-drawing .is-failed .node-mark,
.process-drawing .is-incident .node-mark,
.process-drawing .is-removed .node-mark,
.process-drawing .is-removed .head {
  fill: var(--vb-no, #b91c1c);
}
.process-drawing .is-changed .node-box,
.process-drawing .is-changed .way,
.process-drawing .is-uncovered .way {
  stroke: var(--vb-wait, #b45309);
  stroke-width: 2.5;
}
.process-drawing .is-changed .node-mark,
.process-drawing .is-changed .head,
.process-drawing .is-uncovered .head {
  fill: var(--vb-wait, #b45309);
}
"""
#: What a file adds: the colours of its own, light and dark.
ALONE: Final = """\
svg { font-family: system-ui, sans-serif; background: #ffffff; }
@media (prefers-color-scheme: dark) {
  svg {
    background: #111827;
    --tblr-body-color: #e5e7eb; --tblr-bg-surface: #1f2937; --vb-quiet: #9ca3af; --vb-edge: #8b958f;
    --vb-ok: #4ade80; --vb-no: #f87171; --vb-move: #60a5fa; --vb-wait: #fbbf24;
  }
}
"""
