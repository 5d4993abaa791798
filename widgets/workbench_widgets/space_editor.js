// The editor itself: one card per parameter, nested under its parent. Uses the functions of space_editor_model.js.

function node(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v == null || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k in e && !k.startsWith("aria") && k !== "list") e[k] = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...kids.flat(9).filter((k) => k != null && k !== false));
  return e;
}

const LOCK = "Trials have been told: only ranges may change. Start a new run for anything else.";

function render({ model, el }) {
  const gone = new AbortController();
  const live = node("div", { className: "wbs-sr", role: "status", "aria-live": "polite" });
  const cards = node("div", { className: "wbs-cards", role: "tree", "aria-label": "Search space" });
  const foot = node("div", { className: "wbs-foot" });
  const root = node("div", { className: "wbs", "data-lm-suppress-shortcuts": "true" }, cards, foot, live);
  el.append(root);
  let drawn = "", focusKey = null, dragging = false, code = "", past = [], future = [];
  const axes = new Map(), memories = new Map();   // by name: the stretch shown; what a parameter was as another type
  const draft = () => model.get("draft");
  const editable = () => model.get("editable"), free = () => editable() && !model.get("locked");
  const say = (text) => { live.textContent = ""; live.textContent = text; };

  function commit(next, text, { undoable = true } = {}) {
    if (same(next, draft())) return;
    if (undoable) { past = [...past.slice(-199), draft()]; future = []; }
    model.set("draft", next);
    model.save_changes();
    if (text) say(text);
    draw();
  }
  function undo(back) {
    const from = back ? past : future, to = back ? future : past;
    if (!from.length) return say(back ? "Nothing to undo" : "Nothing to redo");
    to.push(draft());
    commit(from.pop(), back ? "Undone" : "Redone", { undoable: false });
  }
  const change = (i, props, text) => commit(patched(draft(), i, props), text);
  const errorsNow = () => { const own = check(draft()); return Object.keys(own).length ? own : model.get("errors"); };

  // ---- a text box that keeps what is typed
  function box(key, label, value, done, props = {}) {
    return node("input", { "data-key": key, "aria-label": label, value, spellcheck: false, autocomplete: "off", disabled: !editable(), ...props,
      onchange: (e) => { focusKey = focusKey ?? null; done(e.target.value); },
      onkeydown: (e) => { if (e.key === "Enter") { focusKey = key; e.target.blur(); } } });
  }
  const mark = (errors, ...fields) => fields.map((f) => errors[f]).find(Boolean);

  // ---- ranges
  function track(p, i) {
    const axis = axisOf(p, axes.get(p.name));
    axes.set(p.name, axis);
    const fill = node("div", { className: "wbs-fill" });
    const line = node("div", { className: "wbs-track" }, ticksOf(axis).map(([u, label]) => node("span", { className: label ? "wbs-tick" : "wbs-tick wbs-minor", style: `left:${100 * u}%` }, label ? node("i", {}, label) : null)), fill);
    const now = { low: p.low, high: p.high };
    if (!isNumber(p.low) || !isNumber(p.high)) return line;
    const at = (v) => Math.min(1, Math.max(0, toU(axis, v)));
    const paint = () => { const [a, b] = [at(now.low), at(now.high)]; fill.style.left = `${100 * Math.min(a, b)}%`; fill.style.width = `${100 * Math.abs(b - a)}%`; };
    for (const end of ["low", "high"]) {
      const key = `${p.name}.${end}.handle`;
      const handle = node("div", { className: "wbs-handle", tabIndex: editable() ? 0 : -1, role: "slider", "aria-label": `${p.name} ${end}`, "data-key": key, "data-end": end,
        "aria-valuemin": axis.lo, "aria-valuemax": axis.hi, "aria-valuenow": p[end], "aria-valuetext": textOf(p[end]), "aria-disabled": String(!editable()), style: `left:${100 * at(p[end])}%` });
      const put = (v) => {
        v = Math.min(Math.max(v, axis.lo), axis.hi);
        now[end] = end === "low" ? Math.min(v, now.high) : Math.max(v, now.low);
        handle.style.left = `${100 * at(now[end])}%`;
        handle.setAttribute("aria-valuenow", now[end]);
        handle.setAttribute("aria-valuetext", textOf(now[end]));
        const text = root.querySelector(`[data-key="${CSS.escape(`${p.name}.${end}`)}"]`);
        if (text) text.value = textOf(now[end]);
        paint();
      };
      const done = () => { focusKey = key; change(i, { [end]: now[end] }, `${p.name} ${end} ${textOf(now[end])}`); };
      if (editable()) {
        handle.addEventListener("pointerdown", (e) => {
          e.preventDefault(); e.stopPropagation();
          handle.focus(); handle.setPointerCapture(e.pointerId); dragging = true;
          const r = line.getBoundingClientRect();
          const move = (ev) => put(snap(p, axis, fromU(axis, Math.min(1, Math.max(0, (ev.clientX - r.left) / r.width)))));
          const up = () => { handle.removeEventListener("pointermove", move); dragging = false; done(); draw(); };
          handle.addEventListener("pointermove", move);
          handle.addEventListener("pointerup", up, { once: true });
        });
        handle.addEventListener("keydown", (e) => {
          const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[e.key];
          const edge = { Home: axis.lo, End: axis.hi }[e.key];
          if (steps === undefined && edge === undefined) return;
          e.preventDefault(); e.stopPropagation();
          put(edge ?? nudge(p, axis, now[end], steps));
          done();
        });
      }
      line.append(handle);
    }
    paint();
    return line;
  }

  function range(p, i, errors) {
    const edge = (end) => box(`${p.name}.${end}`, `${p.name} ${end}`, isNumber(p[end]) ? textOf(p[end]) : String(p[end] ?? ""), (text) => change(i, { [end]: numberOf(text) }), { className: mark(errors, end, "range") ? "wbs-num wbs-wrong" : "wbs-num" });
    return node("div", { className: "wbs-range" }, edge("low"), track(p, i), edge("high"));
  }

  function numbers(p, i, errors) {
    const optional = (field, hint) => node("label", {}, `${field} `, box(`${p.name}.${field}`, `${p.name} ${field}`, p[field] == null ? "" : isNumber(p[field]) ? textOf(p[field]) : String(p[field]),
      (text) => change(i, { [field]: text.trim() ? numberOf(text) : undefined }), { className: errors[field] ? "wbs-num wbs-wrong" : "wbs-num", placeholder: hint, disabled: !editable() || (field === "step" && !free()), title: field === "step" && !free() ? LOCK : "" }));
    return [
      node("label", { title: free() ? "Uniform in the logarithm" : LOCK }, node("input", { type: "checkbox", "data-key": `${p.name}.log`, checked: Boolean(p.log), disabled: !free(), onchange: (e) => { focusKey = `${p.name}.log`; change(i, { log: e.target.checked || undefined }, `${p.name} ${e.target.checked ? "logarithmic" : "linear"}`); } }), " log"),
      optional("step", p.type === "int" ? "1" : "none"), optional("default", "middle"),
    ];
  }

  // ---- choices
  function options(p, i, ps, where, errors) {
    const rows = optionsOf(p).map((o, k) => {
      const under = ps.map((q, j) => [q, j]).filter(([q, j]) => where[j] === p.name && optionIndex(p, q) === k);
      return node("div", { className: "wbs-option", "data-parent": p.name, "data-option": k },
        node("span", { className: "wbs-chip" },
          box(`${p.name}.option${k}`, `${p.name} option ${k + 1}`, show(o), (text) => commit(renameOption(draft(), i, k, valueOf(text))), { className: "wbs-optiontext", disabled: !free(), title: free() ? "" : LOCK, size: Math.max(3, show(o).length) }),
          free() ? node("button", { className: "wbs-x", "aria-label": `Move option ${show(o)} up`, disabled: k === 0, textContent: "↑", onclick: () => { const list = [...p.options]; [list[k - 1], list[k]] = [list[k], list[k - 1]]; change(i, { options: list }); } }) : null,
          free() ? node("button", { className: "wbs-x", "aria-label": `Delete option ${show(o)}`, textContent: "×", onclick: () => { const [next, lost] = dropOption(draft(), i, k); commit(next, `${show(o)} deleted${lost.length ? `, and ${lost.join(", ")}` : ""}`); } }) : null),
        under.map(([q, j]) => card(q, j, ps, where)));
    });
    return node("div", { className: errors.options ? "wbs-options wbs-wrong" : "wbs-options" }, rows, free() ? node("button", { className: "wbs-addoption", "data-key": `${p.name}.addoption`, textContent: "+ option", onclick: () => {
      const names = optionsOf(p).map(String); let n = names.length + 1; while (names.includes(`option${n}`)) n++;
      focusKey = `${p.name}.option${names.length}`; change(i, { options: [...optionsOf(p), `option${n}`] }, "option added"); } }) : null);
  }
  /** Under which option of its parent a child is shown: the first that activates it. */
  const optionIndex = (p, q) => levels(p).findIndex((v) => (own(q.when, p.name) ?? []).includes(v));

  // ---- conditions
  function condition(p, i, ps) {
    const deps = dependents(draft(), p.name), can = ps.filter((q) => q.name !== p.name && !deps.has(q.name) && canBeParent(q));
    const parents = whenOf(p);
    const choose = node("select", { "data-key": `${p.name}.when`, "aria-label": `Condition of ${p.name}`, disabled: !free(), title: free() ? "When this parameter is active" : LOCK, onchange: (e) => {
      focusKey = `${p.name}.when`;
      const q = ps.find((x) => x.name === e.target.value);
      change(i, { when: q ? { [q.name]: [levels(q, 1)[0]] } : undefined }, q ? `${p.name} is active only for some ${q.name}` : `${p.name} is always active`);
    } }, node("option", { value: "", selected: !parents.length, textContent: "always" }), can.map((q) => node("option", { value: q.name, selected: parents[0]?.[0] === q.name, textContent: `when ${q.name} is …` })));
    const ticks = parents.map(([name, values]) => {
      const q = ps.find((x) => x.name === name);
      if (!q || !canBeParent(q)) return null;
      return node("span", { className: "wbs-values", role: "group", "aria-label": `Values of ${name}` }, parents.length > 1 ? `${name}: ` : null, levels(q, MANY).map((v, k) => node("label", {}, node("input", { type: "checkbox", "data-key": `${p.name}.when.${name}.${k}`, checked: values.includes(v), disabled: !free(), onchange: (e) => {
        focusKey = `${p.name}.when.${name}.${k}`;
        const next = levels(q, MANY).filter((w) => (w === v ? e.target.checked : values.includes(w)));
        if (!next.length) { e.target.checked = true; say("At least one value is needed; choose “always” to drop the condition"); return; }
        change(i, { when: { ...p.when, [name]: next } });
      } }), ` ${show(v)}`)));
    });
    return [node("label", { className: "wbs-cond" }, "active ", choose), ticks];
  }

  function card(p, i, ps, where) {
    const errors = errorsNow()[p.name] ?? {};
    const memory = memories.get(p.name) ?? memories.set(p.name, new Map()).get(p.name);
    const kind = node("select", { "data-key": `${p.name}.type`, "aria-label": `Type of ${p.name}`, disabled: !free(), title: free() ? "" : LOCK, onchange: (e) => { focusKey = `${p.name}.type`; memory.set(p.type, p); axes.delete(p.name); commit(withParams(draft(), ps.map((q, k) => (k === i ? retyped(p, e.target.value, memory) : q))), `${p.name} is now ${e.target.value}`); } },
      ["float", "int", "choice"].map((t) => node("option", { value: t, selected: t === p.type, textContent: t })));
    const head = node("div", { className: "wbs-head" },
      free() ? node("button", { className: "wbs-grip", tabIndex: -1, title: "Drag onto an option to make this conditional", "aria-label": `Move ${p.name}`, textContent: "⠿", onpointerdown: (e) => drag(e, p, i) }) : null,
      box(`${p.name}.name`, "Name", p.name, (text) => { focusKey = `${text}.name`; commit(renameParam(draft(), i, text.trim()), `renamed ${text}`); }, { className: errors.name ? "wbs-name wbs-wrong" : "wbs-name", disabled: !free(), title: free() ? "" : LOCK, size: Math.max(6, p.name.length) }),
      kind, p.type === "choice" ? node("label", {}, node("input", { type: "checkbox", "data-key": `${p.name}.ordered`, checked: Boolean(p.ordered), disabled: !free(), onchange: (e) => { focusKey = `${p.name}.ordered`; change(i, { ordered: e.target.checked || undefined }); } }), " ordered") : numbers(p, i, errors),
      node("span", { className: "wbs-grow" }), condition(p, i, ps),
      free() ? node("button", { className: "wbs-x", "aria-label": `Delete ${p.name}`, textContent: "×", onclick: () => { const [next, lost] = dropParam(draft(), i); commit(next, `${lost.join(", ")} deleted`); } }) : null);
    const under = p.type === "choice" ? [] : ps.map((q, j) => [q, j]).filter(([, j]) => where[j] === p.name);
    const wrong = Object.values(errors);
    return node("div", { className: wrong.length ? "wbs-card wbs-bad" : "wbs-card", role: "treeitem", "aria-label": p.name, "data-name": p.name },
      head, p.type === "choice" ? options(p, i, ps, where, errors) : range(p, i, errors),
      wrong.map((text) => node("div", { className: "wbs-error", role: "alert" }, text)), under.map(([q, j]) => card(q, j, ps, where)));
  }

  // ---- moving a card under an option
  function drag(e, p, i) {
    e.preventDefault();
    const ghost = node("div", { className: "wbs-ghost" }, p.name);
    root.append(ghost);
    dragging = true;
    let over = null;
    const move = (ev) => {
      ghost.style.left = `${ev.clientX + 10}px`; ghost.style.top = `${ev.clientY + 10}px`;
      over?.classList.remove("wbs-over");
      over = document.elementFromPoint(ev.clientX, ev.clientY)?.closest(".wbs-option, .wbs-cards");
      over?.classList.add("wbs-over");
    };
    const up = () => {
      document.removeEventListener("pointermove", move);
      ghost.remove(); over?.classList.remove("wbs-over"); dragging = false;
      if (!over || !root.contains(over)) return draw();
      const parent = over.dataset.parent, q = paramsOf(draft()).find((x) => x.name === parent);
      if (!q) return change(i, { when: undefined }, `${p.name} is always active`), draw();
      if (parent === p.name || dependents(draft(), p.name).has(parent)) { say("A parameter cannot depend on itself"); return draw(); }
      change(i, { when: { [parent]: [optionsOf(q)[Number(over.dataset.option)]] } }, `${p.name} is active only when ${parent} is ${show(optionsOf(q)[Number(over.dataset.option)])}`);
      draw();
    };
    document.addEventListener("pointermove", move, { signal: gone.signal });
    document.addEventListener("pointerup", up, { once: true, signal: gone.signal });
  }

  // ---- below the cards
  function add(type) {
    const input = foot.querySelector("[data-key='new']"), name = input.value.trim();
    if (!name || paramsOf(draft()).some((p) => p.name === name)) { say("Give a new, unused name"); input.classList.add("wbs-wrong"); input.focus(); return; }
    const made = { float: { low: 0, high: 1 }, int: { low: 1, high: 10 }, choice: { options: ["a", "b"] } }[type];
    focusKey = `${name}.name`;
    commit(withParams(draft(), [...paramsOf(draft()), { name, type, ...made }]), `${name} added`);
  }
  function forbid(ps) {
    const can = ps.filter(canBeParent);
    if (can.length < 2) return null;
    const pick = () => { const value = node("select", { "aria-label": "Forbidden value" }); const name = node("select", { "aria-label": "Forbidden parameter", onchange: () => fillIn() }, can.map((q) => node("option", { value: q.name, textContent: q.name })));
      const fillIn = () => value.replaceChildren(...levels(can.find((q) => q.name === name.value), MANY).map((v, k) => node("option", { value: k, textContent: show(v) })));
      fillIn(); return [name, value]; };
    const [a, b] = [pick(), pick()];
    b[0].selectedIndex = 1; b[0].dispatchEvent(new Event("change"));
    const value = ([n, v]) => levels(can.find((q) => q.name === n.value), MANY)[Number(v.value)];
    return node("div", { className: "wbs-forbid" }, "forbid ", a, " with ", b, node("button", { textContent: "+ forbid", onclick: () => {
      if (a[0].value === b[0].value) { say("Two different parameters are needed"); return; }
      commit({ ...withParams(draft(), ps), forbidden: [...forbiddenOf(draft()), { [a[0].value]: [value(a)], [b[0].value]: [value(b)] }] }, "combination forbidden"); } }));
  }
  function drawFoot(ps) {
    const errors = errorsNow()[""] ?? {}, n = count(draft());
    const active = n && (n.fewest === n.most ? `${n.most} active` : `${n.fewest} to ${n.most} active at once`);
    const total = n && (n.total === Infinity ? "infinitely many configurations" : `${n.total.toLocaleString("en").replaceAll(",", " ")} configurations`);
    const clauses = forbiddenOf(draft()).map((c, k) => node("div", { className: "wbs-clause" }, `forbidden: ${Object.entries(c).map(([name, vs]) => `${name} is ${list(vs.map(show))}`).join(" and ")} `,
      free() ? node("button", { className: "wbs-x", "aria-label": "Allow again", textContent: "×", onclick: () => { const rest = forbiddenOf(draft()).filter((_, j) => j !== k); const { forbidden, ...others } = draft(); commit(rest.length ? { ...others, forbidden: rest } : others, "allowed again"); } }) : null,
      errors[`forbidden.${k}`] ? node("span", { className: "wbs-error", role: "alert" }, errors[`forbidden.${k}`]) : null));
    foot.replaceChildren(...[clauses, free() ? forbid(ps) : null,
      free() ? node("div", { className: "wbs-add" }, node("input", { "data-key": "new", placeholder: "new parameter", "aria-label": "Name of a new parameter", onkeydown: (e) => { if (e.key === "Enter") add("float"); } }),
        ["float", "int", "choice"].map((t) => node("button", { textContent: `+ ${t}`, onclick: () => add(t) })),
        node("span", { className: "wbs-grow" }),
        node("button", { textContent: "↶", title: "Undo (Ctrl+Z)", "aria-label": "Undo", disabled: !past.length, onclick: () => undo(true) }),
        node("button", { textContent: "↷", title: "Redo (Ctrl+Shift+Z)", "aria-label": "Redo", disabled: !future.length, onclick: () => undo(false) })) : null,
      node("div", { className: "wbs-sum" }, [`${ps.length} parameter${ps.length === 1 ? "" : "s"}`, active, total].filter(Boolean).join(" · "),
        node("span", { className: "wbs-grow" }), ["JSON", "Python"].map((kind) => node("button", { className: "wbs-quiet", textContent: code === kind ? `${kind} ▾` : `${kind} ▸`, "aria-expanded": String(code === kind), onclick: () => { code = code === kind ? "" : kind; draw(true); } }))),
      code ? node("pre", { className: "wbs-code", tabIndex: 0 }, code === "JSON" ? JSON.stringify(draft(), null, 1) : model.get("code")) : null,
      errors.space ? node("div", { className: "wbs-error", role: "alert" }, errors.space) : null].flat(9).filter(Boolean));
  }

  function draw(force = false) {
    const now = JSON.stringify([draft(), model.get("errors"), editable(), model.get("locked"), code && model.get("code"), past.length, future.length]);
    if (dragging || (now === drawn && !force)) return;   // the kernel echoes our own edit: nothing to draw
    drawn = now;
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const typed = focused && document.activeElement.tagName === "INPUT" && document.activeElement.type === "text" && !focusKey ? [document.activeElement.value, document.activeElement.selectionStart] : null;
    const ps = paramsOf(draft()), where = places(draft());
    cards.replaceChildren(...ps.map((p, i) => [p, i]).filter(([, i]) => where[i] === null).map(([p, i]) => card(p, i, ps, where)));
    if (!ps.length) cards.append(node("p", { className: "wbs-none" }, "No parameter yet. Name one below and choose its type."));
    drawFoot(ps);
    const key = focusKey ?? focused;
    focusKey = null;
    const target = key && root.querySelector(`[data-key="${CSS.escape(key)}"]`);   // keep the keyboard user's place
    if (target) {
      target.focus({ preventScroll: true });
      if (typed && target.value !== typed[0]) { target.value = typed[0]; target.setSelectionRange(typed[1], typed[1]); }
    }
  }

  root.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z" && !(e.target.tagName === "INPUT" && e.target.type === "text" && e.target.value !== e.target.defaultValue)) {
      e.preventDefault();
      if (free()) undo(!e.shiftKey);
    }
    e.stopPropagation();                               // keep JupyterLab's own keys away
  }, { signal: gone.signal });
  const events = ["change:draft", "change:errors", "change:editable", "change:locked", "change:code"], redraw = () => draw();
  for (const event of events) model.on(event, redraw);
  draw();
  return () => { gone.abort(); for (const event of events) model.off(event, redraw); };
}

export default { render };
