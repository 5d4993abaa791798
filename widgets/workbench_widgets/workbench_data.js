// What is seen of a table: how large it is, the target, the columns, the first rows. Joined in front of workbench.js.
const SVG = "http://www.w3.org/2000/svg";
const KIND_WORDS = { number: "numbers", category: "categories", date: "dates", mixed: "mixed", empty: "empty" };

/** Bars from left to right, as a small picture. */
function barsOf(bars, width, height, label) {
  const svg = document.createElementNS(SVG, "svg"), most = Math.max(...bars, 1), step = width / bars.length;
  for (const [k, v] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, preserveAspectRatio: "none" })) svg.setAttribute(k, v);
  bars.forEach((n, i) => {
    const rect = document.createElementNS(SVG, "rect"), tall = n ? Math.max(1.5, (n / most) * (height - 1)) : 0;
    for (const [k, v] of Object.entries({ x: i * step + 0.5, y: height - tall, width: Math.max(step - 1, 0.5), height: tall })) rect.setAttribute(k, v);
    svg.append(rect);
  });
  return svg;
}
const plain = (x) => (x == null ? "" : Math.abs(x) >= 1e5 || (x !== 0 && Math.abs(x) < 1e-3) ? x.toExponential(2) : String(Number(x.toPrecision(4))));
const many = (n, one) => `${n.toLocaleString("en").replaceAll(",", " ")} ${one}${n === 1 ? "" : "s"}`;

/** The target: classes with their counts, or a histogram. */
function targetOf(t) {
  const p = t.picture, total = (p.bars ?? []).reduce((a, b) => a + b, 0);
  if (!p.bars?.length) return h("div", { className: "wb-hint" }, "No target yet.");
  if (p.labels) {
    const most = Math.max(...p.bars);
    const rows = p.labels.map((label, i) => h("tr", {}, h("th", { scope: "row", title: label }, label),
      h("td", { className: "wb-share" }, h("i", { style: `width:${(100 * p.bars[i]) / most}%` })), h("td", {}, String(p.bars[i])), h("td", { className: "wb-hint" }, `${Number(((100 * p.bars[i]) / total).toPrecision(3))} %`)));
    return h("table", { className: "wb-classes" }, h("tbody", {}, rows, p.more ? h("tr", {}, h("th", { scope: "row" }, "…"), h("td", { colSpan: 3, className: "wb-hint" }, `${p.more} more classes`)) : null));
  }
  return h("div", { className: "wb-histogram" }, barsOf(p.bars, 300, 90, `Histogram of ${t.target}, from ${plain(p.low)} to ${plain(p.high)}`), h("div", { className: "wb-ends" }, h("span", {}, plain(p.low)), h("span", {}, plain(p.high))));
}

/** The Data view. */
function dataOf(model, send) {
  const node = h("div", { className: "wb-data" });
  let drawn = "";
  const check = (c) => h("input", { type: "checkbox", checked: c.used, disabled: c.target || (!c.usable && !c.used), ariaLabel: `Learn from ${c.name}`, title: c.target ? "It is the target" : c.usable ? "Whether this column is learnt from" : c.why, onchange: (e) => send({ cmd: "use", column: c.name, on: e.target.checked }) });
  const range = (c) => (c.labels.length ? c.labels.slice(0, 3).join(", ") + (c.distinct > 3 ? ", …" : "") : c.low == null ? "" : `${plain(c.low)} … ${plain(c.high)}`);
  function row(c) {
    const small = c.bars.length ? barsOf(c.bars, 72, 18, `Distribution of ${c.name}`) : "";
    return h("tr", { className: c.target ? "wb-best" : c.used ? "" : "wb-unused" }, h("td", {}, check(c)), h("td", { title: c.name }, c.name), h("td", {}, c.target ? "target" : KIND_WORDS[c.kind]), h("td", {}, small), h("td", { title: range(c) }, range(c)),
      h("td", {}, String(c.distinct)), h("td", {}, c.missing ? String(c.missing) : "–"), h("td", { className: "wb-why-out", title: c.why }, c.target ? "" : c.why));
  }
  function welcome() {
    const setup = model.get("setup");
    if (setup.own) {
      const { text, reads } = setup.source_code ?? {}, space = setup.way === "optuna" ? "It makes its space on the way." : "Draw its space in step 2: one parameter for each that it reads from the configuration.";
      if (setup.way) return [h("h3", {}, setup.values.objective), h("p", {}, setup.why.objective), ...(text ? [h("pre", { tabIndex: 0, ariaLabel: "Source of the objective" }, text)] : []), h("p", { className: "wb-hint" }, reads?.length ? `It reads ${reads.join(", ")}. ${space}` : space)];
      return [h("h3", {}, "An objective of your own"),
        h("p", {}, "Any function of a configuration that gives back a loss, or yields one per step. Define it in a cell; it appears in step 1 as soon as the cell has run."),
        h("pre", { tabIndex: 0, ariaLabel: "Example of an objective" }, "def objective(config):\n    for epoch in range(20):\n        ...                  # train with config[\"lr\"]\n        yield validation_loss"),
        h("p", { className: "wb-hint" }, space)];
    }
    const cards = model.get("sources").examples.map(([name, words, about]) => h("button", { type: "button", className: "wb-card", title: `Take the example set ${name}`, onclick: () => send({ cmd: "data", kind: "example", name }) }, h("b", {}, words), h("span", {}, about)));
    return [h("h3", {}, "What shall be learnt?"),
      h("p", {}, "Choose a table on the left: an example set, a DataFrame of this notebook, or a CSV file. The workbench finds out what kind of task it is, which estimators and ranges fit, and which algorithm should search them. Everything can be changed before you press Start."),
      h("p", { className: "wb-hint" }, "To begin with, take one of these; all come along, nothing is downloaded:"), h("div", { className: "wb-cards" }, cards)];
  }
  function draw() {
    const t = model.get("table"), setup = model.get("setup"), key = JSON.stringify([t, setup.own, setup.way, setup.why?.objective, setup.source_code, t.rows ? 0 : model.get("sources").examples]);
    if (key === drawn) return;
    drawn = key;
    const focus = node.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const at = [...node.querySelectorAll(".wb-scroll")].map((e) => [e.scrollTop, e.scrollLeft]);
    if (!t.rows || setup.own) node.replaceChildren(...welcome());
    else {
      const heads = ["use", "column", "holds", "distribution", "range", "different", "missing", "note"];
      node.replaceChildren(
        h("h3", {}, t.name), h("p", { className: "wb-hint" }, `${many(t.rows, "row")} · ${many(t.columns, "column")}, ${t.used} of them learnt from · ${t.missing ? many(t.missing, "missing value") : "no missing values"}`),
        h("h4", {}, t.target ? `${t.target === "target" ? "The target" : `${t.target}, the target`}: ${t.task === "regression" ? "a number to estimate" : "classes to tell apart"}` : "The target"), targetOf(t),
        h("h4", {}, "Columns"), h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "Columns" }, h("table", { className: "wb-table" }, h("thead", {}, h("tr", {}, heads.map((n) => h("th", { scope: "col" }, n)))), h("tbody", {}, t.facts.map(row)))),
        ...(t.more ? [h("p", { className: "wb-hint" }, `and ${many(t.more, "column")} more`)] : []),
        h("h4", {}, "First rows"), h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "First rows" }, h("table", { className: "wb-table" }, h("thead", {}, h("tr", {}, t.facts.map((c) => h("th", { scope: "col" }, c.name)))), h("tbody", {}, t.first.map((r) => h("tr", {}, r.map((v) => h("td", {}, v))))))));
      [...node.querySelectorAll(".wb-scroll")].forEach((e, i) => { if (at[i]) [e.scrollTop, e.scrollLeft] = at[i]; });
    }
    if (focus) [...node.querySelectorAll("input, button, .wb-scroll")].find((e) => e.getAttribute("aria-label") === focus)?.focus({ preventScroll: true });
  }
  return { node, draw };
}
