// Past tasks: which there are and where they are kept, which are most like the new one, and what would be tried first.
function render({ model, el }) {
  const gone = new AbortController(), embed = embedder(model, gone.signal), base = model.get("ack");
  let sent = 0, waiting = null, sure = null;
  const notice = h("div", { className: "wb-notice wb-quietly", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text ?? ""); };
  function send(message) {
    model.send(message);
    sent += 1;
    clearTimeout(waiting);
    waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 700);
  }
  const settled = () => model.get("ack") - base >= sent;

  const head = h("div", { className: "wb-past-head" }), empty = h("div", { className: "wb-hint wb-past-empty" });
  const kShown = h("output", {}), k = h("input", { type: "range", min: 1, step: 1, title: "How many of the most similar tasks are asked", ariaLabel: "k, most similar tasks that are asked", oninput: () => put(kShown, k.value), onchange: () => send({ cmd: "k", value: Number(k.value) }) });
  const n = h("input", { type: "number", className: "wb-number", min: 0, step: 1, title: "So many configurations are tried before the search begins; 0: a cold start", onchange: () => send({ cmd: "n", value: Number(n.value) }) });
  const controls = h("div", { className: "wb-controls" }, h("label", { title: k.title }, "k, tasks that are asked", k, kShown), h("label", { title: n.title }, "configurations to try first", n));
  const map = h("div", { className: "wb-past-map" });
  const first = h("tbody"), firstNote = h("div", { className: "wb-hint" });
  const firstTable = h("div", { className: "wb-past-first" }, h("h4", {}, "Would be tried first"), h("div", { className: "wb-scroll", tabIndex: 0, ariaLabel: "Configurations that would be tried first" },
    h("table", { className: "wb-table" }, h("thead", {}, h("tr", {}, ["", "configuration", "why"].map((t) => h("th", { scope: "col", textContent: t })))), first)), firstNote);
  const beside = h("div", { className: "wb-past-beside" }, map, firstTable);
  const rows = h("tbody"), where = h("div", { className: "wb-hint" });
  const columns = [["", "Place by similarity"], ["task", "Name of the run or table"], ["data", "Rows and columns of the data set, and what was tuned"], ["trials", "Results that are known"], ["best", "Best value that is known"], ["distance", "Mean difference of the meta-features, each scaled to [0, 1]"], ["kept in", "The file; nothing else is kept of it"], ["", ""]];
  const all = h("details", {}, h("summary", {}, "All past tasks"), h("div", { className: "wb-scroll", tabIndex: 0, ariaLabel: "All past tasks" }, h("table", { className: "wb-table" }, h("thead", {}, h("tr", {}, columns.map(([text, title]) => h("th", { scope: "col", textContent: text, title })))), rows)), where);

  const pair = h("div", { className: "wb-past-map" }), pairNote = h("span", { className: "wb-hint" });
  const cold = h("button", { type: "button", textContent: "Run it cold, too", title: "The same run once more, without its warm start", onclick: () => send({ cmd: "cold" }) });
  const versus = h("section", { className: "wb-past-versus", ariaLabel: "Warm against cold" }, h("h4", {}, "Warm against cold"), h("div", { className: "wb-controls" }, pairNote, cold), pair);

  function forget(task) {
    const button = h("button", { type: "button", className: "wb-quiet", textContent: "forget", title: task.of_table ? `Delete the whole table ${task.kept}` : "Delete what is kept of the data; the run's own file stays", ariaLabel: `Forget ${task.kept}`, onclick: () => {
      if (sure === button) { sure = null; send({ cmd: "forget", name: task.kept }); return; }
      sure = button;
      put(button, task.of_table ? "really, all of the table?" : "really forget?");
      button.classList.add("wb-sure");
      setTimeout(() => { if (sure === button) { sure = null; put(button, "forget"); button.classList.remove("wb-sure"); } }, 4000);
    } });
    return button;
  }
  function fill(body, list, row) {
    const key = JSON.stringify(list);
    if (body.dataset.key === key) return;
    body.dataset.key = key;
    body.replaceChildren(...list.map(row));
  }
  function draw() {
    const c = model.get("content"), some = c.tasks.length > 0;
    put(head, c.title);
    put(empty, c.note);
    empty.hidden = !c.note;
    controls.hidden = beside.hidden = !c.own || !some;
    all.hidden = !some;
    if (!c.own) all.open = true;
    if (settled()) {
      set(k, "max", String(Math.max(c.k_max, 1)));
      if (!k.matches(":active")) set(k, "value", String(c.k));
      put(kShown, k.value);
      if (!n.matches(":focus")) set(n, "value", String(c.n));
    }
    k.disabled = c.k_max < 2;
    n.max = c.n_max;
    fill(first, c.configs, (f) => h("tr", { className: f.used ? "" : "wb-later" }, h("td", { textContent: f.used ? `${f.place} ✓` : String(f.place), title: f.used ? "Will be tried" : "Beyond the number that is tried" }), h("td", { title: f.config, textContent: f.config }), h("td", { title: f.why, textContent: f.why })));
    put(firstNote, c.configs.length ? "" : "Nothing fits this space.");
    fill(rows, c.tasks, (t) => h("tr", { className: t.near ? "wb-chosen" : "" }, h("td", {}, t.place ?? ""), h("td", { title: t.name, textContent: t.name }), h("td", { title: t.about, textContent: t.about }), h("td", {}, t.trials), h("td", {}, t.best), h("td", {}, t.distance), h("td", { title: t.where, textContent: t.where }), h("td", {}, forget(t))));
    put(where, c.where);
    if (c.own && some) embed("map", map);
    const v = model.get("versus");
    put(pairNote, v.note);
    cold.hidden = !v.can;
    pair.hidden = !v.shown;
    versus.hidden = !v.shown && !v.note;
    if (v.shown) embed("pair", pair);
  }
  function heard() {
    if (!settled()) return;
    clearTimeout(waiting);
    say(model.get("said").text);
    draw();
  }
  const root = h("div", { className: "wb-panel wb-past", role: "group", ariaLabel: "Past tasks", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() }, versus, head, empty, controls, beside, all, notice);
  el.append(root);
  const on = { "change:content": draw, "change:versus": draw, "change:said": heard, "change:ack": heard, "change:parts": draw };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  draw();
  return () => { gone.abort(); clearTimeout(waiting); for (const [event, act] of Object.entries(on)) model.off(event, act); };
}

export default { render };
