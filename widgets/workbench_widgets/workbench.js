// The application. State comes as traits that only Python's pump writes; every wish goes back as one message.
const APP_STATES = { ready: "○", running: "●", pausing: "◐", paused: "‖", stopping: "◧", stopped: "■", done: "✓", failed: "✗", watching: "◉" };
const SOURCES = [["example", "Example", "A small data set that comes along"], ["kernel", "Notebook", "A DataFrame or an array of this notebook"], ["csv", "CSV file", "A file, by its path or from your computer"], ["objective", "Objective", "A function of this notebook instead of a table"]];
const PIECE = 1 << 20; // bytes of an upload that travel at once

/** Step 1: where the data come from. */
function sourceOf(model, send, field) {
  const name = `wbsource${++fieldCount}`;
  const radios = Object.fromEntries(SOURCES.map(([key, , title]) => [key, h("input", { type: "radio", name, value: key, title, onchange: () => send({ cmd: "source", value: key }, source) })]));
  const source = { sent: 0 };
  const choice = h("div", { className: "wb-segments", role: "radiogroup", ariaLabel: "Data from" }, SOURCES.map(([key, label, title]) => h("label", { title }, radios[key], h("span", {}, label))));
  const list = h("datalist", { id: `${name}files` });
  const pick = (kind) => selectOf((value) => send({ cmd: "data", kind, name: value }, fields[kind]));
  let asking = null;
  const path = inputOf((value) => send({ cmd: "data", kind: "csv", name: value }, fields.csv), { placeholder: "data/houses.csv", oninput: (e) => { clearTimeout(asking); asking = setTimeout(() => send({ cmd: "files", prefix: e.target.value }), 200); } });
  path.setAttribute("list", list.id);
  const fields = {
    example: field("data", "Set", pick("example"), "A data set that comes with scikit-learn"),
    kernel: field("data", "Table", pick("kernel"), "DataFrames and arrays of two dimensions; the list follows the notebook"),
    csv: field("data", "Path", path, "Path of a CSV file, from the notebook's folder; files are offered while you type"),
    objective: field("objective", "Function", pick("objective"), "Functions of this notebook that take a configuration; the list follows the notebook"),
  };
  const file = h("input", { type: "file", accept: ".csv,.tsv,.txt,.data,.gz", className: "wb-unseen", tabIndex: -1, ariaHidden: "true", ariaLabel: "File to upload", title: "File to upload", onchange: () => { if (file.files[0]) upload(file.files[0]); file.value = ""; } });
  const browse = h("button", { type: "button", textContent: "Upload…", title: "Send a file of your computer to the kernel; it is kept in uploads/", onclick: () => file.click() });
  const again = h("button", { type: "button", textContent: "Read again", title: "Read the file once more: it has changed", onclick: () => send({ cmd: "data", kind: "csv", name: path.value }, fields.csv) });
  const coming = h("span", { className: "wb-hint", role: "status" });
  const places = { example: [fields.example.node], kernel: [fields.kernel.node], csv: [fields.csv.node, list, h("div", { className: "wb-controls" }, browse, again, file, coming)], objective: [fields.objective.node] };
  const pages = Object.fromEntries(Object.entries(places).map(([key, nodes]) => [key, h("div", { className: "wb-source" }, nodes)]));

  async function upload(f) {
    send({ cmd: "upload", name: f.name, size: f.size });
    if (!f.size) return;
    const failed = () => !!model.get("said").text;
    for (let at = 0; at < f.size; at += PIECE) {
      const bytes = await f.slice(at, at + PIECE).arrayBuffer();
      send({ cmd: "piece", at }, null, [bytes]);
      const all = Math.min(f.size, at + PIECE);
      put(coming, `${f.name}: ${Math.round((100 * all) / f.size)} % sent`);
      for (let k = 0; k < 600 && !failed() && !(model.get("upload").received >= all); k++) await new Promise((go) => setTimeout(go, 50));
      if (failed()) break;
    }
    put(coming, "");
  }
  function draw(s, settled) {
    const from = model.get("sources"), v = s.values;
    if (settled(source)) for (const key of Object.keys(radios)) radios[key].checked = key === s.source;
    const shown = Object.keys(radios).find((key) => radios[key].checked);
    for (const key of Object.keys(pages)) pages[key].hidden = key !== shown;
    const none = (pairs, text) => [["", pairs.length ? "choose…" : text], ...pairs];
    options(fields.example.control, none(from.examples.map(([n, words]) => [n, words]), "none"));
    options(fields.kernel.control, none(from.tables, "no table yet"));
    options(fields.objective.control, none(from.objectives, "no function yet"));
    options(list, from.files.map((n) => [n, ""]));
    again.hidden = s.source !== "csv" || !v.data;
    for (const key of ["example", "kernel", "csv"]) {
      const value = s.source === key ? v.data : "";
      if (settled(fields[key]) && !(key === "csv" && fields.csv.control.matches(":focus"))) choose(fields[key].control, value);
    }
    if (settled(fields.objective)) choose(fields.objective.control, v.objective);
    const about = from.examples.find(([n]) => n === v.data)?.[2];
    return { example: about, kernel: from.tables.length ? null : "Make one in a cell, such as df = pd.read_csv(…); it appears here when the cell has run.", csv: from.files.length || v.data ? null : "There is no CSV file beside the notebook. Type a path, or upload a file.", objective: from.objectives.length ? null : "Define a function of a configuration in a cell; it appears here when the cell has run." };
  }
  return { nodes: [choice, ...Object.values(pages)], fields, draw, focus: () => Object.values(radios).find((r) => r.checked)?.focus() };
}

/** Show a value in a drop-down or a box; a value that is not offered is offered all the same. */
function choose(control, value) {
  if (control.tagName === "SELECT" && value && ![...control.options].some((o) => o.value === value)) control.append(h("option", { value, textContent: value }));
  set(control, "value", value ?? "");
}

function render({ model, el }) {
  const gone = new AbortController(), embed = embedder(model, gone.signal);
  const base = model.get("ack");
  let sent = 0, waiting = null, silent = null, slow = null, before = "data", tried = false, heardOf = model.get("said").n ?? 0, open = new Set([1]), started = false;
  const values = () => model.get("setup").values;
  const settled = (field) => model.get("ack") - base >= field.sent;

  // ---- what goes out, and what is said while no answer comes
  const notice = h("div", { className: "wb-notice wb-quietly", role: "alert" });
  const job = h("div", { className: "wb-job", role: "status" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text ?? ""); };
  function send(message, field = null, buffers = undefined) {
    model.send(message, undefined, buffers);
    sent += 1;
    if (field) field.sent = sent;
    clearTimeout(waiting);
    clearTimeout(silent);
    waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 700);
    silent = setTimeout(() => say("The kernel has not answered for 20 seconds: it is still busy, or it has been restarted."), 20000);
  }
  function heard() {
    const said = model.get("said");
    if (model.get("ack") - base >= sent) { clearTimeout(waiting); clearTimeout(silent); say(said.text); }
    if (said.n > heardOf) {
      heardOf = said.n;
      started = false;
      if (said.field) { tried = true; open = new Set([said.step]); draw(); if (fields[said.field]) fields[said.field].control.focus(); else if (said.step === 1) source.focus(); else steps[said.step - 1].button.focus(); }
    }
  }

  // ---- the fields
  const fields = {};
  const field = (key, label, control, help, more) => { const f = fieldOf(key, label, control, help, more); if (key !== "data") fields[key] = f; return f; };
  const setter = (key) => (value) => send({ cmd: "set", field: key, value }, fields[key]);
  const select = (key, label, help, more) => field(key, label, selectOf(setter(key)), help, more);
  const input = (key, label, help, more) => field(key, label, inputOf(setter(key), { inputMode: key === "name" ? "text" : "numeric", placeholder: more?.placeholder ?? "" }), help, more);
  const source = sourceOf(model, send, field);
  select("target", "Target", "What shall be predicted");
  select("task", "Task", "Whether classes are told apart or numbers estimated");
  select("metric", "Score", "What counts as good; of scikit-learn's scores those that fit");
  input("folds", "Folds", "Of the cross-validation: each configuration is trained and judged so many times");
  select("direction", "The value is", "Whether smaller or larger values are better");
  select("estimator", "Estimator", "What is trained; its default space is filled in below");
  select("algorithm", "Algorithm", "What suggests the configurations");
  select("fidelity", "Fidelity", "What a trial gets little of at first, so that bad ones can be stopped early");
  select("scheduler", "Scheduler", "Which trials go on, and which are stopped");
  input("max_steps", "Steps of a whole training", "In how many steps a whole training is cut");
  input("warm_start", "From past tasks", "How many configurations that were good on similar past tasks are tried first; Past tasks, on the right, shows them", { placeholder: "none", hint: "A cold start. What similar past tasks suggest stands under Past tasks, on the right." });
  input("n_trials", "Trials", "How many configurations are tried; empty: no limit", { placeholder: "no limit" });
  input("timeout", "Time limit, minutes", "Ends the run after so many minutes; empty: none", { placeholder: "none" });
  input("workers", "Workers", "Trials that run at once, each in a thread");
  input("seed", "Seed", "Same seed, same run (with one worker); empty: a new one each time", { placeholder: "any" });
  input("name", "Name", "Keeps the run in a file, runs/<name>.journal, from its first trial", { placeholder: "not kept in a file", hint: "With a name the run outlives the kernel." });
  options(fields.task.control, [["classification", "classification"], ["regression", "regression"]]);
  options(fields.direction.control, [["minimize", "a loss: the smaller the better"], ["maximize", "a score: the larger the better"]]);

  const next = (n) => h("button", { type: "button", className: "wb-next", textContent: "Next", title: "Fold this step, and open the next", onclick: () => { open = new Set([n + 1]); draw(); steps[n].button.focus(); } });
  const spacePlace = h("div", { className: "wb-space-place" });
  const reset = h("button", { type: "button", className: "wb-quiet", textContent: "default space", title: "Take the default space again", onclick: () => send({ cmd: "default space" }) });
  const spaceHead = h("div", { className: "wb-space-head" }, h("span", { className: "wb-hint" }), reset);
  const spaceErr = h("div", { className: "wb-err", hidden: true, role: "alert" });
  const pair = (...keys) => h("div", { className: "wb-pair-of" }, keys.map((k) => fields[k].node));
  const ofTable = h("div", {}, fields.target.node, pair("task", "folds"), fields.metric.node);
  const toggle = (n) => { if (open.has(n)) open.delete(n); else open = new Set([n]); draw(); };
  const steps = [
    stepOf(1, "Data and task", [source.nodes, ofTable, fields.direction.node, next(1)], toggle),
    stepOf(2, "Model and space", [fields.estimator.node, spaceHead, spaceErr, spacePlace, next(2)], toggle),
    stepOf(3, "Algorithm and budget", [fields.algorithm.node, fields.fidelity.node, fields.scheduler.node, fields.max_steps.node, fields.warm_start.node, pair("n_trials", "timeout"), pair("workers", "seed"), fields.name.node], toggle),
  ];
  const go = h("button", { type: "button", className: "wb-go", title: "Make a run of these settings, and start it", onclick: () => { started = true; tried = true; send({ cmd: "start" }); draw(); } });
  const showCode = h("button", { type: "button", textContent: "Show code", title: "The same as a Python script", onclick: () => show(shown() === "code" ? before : "code") });
  const setup = h("div", { className: "wb-setup", role: "form", ariaLabel: "Settings" }, steps.map((s) => s.node), h("div", { className: "wb-controls wb-start" }, go, showCode), job, notice);

  // ---- the right side
  const id = `wba${++fieldCount}`;
  const data = dataOf(model, send);
  const codeText = h("pre", { className: "wb-code", tabIndex: 0, ariaLabel: "Python script" });
  const copyCode = h("button", { type: "button", textContent: "Copy", title: "Copy the script to the clipboard", onclick: async () => { put(copyCode, (await copy(model.get("code"))) ? "Copied" : "Not allowed here"); setTimeout(() => put(copyCode, "Copy"), 1500); } });
  const code = h("div", {}, h("div", { className: "wb-controls" }, h("span", { className: "wb-hint" }, "What Start does, as a script: paste it into a cell or a file."), copyCode), codeText);
  const panes = {
    data: h("div", { id: `${id}-data`, role: "tabpanel", ariaLabel: "Data", className: "wb-stage-pane" }, data.node),
    past: h("div", { id: `${id}-past`, role: "tabpanel", ariaLabel: "Past tasks", className: "wb-stage-pane" }, h("div", { className: "wb-past-place" }, h("div", { className: "wb-hint" }, "…"))),
    code: h("div", { id: `${id}-code`, role: "tabpanel", ariaLabel: "Code", className: "wb-stage-pane" }, code),
  };
  const tab = (key) => h("button", { type: "button", role: "tab", className: "wb-chip-tab", "aria-controls": `${id}-${key}`, onclick: () => show(key) });
  const tabs = { data: tab("data"), past: tab("past"), code: tab("code") };
  put(tabs.data, "Data");
  put(tabs.past, "Past tasks");
  set(tabs.past, "title", "What earlier runs on similar data suggest to try first");
  put(tabs.code, "Code");
  const chipOrder = () => ["data", ...(tabs.past.hidden ? [] : ["past"]), "code", ...model.get("chips").map((c) => c.key)];
  const tablist = h("div", { className: "wb-chips", role: "tablist", ariaLabel: "Data, code and runs", onkeydown: (e) => walk(e, chipOrder(), shown(), (key) => { show(key); tabs[key].focus(); }) }, tabs.data, tabs.past, tabs.code);
  const kept = selectOf((name) => { if (name) send({ cmd: "open", name }); kept.value = ""; });
  kept.title = "Open a run that is kept in a file here";
  kept.ariaLabel = "Open a kept run";
  const stage = h("div", { className: "wb-stage" }, h("div", { className: "wb-stage-head" }, tablist, kept), panes.data, panes.past, panes.code);
  const bars = {};
  let wanted = null; // what was clicked and not yet heard of

  function shown() { const s = wanted ?? model.get("shown"); return panes[s] && !(s === "past" && tabs.past.hidden) ? s : "data"; }
  function show(key) {
    if (shown() !== "code") before = shown();
    wanted = key;
    send({ cmd: "show", what: key });
    drawStage();
  }
  function quiet(textContent, title, onclick) { return h("button", { type: "button", className: "wb-quiet", textContent, title, onclick }); }
  function addRun(c) {
    const place = h("div", { className: "wb-run-place" }, h("div", { className: "wb-hint" }, "…")), note = h("span", { className: "wb-hint" });
    const settings = quiet("put its settings back", "Take this run's settings into the left column", () => { open = new Set(); send({ cmd: "settings", run: c.key }); });
    const remove = quiet("take off the list", "Close this run here; a kept run stays in its file", () => send({ cmd: "remove", run: c.key }));
    bars[c.key] = { note, settings, remove, place };
    panes[c.key] = h("div", { id: `${id}-${c.key}`, role: "tabpanel", ariaLabel: `Run ${c.label}`, className: "wb-stage-pane" }, h("div", { className: "wb-run-bar" }, note, settings, remove), place);
    tabs[c.key] = tab(c.key);
    tablist.append(tabs[c.key]);
    stage.append(panes[c.key]);
    if (started) { started = false; open = new Set(); queueMicrotask(draw); } // the settings make room for the run
  }
  function drawStage() {
    const chips = model.get("chips"), keys = chipOrder();
    for (const key of Object.keys(panes)) {
      if (keys.includes(key) || key === "past") continue;
      const focused = tabs[key].matches(":focus");
      panes[key].remove();
      tabs[key].remove();
      delete panes[key];
      delete tabs[key];
      if (focused) tabs.data.focus();
    }
    for (const c of chips) {
      if (!panes[c.key]) addRun(c);
      const best = c.best == null ? "" : ` · best ${c.best}`, t = tabs[c.key];
      put(t, `${APP_STATES[c.state]} ${c.label}${best}`);
      t.dataset.state = c.state;
      set(t, "title", `${c.label}: ${c.state}, ${c.done}${c.total == null ? "" : ` of ${c.total}`} trials${best}`);
      t.setAttribute("aria-label", `Run ${c.label}, ${c.state}${best}`);
      const bar = bars[c.key];
      put(bar.note, c.note);
      bar.settings.hidden = !c.recipe;
      bar.remove.hidden = c.alive;
    }
    const now = shown();
    for (const key of Object.keys(panes)) {
      panes[key].hidden = key !== now;
      tabs[key].ariaSelected = String(key === now);
      tabs[key].tabIndex = key === now ? 0 : -1;
    }
    if (bars[now]) embed(now, bars[now].place);
    if (now === "past") embed("past", panes.past.firstChild);
    put(showCode, now === "code" ? "Hide code" : "Show code");
    showCode.ariaPressed = String(now === "code");
    const old = model.get("sources").kept;
    kept.hidden = !old.length;
    options(kept, [["", "Open a kept run…"], ...old.map((n) => [n, n])]);
  }

  // ---- the left side
  function draw() {
    const s = model.get("setup"), v = s.values, o = s.options, faults = s.faults, why = s.why;
    const about = source.draw(s, settled);
    const untouched = (key) => !tried && ((key === "data" && !v.data) || (key === "objective" && !v.objective) || key === "space");
    const mark = (f, key, more) => f.mark(untouched(key) ? "" : faults[key], why[key] ?? more);
    mark(source.fields.example, "data", about.example);
    mark(source.fields.kernel, "data", about.kernel);
    mark(source.fields.csv, "data", about.csv);
    source.fields.objective.mark(untouched("objective") ? "" : faults.objective ?? (s.source === "objective" && !v.objective ? faults.data : ""), why.objective ?? about.objective);
    for (const key of ["target", "metric", "estimator", "algorithm", "fidelity", "scheduler"]) options(fields[key].control, o[key] ?? []);
    for (const f of Object.values(fields)) {
      if (f.key === "objective") continue;
      if (settled(f) && !(f.control.tagName === "INPUT" && f.control.matches(":focus"))) choose(f.control, v[f.key]);
      mark(f, f.key);
    }
    const table = !s.own && s.there;
    ofTable.hidden = !table;
    fields.direction.node.hidden = !s.own;
    fields.estimator.node.hidden = s.own || !o.estimator;
    fields.algorithm.node.hidden = !o.algorithm;
    fields.warm_start.node.hidden = tabs.past.hidden = s.own;
    fields.fidelity.node.hidden = s.own || !(o.fidelity || why.fidelity);
    fields.fidelity.control.hidden = !o.fidelity;
    fields.scheduler.node.hidden = !(o.scheduler || (s.own && why.scheduler));
    fields.scheduler.control.hidden = !o.scheduler;
    fields.max_steps.node.hidden = !o.scheduler || (s.own && !v.scheduler);
    if (faults.leave_out && !faults.target) fields.target.mark(faults.leave_out);
    put(spaceHead.firstChild, s.there ? why.space ?? "" : s.own ? "Choose an objective first." : "Choose a table first: its default space appears here.");
    reset.hidden = !s.edited;
    put(spaceErr, untouched("space") ? "" : faults.space ?? "");
    spaceErr.hidden = !spaceErr.textContent;
    spacePlace.hidden = !s.there || s.way === "optuna";
    steps[0].rename(s.own ? "Objective" : "Data and task");
    steps[1].rename(s.own ? "Space" : "Model and space");
    put(tabs.data, s.own ? "Objective" : "Data");
    if (open.has(2) && !spacePlace.hidden) embed("space", spacePlace);
    const early = (i) => !tried && (!s.there || (i === 1 && s.own && !s.steps[1]));  // nothing was done wrong yet
    steps.forEach((step, i) => step.draw(open.has(i + 1), s.steps[i], s.wrong.includes(i + 1) && !early(i), !!s.steps[i] && !s.wrong.includes(i + 1)));
    put(go, model.get("chips").length ? "Start another run" : "Start");
    root.classList.toggle("wb-all-folded", !open.size);
    root.classList.toggle("wb-drawing", open.has(2));
    put(codeText, model.get("code"));
    data.draw();
  }
  function drawJob() {
    const j = model.get("job");
    clearTimeout(slow);
    if (!j.words) { put(job, ""); return; }
    const text = `${j.words} …${j.share == null ? "" : ` ${Math.round(100 * j.share)} %`}`;
    if (job.textContent) put(job, text); else slow = setTimeout(() => put(job, text), 350);
  }
  function drawChips() {
    drawStage();
    put(go, model.get("chips").length ? "Start another run" : "Start");
  }

  const grid = h("div", { className: "wb-grid" }, setup, stage);
  const root = h("div", { className: "wb-panel wb-app", role: "group", ariaLabel: "AutoML workbench", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() }, grid); // JupyterLab would take the keys for its own commands
  el.append(root);

  // ---- what comes in
  const on = {
    "change:setup": draw, "change:sources": () => { draw(); drawStage(); }, "change:table": draw, "change:code": draw, "change:job": drawJob,
    "change:chips": drawChips, "change:parts": drawStage, "change:shown": () => { wanted = null; drawStage(); }, "change:said": heard, "change:ack": () => { heard(); draw(); },
  };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  if (model.get("chips").length) open = new Set();
  drawStage();
  draw();
  drawJob();
  return () => {
    gone.abort();
    for (const timer of [waiting, silent, slow]) clearTimeout(timer);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
