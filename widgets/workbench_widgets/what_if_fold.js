// Of the run panel: what would other algorithms have suggested at the moment that is shown? The kernel thinks; this shows.
function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  const asked = () => model.get("asked");
  const send = (message) => model.send(message);
  const ticked = new Map();                                      // name of an algorithm -> whether it is to be asked

  const fold = h("button", { type: "button", className: "wb-fold", title: "Ask other algorithms about this moment", ariaExpanded: "false", onclick: () => send({ cmd: "open", open: !asked().open }) });
  const moment = h("div", { className: "wb-asked" });
  const boxes = h("span", { className: "wb-askrow", role: "group", ariaLabel: "Algorithms to ask" });
  const more = h("details", {}, h("summary", { title: "All that can serve this run" }, "more algorithms"), h("span", { className: "wb-askrow" }));
  const n = h("input", { type: "number", min: 1, max: 5, step: 1, value: "1", className: "wb-number", ariaLabel: "Suggestions of each algorithm", title: "Several show how much is chance; the first is drawn with the trial's own generator" });
  const go = h("button", { type: "button", textContent: "Ask", title: "Let them think; the run goes on meanwhile", onclick: () => send({ cmd: "ask", names: [...ticked].filter(([, on]) => on).map(([name]) => name), n: Math.trunc(Number(n.value)) || 1 }) });
  const drop = h("button", { type: "button", textContent: "Enough", title: "Ask no further ones", onclick: () => send({ cmd: "drop" }) });
  const progress = h("span", { className: "wb-hint", role: "status" });
  const trouble = h("div", { className: "wb-notice", role: "alert" });
  const table = h("table", { className: "wb-table wb-answers" });
  const scroll = h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "What they suggest" }, table);
  const detail = h("div", { className: "wb-answer" });
  const view = (patch) => { const v = asked().view; send({ cmd: "view", kind: v.kind, x: v.x, y: v.y, ...patch }); };
  const kind = h("select", { ariaLabel: "Picture of the suggestions", title: "What the picture shows", onchange: () => view({ kind: kind.value }) });
  const x = h("select", { ariaLabel: "Parameter along the x axis of the suggestions", onchange: () => view({ x: x.value }) });
  const y = h("select", { ariaLabel: "Parameter along the y axis of the suggestions", onchange: () => view({ y: y.value }) });
  const xLabel = h("label", {}, "along", x), yLabel = h("label", {}, "and", y);
  const line = h("div", { className: "wb-modelhead" }, h("label", {}, "picture", kind), xLabel, yLabel);
  const figure = h("div", { className: "wb-figure" });
  const body = h("div", { role: "group", ariaLabel: "What other algorithms would have suggested" }, moment,
    h("div", { className: "wb-askrow" }, boxes, more, h("label", {}, "each", n), go, drop, progress), trouble, scroll, detail, line, figure);

  const box = (name) => h("label", {}, h("input", { type: "checkbox", checked: !!ticked.get(name), onchange: (e) => { ticked.set(name, e.target.checked); } }), name);
  function choices(s) {
    const key = JSON.stringify([s.preset, s.others]);
    if (boxes.dataset.key === key) return;
    boxes.dataset.key = key;
    for (const name of s.preset) if (!ticked.has(name)) ticked.set(name, true);
    for (const name of s.others) if (!ticked.has(name)) ticked.set(name, false);
    for (const name of [...ticked.keys()]) if (![...s.preset, ...s.others].includes(name)) ticked.delete(name);
    boxes.replaceChildren(...s.preset.map(box));
    more.lastChild.replaceChildren(...s.others.map(box));
    more.hidden = !s.others.length;
  }
  const pairs = (config) => config.map(([k, v]) => h("span", { className: "wb-pair" }, h("span", {}, k), ` ${v} `));
  const values = (config, names) => { const by = new Map(config); return names.map((name) => h("td", {}, by.get(name) ?? "")); };
  function rows(s) {
    const heads = ["algorithm", ...s.names, "why", s.really ? "distance" : null, "time"].filter((text) => text != null);
    const titles = { distance: "From what was really tried: 0 the same, 1 as different as can be in every parameter", time: "How long it thought" };
    const cells = [];
    if (s.really) cells.push(h("tr", { className: "wb-really" }, h("td", {}, h("span", { className: "wb-key", ariaHidden: "true", textContent: "◯" }), `trial ${s.really.trial}, really tried`), values(s.really.config, s.names), h("td", { className: "wb-said" }, s.really.why), h("td", { className: "wb-num" }, "0"), h("td", {})));
    for (const r of s.rows) {
      const key = h("span", { className: "wb-key", ariaHidden: "true", textContent: r.glyph, style: `color:${r.color}` });
      if (r.error) {
        cells.push(h("tr", {}, h("td", {}, key, r.algorithm), h("td", { className: "wb-said wb-hint", colSpan: heads.length - 1 }, r.left_out ? `left out: ${r.error}` : r.error)));
        continue;
      }
      const pick = h("button", { type: "button", className: "wb-quiet", textContent: r.algorithm, title: "Look at this suggestion", ariaPressed: String(s.chosen === r.k) });
      cells.push(h("tr", { className: s.chosen === r.k ? "wb-chosen" : "", onclick: () => send({ cmd: "choose", k: r.k }) }, h("td", {}, key, pick), values(r.config, s.names), h("td", { className: "wb-said" }, r.why), s.really ? h("td", { className: "wb-num" }, r.distance) : null, h("td", { className: "wb-num" }, r.time)));
    }
    const focused = [...table.querySelectorAll("button")].indexOf(document.activeElement);
    table.replaceChildren(h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col", title: titles[text] ?? null, className: titles[text] ? "wb-num" : "" }, text)))), h("tbody", {}, cells));
    if (focused >= 0) table.querySelectorAll("button")[focused]?.focus();
  }
  function chosen(s) {
    const r = s.rows.find((row) => row.k != null && row.k === s.chosen);
    detail.hidden = !r && !s.said;
    if (!r) { detail.replaceChildren(s.said ?? ""); return; }
    const quiet = (textContent, title, onclick) => h("button", { type: "button", className: "wb-quiet", textContent, title, onclick });
    detail.replaceChildren(h("div", {}, h("b", {}, r.algorithm), " ", pairs(r.config),
      s.writable ? quiet("try it next", "Let the run try this configuration as its next trial", () => send({ cmd: "try", k: r.k })) : null,
      quiet("copy", "Copy the configuration as a Python dict", async (e) => { const b = e.currentTarget; put(b, (await copy(r.code)) ? "copied" : "failed"); setTimeout(() => put(b, "copy"), 1500); })),
      h("div", { className: "wb-hint" }, r.why), ...(s.said ? [h("div", { role: "status" }, s.said)] : []));
  }
  let last = "";
  function draw() {
    const s = asked();
    el.hidden = !s.any;
    put(fold, `${s.open ? "▾" : "▸"} What would another algorithm have suggested here?`);
    fold.ariaExpanded = String(!!s.open);
    body.hidden = !s.open;
    if (!s.open) return;
    put(moment, s.reason || `They are asked: ${s.moment}.${s.left_out ? ` ${s.left_out}` : ""}`);
    choices(s);
    go.disabled = !!s.reason || !!s.thinking;
    drop.hidden = !s.thinking;
    put(progress, s.thinking ? `${s.thinking} …` : s.dropped ? "The others were not asked." : "");
    trouble.hidden = !s.trouble;
    put(trouble, s.trouble ?? "");
    scroll.hidden = !s.rows.length && !s.really;
    const key = JSON.stringify([s.rows, s.names, s.really, s.chosen]);
    if (key !== last) { last = key; rows(s); }
    chosen(s);
    line.hidden = figure.hidden = !s.rows.some((r) => r.k != null);
    if (line.hidden) return;
    options(kind, s.view.kinds);
    options(x, s.names.map((name) => [name, name]));
    options(y, s.names.filter((name) => name !== s.view.x).map((name) => [name, name]));
    for (const [node, value] of [[kind, s.view.kind], [x, s.view.x], [y, s.view.y]]) set(node, "value", value);
    xLabel.hidden = s.view.kind === "lines";
    yLabel.hidden = s.view.kind !== "map";
    embed("figure", figure);
  }
  el.classList.add("wb-whatif");
  el.append(fold, body);
  model.on("change:asked", draw);
  draw();
  return () => { gone.abort(); model.off("change:asked", draw); };
}

export default { render };
