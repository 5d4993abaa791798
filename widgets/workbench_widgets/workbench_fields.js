// Fields of the application: a control with its label, its help, its error and its reason. Joined behind dom.js.
let fieldCount = 0;

/** A field. `control` sends what is typed; what Python says of the field is written under it. */
function fieldOf(key, label, control, help, { hint = null } = {}) {
  const id = `wbf${++fieldCount}`;
  const err = h("div", { className: "wb-err", id: `${id}e`, hidden: true }), why = h("div", { className: "wb-hint", id: `${id}w`, hidden: true });
  control.id = id;
  control.title = help;
  control.setAttribute("aria-describedby", `${id}e ${id}w`);
  const node = h("div", { className: "wb-field", "data-field": key }, h("label", { htmlFor: id, textContent: label, title: help }), control, err, why);
  function mark(fault, reason) {
    put(err, fault ?? "");
    err.hidden = !fault;
    control.setAttribute("aria-invalid", String(!!fault));
    const text = fault ? "" : reason ?? hint ?? "";
    put(why, text);
    why.hidden = !text;
  }
  return { key, node, control, mark, sent: 0 };
}

function selectOf(onchange) { return h("select", { onchange: (e) => onchange(e.target.value) }); }
function inputOf(onchange, more = {}) { return h("input", { type: "text", autocomplete: "off", spellcheck: false, onchange: (e) => onchange(e.target.value), ...more }); }

/** A step of the left column: a heading that folds it to one line. */
function stepOf(n, title, body, onToggle) {
  const id = `wbs${++fieldCount}`;
  const line = h("span", { className: "wb-line-of" }), mark = h("span", { className: "wb-step-mark" }), name = h("b", {}, title);
  const button = h("button", { type: "button", className: "wb-step-head", "aria-controls": id, onclick: () => onToggle(n) }, h("span", { className: "wb-step-n", ariaHidden: "true" }, String(n)), name, mark, line);
  const inner = h("div", { className: "wb-step-body", id }, body.flat());
  const node = h("section", { className: "wb-step" }, h("div", { role: "heading", ariaLevel: "3" }, button), inner);
  return {
    node, button, rename: (text) => put(name, text),
    draw(open, text, wrong, done) {
      button.ariaExpanded = String(open);
      inner.hidden = !open;
      put(line, open ? "" : text);
      line.hidden = open || !text;
      put(mark, wrong ? "!" : done ? "✓" : "");
      set(mark, "title", wrong ? "Something is wrong in this step" : done ? "Done" : "");
      mark.setAttribute("aria-label", wrong ? "something is wrong here" : done ? "done" : "");
      mark.classList.toggle("wb-wrong", wrong);
      node.classList.toggle("wb-open", open);
    },
  };
}

/** Tabs: one in the tab order, arrow keys walk. `list` gives keys; `choose` is called with one. */
function walk(e, keys, now, choose) {
  const i = keys.indexOf(now), next = { ArrowRight: i + 1, ArrowLeft: i - 1 + keys.length, Home: 0, End: keys.length - 1 }[e.key];
  if (next === undefined) return;
  e.preventDefault();
  e.stopPropagation();
  choose(keys[next % keys.length]);
}
