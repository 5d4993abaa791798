// The panel of a run. State comes as traits that only Python's pump writes; every wish goes back as one message.
const STATES = {
  ready: ["○", "Ready"], running: ["●", "Running"], pausing: ["◐", "Pausing"], paused: ["‖", "Paused"],
  stopping: ["◧", "Stopping"], stopped: ["■", "Stopped"], done: ["✓", "Done"], failed: ["✗", "Failed"], watching: ["◉", "Watching"],
};
const MARKS = { complete: "●", pruned: "–", failed: "×", interrupted: "□", running: "○" };
const TABS = [["progress", "Progress"], ["model", "Model"], ["curves", "Curves"], ["trials", "Trials"], ["log", "Log"]];
const KEYS = "space start or pause · s one step · . stop · ← → walk through the trials · ? this help";

function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v == null || v === false) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k in e && !k.startsWith("aria")) e[k] = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...kids.flat().filter((k) => k != null && k !== false));
  return e;
}

/** 41 -> "00:41", 7800 -> "2 h 10 min". */
function clock(s) {
  if (s < 3600) return `${String(Math.floor(s / 60)).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** Put another widget's view into an element; the caller gets a function that takes it out again. */
async function embed(model, reference, place) {
  const child = await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length));
  const view = await model.widget_manager.create_view(child);
  place.replaceChildren(view.el);
  return () => view.remove();
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* no permission: the old way */ }
  const area = document.body.appendChild(h("textarea", { value: text, style: "position:fixed;opacity:0" }));
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

function render({ model, el }) {
  const gone = new AbortController();
  let sent = 0, waiting = null, sure = null, tab = model.get("tab"), spaceOpen = false, whyOpen = false, helpOpen = false;
  const put = (node, text) => { if (node.textContent !== text) node.textContent = text; };

  // ---- what goes out
  function send(message) {
    sent += 1;
    model.send(message);
    clearTimeout(waiting);
    waiting = setTimeout(() => put(notice, "The kernel is busy; your click is waiting."), 500);
  }
  const get = () => model.get("head");
  function toggle() {
    const s = get().state;
    send({ cmd: s === "running" ? "pause" : "start" });
  }
  function stop() {
    if (sure) { clearTimeout(sure); sure = null; send({ cmd: "stop" }); head(); return; }
    sure = setTimeout(() => { sure = null; head(); }, 3000);
    head();
  }
  function show(name) {
    tab = name;
    for (const [key] of TABS) {
      panes[key].hidden = key !== name;
      tabs[key].setAttribute("aria-selected", String(key === name));
      tabs[key].tabIndex = key === name ? 0 : -1;
    }
    model.send({ cmd: "tab", tab: name });
  }

  // ---- the first line and the buttons
  const shape = h("span", { className: "wb-shape", "aria-hidden": "true" }), word = h("b"), facts = h("span", { className: "wb-facts" });
  const title = h("div", { className: "wb-title" });
  const first = h("div", { className: "wb-first", role: "status", "aria-live": "polite" }, shape, word, facts);
  const detail = h("div", { className: "wb-detail" });
  const bar = h("div", { className: "wb-bar", role: "progressbar", "aria-label": "Trials done" }, h("i"));
  const go = h("button", { className: "wb-go", title: "Start, pause or go on (space)", onclick: toggle });
  const step = h("button", { textContent: "Step", title: "Do one trial, then pause (s)", onclick: () => send({ cmd: "step" }) });
  const halt = h("button", { textContent: "Stop", title: "End the run; what runs counts as interrupted (.)", onclick: stop });
  const number = (cmd, label, help) => h("input", {
    type: "number", min: 1, step: 1, className: "wb-number", "aria-label": label, title: help,
    onchange: (e) => { const v = Number(e.target.value); if (Number.isInteger(v) && v > 0) send({ cmd, value: v }); else put(notice, `${label}: a whole number of at least 1`); },
  });
  const trials = number("n_trials", "Number of trials", "How many trials end the run");
  const workers = number("n_workers", "Workers", "Trials that run at once");
  const algorithm = h("select", { "aria-label": "Algorithm", title: "What suggests the configurations, from the next trial on", onchange: (e) => send({ cmd: "algorithm", value: e.target.value }) });
  const help = h("button", { className: "wb-quiet", textContent: "?", title: "Help and keys (?)", "aria-label": "Help", onclick: () => { helpOpen = !helpOpen; keys.hidden = !helpOpen; } });
  const keys = h("div", { className: "wb-keys", hidden: true }, KEYS, " (while the panel has the focus). A click on a dot, a curve or a row picks a trial.");
  const controls = h("div", { className: "wb-controls" }, go, step, halt, h("label", {}, "algorithm ", algorithm), h("label", {}, "trials ", trials), h("label", {}, "workers ", workers), help);
  const notice = h("div", { className: "wb-notice", role: "alert" });

  function head() {
    const s = get();
    const [mark, name] = STATES[s.state] ?? ["", s.state];
    put(title, [s.name || "run", s.name && !s.read_only ? "" : null].filter(Boolean).join(" · "));
    title.append(s.saved ? h("small", {}, ` kept in ${s.where}`) : h("small", { title: "This run lives in the kernel's memory. optimize(..., name=\"mlp\") keeps it in a file." }, " not saved · give it a name"));
    put(shape, mark);
    shape.dataset.state = s.state;
    put(word, name);
    const list = [s.total == null ? `${s.done} trials` : `${s.done} / ${s.total} trials`];
    if (s.running) list.push(`${s.running} running`);
    if (s.failed) list.push(`${s.failed} failed`);
    if (s.pruned) list.push(`${s.pruned} pruned`);
    if (s.best != null) list.push(`best ${s.best} (trial ${s.best_trial})`);
    if (s.elapsed_s || s.state !== "ready") list.push(clock(s.elapsed_s) + (s.eta_s != null && ["running", "pausing"].includes(s.state) ? `, about ${clock(s.eta_s)} left` : ""));
    put(facts, ` ${list.join(" · ")}`);
    put(detail, s.detail);
    const share = s.total ? Math.min(1, s.done / s.total) : 0;
    bar.firstChild.style.width = `${100 * share}%`;
    bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    bar.hidden = s.total == null;
    controls.hidden = s.read_only;
    put(go, s.state === "running" ? "Pause" : s.state === "ready" ? "Start" : ["done", "stopped", "failed"].includes(s.state) ? "Go on" : "Resume");
    go.disabled = s.state === "stopping" || (s.state === "done" && s.total != null && s.done >= s.total);
    step.disabled = ["running", "pausing", "stopping"].includes(s.state) || go.disabled;
    halt.disabled = ["ready", "done", "stopped", "stopping", "failed"].includes(s.state);
    put(halt, sure ? "Really stop?" : "Stop");
    halt.classList.toggle("wb-sure", !!sure);
    const focused = el.getRootNode().activeElement;
    if (focused !== trials) trials.value = s.total ?? "";
    if (focused !== workers) workers.value = s.workers;
    const names = s.algorithms.includes(s.algorithm) ? s.algorithms : [s.algorithm, ...s.algorithms];
    if (algorithm.dataset.names !== names.join("\n")) {
      algorithm.dataset.names = names.join("\n");
      algorithm.replaceChildren(...names.map((n) => h("option", { value: n, textContent: n })));
    }
    algorithm.value = s.algorithm;
    algorithm.disabled = !s.has_space;
    spaceBox.hidden = !s.has_space;
  }

  // ---- space, folded while running
  const spacePane = h("div", { className: "wb-space-pane", hidden: true });
  const fold = h("button", { className: "wb-fold", "aria-expanded": "false", onclick: () => { spaceOpen = !spaceOpen; spacePane.hidden = !spaceOpen; fold.setAttribute("aria-expanded", String(spaceOpen)); put(fold, spaceOpen ? "Space ▾" : "Space ▸"); } }, "Space ▸");
  const spaceBox = h("div", {}, fold, spacePane);

  // ---- tabs
  const tabs = {}, panes = {};
  for (const [key, label] of TABS) {
    tabs[key] = h("button", { role: "tab", textContent: label, onclick: () => show(key) });
    panes[key] = h("div", { role: "tabpanel", className: `wb-pane wb-${key}`, "aria-label": label, hidden: key !== tab });
  }
  const tablist = h("div", { className: "wb-tabs", role: "tablist", onkeydown: (e) => {
    const i = TABS.findIndex(([k]) => k === tab), next = { ArrowRight: i + 1, ArrowLeft: i - 1 }[e.key];
    if (next === undefined) return;
    e.preventDefault(); e.stopPropagation();
    const [key] = TABS[(next + TABS.length) % TABS.length];
    show(key); tabs[key].focus();
  } }, Object.values(tabs));
  const figures = { progress: h("div"), model: h("div"), curves: h("div") };
  const along = h("select", { "aria-label": "Parameter along the x axis", onchange: () => send({ cmd: "along", x: along.value, y: across.value }) });
  const across = h("select", { "aria-label": "Second parameter, for a map", onchange: () => send({ cmd: "along", x: along.value, y: across.value }) });
  const second = h("label", {}, " 2-D: and ", across);
  const modelHead = h("div", { className: "wb-modelhead" }, h("label", {}, "along ", along), second, h("span", { className: "wb-hint" }, "the other parameters are held at the incumbent"));
  panes.progress.append(figures.progress);
  panes.model.append(modelHead, figures.model);
  panes.curves.append(figures.curves);

  function modelChoices() {
    const m = model.get("model"), names = m.names ?? [];
    modelHead.hidden = !names.length;
    if (along.dataset.names !== names.join("\n")) {
      along.dataset.names = names.join("\n");
      along.replaceChildren(...names.map((n) => h("option", { value: n, textContent: n })));
      across.replaceChildren(h("option", { value: "", textContent: "nothing (1-D)" }), ...names.map((n) => h("option", { value: n, textContent: n })));
    }
    if (m.x) along.value = m.x;
    across.value = m.y ?? "";
    second.hidden = !m.two || names.length < 2;
  }

  // ---- the table
  const body = h("tbody"), headRow = h("tr"), pager = h("div", { className: "wb-pager" });
  panes.trials.append(h("div", { className: "wb-scroll" }, h("table", { className: "wb-table" }, h("thead", {}, headRow), body)), pager);
  function table() {
    const t = model.get("table");
    if (!t.rows) return;
    const columns = [["trial", "trial"], ["state", "state"], ["value", "value"], ...t.names.map((n) => [n, n]), ["seconds", "s"], ["error", "error"]];
    headRow.replaceChildren(...columns.map(([key, label]) => h("th", { scope: "col", "aria-sort": t.sort === key ? (t.down ? "descending" : "ascending") : "none" },
      key === "error" ? label : h("button", { textContent: label + (t.sort === key ? (t.down ? " ▾" : " ▴") : ""), title: `Sort by ${label}`, onclick: () => send({ cmd: "sort", by: key }) }))));
    const picked = model.get("picked"), best = get().best_trial;
    body.replaceChildren(...t.rows.map((r) => h("tr", {
      className: [picked.chosen && picked.trial === r[0] ? "wb-chosen" : "", best === r[0] ? "wb-best" : ""].join(" "), "data-trial": r[0],
      onclick: () => send({ cmd: "pick", trial: r[0] }),
    }, r.map((v, i) => h("td", {}, i === 1 ? `${MARKS[v] ?? ""} ${v}` : i === 0 ? h("button", { className: "wb-quiet", textContent: v, "aria-label": `Pick trial ${v}` }) : String(v))))));
    if (!t.rows.length) body.replaceChildren(h("tr", {}, h("td", { colSpan: columns.length, className: "wb-empty" }, "No trial yet. Press Start, or Step for one at a time.")));
    pager.hidden = t.pages < 2;
    pager.replaceChildren(
      h("button", { textContent: "◂", "aria-label": "Previous page", disabled: t.page === 0, onclick: () => send({ cmd: "page", page: t.page - 1 }) }),
      ` page ${t.page + 1} of ${t.pages}, ${t.total} trials `,
      h("button", { textContent: "▸", "aria-label": "Next page", disabled: t.page >= t.pages - 1, onclick: () => send({ cmd: "page", page: t.page + 1 }) }));
  }

  // ---- the log
  const log = h("pre", { className: "wb-lines", tabIndex: 0, "aria-label": "Log" });
  panes.log.append(log);
  function lines() {
    const bottom = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    put(log, model.get("lines").join("\n") || "Nothing printed, nothing failed.");
    if (bottom) log.scrollTop = log.scrollHeight;
  }

  // ---- the picked trial
  const foot = h("div", { className: "wb-foot" });
  function picked() {
    const p = model.get("picked");
    foot.hidden = p.trial == null;
    if (foot.hidden) return;
    const config = h("span", { className: "wb-config" }, p.config.flatMap(([k, v], i) => [i ? " · " : "", h("span", { className: "wb-key" }, k), ` ${v}`]));
    const buttons = h("span", { className: "wb-footbuttons" },
      p.why ? h("button", { className: "wb-quiet", textContent: whyOpen ? "why this point ▾" : "why this point ▸", "aria-expanded": String(whyOpen), onclick: () => { whyOpen = !whyOpen; picked(); } }) : null,
      h("button", { className: "wb-quiet", textContent: "copy", title: "Copy the configuration as a Python dict", onclick: async (e) => { const b = e.target; put(b, (await copy(p.code)) ? "copied" : "copy failed"); setTimeout(() => put(b, "copy"), 1500); } }),
      p.chosen ? h("button", { className: "wb-quiet", textContent: p.pinned ? "unpin" : "pin", title: "Keep this trial picked", onclick: () => send({ cmd: "pin" }) }) : null,
      p.chosen ? h("button", { className: "wb-quiet", textContent: "show the best", onclick: () => send({ cmd: "pick", trial: null }) }) : null,
      get().read_only ? null : h("button", { className: "wb-quiet", textContent: "re-run", title: "Try this configuration once more, next", onclick: () => send({ cmd: "again", trial: p.trial }) }));
    foot.replaceChildren(
      h("div", {}, h("b", {}, `${p.chosen ? "" : "best: "}trial ${p.trial}`), ` ${MARKS[p.state] ?? ""} ${p.state}${p.value != null ? ` · ${p.value}` : ""} · `, config, buttons),
      p.why && whyOpen ? h("div", { className: "wb-why" }, p.why) : "",
      p.error ? h("details", { className: "wb-error" }, h("summary", {}, p.first), h("pre", {}, p.error)) : "",
      p.printed.length ? h("details", { className: "wb-printed" }, h("summary", {}, `printed (${p.printed.length} lines)`), h("pre", {}, p.printed.join("\n"))) : "");
  }

  // ---- the whole
  const root = h("div", { className: "wb-panel", tabIndex: 0, role: "group", "aria-label": "Run", "data-lm-suppress-shortcuts": "true",
    onkeydown: (e) => {
      e.stopPropagation();                       // JupyterLab would take the keys for its own commands
      const own = e.target.closest("input, select, textarea, pre, [role=slider], [role=tablist], .wb-space-pane");
      if (own || e.ctrlKey || e.metaKey || e.altKey || (e.key === " " && e.target.closest("button, summary"))) return;
      const act = get().read_only
        ? { ArrowRight: () => send({ cmd: "move", by: 1 }), ArrowLeft: () => send({ cmd: "move", by: -1 }), "?": () => help.click() }
        : { " ": () => go.disabled || toggle(), s: () => step.disabled || send({ cmd: "step" }), ".": () => halt.disabled || stop(),
            ArrowRight: () => send({ cmd: "move", by: 1 }), ArrowLeft: () => send({ cmd: "move", by: -1 }), "?": () => help.click() };
      if (act[e.key]) { e.preventDefault(); act[e.key](); }
    } },
    title, first, detail, bar, controls, keys, notice, spaceBox, tablist, Object.values(panes), foot);
  root.addEventListener("pointerdown", (e) => { if (!e.target.closest("button, input, select, textarea, a, summary, pre, [tabindex='0']:not(.wb-panel)")) root.focus({ preventScroll: true }); });
  el.append(root);

  const parts = model.get("parts"), takeOut = [];
  const place = (name, where) => { if (parts[name]) embed(model, parts[name], where).then((out) => { if (gone.signal.aborted) out(); else takeOut.push(out); }); };
  for (const name of Object.keys(figures)) place(name, figures[name]);
  place("space", spacePane);

  const heard = () => { clearTimeout(waiting); put(notice, model.get("said")); };
  const on = { "change:head": head, "change:table": table, "change:lines": lines, "change:picked": () => { picked(); table(); }, "change:model": modelChoices, "change:ack": heard, "change:said": heard };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  head(); modelChoices(); table(); lines(); picked(); heard(); show(tab);
  return () => {
    gone.abort();
    for (const [event, act] of Object.entries(on)) model.off(event, act);
    for (const out of takeOut) out();
  };
}

export default { render };
