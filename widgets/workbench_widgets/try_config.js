// Of the run panel: a configuration by hand. Conditions are followed here; what is typed is read and judged by Python.
function render({ model, el }) {
  const values = new Map(), touched = new Set();               // by name: text of a number, place of an option; what the user changed
  const nodes = new Map();                                     // by name: {row, input, hint, error}
  const id = `wbt${Math.random().toString(36).slice(2, 8)}`;
  const form = () => model.get("form");
  let open = false, sent = 0, busy = null;

  const fold = h("button", { type: "button", className: "wb-fold", title: "Choose a configuration yourself: let it be tried, or add a result that you know", ariaExpanded: "false", "aria-controls": `${id}-body`, onclick: () => { open = !open; draw(); if (open) fields.querySelector("input, select")?.focus(); } });
  const fills = h("span", { className: "wb-fills", role: "group", ariaLabel: "Fill the fields in" });
  const fields = h("div", { className: "wb-fields" });
  const results = h("span", { className: "wb-results" });
  const say = h("div", { className: "wb-trysaid", role: "status" });
  const wrong = h("div", { className: "wb-fielderror", role: "alert", id: `${id}-wrong` });
  const tried = h("button", { type: "submit", className: "wb-go", textContent: "Try it next", title: "The run tries this configuration as its next trial (Enter)" });
  const add = h("button", { type: "button", textContent: "Add", title: "Add it as a trial with this result; it is not run and does not count for the number of trials", onclick: () => submit("add") });
  const known = h("span", { className: "wb-known" });
  const body = h("form", { className: "wb-try", id: `${id}-body`, noValidate: true, ariaLabel: "Try a configuration", onsubmit: (e) => { e.preventDefault(); submit("try"); } },
    h("div", { className: "wb-tryrow" }, "fill in:", fills), fields, wrong,
    h("div", { className: "wb-tryrow" }, tried, h("span", { className: "wb-hint" }, "or, if you know what came of it:"), results, add), say);

  function active(name, seen = new Set()) {
    const f = form().fields.find((one) => one.name === name);
    if (!f || seen.has(name)) return false;
    seen.add(name);
    return f.when.every(([parent, levels]) => {
      const p = form().fields.find((one) => one.name === parent), v = values.get(parent);
      const met = p.kind === "choice" ? levels.includes(v) : levels.some((level) => Math.abs(Number(v) - level) <= 1e-9 * Math.max(1, Math.abs(level)));
      return met && active(parent, new Set(seen));
    });
  }
  function field(f) {
    const key = `${id}-${nodes.size}`;
    const hint = h("span", { className: "wb-hint", id: `${key}-hint`, textContent: f.hint + (f.why ? ` · when ${f.why}` : "") });
    const error = h("div", { className: "wb-fielderror", id: `${key}-error`, role: "alert" });
    const change = (value) => { values.set(f.name, value); touched.add(f.name); clear(f.name); follow(); };
    const about = { id: key, "aria-describedby": `${key}-hint ${key}-error`, title: f.hint };
    const input = f.kind === "choice"
      ? h("select", { ...about, onchange: (e) => change(Number(e.target.value)) }, f.options.map((text, k) => h("option", { value: k, textContent: text })))
      : h("input", { ...about, type: "text", inputMode: "decimal", autocomplete: "off", spellcheck: false, oninput: (e) => change(e.target.value) });
    const row = h("div", { className: "wb-fieldrow" }, h("label", { htmlFor: key, textContent: f.name }), input, hint, error);
    nodes.set(f.name, { row, input, hint, error });
    return row;
  }
  function clear(name) {                                       // what is being corrected is not blamed any longer
    const node = nodes.get(name);
    if (node) { put(node.error, ""); node.input.ariaInvalid = "false"; }
    put(wrong, "");
    put(say, "");
  }
  function show(name, value) {
    values.set(name, value);
    const { input } = nodes.get(name);
    set(input, "value", String(value));
  }
  function follow() { for (const [name, { row }] of nodes) row.hidden = !active(name); }

  function build() {
    const s = form(), key = JSON.stringify(s.fields);
    if (fields.dataset.key !== key) {
      fields.dataset.key = key;
      nodes.clear();
      fields.replaceChildren(...s.fields.map(field), ...(s.fixed.length ? [h("div", { className: "wb-hint" }, `held fixed: ${s.fixed.map(([k, v]) => `${k} ${v}`).join(" · ")}`)] : []));
      for (const f of s.fields) show(f.name, values.has(f.name) && touched.has(f.name) && (f.kind !== "choice" || values.get(f.name) < f.options.length) ? values.get(f.name) : f.start);
      follow();
    }
    const offered = JSON.stringify(s.fills.map((f) => [f.key, f.label]));
    if (fills.dataset.key !== offered) {
      fills.dataset.key = offered;
      const at = [...fills.children].indexOf(fills.contains(document.activeElement) ? document.activeElement : null);
      fills.replaceChildren(...s.fills.map((f) => h("button", { type: "button", className: "wb-quiet", textContent: f.label, title: `Put the values of ${f.key === "defaults" ? "the defaults" : f.label} into the fields`, onclick: () => fill(f.key) })));
      fills.children[at]?.focus();
    }
    const asked = JSON.stringify(s.results);
    if (results.dataset.key !== asked) {
      results.dataset.key = asked;
      results.replaceChildren(...s.results.map((name, k) => h("label", {}, name, h("input", { type: "text", inputMode: "decimal", className: "wb-number", autocomplete: "off", title: "What the objective would have returned", "aria-describedby": `${id}-wrong`, onkeydown: (e) => { if (e.key === "Enter") { e.preventDefault(); submit("add"); } }, oninput: (e) => { e.target.ariaInvalid = "false"; put(wrong, ""); put(say, ""); }, "data-k": k }))));
    }
  }
  function fill(key) {
    const found = form().fills.find((f) => f.key === key);
    if (!found) return;
    for (const [name, value] of Object.entries(found.values)) if (nodes.has(name)) { show(name, value); touched.add(name); clear(name); }
    follow();
  }
  function submit(cmd) {
    const given = Object.fromEntries([...values].filter(([name]) => nodes.has(name) && active(name)));
    sent = model.get("answer").n;
    put(say, "");
    clearTimeout(busy);
    busy = setTimeout(() => put(say, "The kernel is busy; your click is waiting."), 500);
    model.send({ cmd, values: given, ...(cmd === "add" ? { results: [...results.querySelectorAll("input")].map((e) => e.value) } : {}) });
  }
  function answered() {
    const { n, errors, said } = model.get("answer");
    if (n <= sent && busy !== null) return;
    clearTimeout(busy);
    put(say, said);
    const general = Object.entries(errors).filter(([name]) => !nodes.has(name)).map(([, text]) => text);
    put(wrong, general.join(" "));
    let first = null;
    for (const [name, { input, error }] of nodes) {
      put(error, errors[name] ?? "");
      input.ariaInvalid = String(name in errors);
      if (name in errors) first ??= input;
    }
    for (const input of results.querySelectorAll("input")) {
      input.ariaInvalid = String(`result ${input.dataset.k}` in errors);
      if (`result ${input.dataset.k}` in errors) first ??= input;
      if (said && !Object.keys(errors).length) input.value = "";
    }
    if (open) first?.focus();
  }
  function draw() {
    put(fold, `${open ? "▾" : "▸"} Try a configuration…`);
    fold.ariaExpanded = String(open);
    body.hidden = !open;
    if (open) build();
  }
  el.classList.add("wb-tryplace");
  el.append(fold, body);
  model.on("change:form", draw);
  model.on("change:answer", answered);
  draw();
  return () => { clearTimeout(busy); model.off("change:form", draw); model.off("change:answer", answered); };
}

export default { render };
