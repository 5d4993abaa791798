// The panel of a run that takes steps, an architecture search or a learner. State comes as traits that only Python's pump writes; wishes go back as messages.
const FIGURES = { learned: ["learned"], cell: ["cell"], weights: ["heat", "areas"], gradients: ["gradients", "gap"], ranking: ["ranking", "sampled"], family: ["tree"], progress: ["progress"], truth: ["truth"], log: [], export: [] };
const KEYS = [["space", "start or pause"], ["s", "one step"], [".", "stop (asks once)"], ["← →", "look at the step before, after"], ["End", "back to now"], ["d", "discretise"], ["?", "this help"]];
const OVER = ["done", "failed"];

/** First lines: title, state, progress; and the controls. */
function topOf(model, send) {
  let sure = null;
  const head = () => model.get("head");
  const title = h("b", { className: "wb-name" }), kept = h("span", { className: "wb-kept" });
  const shape = h("span", { className: "wb-shape", ariaHidden: "true" }), word = h("b", { className: "wb-word", role: "status" });
  const facts = h("span", { className: "wb-facts" }), fill = h("i");
  const bar = h("div", { className: "wb-bar", role: "progressbar", ariaLabel: "Steps taken", ariaValueMin: "0", ariaValueMax: "100" }, fill);
  const go = h("button", { type: "button", className: "wb-go", title: "Start, pause or go on (space)", onclick: toggle });
  const step = h("button", { type: "button", textContent: "Step", title: "Take one step, then pause (s)", onclick: () => send({ cmd: "step" }) });
  const halt = h("button", { type: "button", className: "wb-halt", textContent: "Stop", title: "End it; the step under way is finished (.)", onclick: stop, onblur: calm });
  const controls = h("div", { className: "wb-controls" }, go, step, halt);

  function toggle() { if (!go.disabled) send({ cmd: head().state === "running" ? "pause" : "start" }); }
  function calm() { clearTimeout(sure); sure = null; draw(); }
  function stop() {
    if (halt.disabled) return;
    if (sure) { send({ cmd: "stop" }); calm(); return; }
    sure = setTimeout(calm, 4000);
    draw();
  }
  function draw() {
    const s = head(), [mark, name] = STATES[s.state];
    put(title, s.name ? `${s.name} · ${s.label}` : s.label || s.kind);
    put(kept, s.where);
    set(kept, "title", s.where);
    put(shape, mark);
    shape.dataset.state = s.state;
    put(word, name);
    const left = s.eta_s != null && s.state === "running" ? `, about ${clock(s.eta_s)} left` : "";
    put(facts, [s.total == null ? `${s.done} step${s.done === 1 ? "" : "s"}` : `step ${s.done} / ${s.total}`, ...s.metrics, ...(s.state === "ready" ? [] : [clock(s.elapsed_s) + left])].join(" · "));
    const share = s.total ? Math.min(1, s.done / s.total) : 0;
    fill.style.width = `${100 * share}%`;
    bar.ariaValueNow = String(Math.round(100 * share));
    bar.style.visibility = s.total == null ? "hidden" : "";
    controls.hidden = s.read_only;
    put(go, s.state === "running" ? "Pause" : s.state === "ready" ? "Start" : s.state === "stopped" ? "Go on" : OVER.includes(s.state) ? "Done" : "Resume");
    go.disabled = s.state === "stopping" || OVER.includes(s.state);
    step.disabled = ["running", "pausing", "stopping", ...OVER].includes(s.state);
    halt.disabled = !["running", "pausing", "paused"].includes(s.state);
    put(halt, sure && !halt.disabled ? "Really stop?" : "Stop");
    halt.classList.toggle("wb-sure", !!sure && !halt.disabled);
  }
  return { nodes: [h("div", { className: "wb-title" }, title, kept), h("div", { className: "wb-first" }, shape, word, facts), bar, controls], draw, toggle, stop, step: () => step.disabled || step.click() };
}

/** The slider over the steps. */
function stepsOf(model, send) {
  let playing = null, held = 0, timer = null, wished = 0;
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const shown = () => model.get("shown");
  const look = (at) => { held = 0; send({ cmd: "look", at }); };
  const back = h("button", { type: "button", textContent: "◂", title: "The step before (←)", ariaLabel: "The step before", onclick: () => move(-1) });
  const on = h("button", { type: "button", textContent: "▸", title: "The step after (→)", ariaLabel: "The step after", onclick: () => move(1) });
  const play = h("button", { type: "button", className: "wb-play", onclick: toggle });
  const slider = h("input", { type: "range", min: 0, step: 1, ariaLabel: "Step that is looked at", title: "Drag to look at any step as it was; it goes on meanwhile", oninput() {
    held = Date.now();
    wished = Number(slider.value);
    timer ??= setTimeout(() => { timer = null; send({ cmd: "look", at: wished }); }, 60);
  } });
  const where = h("span", { className: "wb-hint wb-where" }), now = h("button", { type: "button", className: "wb-quiet wb-now", textContent: "back to now", title: "Show the newest step and follow those that come (End)", onclick: () => look(null) });
  const node = h("div", { className: "wb-steps", role: "group", ariaLabel: "Steps" }, back, play, on, slider, where, now);
  function move(by) { halt(); const s = shown(); if (s.total) look(Math.min(Math.max(s.at + by, 0), s.total)); }
  function halt() { clearInterval(playing); playing = null; draw(); }
  function toggle() {
    if (playing) { halt(); return; }
    if (calm.matches) { put(where, "Your system asks for less motion, so play is off: use ▸."); return; }
    const s = shown();
    let at = s.follows ? 0 : s.at;
    look(at);
    playing = setInterval(() => { at += 1; look(at); if (at >= shown().total) halt(); }, Math.max(80, Math.min(400, 6000 / Math.max(s.total, 1))));
    draw();
  }
  function draw() {
    const s = shown();
    set(slider, "max", String(s.total));
    slider.disabled = play.disabled = !s.total;
    if (Date.now() - held > 600) set(slider, "value", String(s.at));
    slider.setAttribute("aria-valuetext", `after ${s.at} of ${s.total} steps`);
    put(where, !s.total ? "no step yet" : s.follows ? `now, after step ${s.total}` : `as it was after step ${s.at} of ${s.total}`);
    now.hidden = s.follows;
    back.disabled = s.at === 0;
    on.disabled = s.follows;
    put(play, playing ? "❚❚" : "▶");
    set(play, "title", playing ? "Stay at this step" : "Play the steps from here; at the end, from the beginning");
    play.ariaLabel = playing ? "Pause the replay" : "Play the steps";
  }
  return { node, draw, move, now: () => look(null), end: () => { clearInterval(playing); clearTimeout(timer); } };
}

/** What was learned, in one sentence and one picture. */
function learnedOf(model, figure) {
  const why = h("span", { className: "wb-hint" });
  return { nodes: [h("div", { className: "wb-modelhead" }, why), figure], draw: () => put(why, model.get("shown").why) };
}

/** Beside the cell: what is kept, and what that costs. */
function cellOf(model, send, figure) {
  const button = h("button", { type: "button", textContent: "Discretise", title: "Show the cell that would be kept now, one operation on each edge (d)", onclick: () => send({ cmd: "discretise", on: !model.get("shown").discretised }) });
  const why = h("span", { className: "wb-hint" });
  const rows = h("tbody"), ops = h("tbody");
  const caption = h("caption"), gap = h("table", { className: "wb-facts-table" }, caption, rows);
  const chosen = h("table", { className: "wb-facts-table" }, h("caption", {}, "Kept on each edge"), ops);
  const side = h("div", { className: "wb-cellside" }, gap, chosen);
  const node = [h("div", { className: "wb-modelhead" }, button, why), h("div", { className: "wb-cellrow" }, figure, side)];
  function draw() {
    const s = model.get("shown"), key = JSON.stringify([s.kept, s.chosen]);
    put(why, s.why);
    button.ariaPressed = String(s.discretised);
    button.hidden = !s.relaxed && s.total > 0;
    button.disabled = !s.relaxed;
    put(button, s.discretised ? "Show all operations" : "Discretise");
    side.hidden = !s.chosen.length;
    if (side.dataset.key === key) return;
    side.dataset.key = key;
    gap.hidden = !s.kept.length;
    put(caption, s.relaxed ? "Accuracy before and after" : "What it is worth");
    rows.replaceChildren(...s.kept.map(([what, value, how]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, value), h("td", { className: "wb-hint" }, how))));
    ops.replaceChildren(...s.chosen.map(([edge, op]) => h("tr", {}, h("th", { scope: "row" }, edge), h("td", {}, op))));
  }
  return { nodes: node, draw, press: () => button.disabled || button.click() };
}

/** What can be taken out. */
function exportOf(model, send) {
  const answer = h("div", { className: "wb-given", role: "status" });
  const kind = (what, label, says, copyable) => h("div", { className: "wb-take" }, h("b", {}, label), h("span", { className: "wb-hint" }, says), h("span", {},
    copyable ? h("button", { type: "button", textContent: "Copy", ariaLabel: `Copy: ${label}`, title: "Copy it to the clipboard", onclick: () => send({ cmd: "get", what, to: "copy" }) }) : null, " ",
    h("button", { type: "button", textContent: "Download", ariaLabel: `Download: ${label}`, title: "Let the browser save the file", onclick: () => send({ cmd: "get", what, to: "download" }) })));
  const code = kind("code", "Architecture", "Python code that builds, trains and tests the cell that would be kept at the step that is looked at", true);
  const text = h("pre", { className: "wb-preview", tabIndex: 0, ariaLabel: "Code of the architecture" });
  const nodes = [code, text, kind("metrics", "Metrics", "a row for each step, as CSV", true), kind("log", "Recording", "all that happened, as JSON lines; wb.replay(file) shows this panel again", false),
    h("div", { className: "wb-hint" }, "Pictures: each has buttons for PNG and SVG at its upper right."), answer];
  function draw() {
    const s = model.get("shown");
    code.hidden = text.hidden = !s.code;
    put(text, s.code);
  }
  async function received({ type, name, mime, to }, [bytes]) {
    if (type !== "file") return;
    const blob = new Blob([bytes], { type: mime });
    if (to === "copy") { put(answer, (await copy(await blob.text())) ? "Copied." : "The browser does not let the page copy. Download it."); return; }
    globalThis.__workbenchLive.download(blob, name);
    put(answer, `Given to the browser as ${name}.`);
  }
  return { nodes, draw, received };
}

function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  let waiting = null, silent = null;
  const head = () => model.get("head");

  // ---- what goes out, and what is said while no answer comes
  const notice = h("div", { className: "wb-notice", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text || head().detail || (head().state === "ready" ? "Press Start, or Step for one step at a time." : "")); };
  const heard = () => { clearTimeout(waiting); clearTimeout(silent); say(model.get("said").text ?? ""); };
  function send(message) {
    model.send(message);
    clearTimeout(waiting);
    clearTimeout(silent);
    waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 700);
    silent = setTimeout(() => say("The kernel has not answered for 20 seconds: it is still busy, or it has been restarted."), 20000);
  }

  // ---- the parts
  const top = topOf(model, send), slider = stepsOf(model, send);
  const TABS = Object.keys(FIGURES), open = () => model.get("shown").tabs.map(([key]) => key);
  let tab = open()[0];
  const figures = Object.fromEntries(Object.values(FIGURES).flat().map((name) => [name, h("div", { className: "wb-figure" })]));
  const cell = cellOf(model, send, figures.cell), learned = learnedOf(model, figures.learned), taken = exportOf(model, send);
  const plain = Object.fromEntries(TABS.map((key) => [key, { nodes: FIGURES[key].map((name) => figures[name]), draw() {} }]));
  const parts = { ...plain, cell, learned, log: logOf(model, "The numbers of every step, and failures, will be listed here."), export: taken };
  const id = `wb${Math.random().toString(36).slice(2, 8)}`;
  const panes = Object.fromEntries(TABS.map((key) => [key, h("div", { id: `${id}-${key}`, role: "tabpanel", className: `wb-pane wb-nas-${key}` }, parts[key].nodes)]));
  const tabs = Object.fromEntries(TABS.map((key) => [key, h("button", { type: "button", role: "tab", onclick: () => show(key), "aria-controls": `${id}-${key}` })]));
  const tablist = h("div", { className: "wb-tabs", role: "tablist", ariaLabel: "Views", onkeydown: walkTabs }, Object.values(tabs));

  function show(name) {
    tab = name;
    for (const key of TABS) {
      panes[key].hidden = key !== name;
      tabs[key].ariaSelected = String(key === name);
      tabs[key].tabIndex = key === name ? 0 : -1;
    }
    for (const part of FIGURES[name]) embed(part, figures[part]);
    model.send({ cmd: "tab", tab: name });
  }
  /** A search's reasons say what there is to see: tabs come and go with them. */
  function drawTabs() {
    const labels = Object.fromEntries(model.get("shown").tabs);
    for (const key of TABS) {
      tabs[key].hidden = !(key in labels);
      put(tabs[key], labels[key] ?? "");
    }
    if (!(tab in labels)) show(open()[0]);
  }
  function walkTabs(e) {
    const names = open(), i = names.indexOf(tab), next = { ArrowRight: i + 1, ArrowLeft: i - 1 + names.length, Home: 0, End: names.length - 1 }[e.key];
    if (next === undefined) return;
    e.preventDefault();
    e.stopPropagation();
    const key = names[next % names.length];
    show(key);
    tabs[key].focus();
  }

  const keys = h("div", { className: "wb-keys", hidden: true }, KEYS.filter(([key]) => key !== "d" || open().includes("cell")).map(([key, what]) => h("span", {}, h("kbd", {}, key), ` ${what}`)), h("span", {}, "while the panel has the focus"));
  const help = h("button", { type: "button", className: "wb-quiet wb-help", textContent: "?", title: "Keys (?)", ariaLabel: "Help: keys", ariaExpanded: "false", onclick: () => { keys.hidden = !keys.hidden; help.ariaExpanded = String(!keys.hidden); } });
  top.nodes[0].append(help);

  // ---- keys
  const always = { ArrowRight: () => slider.move(1), ArrowLeft: () => slider.move(-1), End: slider.now, d: cell.press, "?": () => help.click() };
  const driving = { " ": top.toggle, s: top.step, ".": top.stop };
  function onkeydown(e) {
    e.stopPropagation();                         // JupyterLab would take the keys for its own commands
    const own = e.target.closest("input, select, textarea, pre, .wb-lines, .js-plotly-plot");
    const press = e.target.closest("button") && (e.key === " " || e.key === "Enter");
    const act = (head().read_only ? always : { ...always, ...driving })[e.key];
    if (!act || own || press || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    act();
  }
  const root = h("div", { className: "wb-panel wb-nas", tabIndex: 0, role: "group", ariaLabel: `${head().kind === "search" ? "Search" : "Learning"} ${head().name || head().label}`, "data-lm-suppress-shortcuts": "true", onkeydown },
    top.nodes, keys, h("div", { className: "wb-row" }, notice), slider.node, tablist, Object.values(panes));
  root.addEventListener("pointerdown", (e) => {
    if (!e.target.closest("button, input, select, textarea, a, label, summary, pre, .wb-lines")) root.focus({ preventScroll: true });
  });
  const lastState = lastStateHider(model);
  el.append(root, lastState.node);

  // ---- what comes in
  const on = {
    "change:head": () => { top.draw(); if (notice.classList.contains("wb-quietly")) say(""); }, "change:shown": () => { drawTabs(); slider.draw(); cell.draw(); learned.draw(); taken.draw(); }, "change:lines": parts.log.draw,
    "change:ack": heard, "change:said": heard, "change:last_state": lastState.draw,
  };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  model.on("msg:custom", taken.received);
  for (const act of new Set(Object.values(on))) act();
  show(tab);
  return () => {
    gone.abort();
    slider.end();
    clearTimeout(waiting);
    clearTimeout(silent);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
    model.off("msg:custom", taken.received);
  };
}

export default { render };
