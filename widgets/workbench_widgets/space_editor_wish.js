// While a run has trials: the bar that says what of the drawn space needs a run of its own, and asks for that run.
// `editor` is the Editor of space_editor.js.

const WISH = "This needs a new run, which imports the trials that still fit";
const LATE_MS = 900; // then the kernel is busy

function wishOf(editor) {
  const { model } = editor, node = h("div", { className: "wbs-wish", hidden: true, role: "group", "aria-label": "A new run" });
  let shown = null, said = false, timer = null;
  const bar = { node, draw, heard, close: () => clearTimeout(timer), asked: false, late: false };
  return bar;

  /** What of the draft the run cannot take, in words. */
  function reasons() { return model.get("locked") && !editor.frozen ? needsRun(model.get("base"), editor.draft) : []; }

  function draw() {
    const why = reasons(), ready = !editor.problems && editor.params.length > 0, offers = model.get("offers_child"), now = JSON.stringify([why, offers, ready, bar.asked]);
    node.hidden = !why.length;
    if (now === shown) return;
    shown = now;
    const at = editor.box.getRootNode().activeElement, held = node.contains(at) ? at.dataset.key : null;
    const more = why.length > 3 ? `, and ${why.length - 3} more` : "";
    const make = offers ? button("Make child run", {
      className: "wbs-go", "data-key": "child|", disabled: !ready || bar.asked, onclick: ask, title: ready ? "A new run in this space; the present one stays" : "The space is not valid yet, or empty",
    }) : null;
    node.replaceChildren(h("span", {}, `${WISH}: ${why.slice(0, 3).join(", ")}${more}.`), ...[make].filter(Boolean),
      button("Take back", { "data-key": "takeback|", title: "Show the space of the run again", onclick: takeBack }));
    if (held) [...node.querySelectorAll("button")].find((e) => e.dataset.key === held && !e.disabled)?.focus();
    if (why.length && !said) editor.say(WISH);
    said = why.length > 0;
  }
  function ask() {
    bar.asked = true; // until Python has heard of it
    model.send({ cmd: "child" });
    editor.say("Asked for a child run");
    timer = setTimeout(() => { bar.late = bar.asked; editor.status(); }, LATE_MS);
    editor.draw(true);
  }
  function heard(message) {
    if (message?.cmd !== "child") return;
    clearTimeout(timer);
    bar.asked = bar.late = false;
    editor.draw(true);
  }
  /** Show the run's space; of what is believed, what fits it stays. */
  function takeBack() {
    const base = model.get("base"), named = new Map(paramsOf(base).map((p) => [p.name, p])), { prior } = editor.draft;
    const fitting = ([name, things]) => (named.has(name) ? [name, things.filter((t) => !thingFault(named.get(name), t))] : null);
    editor.texts.clear(); editor.refused.clear();
    editor.commit(mapPrior({ ...base, ...(prior ? { prior } : {}) }, fitting), "Back to the space of the run");
  }
}
