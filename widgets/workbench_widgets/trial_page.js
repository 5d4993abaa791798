// The page of one trial, a tab of the run panel. Python writes what stands on it; every wish goes back as one message.
const STATE_MARKS = { complete: "●", pruned: "–", failed: "×", interrupted: "□", running: "○" };
const EMPTY_PAGE = "Here one trial is looked at closely: what it tried and how that compares with the best, its learning curve, why it was tried, and what was tried nearby. Press Start, then pick a trial: a click on a dot, a curve or a row.";

/** A stretch of a parameter's range with a dot where the value stands, and a ring where the other trial's does. */
function barOf(row, beside) {
  if (row.place == null && row.beside_place == null) return h("span", { className: "wb-hint" }, "");
  const percent = (p) => `${Math.round(100 * p)} %`;
  const words = [row.place == null ? "no place" : `at ${percent(row.place)} of ${row.range}`, row.beside_place != null && beside ? `; ${beside.title} trial at ${percent(row.beside_place)}` : ""].join("");
  const at = (className, place) => h("i", { className, style: `left:${100 * place}%`, ariaHidden: "true" });
  return h("span", { className: "wb-inrange", role: "img", ariaLabel: words, title: words },
    row.beside_place == null ? null : at("wb-there", row.beside_place), row.place == null ? null : at("wb-here", row.place));
}

/** The configuration, a row a parameter. */
function configTable(p, send) {
  const b = p.beside, heads = ["parameter", "value", "in its range", ...(b ? [b.title, "difference"] : [])];
  const row = (r) => h("tr", { className: b && r.differs ? "wb-apart" : "" }, h("th", { scope: "row" }, b && r.differs ? h("span", { ariaHidden: "true" }, "≠ ") : null, r.name), h("td", { title: r.full }, r.value),
    h("td", {}, barOf(r, b), h("span", { className: "wb-hint wb-span" }, r.range)), ...(b ? [h("td", {}, r.beside), h("td", {}, r.differs ? r.difference : h("span", { className: "wb-hint" }, "="))] : []));
  const fixed = (p.fixed ?? []).map(([name, value]) => h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, value), h("td", { className: "wb-hint", colSpan: b ? 3 : 1 }, "this run holds it fixed")));
  const unpin = h("button", { type: "button", className: "wb-quiet", textContent: "unpin", title: "Compare with the best instead", onclick: () => send({ cmd: "pin", trial: null }) });
  const caption = b ? [`Beside the ${b.title} trial ${b.trial}${b.value ? `: ${b.value}` : ""}`, " ", b.title === "pinned" ? unpin : null].filter(Boolean) : ["Configuration"];
  return h("table", { className: "wb-about" }, h("caption", {}, caption), h("thead", {}, h("tr", {}, heads.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, p.rows.map(row), fixed));
}

function render({ model, el }) {
  const gone = new AbortController(), embed = embedder(model, gone.signal);
  const send = (message) => model.send(message);
  const quiet = (textContent, title, onclick, more = {}) => h("button", { type: "button", textContent, title, onclick, ...more });
  const figures = { curve: h("div", { className: "wb-figure" }), model: h("div", { className: "wb-figure" }) };
  const section = (title, ...kids) => h("section", {}, h("h4", {}, title), kids);
  const look = (trial) => { document.dispatchEvent(new CustomEvent("workbench:hover", { detail: { link: model.get("link"), trial } })); send({ cmd: "hover", trial }); };

  const empty = h("div", { className: "wb-empty" }, EMPTY_PAGE);
  const before = quiet("◂ previous", "The trial before, in this order (←)", () => send({ cmd: "move", by: -1 })), after = quiet("next ▸", "The trial after, in this order (→)", () => send({ cmd: "move", by: 1 }));
  const order = h("select", { ariaLabel: "Order of the trials", title: "In which order previous and next, and the keys ← →, walk through the trials", onchange: (e) => send({ cmd: "order", order: e.target.value }) });
  const where = h("span", { className: "wb-hint" }), title = h("span", { className: "wb-trialtitle" }), notice = h("div", { className: "wb-notice", role: "alert" });
  const walk = h("div", { className: "wb-controls wb-walk" }, before, after, where, h("label", {}, "in order of", order));
  const acts = h("div", { className: "wb-controls wb-acts" });
  const facts = h("dl", { className: "wb-facts-list" }), config = h("div", { className: "wb-scroll wb-config-table", tabIndex: 0, role: "region", ariaLabel: "Configuration" });
  const words = h("p", { className: "wb-why" }), near = h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "Nearest tried configurations" }), lines = h("pre", { tabIndex: 0 }), error = h("div");
  const curve = section("Learning curve among the others", figures.curve), why = section("Why it was tried", words, figures.model);
  const nearest = section("Nearest tried configurations", near), log = section("What it printed", lines), failed = section("Error", error);
  const body = h("div", { className: "wb-trial-body" }, h("div", { className: "wb-trial-side" }, config, facts, nearest, failed, log), h("div", { className: "wb-trial-side" }, why, curve));
  const root = h("div", { className: "wb-panel wb-trial-page" }, empty, title, walk, acts, notice, body);

  function copied(text) {
    return async (e) => { const b = e.currentTarget, was = b.textContent; put(b, (await copy(text)) ? "copied" : "failed"); setTimeout(() => put(b, was), 1500); };
  }
  function drawActs(p) {
    const key = JSON.stringify([p.trial, p.copies, p.pinned, p.is_best, p.beside, p.read_only, p.several]);
    if (acts.dataset.key === key) return;
    const focused = [...acts.querySelectorAll("button")].indexOf(document.activeElement);
    acts.dataset.key = key;
    acts.replaceChildren(h("span", { className: "wb-hint" }, "copy as"), quiet("dict", "Copy the configuration as a Python dict", copied(p.copies.dict)), quiet("JSON", "Copy the configuration as JSON", copied(p.copies.JSON)), quiet("code", "Copy the configuration as a line of Python with a comment", copied(p.copies.code)),
      ...(p.read_only ? [] : [quiet("re-run", "Try this configuration once more, next", () => send({ cmd: "again", trial: p.trial }))]),
      quiet(p.pinned ? "unpin" : "pin", p.pinned ? "No longer hold it" : "Hold this trial beside whichever you pick next", () => send({ cmd: "pin", trial: p.pinned ? null : p.trial }), { ariaPressed: String(p.pinned) }),
      ...(p.several ? [] : [quiet("compare with best", p.is_best ? "This is the best trial" : "Hold the best trial beside this one, in the foot of every tab", () => send({ cmd: "beside best", trial: p.trial }), { disabled: p.is_best })]));
    if (focused >= 0) acts.querySelectorAll("button")[focused]?.focus();
  }
  function drawNear(p) {
    const key = JSON.stringify([p.near, p.trial]);
    if (near.dataset.key === key) return;
    near.dataset.key = key;
    nearest.hidden = !p.near.length;
    const row = (k) => h("tr", { onpointerenter: () => look(k.trial), onpointerleave: () => look(null) }, h("th", { scope: "row" }, h("button", { type: "button", className: "wb-quiet", textContent: `trial ${k.trial}`, title: "Show this trial's page", onclick: () => send({ cmd: "pick", trial: k.trial }) })),
      h("td", {}, h("span", { className: `wb-mark wb-${k.state}`, ariaHidden: "true" }, STATE_MARKS[k.state] ?? ""), k.value || k.state), h("td", {}, k.distance), h("td", { className: "wb-wrap" }, k.differs));
    near.replaceChildren(h("table", { className: "wb-about" }, h("thead", {}, h("tr", {}, ["trial", "value", "distance", "what differs there"].map((text) => h("th", { scope: "col", title: text === "distance" ? "0: the same configuration, 1: the opposite corner of the space" : null }, text)))), h("tbody", {}, p.near.map(row))));
  }
  function drawError(p) {
    failed.hidden = !p.error;
    const key = JSON.stringify([p.trial, p.error]);
    if (error.dataset.key === key) return;
    error.dataset.key = key;
    error.replaceChildren(...(p.error ? [h("div", { className: "wb-errorline" }, p.first, " ", h("button", { type: "button", className: "wb-quiet", textContent: "copy traceback", title: "Copy the whole traceback", onclick: copied(p.error) })), h("pre", { tabIndex: 0, ariaLabel: "Traceback" }, p.error)] : []));
  }
  function draw() {
    const p = model.get("page"), some = p.trial != null;
    empty.hidden = some;
    for (const part of [title, walk, acts, body]) part.hidden = !some;
    if (!some) return;
    const state = h("span", { className: `wb-mark wb-${p.state}`, ariaHidden: "true" }, STATE_MARKS[p.state] ?? "");
    const key = JSON.stringify([p.trial, p.state, p.value, p.rank, p.chosen, p.pinned, p.origin]);
    if (title.dataset.key !== key) {
      title.dataset.key = key;
      title.replaceChildren(h("b", {}, `Trial ${p.trial}`), " ", state, [p.state, p.value, p.rank, p.origin, p.pinned ? "pinned" : "", p.chosen || p.several ? "" : "the best so far; pick another to see it here"].filter(Boolean).join(" · "));
    }
    put(where, `${p.place} of ${p.total}`);
    before.disabled = p.place <= 1;
    after.disabled = p.place >= p.total;
    options(order, p.orders);
    if (!order.matches(":focus")) set(order, "value", p.order);
    drawActs(p);
    const rows = JSON.stringify([p.trial, p.rows, p.beside, p.fixed]);
    if (config.dataset.key !== rows) { config.dataset.key = rows; config.replaceChildren(configTable(p, send)); }
    const told = JSON.stringify(p.facts);
    if (facts.dataset.key !== told) { facts.dataset.key = told; facts.replaceChildren(...p.facts.map(([word, text]) => h("div", {}, h("dt", {}, word), h("dd", {}, text)))); }
    curve.hidden = !p.curve;
    figures.model.hidden = !p.model;
    put(words, p.why || "This point came without reasons: it was given, or its sampler tells none.");
    if (p.curve) embed("curve", figures.curve);
    if (p.model) embed("model", figures.model);
    drawNear(p);
    drawError(p);
    log.hidden = !p.lines.length;
    put(lines, (p.cut ? `… ${p.cut} earlier lines\n` : "") + p.lines.join("\n"));
  }
  const heard = () => { const text = model.get("said").text ?? ""; notice.hidden = !text; put(notice, text); };
  el.append(root);
  model.on("change:page", draw);
  model.on("change:said", heard);
  draw();
  heard();
  return () => { gone.abort(); model.off("change:page", draw); model.off("change:said", heard); };
}

export default { render };
