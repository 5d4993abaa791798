// The tab on importance. State comes as traits that only Python's pump writes; every wish goes back as one message.

/** What is asked: the kind, of which losses, around which trial. */
function askingOf(model, send) {
  const buttons = new Map(), group = h("div", { className: "wb-views", role: "group", ariaLabel: "Kind of importance" });
  const choice = (label, title, onchange) => h("select", { ariaLabel: label, title, onchange });
  const loss = choice("Loss", "Which of the losses is asked about", () => send({ cmd: "loss", value: loss.value }));
  const budget = choice("Budget", "After how many steps losses are compared. Automatic: the most that enough trials have had", () => send({ cmd: "budget", value: budget.value ? Number(budget.value) : null }));
  const around = choice("Around", "Around which trial, or to which trial the path leads", () => send({ cmd: "around", picked: around.value === "picked" }));
  const labels = { loss: h("label", {}, "loss", loss), budget: h("label", {}, "after", budget), around: h("label", {}, "around", around) };
  const helping = h("p", { className: "wb-hint wb-imp-help", hidden: true });
  const help = h("button", { type: "button", className: "wb-quiet wb-help", textContent: "?", title: "How this is computed", ariaLabel: "Help: how importance is computed", ariaExpanded: "false", onclick: () => { helping.hidden = !helping.hidden; help.ariaExpanded = String(!helping.hidden); } });
  const question = h("p", { className: "wb-imp-question" }), misleads = h("p", { className: "wb-hint" });
  const node = [h("div", { className: "wb-controls" }, group, Object.values(labels), help), helping, question, misleads];
  function draw() {
    const c = model.get("content");
    for (const [key, name, title] of c.kinds) {
      if (!buttons.has(key)) { buttons.set(key, h("button", { type: "button", textContent: name, title, onclick: () => send({ cmd: "kind", value: key }) })); group.append(buttons.get(key)); }
      buttons.get(key).ariaPressed = String(key === c.kind);
    }
    options(loss, c.losses.map((n) => [n, n]));
    options(budget, [["", "automatic"], ...c.budgets.map((n) => [String(n), `${n} step${n === 1 ? "" : "s"}`])]);
    options(around, [["best", "the best trial"], ...(c.picked == null ? [] : [["picked", `trial ${c.picked}, the picked one`]])]);
    for (const [select, value] of [[loss, c.loss ?? ""], [budget, c.budget == null ? "" : String(c.budget)], [around, c.around ? "picked" : "best"]]) if (!select.matches(":focus") || select.value !== value) set(select, "value", value);
    labels.loss.hidden = !c.losses.length;
    labels.budget.hidden = !c.budgets.length;
    labels.around.hidden = !["local", "ablation"].includes(c.kind) || c.picked == null;
    put(labels.around.firstChild, c.kind === "ablation" ? "to" : "around");
    put(helping, c.help);
    put(question, c.question);
    put(misleads, `When it misleads: ${c.misleads}`);
  }
  return { node, draw };
}

/** What was found, and what it rests on. */
function basisOf(model) {
  const found = h("b", { className: "wb-imp-found" }), rests = h("span", { className: "wb-hint" }), list = h("ul", { className: "wb-imp-warnings" });
  const taken = (label, title, text) => { const b = h("button", { type: "button", className: "wb-quiet", textContent: label, title, onclick: async () => { put(b, (await copy(text())) ? "copied" : "failed"); setTimeout(() => put(b, label), 1500); } }); return b; };
  const take = h("span", { className: "wb-imp-take" }, taken("copy table", "Copy the numbers as CSV", () => model.get("csv")), taken("copy code", "Copy the Python call that gives the same as a DataFrame and a figure", () => model.get("content").code));
  const node = h("div", { className: "wb-imp-basis" }, h("div", { role: "status" }, found, " ", rests, " ", take), list);
  function draw() {
    const c = model.get("content");
    put(found, c.summary);
    put(rests, c.computing ? "Computing …" : [c.moment, c.basis && `From ${c.basis}.`].filter(Boolean).join(" "));
    take.hidden = !c.summary;
    const key = JSON.stringify(c.warnings);
    if (list.dataset.key !== key) { list.dataset.key = key; list.replaceChildren(...c.warnings.map((w) => h("li", {}, h("span", { ariaHidden: "true" }, "△ "), w))); }
    list.hidden = !c.warnings.length;
  }
  return { node, draw };
}

/** Whose curve is shown, or which pair's map. */
function detailOf(model, send, figure) {
  const go = () => send({ cmd: "show", names: y.value ? [x.value, y.value] : [x.value] });
  const x = h("select", { ariaLabel: "Parameter of the curve", title: "Whose curve is shown; a click on a bar chooses too", onchange: go });
  const y = h("select", { ariaLabel: "Second parameter, for a map", title: "With a second parameter: the map of both", onchange: go });
  const line = h("div", { className: "wb-modelhead" }, h("label", {}, "beside the bars: the curve of", x), h("label", {}, "or its map with", y));
  const node = h("div", { className: "wb-imp-detail" }, figure);
  function draw() {
    const c = model.get("content"), [a, b] = c.shown;
    node.hidden = line.hidden = c.kind !== "fanova" || !c.names.length;
    options(x, c.names.map((n) => [n, n]));
    options(y, [["", "–"], ...c.names.filter((n) => n !== a).map((n) => [n, n])]);
    if (a != null && (!x.matches(":focus") || x.value !== a)) set(x, "value", a);
    if (!y.matches(":focus") || y.value !== (b ?? "")) set(y, "value", b ?? "");
  }
  return { line, node, draw };
}

/** The table of shares, in which parameters are ticked that shall be held fixed; rows are kept, so that the focus stays. */
function freezeOf(model, send) {
  const heads = h("tr"), body = h("tbody"), rows = new Map();
  let told = null, sent = null;
  const slider = h("input", { type: "range", min: 0, max: 30, step: 1, ariaLabel: "Tick what explains less than this, in per cent", title: "Parameters whose share is smaller are ticked", oninput: () => { clearTimeout(told); told = setTimeout(tell, 150); put(shown, `${slider.value} %`); }, onchange: () => { clearTimeout(told); tell(); } });   // while a value is on its way the slider stays where it was put
  const tell = () => { told = null; sent = Number(slider.value); send({ cmd: "below", value: sent }); };
  const shown = h("output", { className: "wb-imp-below" });
  const values = h("select", { ariaLabel: "Values that are held", title: "From which trial the values are taken; a click on a dot or a row anywhere picks another", onchange: () => send({ cmd: "values", picked: values.value === "picked" }) });
  const take = h("select", { ariaLabel: "Trials to take along", title: "Which trials of this run the child begins with. Of what hardly matters all of them tell", onchange: () => send({ cmd: "take", value: take.value }) });
  const words = h("p", { className: "wb-imp-words", role: "status" }), code = h("pre", { tabIndex: 0, ariaLabel: "The same as Python code" });
  const go = h("button", { type: "button", className: "wb-go", textContent: "Freeze these and run again", title: "Make a child run in which the ticked parameters keep these values, with the trials that fit, and start it. This run is not touched", onclick: () => { go.disabled = true; send({ cmd: "freeze" }); } });
  const copied = h("button", { type: "button", className: "wb-quiet", textContent: "copy code", title: "Copy the Python code that does the same", onclick: async () => { put(copied, (await copy(code.textContent)) ? "copied" : "failed"); setTimeout(() => put(copied, "copy code"), 1500); } });
  const made = h("span", { role: "status" }), see = h("button", { type: "button", textContent: "Show it", title: "Show the child's panel in the place of this one", onclick: () => send({ cmd: "see" }) });
  const scroll = h("div", { className: "wb-scroll", tabIndex: 0, role: "region", ariaLabel: "Share of each parameter, and what is held fixed" }, h("table", { className: "wb-table" }, h("thead", {}, heads), body));
  const node = h("section", { className: "wb-imp-freeze", ariaLabel: "Freeze what does not matter, and run again" },
    h("h4", {}, "Freeze what does not matter, and run again"),
    h("div", { className: "wb-controls" }, h("label", {}, "tick what explains less than", slider, shown), h("label", {}, "values of", values), h("label", {}, "trials taken along", take)),
    scroll, words, h("div", { className: "wb-imp-go" }, go, copied, made, see), code);
  function make(name) {
    const on = h("input", { type: "checkbox", ariaLabel: `Hold ${name} fixed`, title: "Keep this value in the next run, and search the others", onchange: () => send({ cmd: "tick", name, on: on.checked }) });
    const show = h("button", { type: "button", className: "wb-quiet", textContent: name, title: `Show the curve of ${name}`, onclick: () => send({ cmd: "show", names: [name] }) });
    const bar = h("i"), share = h("span"), alone = h("td"), value = h("td"), note = h("td", { className: "wb-hint" });
    const tr = h("tr", {}, h("td", {}, on), h("th", { scope: "row" }, show), h("td", { className: "wb-imp-share" }, h("span", { className: "wb-imp-bar", ariaHidden: "true" }, bar), share), alone, value, note);
    return { tr, draw(r, c) {
      if (on.checked !== r.on) on.checked = r.on;
      on.disabled = !r.can;
      tr.classList.toggle("wb-chosen", c.kind === "fanova" && c.shown.includes(name));
      show.disabled = c.kind !== "fanova";
      bar.style.width = `${r.width}%`;
      put(share, r.share);
      put(alone, r.alone);
      alone.hidden = !c.freeze.alone;
      put(value, r.value || "–");
      put(note, r.note);
    } };
  }
  function draw() {
    const c = model.get("content"), f = c.freeze;
    node.hidden = !f.rows;
    if (!f.rows) return;
    const key = JSON.stringify([c.share_name, f.alone]);
    if (heads.dataset.key !== key) {
      heads.dataset.key = key;
      const column = (text, title) => h("th", { scope: "col", title }, text);
      heads.replaceChildren(column("freeze", "What is ticked keeps its value"), column("parameter", ""), column(c.share_name, c.share_help), ...(f.alone ? [column("alone", "Share of the variance that it explains by itself")] : []), column("value held", "The value that it would keep"), column("", ""));
    }
    const names = f.rows.map((r) => r.name);
    for (const name of [...rows.keys()]) if (!names.includes(name)) rows.delete(name);
    for (const r of f.rows) { if (!rows.has(r.name)) rows.set(r.name, make(r.name)); rows.get(r.name).draw(r, c); }
    const trs = names.map((n) => rows.get(n).tr);
    if (!body.contains(document.activeElement) || trs.length !== body.children.length)   // a row that is under the keys stays where it is
      if (trs.length !== body.children.length || trs.some((tr, i) => body.children[i] !== tr)) body.replaceChildren(...trs);
    if (sent === f.below) sent = null;
    if (told === null && sent === null && !slider.matches(":active")) set(slider, "value", String(f.below));
    put(shown, `${slider.value} %`);
    options(values, [["best", "the best trial"], ...(c.picked == null ? [] : [["picked", `trial ${c.picked}, the picked one`]])]);
    const whose = f.picked && c.picked != null ? "picked" : "best";
    if (!values.matches(":focus") || values.value !== whose) set(values, "value", whose);
    options(take, f.takes);
    if (!take.matches(":focus") || take.value !== f.take) set(take, "value", f.take);
    put(words, f.words);
    go.disabled = !f.can;
    put(code, f.code);
    code.hidden = copied.hidden = !f.code;
    put(made, f.child);
    see.hidden = !f.child;
  }
  return { node, draw };
}

function render({ model, el }) {
  const gone = new AbortController(), embed = embedder(model, gone.signal);
  let waiting = null;
  const notice = h("div", { className: "wb-notice wb-quietly", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text); notice.hidden = !text; };
  const heard = () => { clearTimeout(waiting); say(model.get("said").text ?? ""); freeze.draw(); };
  function send(message) { model.send(message); clearTimeout(waiting); waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 500); }

  const bars = h("div", { className: "wb-figure wb-imp-bars" }), curve = h("div", { className: "wb-figure" });
  const asking = askingOf(model, send), basis = basisOf(model), detail = detailOf(model, send, curve), freeze = freezeOf(model, send);
  const root = h("div", { className: "wb-panel wb-imp", role: "group", ariaLabel: "Importance of the parameters", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => { if (e.target.closest("input, select, pre, .wb-scroll") || (e.target.closest("button") && (e.key === " " || e.key === "Enter"))) e.stopPropagation(); } },
    asking.node, notice, basis.node, detail.line, h("div", { className: "wb-imp-pictures" }, bars, detail.node), freeze.node);
  bars.addEventListener("click", (e) => {                       // names stand beside the plot area, which reports its own clicks
    const gd = bars.querySelector(".js-plotly-plot"), area = gd?._fullLayout?._plots?.xy, c = model.get("content");
    if (!area || c.kind !== "fanova") return;
    const box = gd.getBoundingClientRect(), px = e.clientX - box.left - area.xaxis._offset, py = e.clientY - box.top - area.yaxis._offset;
    if (px < 0 && py >= 0 && py <= area.yaxis._length) send({ cmd: "bar", y: area.yaxis.p2d(py) });
  }, { signal: gone.signal });
  el.append(root);

  function draw() {
    const c = model.get("content");
    root.dataset.kind = c.kind;
    for (const part of [asking, basis, detail, freeze]) part.draw();
  }
  const place = () => { embed("bars", bars); embed("detail", curve); };
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
