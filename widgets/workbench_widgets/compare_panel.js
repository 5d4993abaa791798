// Runs side by side. State comes as traits that only Python's pump writes; every wish goes back as one message.
const VIEWS = [["best_so_far", "Best so far", "The best value found so far, against what was spent"], ["ranks", "Ranks", "Average rank of each group over time; 1 is best"],
  ["edf", "Distribution", "Which share of all trials was at most so large"], ["final", "Final values", "The best of every run, group beside group"]];
const XS = { trials: "trials", seconds: "seconds", steps: "steps" };
const BAND_CHOICES = [["quartiles", "median, middle half"], ["error", "mean ± standard error"]];
const LOG_CHOICES = [["auto", "automatic"], ["log", "logarithmic"], ["linear", "linear"]];
const USES = { best_so_far: ["x", "band", "log", "single"], ranks: ["x"], edf: ["log"], final: ["x", "log"] };   // controls of each view
const STATE_MARKS = { ready: "○", running: "●", pausing: "◐", paused: "‖", stopping: "◧", stopped: "■", done: "✓", failed: "✗", watching: "◉" };
const DASHES = { solid: "", dash: "7 4", dot: "2 3", dashdot: "7 3 2 3", longdash: "12 4" };
const SHAPES = { circle: "M17 2a4 4 0 1 0 .01 0z", square: "M13.2 2.2h7.6v7.6h-7.6z", "triangle-up": "M17 1l5 9h-10z", diamond: "M17 .5l5 5.5-5 5.5-5-5.5z",
  cross: "M15.5 1h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z", x: "M13 1l4 3.6 4-3.6 1.4 1.6-4 3.4 4 3.4-1.4 1.6-4-3.6-4 3.6-1.4-1.6 4-3.4-4-3.4z", star: "M17 0l1.6 4h4.2l-3.4 2.6 1.3 4.2-3.7-2.5-3.7 2.5 1.3-4.2-3.4-2.6h4.2z" };

/** The mark of a group: its line with its symbol, as in the picture. */
function markOf({ color, dash, symbol }) {
  const svg = (tag, props) => { const e = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [k, v] of Object.entries(props)) e.setAttribute(k, v); return e; };
  const mark = svg("svg", { width: 34, height: 12, viewBox: "0 0 34 12", "aria-hidden": "true", class: "wb-groupmark" });
  mark.append(svg("line", { x1: 0, x2: 34, y1: 6, y2: 6, stroke: color, "stroke-width": 2.5, "stroke-dasharray": DASHES[dash] ?? "" }), svg("path", { d: SHAPES[symbol] ?? SHAPES.circle, fill: color }));
  return mark;
}

/** The list of runs: rows are kept, so that what is being typed stays. */
function runsOf(model, send) {
  const body = h("tbody"), rows = new Map();
  const heads = [["", "shown"], ["run", ""], ["", "mark"], ["group", ""], ["algorithm", ""], ["trials", ""], ["best", ""], ["state", ""], ["", "take out"]];
  const node = h("div", { className: "wb-scroll wb-runs", tabIndex: 0, role: "region", ariaLabel: "Runs that are compared" },
    h("table", { className: "wb-table" }, h("thead", {}, h("tr", {}, heads.map(([text, unseen]) => h("th", { scope: "col" }, text || h("span", { className: "wb-unseen" }, unseen))))), body));
  function make(r) {
    const on = h("input", { type: "checkbox", ariaLabel: `Show ${r.run}`, title: "Whether this run is in the picture and in the numbers", onchange: () => send({ cmd: "check", run: r.run, on: on.checked }) });
    const group = h("input", { type: "text", className: "wb-group", ariaLabel: `Group of ${r.run}`, title: "Runs of one group are taken for seeds of one algorithm: write the same word. Empty: found by the algorithm", onchange: () => send({ cmd: "group", run: r.run, group: group.value }) });
    const out = h("button", { type: "button", className: "wb-quiet", textContent: "✕", ariaLabel: `Take ${r.run} out`, title: "Take this run out of the comparison; the run itself is not touched", onclick: () => send({ cmd: "remove", what: r.run }) });
    const mark = h("td"), algorithm = h("td"), trials = h("td"), best = h("td"), state = h("td");
    const tr = h("tr", {}, h("td", {}, on), h("td", { className: "wb-runname", title: r.run }, r.run), mark, h("td", {}, group), algorithm, trials, best, state, h("td", {}, out));
    return { tr, draw(now) {
      set(on, "checked", now.on);
      tr.classList.toggle("wb-faded", !now.on);
      if (!group.matches(":focus")) set(group, "value", now.group);
      const key = JSON.stringify([now.color, now.dash, now.symbol]);
      if (mark.dataset.key !== key) { mark.dataset.key = key; mark.replaceChildren(markOf(now)); }
      put(algorithm, now.algorithm);
      put(trials, now.trials);
      put(best, now.best || "–");
      put(state, `${STATE_MARKS[now.state] ? `${STATE_MARKS[now.state]} ` : ""}${now.state}`);
    } };
  }
  function draw() {
    const list = model.get("content").rows, keys = new Set(list.map((r) => r.run));
    for (const key of [...rows.keys()]) if (!keys.has(key)) rows.delete(key);
    for (const r of list) { if (!rows.has(r.run)) rows.set(r.run, make(r)); rows.get(r.run).draw(r); }
    const trs = list.map((r) => rows.get(r.run).tr);
    if (trs.length !== body.children.length || trs.some((tr, i) => body.children[i] !== tr)) body.replaceChildren(...trs);
    node.hidden = !list.length;
  }
  return { node, draw };
}

/** Where runs come from: named runs of this folder, studies of a storage. */
function addOf(model, send) {
  const name = h("select", { ariaLabel: "Named run to add", title: "Runs that are kept in the folder runs, the newest first", onfocus: () => send({ cmd: "names" }), onchange: () => { if (name.value) send({ cmd: "add", name: name.value }); name.value = ""; } });
  const where = h("input", { type: "text", className: "wb-where", placeholder: "sqlite:///study.db", ariaLabel: "Storage of an Optuna study", title: "URL of an Optuna storage, or the path of a journal file. It is read, never written", onkeydown: enter });
  const study = h("input", { type: "text", className: "wb-study", placeholder: "study, if several", ariaLabel: "Name of the study", title: "Which study, where the storage holds several", onkeydown: enter });
  const go = h("button", { type: "button", textContent: "Add study", title: "Add the study of this storage", onclick: add });
  const together = h("input", { type: "checkbox", ariaLabel: "Seeds together", title: "Take runs of one algorithm in the same parameters for its seeds, and show them as one group", onchange: () => send({ cmd: "together", on: together.checked }) });
  const adding = h("span", { className: "wb-hint", role: "status" });
  function add() { if (where.value.trim()) send({ cmd: "add", where: where.value, study: study.value }); else where.focus(); }
  function enter(e) { if (e.key === "Enter") add(); }
  const node = h("div", { className: "wb-controls wb-adding" }, h("label", {}, "add", name), h("label", {}, "or an Optuna study", where), study, go, h("label", {}, together, "seeds together"), adding);
  function draw() {
    const c = model.get("content");
    options(name, [["", c.names.length ? "a named run …" : "no other named run here"], ...c.names.map((n) => [n, n])]);
    set(together, "checked", c.together);
    put(adding, c.adding ? "opening …" : "");
  }
  return { node, draw, done() { where.value = ""; study.value = ""; } };
}

/** Which picture, and how. */
function viewOf(model, send) {
  const buttons = Object.fromEntries(VIEWS.map(([key, label, title]) => [key, h("button", { type: "button", textContent: label, title, onclick: () => send({ cmd: "view", value: key }) })]));
  const choice = (cmd, label, title, pairs) => { const e = h("select", { ariaLabel: label, title, onchange: () => send({ cmd, value: e.value }) }); options(e, pairs); return e; };
  const x = choice("x", "Against", "What was spent: trials, seconds of search (pauses left out), or training steps", []);
  const band = choice("band", "Line and band", "What stands for the runs of a group", BAND_CHOICES);
  const log = choice("log", "Axis of values", "A logarithmic axis needs positive values", LOG_CHOICES);
  const single = h("input", { type: "checkbox", ariaLabel: "Every run", title: "Draw every run of a group as a thin line too", onchange: () => send({ cmd: "single", on: single.checked }) });
  const labels = { x: h("label", {}, "against", x), band: h("label", {}, "show", band), log: h("label", {}, "values", log), single: h("label", {}, single, "every run") };
  const node = h("div", { className: "wb-controls wb-viewing" }, h("div", { className: "wb-views", role: "group", ariaLabel: "Picture" }, Object.values(buttons)), Object.values(labels));
  function draw() {
    const c = model.get("content");
    for (const [key, b] of Object.entries(buttons)) b.ariaPressed = String(key === c.view);
    options(x, c.xs.map((k) => [k, XS[k]]));
    for (const [select, value] of [[x, c.x], [band, c.band], [log, c.log]]) if (!select.matches(":focus") || select.value !== value) set(select, "value", value);
    set(single, "checked", c.single);
    for (const [key, label] of Object.entries(labels)) label.hidden = !USES[c.view].includes(key);
  }
  return { node, draw };
}

/** The outcome: a table and sentences; both can be taken along. */
function outcomeOf(model) {
  const heads = h("tr"), body = h("tbody"), words = h("ul", { className: "wb-verdict" });
  const taken = (label, title, text) => { const b = h("button", { type: "button", className: "wb-quiet", textContent: label, title, onclick: async () => { put(b, (await copy(text())) ? "copied" : "failed"); setTimeout(() => put(b, label), 1500); } }); return b; };
  const quoted = (v) => (/[",\n]/.test(v) ? `"${v.replaceAll('"', '""')}"` : v);
  const csv = () => { const { heads: hs, rows } = model.get("content").table; return [hs, ...rows].map((r) => r.map((v) => quoted(v.replaceAll("−", "-"))).join(",")).join("\n"); };
  const take = h("div", { className: "wb-take" }, taken("copy table", "Copy the table as CSV", csv), taken("copy code", "Copy Python code that makes this comparison again", () => model.get("content").code));
  const scroll = h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "Outcome" }, h("table", { className: "wb-table wb-outcome" }, h("thead", {}, heads), body));
  function draw() {
    const { table, words: said } = model.get("content"), state = JSON.stringify([table, said]);
    if (heads.dataset.state === state) return;
    heads.dataset.state = state;
    heads.replaceChildren(...table.heads.map((text) => h("th", { scope: "col" }, text)));
    body.replaceChildren(...table.rows.map((r) => h("tr", {}, r.map((v, i) => (i ? h("td", {}, v) : h("th", { scope: "row" }, v))))));
    words.replaceChildren(...said.map((w) => h("li", {}, w)));
    scroll.hidden = take.hidden = !table.rows.length;
    words.hidden = !said.length;
  }
  return { nodes: [words, scroll, take], draw };
}

function render({ model, el }) {
  const gone = new AbortController(), embed = embedder(model, gone.signal);
  let waiting = null, n = 0;
  const notice = h("div", { className: "wb-notice wb-quietly", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text); notice.hidden = !text; };
  const heard = () => { clearTimeout(waiting); say(model.get("said").text ?? ""); };
  function send(message) { model.send(message); clearTimeout(waiting); waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 500); }

  const runs = runsOf(model, send), adder = addOf(model, send), view = viewOf(model, send), outcome = outcomeOf(model);
  const hint = h("div", { className: "wb-hint wb-alone", role: "status" }), figure = h("div", { className: "wb-figure" });
  const root = h("div", { className: "wb-panel wb-compare", role: "group", ariaLabel: "Comparison of runs", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() },
    runs.node, hint, adder.node, notice, view.node, figure, outcome.nodes);
  el.append(root);

  function draw() {
    runs.draw();
    adder.draw();
    view.draw();
    outcome.draw();
    const { rows, hint: words } = model.get("content");
    if (rows.length > n) adder.done();
    n = rows.length;
    put(hint, words);
    hint.hidden = !words;
  }
  const place = () => embed("figure", figure);
  const on = { "change:content": draw, "change:ack": heard, "change:said": heard, "change:parts": place };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  draw();
  place();
  say(model.get("said").text ?? "");
  return () => {
    gone.abort();
    clearTimeout(waiting);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
