// The visual space editor: one card per parameter. Plain ES module, joined behind space_editor_model.js.
// `draft` is all that the user has on screen, valid or not; Python answers with `errors` for the draft of `revision`.

/** An element. User text only ever arrives as a child string or a property, never as markup. */
function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k in e && k !== "list") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...kids.flat().filter((kid) => kid !== null && kid !== undefined));
  return e;
}
const KINDS = [["float", "Float"], ["int", "Int"], ["choice", "Choice"]];
const LOCKED = "The run is under way: ranges and defaults may change; names, types, scales, options and conditions stay as they are.";
let views = 0;

class Editor {
  constructor(model, el) {
    Object.assign(this, { model, el, id: `wbse${++views}`, past: [], future: [], last: {}, drawn: "", pair: null });
    this.texts = new Map(); // typed but not taken over: data-key -> text
    this.refused = new Map(); // why it was not: data-key -> message
    this.axes = new Map(); this.memory = new Map(); this.open = new Map(); // by parameter
    this.frame();
    this.off = [this.listen("change:draft", () => this.fromKernel()), this.listen("change:errors change:checked change:code", () => this.draw()),
      this.listen("change:editable change:locked", () => this.draw())];
    this.draw();
  }

  listen(names, f) {
    for (const name of names.split(" ")) this.model.on(name, f);
    return () => { for (const name of names.split(" ")) this.model.off(name, f); };
  }

  get draft() { return this.model.get("draft"); }
  get params() { return paramsOf(this.draft); }
  get frozen() { return !this.model.get("editable"); }
  get locked() { return this.frozen || this.model.get("locked"); }
  get lockedWhy() { return this.frozen ? "This space is shown read-only." : LOCKED; }

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
    this.model.set("draft", next); this.model.set("revision", this.model.get("revision") + 1);
    this.mine = false;
    this.model.save_changes();
    this.sentAt = Date.now(); this.say(say); this.draw(true, focus);
    clearTimeout(this.waiting); this.waiting = setTimeout(() => this.status(), 900); // then say that the kernel is busy
  }

  fromKernel() {
    if (this.mine) return;
    this.draw();
  }

  undo(from = this.past, to = this.future, word = "Undone") {
    if (!from.length || this.frozen) { this.say(`Nothing to ${word === "Undone" ? "undo" : "redo"}`); return; }
    to.push(this.draft); this.last = {}; this.notice = ""; this.texts.clear(); this.refused.clear();
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
    if (parent !== null && (parent === name || dependents(this.draft, name).has(parent))) { this.say("A parameter cannot depend on itself."); return; }
    if (parent === null) { this.setWhen(i, {}, `${name} is always active`, { focus }); return; }
    this.setWhen(i, { [parent]: values }, `${name} is active only when ${parent} is ${list(values.map(show))}`, { focus });
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
    const { name } = this.params[i], [next, gone] = dropParam(this.draft, i), under = gone.filter((n) => n !== name);
    this.commit(next, `${name} deleted`, { focus: "new|", notice: `Deleted ${name}${under.length ? `, and with it ${under.join(", ")}` : ""}.` });
  }

  add(type, text) {
    const name = text.trim(), fresh = { float: { low: 0, high: 1 }, int: { low: 1, high: 10 }, choice: { options: ["a", "b"] } }[type];
    if (!name) return "Type a name first.";
    if (this.params.some((p) => p.name === name)) return `names must be unique, got ${repr(name)} twice.`;
    this.texts.delete("new|");
    this.commit(withParams(this.draft, [...this.params, { name, type, ...fresh }]), `${name} added`, { focus: type === "choice" ? `option:|${name}` : `low|${name}` });
    return null;
  }

  retype(i, type) {
    const p = this.params[i], memory = this.memory.get(p.name) ?? new Map();
    this.memory.set(p.name, memory.set(p.type, p)); this.axes.delete(p.name);
    for (const field of ["low", "high", "step", "default"]) this.texts.delete(`${field}|${p.name}`);
    const next = retyped(p, type, memory);
    this.commit(withParams(this.draft, this.params.map((q, k) => (k === i ? next : q))), `${p.name} is now a ${type}`);
  }

  // ---- the frame: made once ----------------------------------------------------------------------------------------

  frame() {
    const icon = (text, label, f) => h("button", { type: "button", className: "wbs-icon", title: label, "aria-label": label, onclick: f }, text);
    this.live = h("div", { className: "wbs-sr", role: "status", "aria-live": "polite" });
    this.summary = h("span", { className: "wbs-summary" });
    this.state = h("span", { className: "wbs-state" });
    this.undoButton = icon("↶", "Undo (Ctrl+Z)", () => this.undo());
    this.redoButton = icon("↷", "Redo (Ctrl+Shift+Z)", () => this.redo());
    this.codeButton = h("button", { type: "button", className: "wbs-quiet", "aria-expanded": "false", onclick: () => this.toggleCode() }, "Code");
    this.note = h("div", { className: "wbs-locknote", hidden: true });
    this.noticeBar = h("span", { className: "wbs-notice", hidden: true });
    this.code = h("div", { className: "wbs-code", hidden: true });
    this.root = h("div", { className: "wbs-root", "data-drop": "root" });
    const top = h("div", { className: "wbs-top" }, this.summary, this.state, this.noticeBar, h("span", { className: "wbs-grow" }), this.undoButton, this.redoButton, this.codeButton);
    this.box = h("div", { className: "wbs", role: "group", "aria-label": "Search space", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => this.key(e) },
      top, this.note, this.code, this.root, this.live);
    // a redraw between press and release would swallow the click: hold it back (a select keeps its own release)
    this.box.addEventListener("pointerdown", (e) => { this.held = !e.target.closest("select, .wbs-handle, .wbs-grip"); }, true);
    this.release = () => setTimeout(() => { if (this.held) { this.held = false; if (this.owed) this.draw(true); } });
    for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, this.release, true);
    this.el.append(this.box);
  }

  close() {
    for (const off of this.off) off();
    for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, this.release, true);
    clearTimeout(this.waiting);
  }

  /** Keys belong to the editor while it has the focus: JupyterLab must not see them as commands. */
  key(e) {
    e.stopPropagation();
    if (!(e.ctrlKey || e.metaKey) || e.altKey || !["z", "y"].includes(e.key.toLowerCase())) return;
    if (this.texts.has(e.target.dataset?.key) || e.target.tagName === "TEXTAREA") return; // the box's own undo first
    e.preventDefault();
    if (e.key.toLowerCase() === "y" || e.shiftKey) this.redo(); else this.undo();
  }

  toggleCode() {
    this.code.hidden = !this.code.hidden;
    this.codeButton.setAttribute("aria-expanded", String(!this.code.hidden));
    this.drawCode();
  }

  drawCode() {
    if (this.code.hidden) return;
    const area = (label, text) => {
      const t = h("textarea", { readOnly: true, value: text, rows: Math.min(12, text.split("\n").length + 1), spellcheck: false, "aria-label": label });
      const b = h("button", { type: "button", onclick: async () => {
        try { await navigator.clipboard.writeText(text); } catch { t.focus(); t.select(); document.execCommand("copy"); } // no clipboard without https
        b.textContent = "Copied"; this.say(`${label} copied`); setTimeout(() => { b.textContent = "Copy"; }, 1500);
      } }, "Copy");
      return h("div", {}, h("div", { className: "wbs-codehead" }, h("b", {}, label), b), t);
    };
    const valid = !this.problems;
    this.code.replaceChildren(area(valid ? "Python" : "Python (the last valid space)", this.model.get("code")), area("JSON", JSON.stringify(this.draft, null, 1)));
  }

  // ---- drawing -----------------------------------------------------------------------------------------------------

  /** Redraw when what is shown differs, and give the focus and the caret back: the kernel's echo must not take them. */
  draw(force = false, focus = null) {
    const shown = JSON.stringify([this.draft, this.answered() ? this.model.get("errors") : 0, this.frozen, this.locked, this.model.get("code")]);
    if (focus) this.wanted = focus;
    if (!force && shown === this.drawn) { this.status(); return; }
    if (this.dragging || this.held) { this.owed = true; return; }
    this.drawn = shown; this.owed = false;
    const at = this.box.getRootNode().activeElement, mine = this.root.contains(at);
    const key = this.wanted ?? (mine ? at.dataset.key : null), caret = mine && key === at.dataset.key && at.type === "text" ? [at.selectionStart, at.selectionEnd] : null;
    this.wanted = null; this.drawing = true;
    this.local = check(this.draft); this.places = places(this.draft);
    this.problems = this.params.length ? new Set([...Object.keys(this.local), ...Object.keys(this.server())]).size : 0;
    const top = this.params.map((_, i) => i).filter((i) => this.places[i] === null);
    const cards = h("div", { className: "wbs-list", role: "list", "aria-label": "Parameters" }, top.map((i) => this.card(i)));
    const empty = this.params.length ? null : h("p", { className: "wbs-empty" }, this.frozen ? "No parameter." : "No parameter yet. Name the first one and say what it is: a real number, a whole number, or a choice.");
    this.root.replaceChildren(...[empty, cards, this.locked ? null : this.adder(), this.forbidden()].filter(Boolean));
    this.drawing = false;
    if (key) {
      const to = [...this.root.querySelectorAll("[data-key]")].find((e) => e.dataset.key === key);
      to?.focus({ preventScroll: !focus });
      if (caret && to?.setSelectionRange) to.setSelectionRange(...caret); else if (focus && to?.select) to.select();
    }
    this.status(); this.drawCode();
  }

  answered() { return this.model.get("checked") === this.model.get("revision"); }
  server() { return this.answered() ? this.model.get("errors") ?? {} : {}; }

  status() {
    const n = this.params.length, c = n && !Object.keys(this.local ?? {}).length ? count(this.draft) : null;
    const words = [`${n} parameter${n === 1 ? "" : "s"}`];
    if (c && c.fewest < c.most) words.push(`${c.fewest} to ${c.most} active at once`);
    else if (c && c.most < n) words.push(`${c.most} active at once`);
    if (c && Number.isFinite(c.total)) words.push(`${c.total < 1e15 ? c.total.toLocaleString("en").replaceAll(",", "\u2009") : c.total.toPrecision(3)} configuration${c.total === 1 ? "" : "s"}`);
    else if (c) words.push("infinitely many configurations");
    this.summary.textContent = words.join(" · ");
    const late = !this.answered() && Date.now() - this.sentAt > 800;
    this.state.textContent = this.problems ? "✗ not valid yet; the last valid space is used" : late ? "… the kernel is busy; your edit is waiting" : "";
    this.state.className = `wbs-state${this.problems ? " wbs-wrong" : ""}`;
    this.undoButton.disabled = this.frozen || !this.past.length; this.redoButton.disabled = this.frozen || !this.future.length;
    this.undoButton.hidden = this.redoButton.hidden = this.frozen;
    this.note.hidden = !this.locked || this.frozen; this.note.textContent = LOCKED;
    this.noticeBar.hidden = !this.notice;
    if (this.notice) this.noticeBar.replaceChildren(this.notice, h("button", { type: "button", onclick: () => this.undo() }, "Undo"));
  }

  errorsOf(p) {
    const refused = [...this.refused].filter(([k]) => k.slice(k.indexOf("|") + 1) === p.name).map(([k, m]) => [k.startsWith("option:") ? "options" : k.split("|")[0], m]);
    return { ...own(this.local, p.name), ...own(this.server(), p.name), ...Object.fromEntries(refused) };
  }

  /** Put the messages of one card beside their fields. */
  mark(body, errors) {
    const near = { low: "range", high: "range", log: "range", type: "range" };
    for (const slot of body.querySelectorAll("[data-slot]")) {
      const found = Object.entries(errors).filter(([f]) => (near[f] ?? f) === slot.dataset.slot).map(([, m]) => m);
      slot.textContent = found.join(" "); slot.hidden = !found.length;
    }
    for (const e of body.querySelectorAll("[data-field]")) {
      const fields = e.dataset.field === "low" || e.dataset.field === "high" ? [e.dataset.field, "range"] : [e.dataset.field];
      const bad = fields.some((f) => own(errors, f));
      e.setAttribute("aria-invalid", String(bad));
    }
    body.classList.toggle("wbs-bad", Object.keys(errors).length > 0);
  }

  slot(i, name) { return h("div", { className: "wbs-err", "data-slot": name, id: `${this.id}-${i}-${name}`, hidden: true }); }

  /** A text box. `take(text)` takes the text over, or returns why not: then the text stays, marked, with the reason. */
  text(key, value, label, take, { field, placeholder = "", className = "", off = false, why = this.lockedWhy, preview, describedby, keep = false } = {}) {
    const input = h("input", { type: "text", className, value: this.texts.get(key) ?? value, placeholder, readOnly: off, title: off ? why : "", spellcheck: false, autocomplete: "off",
      "data-key": key, "data-field": field, "aria-label": label, "aria-describedby": describedby });
    const done = () => {
      if (!this.texts.has(key)) return;
      const text = this.texts.get(key);
      this.texts.delete(key); this.refused.delete(key);
      if (text === value) { this.draw(true); return; }
      const refusal = take(text);
      if (refusal) { this.texts.set(key, text); this.refused.set(key, refusal); this.say(refusal); }
      if (refusal || !this.texts.has(key)) this.draw(true);
    };
    input.addEventListener("input", () => { this.texts.set(key, input.value); this.refused.delete(key); preview?.(input.value); });
    if (keep) return input;
    input.addEventListener("blur", () => { if (!this.drawing) setTimeout(done); }); // the next field gets the focus first
    input.addEventListener("keydown", (e) => {
      if (e.key === "Enter") { e.preventDefault(); done(); }
      if (e.key === "Escape") { this.texts.delete(key); this.refused.delete(key); input.value = value; this.draw(true); }
    });
    return input;
  }

  select(key, value, label, options, pick, { field, off = this.locked } = {}) {
    return h("select", { "data-key": key, "data-field": field, "aria-label": label, disabled: off, title: off ? this.lockedWhy : "", onchange: (e) => { this.held = false; pick(e.target.value); } },
      options.map(([v, text]) => h("option", { value: v, selected: v === value }, text)));
  }

  card(i) {
    const p = this.params[i], { name } = p, k = (field) => `${field}|${name}`, off = this.locked, why = off ? this.lockedWhy : "";
    const errors = this.errorsOf(p), choice = p.type === "choice";
    const extra = p.step != null || p.default != null || ["step", "default", "when"].some((f) => own(errors, f)) || whenOf(p).length > 1;
    const open = this.open.get(name) ?? extra;
    const grip = h("button", { type: "button", className: "wbs-grip", "data-key": k("grip"), disabled: off, title: why || "Drag onto an option to make it conditional; Alt+↑ or Alt+↓ moves it",
      "aria-label": `Move ${name}`, onpointerdown: (e) => this.drag(e, name, (drop) => this.dropCard(i, drop), "[data-drop]"), onkeydown: (e) => this.shift(e, i) }, "⠿");
    const title = this.text(k("name"), String(name), `Name of ${name}`, (t) => this.rename(i, t), { field: "name", className: "wbs-name", off, why });
    const type = this.select(k("type"), p.type, `Type of ${name}`, KINDS, (v) => this.retype(i, v), { field: "type" });
    const tick = (field, label) => h("label", { className: "wbs-check", title: why }, h("input", { type: "checkbox", checked: Boolean(p[field]), disabled: off, "data-key": k(field), "data-field": field,
      "aria-label": `${label} for ${name}`, onchange: (e) => this.patch(i, { [field]: e.target.checked || undefined }, `${name} ${label} ${e.target.checked ? "on" : "off"}`) }), label);
    const more = h("button", { type: "button", className: "wbs-icon wbs-more", "data-key": k("more"), "aria-expanded": String(open), title: "Step, default and condition", "aria-label": `Details of ${name}`,
      onclick: () => { this.open.set(name, !open); this.draw(true); } }, h("span", {}, "more "), open ? "▾" : "▸");
    const bin = h("button", { type: "button", className: "wbs-icon", "data-key": k("delete"), disabled: off, title: why || `Delete ${name}`, "aria-label": `Delete ${name}`, onclick: () => this.remove(i) }, "×");
    const body = h("div", { className: "wbs-body" }, grip,
      h("div", { className: "wbs-what" }, title, h("div", { className: "wbs-kind" }, type, choice ? tick("ordered", "ordered") : tick("log", "log"))),
      h("div", { className: "wbs-value" }, choice ? this.chips(p, i) : this.range(p, i), this.slot(i, "name"), this.slot(i, choice ? "options" : "range")),
      h("div", { className: "wbs-tools" }, more, this.frozen ? null : bin),
      open ? this.details(p, i) : null);
    this.mark(body, errors);
    return h("div", { className: `wbs-card wbs-${p.type}`, role: "listitem", "aria-label": `Parameter ${name}`, "data-name": name, "data-drop": "card", "data-i": String(i) }, body, this.branches(p));
  }

  /** Children under the values of their parent, one branch for each set of values that occurs. */
  branches(p) {
    if (this.params.find((q) => q.name === p.name) !== p) return [];
    const groups = new Map();
    this.params.forEach((q, j) => { if (this.places[j] === p.name) { const key = JSON.stringify(own(q.when, p.name)); groups.set(key, [...(groups.get(key) ?? []), j]); } });
    return [...groups].map(([key, inside]) => {
      const values = [JSON.parse(key)].flat(), text = values.length ? list(values.map(show)) : "(no value)";
      return h("div", { className: "wbs-branch", role: "group", "aria-label": `Active when ${p.name} is ${text}`, "data-drop": "branch", "data-parent": p.name, "data-values": key },
        h("div", { className: "wbs-if" }, "when ", h("span", {}, p.name), " is ", h("b", {}, text)), h("div", { role: "list" }, inside.map((j) => this.card(j))));
    });
  }

  chips(p, i) {
    const off = this.locked, { name } = p;
    const chip = (v, k) => {
      const put = (text) => {
        const w = valueOf(text);
        if (w === "") return "An option needs a name.";
        if (optionsOf(p).some((o, j) => j !== k && o === w)) return `options must differ, got ${repr(w)} twice.`;
        this.commit(renameOption(this.draft, i, k, w), `option ${show(v)} is now ${show(w)}`); return null;
      };
      const key = `option:${k}|${name}`, box = this.text(key, show(v), `Option ${k + 1} of ${name}`, put, { off });
      const fit = () => { box.size = Math.max(1, box.value.length); };
      box.addEventListener("input", fit); fit();
      box.addEventListener("keydown", (e) => { const d = e.altKey ? { ArrowLeft: -1, ArrowRight: 1 }[e.key] : 0; if (d) { e.preventDefault(); this.moveOption(p, i, k, k + d); } });
      return h("span", { className: "wbs-chip", "data-drop": "option", "data-parent": name, "data-k": String(k), "data-values": JSON.stringify([v]) },
        off ? null : h("span", { className: "wbs-grip", title: "Drag to reorder (Alt+← or Alt+→ in the box)", onpointerdown: (e) => this.drag(e, show(v), (d) => d.dataset.parent === name && this.moveOption(p, i, k, Number(d.dataset.k)), ".wbs-chip") }, "⠿"), box,
        off ? null : h("button", { type: "button", "data-key": `drop:${k}|${name}`, title: `Delete ${show(v)}`, "aria-label": `Delete option ${show(v)} of ${name}`, onclick: () => this.dropOption(p, i, k) }, "×"));
    };
    const add = this.text(`option:|${name}`, "", `New option of ${name}`, (text) => {
      const w = valueOf(text);
      if (w === "" && !text.trim()) return null;
      if (optionsOf(p).includes(w)) return `options must differ, got ${repr(w)} twice.`;
      this.commit(patched(this.draft, i, { options: [...optionsOf(p), w] }), `option ${show(w)} added`); return null;
    }, { className: "wbs-addchip", placeholder: "+ option" });
    return h("div", { className: "wbs-chips", role: "group", "aria-label": `Options of ${name}` }, optionsOf(p).map(chip), off ? null : add);
  }

  moveOption(p, i, from, to) {
    const options = [...optionsOf(p)];
    if (to < 0 || to >= options.length || from === to) return;
    options.splice(to, 0, ...options.splice(from, 1));
    this.patch(i, { options }, `${show(options[to])} is now option ${to + 1}`, { focus: `option:${to}|${p.name}` });
  }

  dropOption(p, i, k) {
    const value = show(optionsOf(p)[k]), [next, gone] = dropOption(this.draft, i, k);
    this.commit(next, `option ${value} deleted`, { focus: `option:|${p.name}`, notice: gone.length ? `Deleted ${value}, and what was only active with it: ${gone.join(", ")}.` : "" });
  }

  range(p, i) {
    const box = (end) => this.text(`${end}|${p.name}`, isNumber(p[end]) ? textOf(p[end]) : String(p[end] ?? ""), `${p.name}, ${end === "low" ? "lowest" : "highest"} value`,
      (t) => { this.axes.delete(p.name); this.patch(i, { [end]: numberOf(t) }, `${p.name} ${end} ${t.trim()}`); },
      { field: end, className: `wbs-num wbs-${end}`, off: this.frozen, describedby: `${this.id}-${i}-range`, preview: (t) => this.preview(i, { [end]: numberOf(t) }) });
    return h("div", { className: "wbs-range" }, box("low"), this.track(p, i), box("high"));
  }

  /** While somebody types: say at once what would be wrong. */
  preview(i, change) {
    const next = patched(this.draft, i, change), body = this.root.querySelector(`[data-i="${i}"] > .wbs-body`);
    if (body) this.mark(body, own(check(next), paramsOf(next)[i].name) ?? {});
  }

  track(p, i) {
    const axis = axisOf(p, this.axes.get(p.name)), q = { ...p };
    this.axes.set(p.name, axis);
    const u = (v) => Math.min(100, Math.max(0, 100 * toU(axis, v))), ok = isNumber(p.low) && isNumber(p.high) && (!axis.log || p.low > 0);
    const bar = h("div", { className: "wbs-bar" }), track = h("div", { className: "wbs-track" }, bar);
    for (const [at, label] of ticksOf(axis)) {
      const tick = h("span", { className: `wbs-tick${label ? "" : " wbs-minor"}` }, label ? h("i", {}, label) : null);
      tick.style.left = `${100 * at}%`; track.append(tick);
    }
    const paint = () => { bar.style.left = `${u(Math.min(q.low, q.high))}%`; bar.style.width = `${Math.abs(u(q.high) - u(q.low))}%`; };
    if (ok) { paint(); if (!this.frozen) track.append(this.handle(p, i, "low", axis, q, track, paint), this.handle(p, i, "high", axis, q, track, paint)); }
    return track;
  }

  handle(p, i, end, axis, q, track, paint) {
    const key = `${end}handle|${p.name}`, low = end === "low";
    const knob = h("div", { className: "wbs-handle", tabIndex: 0, role: "slider", "data-key": key, "aria-label": `${p.name}, ${low ? "lowest" : "highest"} value`, "aria-orientation": "horizontal",
      "aria-valuemin": String(low ? axis.lo : q.low), "aria-valuemax": String(low ? q.high : axis.hi), "aria-describedby": `${this.id}-${i}-range` });
    const put = (v) => {
      const w = Math.min(Math.max(v, axis.lo), axis.hi);
      q[end] = low ? Math.min(w, q.high) : Math.max(w, q.low);
      knob.style.left = `${Math.min(100, Math.max(0, 100 * toU(axis, q[end])))}%`; knob.setAttribute("aria-valuenow", q[end]); knob.setAttribute("aria-valuetext", textOf(q[end])); paint();
      const input = track.parentElement?.querySelector(`.wbs-${end}`);
      if (input) input.value = textOf(q[end]);
    };
    const take = () => { this.texts.delete(`${end}|${p.name}`); this.patch(i, { [end]: q[end] }, `${textOf(q[end])}`, { key }); };
    knob.style.left = `${Math.min(100, Math.max(0, 100 * toU(axis, q[end])))}%`; knob.setAttribute("aria-valuenow", q[end]); knob.setAttribute("aria-valuetext", textOf(q[end]));
    knob.addEventListener("pointerdown", (e) => {
      if (e.button) return;
      e.preventDefault(); knob.focus(); knob.setPointerCapture(e.pointerId); this.dragging = true; this.last = {};
      const r = track.getBoundingClientRect(), shift = e.clientX - (r.left + toU(axis, q[end]) * r.width);
      const move = (ev) => put(snap(p, axis, fromU(axis, (ev.clientX - shift - r.left) / r.width)));
      const stop = () => { knob.removeEventListener("pointermove", move); this.dragging = false; take(); };
      knob.addEventListener("pointermove", move);
      knob.addEventListener("lostpointercapture", stop, { once: true });
    });
    knob.addEventListener("keydown", (e) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: axis.log ? 20 : 10, PageDown: axis.log ? -20 : -10 }[e.key];
      const edge = { Home: low ? axis.lo : q.low, End: low ? q.high : axis.hi }[e.key];
      if (steps === undefined && edge === undefined) return;
      e.preventDefault(); put(steps ? nudge(p, axis, q[end], steps) : edge); take();
    });
    return knob;
  }

  details(p, i) {
    const { name } = p, choice = p.type === "choice", k = (field) => `${field}|${name}`;
    const number = (field, placeholder, off) => this.text(k(field), p[field] == null ? "" : isNumber(p[field]) ? textOf(p[field]) : String(p[field]), `${field} of ${name}`,
      (t) => { this.patch(i, { [field]: t.trim() === "" ? undefined : numberOf(t) }, `${name} ${field} ${t}`); },
      { field, placeholder, className: "wbs-num", off, describedby: `${this.id}-${i}-${field}`, preview: (t) => this.preview(i, { [field]: t.trim() === "" ? undefined : numberOf(t) }) });
    const row = (label, ...kids) => h("div", { className: "wbs-detail" }, h("span", { className: "wbs-label" }, label), ...kids);
    const options = [["", "first option"], ...optionsOf(p).map((o, j) => [String(j), show(o)])];
    const chosen = p.default == null ? "" : String(optionsOf(p).indexOf(p.default));
    return h("div", { className: "wbs-details" },
      choice ? null : row("step", number("step", p.type === "int" ? "1" : "none", this.locked), this.slot(i, "step")),
      row("default", choice ? this.select(k("default"), chosen, `Default of ${name}`, options, (v) => this.patch(i, { default: v === "" ? undefined : p.options[Number(v)] }, `${name} default ${v === "" ? "first option" : show(p.options[Number(v)])}`), { field: "default", off: this.frozen })
        : number("default", "middle", this.frozen), this.slot(i, "default")),
      this.condition(p, i));
  }

  /** Condition by dropdown and check marks: the way without dragging. */
  condition(p, i) {
    const { name } = p, below = dependents(this.draft, name).add(name), pairs = whenOf(p), off = this.locked;
    const free = this.params.filter((q) => !below.has(q.name) && canBeParent(q) && !pairs.some(([n]) => n === q.name)).map((q) => q.name);
    const swap = (at, parent) => {
      const value = parent === "" ? null : [levels(this.params.find((q) => q.name === parent))[0]];
      const next = pairs.flatMap(([n, vs], j) => (j === at ? (value ? [[parent, value]] : []) : [[n, vs]]));
      if (at === pairs.length && value) next.push([parent, value]);
      this.open.set(name, true);
      this.setWhen(i, Object.fromEntries(next), value ? `${name} is active only when ${parent} is ${show(value[0])}` : `${name}: condition removed`);
    };
    const picker = (at, parent) => this.select(`when${at}|${name}`, parent, at === 0 ? `Condition of ${name}` : `Condition ${at + 1} of ${name}`,
      [["", at === 0 ? "always" : at === pairs.length ? "and …" : "(remove)"], ...[...(parent ? [parent] : []), ...free].map((n) => [n, `when ${n} is`])], (v) => swap(at, v), { field: "when" });
    const marks = ([parent, values], at) => {
      const q = this.params.find((r) => r.name === parent), all = q && canBeParent(q) ? levels(q) : [], shown = [...all, ...values.filter((v) => !all.includes(v))];
      return h("span", { className: "wbs-marks", role: "group", "aria-label": `Values of ${parent}` }, shown.map((v, j) => h("label", { className: "wbs-check wbs-mark", title: off ? this.lockedWhy : "" },
        h("input", { type: "checkbox", checked: values.includes(v), disabled: off, "data-key": `mark${at}.${j}|${name}`, "aria-label": `${parent} is ${show(v)}`, onchange: (e) => {
          const next = e.target.checked ? shown.filter((w) => w === v || values.includes(w)) : values.filter((w) => w !== v);
          this.open.set(name, true);
          this.setWhen(i, mapPairs(p.when, ([n, vs]) => [n, n === parent ? next : vs]), `${name} is active when ${parent} is ${list(next.map(show)) || "nothing"}`);
        } }), show(v))));
    };
    const rows = pairs.map((pair, at) => h("span", { className: "wbs-cond" }, picker(at, pair[0]), marks(pair, at)));
    if (!off && (free.length || !pairs.length)) rows.push(picker(pairs.length, ""));
    return h("div", { className: "wbs-detail wbs-active" }, h("span", { className: "wbs-label" }, "active"), h("div", { className: "wbs-conds" }, rows, this.slot(i, "when")));
  }

  adder() {
    const box = this.text("new|", "", "Name of the new parameter", null, { className: "wbs-newname", placeholder: "name of a new parameter", keep: true });
    const why = h("span", { className: "wbs-err", hidden: true });
    const add = (type) => {
      const refusal = this.add(type, box.value);
      if (refusal) { why.textContent = refusal; why.hidden = false; box.setAttribute("aria-invalid", "true"); this.say(refusal); box.focus(); }
    };
    box.addEventListener("keydown", (e) => { if (e.key === "Enter") { e.preventDefault(); add("float"); } });
    return h("div", { className: "wbs-add" }, box, KINDS.map(([type, text]) => h("button", { type: "button", "data-key": `add${type}|`, title: { float: "a real number", int: "a whole number", choice: "one of several options" }[type], onclick: () => add(type) }, `+ ${text}`)), why);
  }

  // ---- forbidden combinations --------------------------------------------------------------------------------------

  forbidden() {
    const clauses = forbiddenOf(this.draft), can = this.params.filter(canBeParent), errors = { ...own(this.local, ""), ...own(this.server(), "") };
    if (!clauses.length && (this.locked || can.length < 2)) return null;
    const words = (c) => Object.entries(c).flatMap(([n, vs], k) => [k ? " and " : "", h("span", {}, n), " is ", h("b", {}, list([vs].flat().map(show)))]);
    const items = clauses.map((c, k) => h("li", {}, h("span", {}, words(c)), this.locked ? null : h("button", { type: "button", className: "wbs-icon", "data-key": `unforbid${k}|`, title: "Allow this combination again", "aria-label": `Allow combination ${k + 1} again`,
      onclick: () => this.commit({ ...this.draft, forbidden: clauses.filter((_, j) => j !== k) }, "combination allowed again") }, "×"),
    own(errors, `forbidden.${k}`) ? h("div", { className: "wbs-err" }, own(errors, `forbidden.${k}`)) : null));
    const rest = Object.entries(errors).filter(([f]) => !f.startsWith("forbidden.")).map(([, m]) => h("div", { className: "wbs-err" }, m));
    return h("section", { className: "wbs-forbidden", "aria-label": "Forbidden combinations" }, h("div", { className: "wbs-if" }, "Forbidden combinations"), rest,
      h("ul", {}, items), this.locked || can.length < 2 ? null : this.forbidRow(can));
  }

  /** The row that forbids one more combination: pairs of a parameter and one of its values. */
  forbidRow(can) {
    const known = (n) => can.some((p) => p.name === n), next = (not) => can.find((p) => !not.includes(p.name))?.name;
    let pairs = (this.pair ?? []).filter(([n]) => known(n));
    while (pairs.length < 2) pairs = [...pairs, [next(pairs.map(([n]) => n)), 0]];
    const keep = (p) => { this.pair = p; this.draw(true); };
    const one = ([n, j], at) => {
      const p = can.find((q) => q.name === n), others = pairs.map(([m]) => m).filter((m) => m !== n);
      return h("span", { className: "wbs-pair" }, at ? "and " : "", this.select(`fp${at}|`, n, `Forbidden parameter ${at + 1}`, can.filter((q) => !others.includes(q.name)).map((q) => [q.name, q.name]), (m) => keep(pairs.map((x, k) => (k === at ? [m, 0] : x)))),
        " is ", this.select(`fv${at}|`, String(j), `Forbidden value ${at + 1}`, levels(p).map((v, k) => [String(k), show(v)]), (v) => keep(pairs.map((x, k) => (k === at ? [n, Number(v)] : x)))));
    };
    const forbid = () => {
      const clause = Object.fromEntries(pairs.map(([n, j]) => [n, [levels(can.find((p) => p.name === n))[j]]])), before = forbiddenOf(this.draft);
      this.pair = null;
      if (!before.some((c) => same(c, clause))) this.commit({ ...this.draft, forbidden: [...before, clause] }, "combination forbidden");
    };
    return h("div", { className: "wbs-forbid" }, pairs.map(one), pairs.length < can.length ? h("button", { type: "button", className: "wbs-quiet", onclick: () => keep([...pairs, [next(pairs.map(([n]) => n)), 0]]) }, "and …") : null,
      h("button", { type: "button", "data-key": "forbid|", onclick: forbid }, "Forbid"));
  }

  // ---- dragging cards and chips ------------------------------------------------------------------------------------

  /** Follow the pointer with a ghost; on release call drop(target) with the element under it that matches. Escape ends it. */
  drag(e, label, drop, targets) {
    if (e.button || this.locked) return;
    e.preventDefault(); e.currentTarget.focus?.();
    const ghost = h("div", { className: "wbs-ghost" }, label), card = e.currentTarget.closest(targets === ".wbs-chip" ? ".wbs-chip" : ".wbs-card"), page = this.box.getRootNode();
    let over = null;
    this.box.append(ghost); this.dragging = true; this.box.classList.add(targets === ".wbs-chip" ? "wbs-sorting" : "wbs-nesting"); card.classList.add("wbs-moving");
    const move = (ev) => {
      const r = this.box.getBoundingClientRect(), hit = page.elementFromPoint(ev.clientX, ev.clientY)?.closest(targets);
      ghost.style.left = `${Math.min(ev.clientX - r.left + 10, r.width - ghost.offsetWidth)}px`; ghost.style.top = `${Math.min(ev.clientY - r.top + 10, r.height - ghost.offsetHeight)}px`;
      over?.classList.remove("wbs-over");
      over = hit && this.root.contains(hit) && (hit === card || !card.contains(hit)) ? hit : null;
      if (over && over !== card) over.classList.add("wbs-over");
    };
    const end = (ev) => {
      for (const [name, f] of Object.entries(on)) document.removeEventListener(name, f, true);
      ghost.remove(); over?.classList.remove("wbs-over"); card.classList.remove("wbs-moving"); this.box.classList.remove("wbs-sorting", "wbs-nesting"); this.dragging = false;
      if (ev.type === "pointerup" && over && over !== card) drop(over);
      if (this.owed) this.draw(true);
    };
    const on = { pointermove: move, pointerup: end, pointercancel: end, keydown: (ev) => { if (ev.key === "Escape") { ev.stopPropagation(); end(ev); } } };
    for (const [name, f] of Object.entries(on)) document.addEventListener(name, f, true);
  }

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
