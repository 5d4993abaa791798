// The visual space editor: one card per parameter. Plain ES module, joined behind the other space_editor_*.js files.
// `draft` is all that the user has on screen, valid or not; Python answers with `errors` for the draft of `revision`.

const KINDS = [["float", "Float", "a real number"], ["int", "Int", "a whole number"], ["choice", "Choice", "one of several options"]];
const HEARD = ["draft", "errors", "doubts", "checked", "code", "editable", "locked", "base", "offers_child", "prior_note"];
const HINTS = {
  log: "Uniform in the logarithm: for values that span powers of ten", ordered: "The options stand in a meaningful order: small, medium, large",
  low: "Lowest value", high: "Highest value", step: "Only every step-th value counts from the lowest one", default: "Where to begin; empty: the middle",
};
let views = 0;

class Editor {
  constructor(model, el) {
    Object.assign(this, { model, el, id: `wbse${++views}`, past: [], future: [], last: {}, drawn: "", pair: null });
    this.texts = new Map(); // typed but not taken over: data-key -> text
    this.refused = new Map(); // why it was not: data-key -> message
    this.touched = new Set(); // parameters with a box that was typed in since it was drawn
    this.axes = new Map(); this.memory = new Map(); this.open = new Map(); // by parameter
    this.frame();
    this.heard = () => { if (!this.mine) this.draw(); };
    for (const name of HEARD) model.on(`change:${name}`, this.heard);
    this.told = (message) => { this.wish.heard(message); this.paste.heard(message); };
    model.on("msg:custom", this.told);
    this.draw();
  }

  get draft() { return this.model.get("draft"); }
  get params() { return paramsOf(this.draft); }
  get frozen() { return !this.model.get("editable"); }
  get frozenWhy() { return "This space is shown read-only."; }

  // ---- changes -----------------------------------------------------------------------------------------------------

  /** Take a new draft. Quick changes with the same key (a held arrow key) are one step of undo. */
  commit(next, say, { key = null, focus = null, notice = "" } = {}) {
    if (this.frozen || same(next, this.draft)) { this.draw(true, focus); return; }
    const now = Date.now();
    if (!(key && this.last.key === key && now - this.last.at < 1000)) this.past.push(this.draft);
    if (this.past.length > 300) this.past.shift();
    this.last = { key, at: now }; this.future = []; this.notice = notice;
    this.put(next, say, focus);
  }

  put(next, say, focus) {
    this.mine = true;
    this.model.set("draft", next);
    this.model.set("revision", this.model.get("revision") + 1);
    this.mine = false;
    this.model.save_changes();
    this.sentAt = Date.now();
    this.say(say);
    this.draw(true, focus);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.status(), 900); // then say that the kernel is busy
  }

  undo(from = this.past, to = this.future, word = "Undone") {
    if (this.frozen) return;
    if (!from.length) { this.say("Nothing left"); return; }
    to.push(this.draft);
    this.last = {}; this.notice = "";
    this.texts.clear(); this.refused.clear();
    this.put(from.pop(), word);
  }
  redo() { this.undo(this.future, this.past, "Redone"); }

  patch(i, change, say, more) { this.commit(patched(this.draft, i, change), say, more); }

  say(text) { if (text) this.live.textContent = text; }

  setWhen(i, when, say, more) {
    this.patch(i, { when: Object.keys(when).length ? when : undefined }, say, more);
  }

  /** Make a parameter active only for these values of another one (null: always). */
  nest(i, parent, values, focus) {
    const { name } = this.params[i];
    if (parent === null) this.setWhen(i, {}, `${name} is always active`, { focus });
    else if (parent === name || dependents(this.draft, name).has(parent)) this.say("A parameter cannot depend on itself.");
    else this.setWhen(i, { [parent]: values }, `${name} is active only when ${parent} is ${list(values.map(show))}`, { focus });
  }

  rename(i, text) {
    const name = text.trim(), old = this.params[i].name;
    if (name === old) return null;
    if (!name) return "A parameter needs a name.";
    if (this.params.some((p) => p.name === name)) return `names must be unique, got ${repr(name)} twice.`;
    for (const m of [this.axes, this.memory, this.open]) if (m.has(old)) { m.set(name, m.get(old)); m.delete(old); }
    this.commit(renameParam(this.draft, i, name), `${old} is now called ${name}`);
    return null;
  }

  remove(i) {
    const { name } = this.params[i], [next, gone] = dropParam(this.draft, i);
    const under = gone.filter((n) => n !== name), also = under.length ? `, and with it ${under.join(", ")}` : "";
    this.commit(next, `${name} deleted`, { focus: "new|", notice: `Deleted ${name}${also}.` });
  }

  add(type, text) {
    const name = text.trim(), focus = `${type === "choice" ? "option:" : "low"}|${name}`;
    const fresh = { float: { low: 0, high: 1 }, int: { low: 1, high: 10 }, choice: { options: ["a", "b"] } }[type];
    if (!name) return "Type a name first.";
    if (this.params.some((p) => p.name === name)) return `names must be unique, got ${repr(name)} twice.`;
    this.texts.delete("new|");
    this.commit(withParams(this.draft, [...this.params, { name, type, ...fresh }]), `${name} added`, { focus });
    return null;
  }

  retype(i, type) {
    const p = this.params[i], memory = this.memory.get(p.name) ?? new Map();
    this.memory.set(p.name, memory.set(p.type, p)); this.axes.delete(p.name);
    for (const field of ["low", "high", "step", "default"]) this.texts.delete(`${field}|${p.name}`);
    const next = retyped(p, type, memory), draft = withParams(this.draft, this.params.map((q, k) => (k === i ? next : q)));
    const fits = (thing) => !thingFault(next, thing); // of what is believed, what the new type can have
    this.commit(mapPrior(draft, ([n, things]) => [n, n === p.name ? things.filter(fits) : things]), `${p.name} is now a ${type}`);
  }

  // ---- the frame: made once ----------------------------------------------------------------------------------------

  frame() {
    const icon = (text, title, onclick) => button(text, { className: "wbs-icon", title, "aria-label": title, onclick });
    this.live = h("div", { className: "wbs-sr", role: "status", "aria-live": "polite" });
    this.summary = h("span", { className: "wbs-summary" });
    this.state = h("span", { className: "wbs-state" });
    this.undoButton = icon("↶", "Undo (Ctrl+Z)", () => this.undo());
    this.redoButton = icon("↷", "Redo (Ctrl+Shift+Z)", () => this.redo());
    const turn = (text, title, onclick, more = {}) => button(text, { className: "wbs-quiet", title, "aria-expanded": "false", onclick, ...more });
    this.pasteButton = turn("Paste", "Show a space from JSON or Python code (or Ctrl+V, or drop a .json file)", () => this.paste.toggle());
    this.codeButton = turn("Code", "This space as Python code and as JSON, to copy", () => this.code.toggle());
    this.previewButton = turn("Preview", "Configurations drawn from this space", () => this.togglePreview(), { "aria-expanded": "true" });
    this.helpButton = turn("?", "Keys (?)", () => this.toggleHelp(), { "aria-label": "Help: keys" });
    this.noticeBar = h("span", { className: "wbs-notice", hidden: true });
    this.root = h("div", { className: "wbs-root", "data-drop": "root" });
    this.keys = helpOf();
    this.wish = wishOf(this);
    this.paste = pasteOf(this);
    this.code = codeOf(this);
    this.pictures = previewOf(this);
    const top = h("div", { className: "wbs-top" }, this.summary, this.state, this.noticeBar,
      h("span", { className: "wbs-right" }, this.undoButton, this.redoButton, this.pasteButton, this.codeButton, this.previewButton, this.helpButton));
    const about = { className: "wbs", role: "group", "aria-label": "Search space", "data-lm-suppress-shortcuts": "true" };
    this.box = h("div", { ...about, onkeydown: (e) => this.key(e) }, top, this.keys, this.wish.node, this.paste.node, this.code.node, this.root, this.pictures.node, this.live);
    listenToClipboard(this, this.paste);
    // a redraw between press and release would swallow the click: hold it back (a select keeps its own release)
    this.box.addEventListener("pointerdown", (e) => { this.held = !e.target.closest("select, .wbs-knob, .wbs-grip"); }, true);
    this.release = () => setTimeout(() => {
      this.held = false;
      if (this.owed) this.draw(true);
    });
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, this.release, true);
    this.el.append(this.box);
  }

  close() {
    for (const name of HEARD) this.model.off(`change:${name}`, this.heard);
    for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, this.release, true);
    this.model.off("msg:custom", this.told);
    clearTimeout(this.waiting);
    for (const part of [this.wish, this.paste, this.pictures]) part.close();
  }

  /** Keys belong to the editor while it has the focus: JupyterLab must not see them as commands. */
  key(e) {
    e.stopPropagation();
    if (e.key === "?" && !e.target.closest("input[type=text], textarea")) { e.preventDefault(); this.toggleHelp(); return; }
    if (!(e.ctrlKey || e.metaKey) || e.altKey || !["z", "y"].includes(e.key.toLowerCase())) return;
    if (this.texts.has(e.target.dataset?.key) || e.target.tagName === "TEXTAREA") return; // the box's own undo first
    e.preventDefault();
    if (e.key.toLowerCase() === "y" || e.shiftKey) this.redo(); else this.undo();
  }

  togglePreview() {
    this.pictures.node.hidden = !this.pictures.node.hidden;
    this.previewButton.setAttribute("aria-expanded", String(!this.pictures.node.hidden));
    this.pictures.draw();
  }

  toggleHelp() {
    this.keys.hidden = !this.keys.hidden;
    this.helpButton.setAttribute("aria-expanded", String(!this.keys.hidden));
  }

  // ---- drawing -----------------------------------------------------------------------------------------------------

  /** Redraw when what is shown differs, and give focus and caret back: the kernel's echo must not take them. */
  draw(force = false, focus = null) {
    const { model } = this;
    const shown = JSON.stringify([this.draft, this.server(), model.get("doubts"), this.frozen, model.get("locked"), model.get("base"), model.get("code"), model.get("offers_child"), model.get("prior_note"), this.answered()]);
    if (focus) this.wanted = focus;
    if (!force && shown === this.drawn) { this.status(); return; }
    if (this.dragging || this.held) { this.owed = true; return; }
    this.drawn = shown; this.owed = false;
    const at = this.box.getRootNode().activeElement, mine = this.root.contains(at);
    const key = this.wanted ?? (mine ? at.dataset.key : null);
    const caret = mine && key === at.dataset.key && at.type === "text" ? [at.selectionStart, at.selectionEnd] : null;
    this.wanted = null;
    this.local = check(this.draft); this.places = places(this.draft); this.doubted = doubtsOf(this.draft, this.local);
    this.problems = Object.keys(this.local).length + Object.keys(this.server()).length;
    this.drawing = true; // taking the focused box away blurs it
    this.build();
    this.drawing = false;
    if (key) this.focus(key, caret, Boolean(focus));
    this.status();
    for (const part of [this.code, this.wish, this.pictures]) part.draw();
  }

  /** Make what differs: all cards where their order or nesting changed, else the bodies that show something else. */
  build() {
    const below = (p, i) => [p.name, p.type, this.places[i], own(p.when, this.places[i])];
    const layout = JSON.stringify([this.frozen, this.params.map(below)]), before = this.bodies ?? [];
    const others = JSON.stringify(this.params.map((p) => (canBeParent(p) ? p : [p.name, p.when])));
    const looks = this.params.map((p) => JSON.stringify([p, thingsOf(this.draft, p.name), this.errorsOf(p), this.isOpen(p) && others])); // what the bodies show
    if (layout === this.layout) {
      this.params.forEach((p, i) => {
        if (looks[i] === this.looks[i] && !this.touched.has(p.name)) return;
        before[i].replaceWith(this.bodies[i] = this.body(i));
      });
      this.tail.replaceWith(this.tail = this.foot());
    } else {
      this.bodies = [];
      this.tail = this.foot();
      this.root.replaceChildren(this.list(), this.tail);
    }
    Object.assign(this, { layout, looks });
    this.touched.clear();
  }

  isOpen(p) {
    const said = thingsOf(this.draft, p.name).length > 0, errors = this.errorsOf(p);
    const unusual = p.step != null || (p.default != null && p.type === "choice") || whenOf(p).length > 1 || (said && p.type === "choice");
    return this.open.get(p.name) ?? (unusual || ["step", "default", "when", "prior"].some((f) => own(errors, f) !== undefined));
  }

  list() {
    const top = this.params.map((_, i) => i).filter((i) => this.places[i] === null);
    const help = this.frozen ? "No parameter."
      : "No parameter yet. Name the first one and say what it is: a real number, a whole number, or a choice.";
    return h("div", { className: "wbs-list", role: "list", "aria-label": "Parameters" }, top.map((i) => this.card(i)),
      this.params.length ? null : h("p", { className: "wbs-empty" }, help));
  }

  foot() {
    const note = priorOf(this.draft).length ? h("div", { className: "wbs-priornote" }, h("b", {}, "Prior. "), this.model.get("prior_note")) : null;
    return h("div", {}, this.frozen ? null : this.adder(), forbidden(this), note);
  }

  focus(key, caret, fresh) {
    const to = [...this.box.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key);
    to?.focus({ preventScroll: !fresh });
    if (caret && to?.setSelectionRange) to.setSelectionRange(...caret);
    else if (fresh && to?.select) to.select();
  }

  answered() { return this.model.get("checked") === this.model.get("revision"); }
  server() { return this.answered() ? this.model.get("errors") ?? {} : {}; }
  doubts() { return { ...this.doubted, ...(this.answered() ? this.model.get("doubts") : {}) }; }

  /** The line on top: how large the space is, whether it is valid, what can be undone. */
  status() {
    const late = !this.answered() && Date.now() - this.sentAt > 800;
    if (this.summed !== this.draft) this.summary.textContent = summary(this.draft, Object.keys(this.local).length === 0);
    this.summed = this.draft;
    this.state.textContent = this.problems ? "✗ not valid yet; the last valid space is used"
      : this.wish.late ? "… the kernel is busy; your child run is waiting"
      : late ? "… the kernel is busy; your edit is waiting. Drawing and undo go on" : "";
    this.state.classList.toggle("wbs-wrong", Boolean(this.problems));
    this.undoButton.disabled = !this.past.length; this.redoButton.disabled = !this.future.length;
    this.undoButton.hidden = this.redoButton.hidden = this.frozen;
    this.pasteButton.hidden = this.frozen;
    this.noticeBar.hidden = !this.notice;
    if (this.notice) this.noticeBar.replaceChildren(this.notice, button("Undo", { onclick: () => this.undo() }));
  }

  errorsOf(p) {
    const refused = [...this.refused].map(([key, message]) => [key.split("|")[0].split(":"), key.slice(key.indexOf("|") + 1), message]);
    const mine = refused.filter(([, name]) => name === p.name).map(([[kind], , m]) => [kind === "option" ? "options" : /^prior/.test(kind) ? "prior" : kind, m]);
    const doubt = own(this.doubts(), p.name), prior = doubt === undefined ? {} : { prior: `${doubt} It is left out until it fits.` };
    return { ...own(this.local, p.name), ...own(this.server(), p.name), ...prior, ...Object.fromEntries(mine) };
  }

  /** Put the messages of one card beside their fields. */
  mark(body, errors) {
    const near = { low: "range", high: "range", log: "range", type: "range" };
    for (const slot of body.querySelectorAll("[data-slot]")) {
      const found = Object.entries(errors).filter(([f]) => (near[f] ?? f) === slot.dataset.slot).map(([, m]) => m);
      slot.textContent = found.join(" ");
      slot.hidden = !found.length;
    }
    for (const e of body.querySelectorAll("[data-field]")) {
      const { field } = e.dataset, both = field === "low" || field === "high";
      e.setAttribute("aria-invalid", String(Boolean(own(errors, field) ?? (both && own(errors, "range")))));
    }
    body.classList.toggle("wbs-bad", Object.keys(errors).length > 0);
  }

  slot(i, name) {
    return h("div", { className: "wbs-err", "data-slot": name, id: `${this.id}-${i}-${name}`, hidden: true });
  }

  /** A text box. `take(text)` takes the text over, or returns why not: then the text stays, marked, with the reason. */
  text(key, value, label, take, { field, placeholder = "", className = "", off = false, preview, describedby, title = "" } = {}) {
    const input = h("input", {
      type: "text", className, value: this.texts.get(key) ?? value, placeholder, readOnly: off, title: off ? this.frozenWhy : title,
      spellcheck: false, autocomplete: "off", "data-key": key, "data-field": field, "aria-label": label, "aria-describedby": describedby,
    });
    const done = () => {
      if (!this.texts.has(key)) return;
      const text = this.texts.get(key);
      this.texts.delete(key); this.refused.delete(key);
      const refusal = text === value ? null : take(text);
      if (refusal) { this.texts.set(key, text); this.refused.set(key, refusal); this.say(refusal); }
      if (refusal || text === value) this.draw(true);
    };
    input.addEventListener("input", () => {
      this.texts.set(key, input.value);
      this.refused.delete(key);
      this.touched.add(key.slice(key.indexOf("|") + 1));
      preview?.(input.value);
    });
    if (!take) return input;
    input.addEventListener("blur", () => { if (!this.drawing) setTimeout(done); }); // the next field gets the focus first
    input.addEventListener("keydown", (e) => {
      if (e.key === "Enter") { e.preventDefault(); done(); }
      if (e.key === "Escape") { this.texts.delete(key); this.refused.delete(key); input.value = value; this.draw(true); }
    });
    return input;
  }

  select(key, value, label, options, pick, { field, off = this.frozen, title = label } = {}) {
    const about = { "data-key": key, "data-field": field, "aria-label": label, disabled: off, title: off ? this.frozenWhy : title };
    return h("select", { ...about, onchange: (e) => pick(e.target.value) },
      options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
  }

  tick(p, i, field) {
    const off = this.frozen, { name } = p;
    const set = (e) => this.patch(i, { [field]: e.target.checked || undefined }, `${name} ${field} ${e.target.checked ? "on" : "off"}`);
    const box = h("input", {
      type: "checkbox", checked: Boolean(p[field]), disabled: off, "data-key": `${field}|${name}`, "data-field": field,
      "aria-label": `${field} for ${name}`, onchange: set,
    });
    return h("label", { className: "wbs-check", title: off ? this.frozenWhy : HINTS[field] }, box, field);
  }

  card(i) {
    const p = this.params[i], { name } = p;
    this.bodies[i] = this.body(i);
    const about = { role: "listitem", "aria-label": `Parameter ${name}`, "data-name": name, "data-drop": "card", "data-i": String(i) };
    return h("div", { className: `wbs-card wbs-${p.type}`, ...about }, this.bodies[i], this.branches(p));
  }

  body(i) {
    const p = this.params[i], { name } = p, choice = p.type === "choice", open = this.isOpen(p);
    const title = this.text(`name|${name}`, String(name), `Name of ${name}`, (t) => this.rename(i, t),
      { field: "name", className: "wbs-name", off: this.frozen, title: "Its name in each configuration" });
    const type = this.select(`type|${name}`, p.type, `Type of ${name}`, KINDS, (v) => this.retype(i, v), { field: "type" });
    const body = h("div", { className: "wbs-body" }, this.grip(i),
      h("div", { className: "wbs-what" }, title, h("div", { className: "wbs-kind" }, type, this.tick(p, i, choice ? "ordered" : "log"))),
      h("div", { className: "wbs-value" }, choice ? chips(this, p, i) : this.range(p, i), this.slot(i, "name"),
        this.slot(i, choice ? "options" : "range")),
      this.tools(i, open), open ? this.details(p, i) : null);
    this.mark(body, this.errorsOf(p));
    return body;
  }

  grip(i) {
    const { name } = this.params[i], title = "Drag onto an option to make it conditional; Alt+↑ or Alt+↓ moves it";
    return button("⠿", {
      className: "wbs-grip", "data-key": `grip|${name}`, disabled: this.frozen, title, "aria-label": `Move ${name}`,
      onpointerdown: (e) => drag(this, e, name, "[data-drop]", (to) => this.dropCard(i, to)), onkeydown: (e) => this.shift(e, i),
    });
  }

  tools(i, open) {
    const p = this.params[i], { name } = p, turn = () => { this.open.set(name, !open); this.draw(true); };
    const more = button([h("span", {}, "more "), open ? "▾" : "▸"], {
      className: "wbs-icon wbs-more", "data-key": `more|${name}`, "aria-expanded": String(open), title: "Step, default, condition and prior",
      "aria-label": `Details of ${name}`, onclick: turn,
    });
    const bin = button("×", {
      className: "wbs-icon", "data-key": `delete|${name}`, disabled: this.frozen, title: this.frozen ? this.frozenWhy : `Delete ${name}`,
      "aria-label": `Delete ${name}`, onclick: () => this.remove(i),
    });
    return h("div", { className: "wbs-tools" }, this.frozen ? null : priorButton(this, p), more, this.frozen ? null : bin);
  }

  /** Children under the values of their parent, one branch for each set of values that occurs. */
  branches(p) {
    if (this.params.find((q) => q.name === p.name) !== p) return []; // a second one of the same name
    const groups = new Map();
    this.params.forEach((q, j) => {
      const key = JSON.stringify(own(q.when, p.name));
      if (this.places[j] === p.name) groups.set(key, [...(groups.get(key) ?? []), j]);
    });
    return [...groups].map(([key, inside]) => {
      const values = [JSON.parse(key)].flat(), text = values.length ? list(values.map(show)) : "(no value)";
      const about = { role: "group", "aria-label": `Active when ${p.name} is ${text}`, "data-drop": "branch" };
      return h("div", { className: "wbs-branch", ...about, "data-parent": p.name, "data-values": key },
        h("div", { className: "wbs-if" }, "when ", h("span", {}, p.name), " is ", h("b", {}, text)),
        h("div", { role: "list" }, inside.map((j) => this.card(j))));
    });
  }

  // ---- numbers -----------------------------------------------------------------------------------------------------

  range(p, i) {
    const box = (end) => this.number(p, i, end, `${p.name}, ${end === "low" ? "lowest" : "highest"} value`,
      { className: `wbs-num wbs-${end}`, off: this.frozen, slot: "range" });
    return h("div", { className: "wbs-range" }, box("low"), track(this, p, i), box("high"));
  }

  /** A box for a number; what is no number is kept as text. An empty one is left out of the draft, but for the ends. */
  number(p, i, field, label, { className = "wbs-num", placeholder = "", off, slot = field }) {
    const end = field === "low" || field === "high";
    const value = p[field] == null ? "" : isNumber(p[field]) ? textOf(p[field]) : String(p[field]);
    const read = (t) => ({ [field]: t.trim() === "" && !end ? undefined : numberOf(t) });
    const take = (t) => {
      if (end) this.axes.delete(p.name);
      this.patch(i, read(t), `${p.name} ${field} ${t.trim()}`);
    };
    const describedby = `${this.id}-${i}-${slot}`, preview = (t) => this.preview(i, read(t));
    return this.text(`${field}|${p.name}`, value, label, take, { field, className, placeholder, off, describedby, preview, title: HINTS[field] });
  }

  /** While somebody types: say at once what would be wrong. */
  preview(i, change) {
    const next = patched(this.draft, i, change);
    this.mark(this.bodies[i], own(check(next), paramsOf(next)[i].name) ?? {});
  }

  details(p, i) {
    const row = (label, field, box) => h("div", { className: "wbs-detail" }, h("span", { className: "wbs-label", title: HINTS[field] }, label), box, this.slot(i, field));
    const number = (field, placeholder, off) => row(field, field, this.number(p, i, field, `${field} of ${p.name}`, { placeholder, off }));
    const choice = p.type === "choice";
    return h("div", { className: "wbs-details" }, choice ? null : number("step", p.type === "int" ? "1" : "none", this.frozen),
      choice ? row("default", "default", this.defaultOption(p, i)) : number("default", "middle", this.frozen), condition(this, p, i), priorRow(this, p, i));
  }

  defaultOption(p, i) {
    const options = [["", "first option"], ...optionsOf(p).map((o, k) => [String(k), show(o)])];
    const now = p.default == null ? "" : String(optionsOf(p).indexOf(p.default));
    const pick = (k) => this.patch(i, { default: k === "" ? undefined : p.options[Number(k)] }, `default of ${p.name} changed`);
    return this.select(`default|${p.name}`, now, `Default of ${p.name}`, options, pick, { field: "default", off: this.frozen });
  }

  adder() {
    const box = this.text("new|", "", "Name of the new parameter", null, { className: "wbs-newname", placeholder: "name of a new parameter", title: "Type a name, then say what it is" });
    const why = h("span", { className: "wbs-err", hidden: true });
    const add = (type) => {
      const refusal = this.add(type, box.value);
      if (!refusal) return;
      why.textContent = refusal; why.hidden = false;
      box.setAttribute("aria-invalid", "true");
      this.say(refusal);
      box.focus();
    };
    box.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); add("float"); } });
    const buttons = KINDS.map(([type, text, title]) => button(`+ ${text}`, { "data-key": `add${type}|`, title, onclick: () => add(type) }));
    return h("div", { className: "wbs-add" }, box, buttons, why);
  }

  // ---- dragging cards and chips ------------------------------------------------------------------------------------

  dropCard(i, drop) {
    const p = this.params[i], focus = `grip|${p.name}`, { parent, values } = drop.dataset;
    if (drop.dataset.drop === "option" || drop.dataset.drop === "branch") { this.nest(i, parent, [JSON.parse(values)].flat(), focus); return; }
    if (drop.dataset.drop === "root") { this.nest(i, null, [], focus); return; }
    const j = Number(drop.dataset.i), place = this.places[j]; // onto a card: beside it, under the same condition
    if (dependents(this.draft, p.name).has(this.params[j].name)) { this.say("A parameter cannot depend on itself."); return; }
    const when = place === null ? undefined : this.params[j].when, params = [...this.params];
    params.splice(j, 0, ...params.splice(i, 1).map((q) => clean({ ...q, when })));
    this.commit(withParams(this.draft, params), `${p.name} moved beside ${this.params[j].name}`, { focus });
  }

  /** Alt+↑ and Alt+↓ on the grip: change places with the neighbour under the same parent. */
  shift(e, i) {
    const d = e.altKey ? { ArrowUp: -1, ArrowDown: 1 }[e.key] : 0;
    if (!d) return;
    e.preventDefault();
    const peers = this.params.map((_, j) => j).filter((j) => this.places[j] === this.places[i]), j = peers[peers.indexOf(i) + d];
    if (j === undefined) return;
    const params = [...this.params];
    [params[i], params[j]] = [params[j], params[i]];
    this.commit(withParams(this.draft, params), `${params[j].name} moved ${d < 0 ? "up" : "down"}`, { focus: `grip|${params[j].name}` });
  }
}

function render({ model, el }) {
  const editor = new Editor(model, el);
  return () => editor.close();
}
export default { render };
