// The panel of a run. State comes as traits that only Python's pump writes; every wish goes back as one message.
const MARKS = { complete: "●", pruned: "–", failed: "×", interrupted: "□", running: "○" };
const ALL_TABS = [["progress", "Progress"], ["overview", "Overview"], ["model", "Model"], ["curves", "Curves"], ["fidelity", "Fidelity"], ["coordinates", "Coordinates"], ["contour", "Contour"], ["trials", "Trials"], ["trial", "Trial"], ["architecture", "Architecture"], ["importance", "Importance"], ["compare", "Compare"], ["log", "Log"], ["export", "Export"]];
const PAGES = ["trial", "architecture", "importance", "compare", "export"];    // tabs that are widgets of their own; a panel has those that are among its parts
const OVERVIEW = ["progress", "model", "coordinates", "contour", "curves"];    // side by side, linked
const KEYS = [["space", "start or pause"], ["s", "one step"], [".", "stop (asks once)"], ["← →", "walk through the trials"], ["Enter", "on a row: the trial's page"], ["Esc", "lift the brush, then let the picked trial go"], ["?", "this help"]];
const POINTER = [["hover", "look at a trial: it is marked in all pictures"], ["click", "pick it: it stays in the foot"], ["double click", "open its page"], ["drag", "brush trials, in Progress, Curves, Contour and along an axis in Coordinates; a flat drag takes an interval, shift adds"]];
const EMPTY = "No trial yet. Press Start, or Step for one at a time.";
const UNSAVED = "This run lives in the kernel's memory and ends with it. wb.optimize(..., name=\"mlp\") keeps it in a file from its first trial.";
const ENDED = ["stopped", "done", "failed"];

/** First lines: title, state, progress; and the controls. */
function topOf(model, send, say) {
  let sure = null;
  const head = () => model.get("head");
  const title = h("b", { className: "wb-name" }), kept = h("span", { className: "wb-kept" });
  const shape = h("span", { className: "wb-shape", ariaHidden: "true" }), word = h("b", { className: "wb-word", role: "status" });
  const facts = h("span", { className: "wb-facts" }), fill = h("i");
  const bar = h("div", { className: "wb-bar", role: "progressbar", ariaLabel: "Trials done", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const go = h("button", { type: "button", className: "wb-go", onclick: toggle });
  const step = h("button", { type: "button", textContent: "Step", title: "Do one trial, then pause (s)", onclick: () => send({ cmd: "step" }) });
  const halt = h("button", { type: "button", className: "wb-halt", textContent: "Stop", title: "End the run; trials that run count as interrupted (.)", onclick: stop, onblur: calm });
  const number = (cmd, label, title) => h("input", { type: "number", min: 1, step: 1, className: "wb-number", ariaLabel: label, title, onchange: (e) => {
    const value = Number(e.target.value);
    if (Number.isInteger(value) && value > 0) send({ cmd, value }); else say(`${label} must be a whole number of at least 1.`);
  } });
  const trials = number("n_trials", "Number of trials", "How many trials end the run");
  const workers = number("n_workers", "Workers", "Trials that run at once");
  const algorithm = h("select", { ariaLabel: "Algorithm", title: "What suggests the configurations, from the next trial on", onchange: (e) => send({ cmd: "algorithm", value: e.target.value }) });
  const advice = h("span"), take = h("button", { type: "button", className: "wb-quiet", textContent: "take it", title: "Use the recommended algorithm from the next trial on", onclick: () => send({ cmd: "advice" }) });
  const paced = h("div", { className: "wb-advice wb-hint wb-paced" });
  const advised = h("div", { className: "wb-advice wb-hint" }, advice, " ", take);
  const controls = h("div", { className: "wb-controls" }, go, step, halt, h("label", {}, "algorithm", algorithm), h("label", {}, "trials", trials), h("label", {}, "workers", workers));

  const live = (s) => s.live ?? s.state;                         // while an old moment is shown the controls are those of the present
  function toggle() { if (!go.disabled) send({ cmd: live(head()) === "running" ? "pause" : "start" }); }
  function calm() { clearTimeout(sure); sure = null; draw(); }
  function stop() {
    if (halt.disabled) return;
    if (sure) { send({ cmd: "stop" }); calm(); return; }
    sure = setTimeout(calm, 4000);
    draw();
  }
  function summary(s) {
    const list = [s.total == null ? `${s.done} trial${s.done === 1 ? "" : "s"}` : `${s.done} / ${s.total} trials`];
    if (s.imported) list.push(`${s.imported} imported`);
    if (s.running) list.push(`${s.running} running`);
    if (s.ready) list.push(`${s.ready} ready`);
    if (s.waiting) list.push(`${s.waiting} waiting`);
    if (s.failed) list.push(`${s.failed} failed`);
    if (s.pruned) list.push(`${s.pruned} pruned`);
    if (s.best != null) list.push(`best ${s.best} (trial ${s.best_trial})`);
    if (s.pareto) list.push(`${s.pareto} in the Pareto set`);
    const left = s.eta_s != null && s.state === "running" ? `, about ${clock(s.eta_s)} left` : "";
    if (s.state !== "ready" && s.state !== "watching") list.push(clock(s.elapsed_s) + left);
    return list.join(" · ");
  }
  function draw() {
    const s = head(), [mark, name] = STATES[s.state], state = live(s);
    put(title, s.name || "unnamed run");
    put(kept, s.saved || s.state === "watching" ? s.where : "not saved · give it a name");
    set(kept, "title", s.saved || s.state === "watching" ? `Kept in ${s.where}` : UNSAVED);
    put(shape, mark);
    shape.dataset.state = s.state;
    put(word, name);
    put(facts, summary(s));
    const share = s.total ? Math.min(1, s.done / s.total) : 0;
    fill.style.width = `${100 * share}%`;
    bar.ariaValueNow = String(Math.round(100 * share));
    bar.style.visibility = s.total == null ? "hidden" : "";
    controls.hidden = s.read_only;
    put(go, state === "running" ? "Pause" : state === "ready" ? "Start" : ENDED.includes(state) ? "Go on" : "Resume");
    const full = ENDED.includes(state) && s.total != null && (s.live ? state === "done" : s.done >= s.total);
    go.disabled = state === "stopping" || full;
    set(go, "title", full ? "All trials are done. Raise their number to go on." : "Start, pause or go on (space)");
    step.disabled = ["running", "pausing", "stopping"].includes(state) || full;
    halt.disabled = !["running", "pausing", "paused"].includes(state);
    put(halt, sure && !halt.disabled ? "Really stop?" : "Stop");
    halt.classList.toggle("wb-sure", !!sure && !halt.disabled);
    if (!trials.matches(":focus")) set(trials, "value", String(s.total ?? ""));
    if (!workers.matches(":focus")) set(workers, "value", String(s.workers));
    options(algorithm, (s.algorithms.includes(s.algorithm) ? s.algorithms : [s.algorithm, ...s.algorithms]).map((n) => [n, n]));
    if (!algorithm.matches(":focus")) set(algorithm, "value", s.algorithm);
    algorithm.disabled = !s.algorithms.length;
    paced.hidden = !s.scheduler;
    put(paced, s.scheduler ? pacedWords(s) : "");
    const follows = s.advice?.label === s.algorithm;
    advised.hidden = s.read_only || !s.advice || ENDED.includes(state);
    put(advice, s.advice ? (follows ? `Recommended: ${s.advice.why}` : `Recommended here: ${s.advice.label}. ${s.advice.why}`) : "");
    take.hidden = follows || algorithm.disabled;
  }
  const first = h("div", { className: "wb-first" }, shape, word, facts);
  return { nodes: [h("div", { className: "wb-title" }, title, kept), first, bar, controls, paced, advised], draw, toggle, stop, step: () => step.disabled || step.click() };
}

/** The table of trials: rows are kept and changed in place. */
function tableOf(model, send, open, look) {
  let looked = null;                              // the trial that is hovered somewhere
  const body = h("tbody"), heads = h("tr"), pager = h("div", { className: "wb-pager" });
  const node = [h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "Table of trials" }, h("table", { className: "wb-table" }, h("thead", {}, heads), body)), pager];
  const column = (t, key, label) => h("th", { scope: "col", ariaSort: t.by === key ? (t.down ? "descending" : "ascending") : "none" },
    h("button", { type: "button", title: `Sort by ${label}`, onclick: () => send({ cmd: "sort", by: key }) }, label, h("span", { ariaHidden: "true" }, t.by === key ? (t.down ? " ▾" : " ▴") : "")));
  const cell = (v, i) => h("td", {}, i === 0 ? h("button", { type: "button", className: "wb-quiet", textContent: v, ariaLabel: `Pick trial ${v}` })
    : i === 1 ? [h("span", { className: `wb-mark wb-${v}`, ariaHidden: "true" }, MARKS[v] ?? ""), v] : v);
  const turn = (t, by, label, title) => h("button", { type: "button", textContent: label, ariaLabel: title, disabled: t.page + by < 0 || t.page + by >= t.pages, onclick: () => send({ cmd: "page", page: t.page + by }) });
  function draw() {
    const t = model.get("table"), state = JSON.stringify([t.names, t.by, t.down]);
    if (!t.rows) return;
    if (heads.dataset.state !== state) {
      heads.dataset.state = state;
      const columns = [["trial", "trial"], ["state", "state"], ["value", t.value], ...t.names.map((n) => [`param:${n}`, n]), ["seconds", "s"], ["error", "error"]];
      heads.replaceChildren(...columns.map(([key, label]) => column(t, key, label)));
    }
    const old = new Map([...body.children].map((row) => [row.dataset.key, row]));
    const rows = t.rows.map((r) => {
      const key = JSON.stringify(r), trial = r[0];
      const row = old.get(key) ?? h("tr", { title: "Click: pick. Double click or Enter: the trial's page", onclick: () => send({ cmd: "pick", trial }), ondblclick: () => open(trial),
        onkeydown: (e) => { if (e.key === "Enter") { e.preventDefault(); open(trial); } }, onpointerenter: () => look(trial), onpointerleave: () => look(null), onfocusin: () => look(trial), onfocusout: () => look(null) }, r.map(cell));
      row.dataset.key = key;
      row.dataset.trial = trial;
      row.classList.toggle("wb-hovered", looked === trial);
      row.classList.toggle("wb-chosen", t.picked === r[0]);
      row.classList.toggle("wb-pinned", t.pinned === r[0]);
      row.classList.toggle("wb-best", t.best.includes(r[0]));
      row.classList.toggle("wb-faded", !!t.faded?.includes(r[0]));
      return row;
    });
    if (!rows.length) rows.push(h("tr", {}, h("td", { colSpan: t.names.length + 5, className: "wb-empty" }, EMPTY)));
    if (rows.length !== body.children.length || rows.some((r, i) => body.children[i] !== r)) body.replaceChildren(...rows);
    pager.hidden = t.pages < 2;
    if (!pager.hidden) pager.replaceChildren(turn(t, -1, "◂", "Previous page"), `page ${t.page + 1} of ${t.pages} · ${t.total} trials`, turn(t, 1, "▸", "Next page"));
  }
  const hover = (trial) => { looked = trial; for (const row of body.children) row.classList.toggle("wb-hovered", looked != null && row.dataset.trial === String(looked)); };
  return { nodes: node, draw, hover };
}

/** What stands above the picture of the model. */
function modelOf(model, send, figure) {
  const go = () => send({ cmd: "along", x: x.value, y: map.checked ? y.value : "" });
  const x = h("select", { ariaLabel: "Parameter along the x axis", title: "The other parameters are held at the incumbent, the best trial then", onchange: go });
  const y = h("select", { ariaLabel: "Second parameter, for a map", onchange: go });
  const map = h("input", { type: "checkbox", ariaLabel: "2-D map", title: "A map over two parameters", onchange: go });
  const second = h("span", { className: "wb-second" }, h("label", {}, map, "2-D"), y), when = h("span", { className: "wb-hint" });
  const why = h("div", { className: "wb-why" }), line = h("div", { className: "wb-modelhead" }, h("label", {}, "along", x), second, when);
  function draw() {
    const m = model.get("model"), names = m.names ?? [];
    line.style.visibility = names.length ? "" : "hidden";
    options(x, names.map((n) => [n, n]));
    options(y, names.filter((n) => n !== m.x).map((n) => [n, n]));
    if (m.x) set(x, "value", m.x);
    map.checked = m.y != null;
    if (m.y != null) set(y, "value", m.y);
    y.style.visibility = m.y != null ? "" : "hidden";
    second.hidden = !m.maps;
    put(when, m.trial == null ? "" : `as it was when trial ${m.trial} was chosen${m.newest ? ", the newest" : ""}`);
    put(why, m.why ?? "");
  }
  return { nodes: [line, why, figure], draw };
}

/** The picked trial and the pinned one as a table, what they differ in marked. */
function besideOf(p, send) {
  const { names, differs, rows, trial, n } = p.beside;
  const head = h("tr", {}, h("th", { scope: "col" }, h("span", { className: "wb-unseen" }, "trial")), h("th", { scope: "col" }, "value"), names.map((k, i) => h("th", { scope: "col", className: differs[i] ? "wb-differs" : "" }, differs[i] ? h("span", { ariaHidden: "true" }, "≠ ") : null, k)));
  const row = ([number, state, value, cells], i) => h("tr", {}, h("th", { scope: "row" }, i ? [h("span", { className: "wb-pinmark", ariaHidden: "true" }, "◇ "), `pinned: trial ${number} `, h("button", { type: "button", className: "wb-quiet", textContent: "unpin", title: "No longer hold it", onclick: () => send({ cmd: "pin", trial: null }) }),
    h("button", { type: "button", className: "wb-quiet", textContent: "pick", title: "Show this one in all views", onclick: () => send({ cmd: "pick", trial: number }) })] : `trial ${number}`),
    h("td", {}, value || state), cells.map((v, k) => h("td", { className: differs[k] ? "wb-differs" : "" }, v)));
  return h("div", { className: "wb-scroll wb-besides", tabIndex: 0, role: "region", ariaLabel: `Trial ${p.trial} beside the pinned trial ${trial}` },
    h("table", { className: "wb-beside" }, h("caption", { className: "wb-hint" }, n ? `They differ in ${n} of ${names.length} parameter${names.length === 1 ? "" : "s"}, marked ≠.` : "Both tried the same configuration."), h("thead", {}, head), h("tbody", {}, rows.map(row))));
}

/** Chips of what is brushed, in every tab; each lifts its brush. */
function brushesOf(model, send) {
  const node = h("div", { className: "wb-brushes", role: "group", ariaLabel: "Brushes" });
  function draw() {
    const { chips = [], words = "" } = model.get("brush"), key = JSON.stringify([chips, words]);
    node.hidden = !chips.length;
    if (node.dataset.key === key) return;
    node.dataset.key = key;
    node.replaceChildren(h("span", { role: "status" }, words), ...chips.map(([by, axis, text]) => h("button", { type: "button", className: "wb-chip", title: "Lift this brush", ariaLabel: `Lift the brush on ${text}`, onclick: () => send({ cmd: "lift", by, axis }) }, text, " ×")),
      h("span", { className: "wb-hint" }, "Others fade in all tabs; Esc lifts."));
  }
  return { node, draw };
}

/** The picked trial, else the best one: configuration, reasons, error. */
function footOf(model, send, see, open) {
  let why = false, opened = null;                 // reasons shown; trial whose traceback is shown
  const node = h("div", { className: "wb-foot" });
  const quiet = (textContent, title, onclick, more = {}) => h("button", { type: "button", className: "wb-quiet", textContent, title, onclick, ...more });
  function draw() {
    const p = model.get("picked"), several = model.get("head").pareto != null;   // of several losses no trial is the best
    if (p.trial == null) { node.replaceChildren(h("div", { className: "wb-empty" }, `${several ? "" : "The best configuration so far will stand here. "}A click on a dot, a curve or a row shows that trial.`)); return; }
    const buttons = h("span", { className: "wb-footbuttons" },
      p.why ? quiet(`why this point ${why ? "▾" : "▸"}`, "Say in words why it was tried", () => { why = !why; draw(); }, { ariaExpanded: String(why) }) : null,
      quiet("copy", "Copy the configuration as a Python dict", async (e) => { const b = e.currentTarget; put(b, (await copy(p.code)) ? "copied" : "failed"); setTimeout(() => put(b, "copy"), 1500); }),
      quiet("open ▸", "The trial's page: curve, reasons, neighbours, what it printed", () => open(p.trial)),
      quiet(p.pinned ? "unpin" : "pin", p.pinned ? "No longer hold it" : "Hold this trial here, beside whichever you pick next", () => send({ cmd: "pin", trial: p.pinned ? null : p.trial }), { ariaPressed: String(p.pinned) }),
      model.get("head").read_only ? null : quiet("re-run", "Try this configuration once more, next", () => send({ cmd: "again", trial: p.trial })),
      p.chosen ? quiet(several ? "let go" : "back to the best", several ? "Show no trial" : "Show the best trial", () => send({ cmd: "pick" })) : null);
    const config = [...p.config.map(([k, v]) => h("span", { className: "wb-pair" }, h("span", {}, k), ` ${v}`)), ...p.fixed.map(([k, v]) => h("span", { className: "wb-pair", title: "This run holds it fixed" }, h("span", {}, k), ` ${v} (fixed)`))];
    node.replaceChildren(
      h("div", {}, h("b", {}, `${p.chosen ? "" : "best: "}trial ${p.trial}`), h("span", { className: `wb-mark wb-${p.state}`, ariaHidden: "true" }, ` ${MARKS[p.state] ?? ""}`), `${p.state}${p.value == null ? "" : ` · ${p.value}`}${p.rank ? ` · ${p.rank}` : ""}${p.pinned ? " · pinned" : ""}${p.origin ? ` · ${p.origin.startsWith("trial") ? `imported: ${p.origin}` : p.origin}` : ""}`, buttons),
      p.beside ? besideOf(p, send) : h("div", { className: "wb-config" }, config),
      ...(p.why && why ? [h("div", { className: "wb-why" }, p.why, quiet("see the picture ▸", "Show the model that chose it", () => { send({ cmd: "pick", trial: p.trial }); see("model"); }))] : []),
      ...(p.error ? [h("details", { className: "wb-error", open: p.trial === opened, ontoggle: (e) => { opened = e.target.open ? p.trial : null; } }, h("summary", {}, p.first), h("pre", { tabIndex: 0 }, p.error))] : []));
  }
  return { nodes: [node], draw };
}

function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  let waiting = null, silent = null, tab = "progress";
  const head = () => model.get("head");

  // ---- what goes out, and what is said while no answer comes
  const notice = h("div", { className: "wb-notice", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text || head().detail || (head().state === "ready" && !head().done && !head().live ? "Press Start, or Step for one trial at a time." : "")); };
  const heard = () => { clearTimeout(waiting); clearTimeout(silent); say(model.get("said").text ?? ""); };
  function send(message) {
    model.send(message);
    clearTimeout(waiting);
    clearTimeout(silent);
    waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 500);
    silent = setTimeout(() => say("The kernel has not answered for 20 seconds: it is still busy, or it has been restarted."), 20000);
  }

  // ---- the parts
  const top = topOf(model, send, say);
  const TABS = ALL_TABS.filter(([key]) => (key === "fidelity" ? head().scheduler : !PAGES.includes(key) || model.get("parts")[key]));
  const figures = Object.fromEntries(["progress", "model", "curves", "coordinates", "contour", "brackets", "gantt", "ranks", "forecast", "looks"].map((name) => [name, h("div", { className: "wb-figure" })]));
  const together = Object.fromEntries(OVERVIEW.map((name) => [name, h("div", { className: "wb-figure" })]));
  const pages = Object.fromEntries(PAGES.map((name) => [name, h("div", { className: "wb-page" })]));
  const parts = { progress: { nodes: [figures.progress, h("div", { className: "wb-hint wb-how" }, "Point at a dot to look, click to pick, double-click for its page; drag to brush trials for all tabs.")], draw() {} }, overview: { nodes: [h("div", { className: "wb-overview" }, Object.values(together))], draw() {} }, model: modelOf(model, send, figures.model), curves: curvesOf(model, send, figures.curves), fidelity: fidelityOf(model, send, figures, embed), coordinates: coordinatesOf(model, send, figures.coordinates), contour: contourOf(model, send, figures.contour), trials: tableOf(model, send, open, look), log: logOf(model, "What the objective prints, and every failure, will be listed here."), ...Object.fromEntries(PAGES.map((name) => [name, { nodes: [pages[name]], draw() {} }])) };
  const foot = footOf(model, send, show, open), brushes = brushesOf(model, send);
  const id = `wb${Math.random().toString(36).slice(2, 8)}`;
  const panes = Object.fromEntries(TABS.map(([key]) => [key, h("div", { id: `${id}-${key}`, role: "tabpanel", className: `wb-pane wb-${key}` }, parts[key].nodes)]));
  const tabs = Object.fromEntries(TABS.map(([key, label]) => [key, h("button", { type: "button", role: "tab", textContent: label, onclick: () => show(key), "aria-controls": `${id}-${key}` })]));
  const tablist = h("div", { className: "wb-tabs", role: "tablist", ariaLabel: "Views", onkeydown: walkTabs }, Object.values(tabs));

  function show(name) {
    tab = name;
    for (const [key] of TABS) {
      panes[key].hidden = key !== name;
      tabs[key].ariaSelected = String(key === name);
      tabs[key].tabIndex = key === name ? 0 : -1;
    }
    foot.nodes[0].hidden = name === "trial";      // the page says all of it
    for (const part of name === "fidelity" ? parts.fidelity.shown() : [name]) if (figures[part] ?? pages[part]) embed(part, figures[part] ?? pages[part]);
    if (name === "overview") for (const [part, place] of Object.entries(together)) embed(part, place, `overview ${part}`);
    model.send({ cmd: "tab", tab: name });
  }
  /** Pick a trial and open its page. */
  function open(trial) {
    send({ cmd: "pick", trial });
    show("trial");
    tabs.trial.focus({ preventScroll: true });
  }
  /** Mark a trial in every picture of the page; Python hears of it at most ten times a second. */
  let looking = null, telling = null;
  function look(trial) {
    looking = trial;
    document.dispatchEvent(new CustomEvent("workbench:hover", { detail: { link: model.get("link"), trial } }));
    telling ??= setTimeout(() => { telling = null; model.send({ cmd: "hover", trial: looking }); }, 100);
  }
  document.addEventListener("workbench:hover", ({ detail }) => { if (detail.link === model.get("link")) parts.trials.hover(detail.trial); }, { signal: gone.signal });
  function walkTabs(e) {
    const i = TABS.findIndex(([key]) => key === tab), next = { ArrowRight: i + 1, ArrowLeft: i - 1 + TABS.length, Home: 0, End: TABS.length - 1 }[e.key];
    if (next === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    const [key] = TABS[next % TABS.length];
    show(key);
    tabs[key].focus();
  }

  // ---- the bar that replays the run, and what others would have suggested: widgets of their own
  const replayed = h("div", { className: "wb-replay-place" }), others = h("div", { className: "wb-whatif-place" });
  embed("replay", replayed);
  embed("what_if", others);
  const byHand = h("div", { className: "wb-try-place" }), kin = h("div", { className: "wb-family-place" });
  embed("try", byHand);
  embed("family", kin);

  const spacePane = h("div", { className: "wb-space-pane", hidden: true, id: `${id}-space` });
  const fold = h("button", { type: "button", className: "wb-fold", title: "See and edit the search space", ariaExpanded: "false", "aria-controls": `${id}-space`, onclick: () => {
    spacePane.hidden = !spacePane.hidden;
    fold.ariaExpanded = String(!spacePane.hidden);
    embed("space", spacePane);
    drawFold();
  } });
  function drawFold() {
    const n = head().n_parameters;
    fold.hidden = !model.get("parts").space;
    put(fold, `${spacePane.hidden ? "▸" : "▾"} Space · ${n} parameter${n === 1 ? "" : "s"}`);
  }

  const keys = h("div", { className: "wb-keys", hidden: true }, KEYS.map(([key, what]) => h("span", {}, h("kbd", {}, key), ` ${what}`)), h("span", {}, "while the panel has the focus"), POINTER.map(([key, what]) => h("span", {}, h("kbd", {}, key), ` ${what}`)));
  const help = h("button", { type: "button", className: "wb-quiet wb-help", textContent: "?", title: "Keys (?)", ariaLabel: "Help: keys", ariaExpanded: "false", onclick: () => { keys.hidden = !keys.hidden; help.ariaExpanded = String(!keys.hidden); } });
  top.nodes[0].append(help);

  // ---- keys
  const always = { ArrowRight: () => send({ cmd: "move", by: 1 }), ArrowLeft: () => send({ cmd: "move", by: -1 }), "?": () => help.click() };
  const driving = { " ": top.toggle, s: top.step, ".": top.stop };
  function onkeydown(e) {
    if (e.key === "Escape") send({ cmd: "escape" });
    e.stopPropagation();                         // JupyterLab would take the keys for its own commands
    const own = e.target.closest("input, select, textarea, pre, details, .wb-space-pane, .wb-scroll, .wb-lines, .js-plotly-plot");
    const press = e.target.closest("button, summary") && (e.key === " " || e.key === "Enter");
    const act = (head().read_only ? always : { ...always, ...driving })[e.key];
    if (!act || own || press || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    act();
  }
  const root = h("div", { className: "wb-panel", tabIndex: 0, role: "group", ariaLabel: `Run ${head().name || "without a name"}`, "data-lm-suppress-shortcuts": "true", onkeydown },
    top.nodes, keys, h("div", { className: "wb-row" }, notice), h("div", { className: "wb-folds" }, h("div", {}, fold, spacePane), byHand, replayed, others), kin, tablist, brushes.node, Object.values(panes), foot.nodes);
  root.addEventListener("workbench:open", ({ detail }) => open(detail.trial));
  root.addEventListener("pointerdown", (e) => {
    if (!e.target.closest("button, input, select, textarea, a, label, summary, pre, .wb-space-pane, .wb-lines, .wb-scroll")) root.focus({ preventScroll: true });
  });
  const lastState = lastStateHider(model);
  el.append(root, lastState.node);

  // ---- what comes in
  const on = {
    "change:head": () => { top.draw(); drawFold(); if (notice.classList.contains("wb-quietly")) say(""); }, "change:table": parts.trials.draw, "change:lines": parts.log.draw,
    "change:picked": foot.draw, "change:model": parts.model.draw, "change:coordinates": parts.coordinates.draw, "change:brush": brushes.draw, "change:contour": parts.contour.draw, "change:fidelity": () => { parts.fidelity.draw(); parts.curves.draw(); }, "change:ack": heard, "change:said": heard, "change:last_state": lastState.draw,
  };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  for (const act of new Set(Object.values(on))) act();
  show(tab);
  return () => {
    gone.abort();
    clearTimeout(waiting);
    clearTimeout(silent);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
