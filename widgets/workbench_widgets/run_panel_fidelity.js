
// Of the run panel: runs with a scheduler. The race and its table of brackets; workers and ranks below a switch; steps of curves.

/** How trials of this run wait, and how many do. */
function pacedWords(s) {
  const how = { memory: "trials wait in memory", state: "trials go on from their state", again: "trials are re-run to the larger budget" }[s.pausing] ?? (s.read_only ? "" : "no trial waits");
  const list = [s.scheduler, how, s.waiting ? `${s.waiting} wait${s.waiting === 1 ? "s" : ""} for others` : "", s.shelved ? `${s.shelved} of them shelved: they gave their memory up` : ""];
  return list.filter(Boolean).join(" · ");
}

/** The table of brackets, a real one; a click on a column's head shows that bracket. */
function bracketTable(send) {
  const node = h("table", { className: "wb-brackets" });
  const cell = (tag, [text, title, mark], k, c, more = {}) => {
    const e = h(tag, { title: title || null, className: [mark ? `wb-cell-${mark}` : "", c.columns[k - 1] === c.shown ? "wb-shown" : ""].join(" "), ...more });
    if (mark) e.append(h("span", { className: "wb-cellmark", ariaHidden: "true", textContent: { now: "●", done: "✓" }[mark] }));
    e.append(text);
    if (mark === "now") e.append(h("span", { className: "wb-unseen", textContent: " running now" }));
    return e;
  };
  function draw(c) {
    const key = JSON.stringify([c.head, c.rows, c.foot, c.shown]);
    if (node.dataset.key === key) return;
    const focused = [...node.querySelectorAll("button")].indexOf(document.activeElement);
    node.dataset.key = key;
    const row = (cells) => h("tr", {}, cells.map((x, k) => cell(k ? "td" : "th", x, k, c, k ? {} : { scope: "row" })));
    const heads = (c.head ?? []).map(([text, title], k) => h("th", { scope: "col", className: c.columns[k - 1] === c.shown ? "wb-shown" : "" },
      k && c.columns.length ? h("button", { type: "button", className: "wb-quiet", title: `Show ${title}`, ariaPressed: String(c.columns[k - 1] === c.shown), textContent: text, onclick: () => send({ cmd: "bracket", bracket: c.columns[k - 1] }) }) : text));
    node.replaceChildren(h("thead", {}, h("tr", {}, heads)), h("tbody", {}, (c.rows ?? []).map(row)), h("tfoot", {}, (c.foot ?? []).map(row)));
    if (focused >= 0) node.querySelectorAll("button")[focused]?.focus();
  }
  return { node, draw };
}

/** The tab: the race with its table; below it nothing, the workers, or the ranks. */
function fidelityOf(model, send, figures, embed) {
  const name = `wb-below-${Math.random().toString(36).slice(2, 8)}`;
  let below = "nothing";
  const menu = h("select", { ariaLabel: "Bracket to show", onchange: (e) => send({ cmd: "bracket", bracket: e.target.value === "" ? null : Number(e.target.value) }) });
  const line = h("div", { className: "wb-modelhead" }, h("label", {}, "show", menu));
  const table = bracketTable(send), words = h("div", { className: "wb-hint" });
  const side = h("div", { className: "wb-brackets-side" }, table.node, words);
  const choice = (key, text, title) => h("label", { title }, h("input", { type: "radio", name, value: key, checked: key === below, onchange: () => { below = key; place(); } }), text);
  const pair = h("select", { ariaLabel: "Budgets to compare", onchange: (e) => { const [low, high] = e.target.value ? e.target.value.split(",").map(Number) : [null, null]; send({ cmd: "pair", low, high }); } });
  const pairs = h("label", {}, "compare", pair);
  const under = h("div", { className: "wb-modelhead wb-below", role: "radiogroup", ariaLabel: "What stands below" }, "below:",
    choice("nothing", "nothing", "The race alone"), choice("gantt", "workers over time", "Who worked when, and how much time was idle"),
    choice("ranks", "ranks between budgets", "Whether few steps rank trials as many do"), pairs);
  const forecasts = choice("forecast", "forecasts of curves", "How the picked trial's curve will go on, and whom another δ would have stopped");
  const slider = h("input", { type: "range", min: -4, max: -0.05, step: 0.01, ariaLabel: "δ, on a log scale", oninput: (e) => { dragged = Date.now(); send({ cmd: "delta", value: 10 ** Number(e.target.value) }); } });
  const own = h("button", { type: "button", className: "wb-quiet", title: "Back to the run's own δ", onclick: () => { dragged = 0; send({ cmd: "delta", value: null }); } });
  const said = h("span", { className: "wb-hint" });
  const judged = h("div", { className: "wb-modelhead" }, h("label", {}, "δ", slider), own, said);
  let dragged = 0;
  const stacks = { nothing: [], gantt: ["gantt"], ranks: ["ranks"], forecast: ["forecast", "looks"] };
  function place() {
    for (const key of ["gantt", "ranks", "forecast", "looks"]) figures[key].hidden = !stacks[below].includes(key);
    pairs.hidden = below !== "ranks";
    judged.hidden = below !== "forecast";
    for (const key of stacks[below]) embed(key, figures[key]);
  }
  function draw() {
    const c = model.get("fidelity");
    if (!c.columns) return;
    line.hidden = !c.menu.length;
    const now = c.menu.find(([k]) => k === c.present);
    options(menu, [["", `the present one${now ? `: ${now[1]}` : ""}`], ...c.menu.map(([k, text]) => [String(k), text])]);
    set(menu, "value", c.chosen == null ? "" : String(c.chosen));
    table.draw(c);
    put(words, c.words);
    const all = c.budgets.flatMap((low, i) => c.budgets.slice(i + 1).map((high) => [`${low},${high}`, `${low} and ${high} steps`]));
    options(pair, [["", "the farthest apart"], ...all]);
    if (!c.looks) return;
    if (!forecasts.isConnected) under.insertBefore(forecasts, pairs);
    if (Date.now() - dragged > 1000) set(slider, "value", String(Math.log10(c.looks.delta)));
    own.hidden = c.looks.own == null || c.looks.own === c.looks.delta;
    put(own, `δ = ${c.looks.own}`);
    put(said, c.looks.words);
  }
  place();
  return { nodes: [line, h("div", { className: "wb-race" }, figures.brackets, side), under, figures.gantt, figures.ranks, figures.forecast, judged, figures.looks], draw, shown: () => ["brackets", ...stacks[below]] };
}

/** Learning curves; under a scheduler steps may stand on a log scale, where rungs are equally far apart. */
function curvesOf(model, send, figure) {
  const box = h("input", { type: "checkbox", ariaLabel: "Log scale of steps", onchange: (e) => send({ cmd: "log_steps", on: e.target.checked }) });
  const line = h("div", { className: "wb-modelhead" }, h("label", { title: "Rungs stand at equal distances" }, box, "log scale of steps"));
  function draw() {
    line.hidden = !model.get("head").scheduler;
    set(box, "checked", !!model.get("fidelity").log_steps);
  }
  return { nodes: [line, figure], draw };
}
