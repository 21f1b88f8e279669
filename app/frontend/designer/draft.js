// The draft as the server has it: one change after the other, undo and redo, and what to do when somebody was quicker.
import { useCallback, useRef, useState } from "react";
import { read, send, sendForm } from "./server.js";

export function useDraft(given) {
  const [draft, setDraft] = useState(given);
  const [stand, setStand] = useState({ tone: "ok", text: given.revision ? "Saved" : "Not changed yet" });
  const [conflict, setConflict] = useState(null);
  const [depth, setDepth] = useState([0, 0]);
  const now = useRef({ draft: given, undo: [], redo: [], queue: Promise.resolve() });

  const take = useCallback((answer) => {
    now.current.draft = answer;
    setDraft(answer);
    setDepth([now.current.undo.length, now.current.redo.length]);
  }, []);

  const tell = useCallback(
    async (call, then, waiting) => {
      setStand({ tone: "move", text: "Saving…" });
      try {
        const answer = await call();
        then(answer);
        take(answer);
        setConflict(null);
        setStand({ tone: "ok", text: "Saved" });
        return true;
      } catch (refusal) {
        const fields = Object.entries(refusal.fields ?? {}).map(([name, said]) => `${name}: ${said}`);
        setStand({ tone: "no", text: [refusal.message, ...fields].join(" ") });
        if (refusal.status === 409 || refusal.status === 0) setConflict({ said: refusal.message, waiting, gone: refusal.status === 0 });
        return false;
      }
    },
    [take],
  );

  // Changes wait for each other, so that each names the revision that the one before it made.
  const inTurn = useCallback((work) => {
    const next = now.current.queue.then(work);
    now.current.queue = next.catch(() => false);
    return next;
  }, []);

  const noted = useCallback((answer) => {
    if (answer.back.length) {
      now.current.undo.push(answer.back);
      now.current.redo = [];
    }
  }, []);

  const apply = useCallback(
    (operations) => {
      if (!operations.length) return Promise.resolve(true);
      return inTurn(() => tell(() => send(given.paths, now.current.draft.revision, operations), noted, { operations }));
    },
    [given.paths, inTurn, noted, tell],
  );

  const applyForm = useCallback(
    (form, button) => inTurn(() => tell(() => sendForm(given.paths, now.current.draft.revision, form, button), noted, { form, button })),
    [given.paths, inTurn, noted, tell],
  );

  const move = useCallback(
    (from, to) =>
      inTurn(() => {
        const operations = now.current[from].at(-1);
        if (!operations) return true;
        return tell(
          () => send(given.paths, now.current.draft.revision, operations),
          (answer) => {
            now.current[from].pop();
            now.current[to].push(answer.back);
          },
          { operations },
        );
      }),
    [given.paths, inTurn, tell],
  );

  // Somebody else saved: show theirs, and put on top of it what was not saved, or leave it.
  const settle = useCallback(
    async (keepMine) => {
      const waiting = conflict?.waiting;
      try {
        take(await read(given.paths));
      } catch (refusal) {
        setStand({ tone: "no", text: refusal.message });
        return;
      }
      setConflict(null);
      setStand({ tone: "ok", text: "You see the newest draft" });
      if (keepMine && waiting?.operations) await apply(waiting.operations);
      if (keepMine && waiting?.form) await applyForm(waiting.form, waiting.button);
    },
    [apply, applyForm, conflict, given.paths, take],
  );

  return { draft, stand, conflict, depth, apply, applyForm, settle, undo: () => move("undo", "redo"), redo: () => move("redo", "undo") };
}
