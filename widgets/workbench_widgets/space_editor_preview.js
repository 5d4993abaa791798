// What the space looks like: some configurations drawn from it, as lines across its parameters; an inactive parameter leaves a
// gap. Drawn from the draft, in the browser, so that it needs no kernel. `editor` is the Editor of space_editor.js.

const N_DRAWN = 20, MOST_AXES = 40;
const ROOM = { left: 34, right: 74, top: 36, height: 104, bottom: 20, least: 74 }; // pixels; `least` between two axes

/** Returns the section and draw(), which brings it up to date. */
function previewOf(editor) {
  let seed = 1, at = null, believed = false, configs = [], key = null, width = 0;
  const picture = h("div", { className: "wbs-scroll", tabIndex: 0, role: "region", "aria-label": "Drawn configurations" });
  const words = h("span", { className: "wbs-drawnwords" }), share = h("span", { className: "wbs-soft" });
  const how = h("select", { "aria-label": "How configurations are drawn", title: "Any place is as likely as any other, or as the prior says", onchange: () => { believed = how.value === "prior"; draw(); } },
    h("option", { value: "" }, "drawn uniformly"), h("option", { value: "prior" }, "drawn as the prior says"));
  const again = button("Draw again", { title: `Draw ${N_DRAWN} others`, onclick: () => { seed++; draw(); editor.say("Drawn again"); } });
  const walk = (by, text, label) => button(text, { className: "wbs-icon", "aria-label": label, title: label, onclick: () => { pick(at === null ? (by > 0 ? 0 : configs.length - 1) : (at + by + configs.length) % configs.length); editor.say(words.textContent); } });
  const back = walk(-1, "◂", "The configuration before"), on = walk(1, "▸", "The next configuration");
  const title = h("b", { className: "wbs-soft" }, `${N_DRAWN} configurations of this space`);
  const node = h("section", { className: "wbs-preview", "aria-label": "Preview" }, h("div", { className: "wbs-previewhead" }, title, how, again, share), picture, h("div", { className: "wbs-drawn" }, back, on, words));
  const size = new ResizeObserver(() => { if (Math.abs(picture.clientWidth - width) > 4) draw(); });
  size.observe(picture);

  function pick(k) {
    at = k !== null && k < configs.length ? k : null;
    for (const line of picture.querySelectorAll(".wbs-line")) line.classList.toggle("wbs-picked", Number(line.dataset.k) === at);
    const text = at === null ? "" : [...configs[at]].map(([n, v]) => `${n} ${typeof v === "number" ? textOf(Number(v.toPrecision(3))) : show(v)}`).join(" · ");
    put(words, at === null ? "Point at a line, or walk with ◂ ▸, to read a configuration." : `${at + 1} of ${configs.length}: ${text}`);
  }
  function draw() {
    const { draft } = editor, any = priorOf(draft).length > 0;
    if (node.hidden) return;
    node.classList.toggle("wbs-stale", Boolean(editor.problems));
    if (!paramsOf(draft).length || editor.problems) {
      put(words, editor.problems ? "The picture waits until the space is valid." : "Add a parameter to see configurations.");
      if (!paramsOf(draft).length) picture.replaceChildren();
      again.disabled = back.disabled = on.disabled = true;
      key = null;
      return;
    }
    how.hidden = !any;
    const now = [draft, seed, believed && any, picture.clientWidth];
    if (key && now.every((v, k) => v === key[k])) return;
    if (!key || key[0] !== draft || key[1] !== seed || key[2] !== now[2]) configs = sampled(draft, N_DRAWN, seed, now[2]);
    if (key?.[0] !== draft) {
      const bad = forbiddenShare(draft);
      put(share, bad === null ? "" : bad === 0 ? "(almost) no draw is forbidden" : `${bad < 0.01 ? "less than 1" : bad > 0.99 ? "more than 99" : `about ${Math.round(100 * bad)}`} % of the draws are forbidden, and drawn again`);
    }
    key = now; width = picture.clientWidth;
    again.disabled = back.disabled = on.disabled = !configs.length;
    picture.replaceChildren(configs.length ? lines(draft, configs, width, pick) : h("p", { className: "wbs-empty" }, "The forbidden combinations leave (almost) nothing. Allow one of them again."));
    pick(at);
  }
  return { node, draw, close: () => size.disconnect() };
}

/** The picture: an axis for each parameter, a line for each configuration. */
function lines(draft, configs, width, pick) {
  const all = paramsOf(draft), ps = all.slice(0, MOST_AXES), gap = Math.max(ROOM.least, (width - ROOM.left - ROOM.right) / Math.max(1, ps.length - 1));
  const wide = Math.max(width, ROOM.left + ROOM.right + gap * (ps.length - 1)), tall = ROOM.top + ROOM.height + ROOM.bottom;
  const x = (j) => (ps.length === 1 ? ROOM.left + (wide - ROOM.left - ROOM.right) / 2 : ROOM.left + j * gap), y = (u) => ROOM.top + (1 - u) * ROOM.height;
  const about = `Parallel coordinates of ${configs.length} drawn configurations over ${ps.map((p) => p.name).join(", ")}`;
  const svg = drawn("svg", { class: "wbs-parallel", width: wide, height: tall, role: "img", "aria-label": about });
  configs.forEach((config, k) => {
    const g = drawn("g", { class: "wbs-line", "data-k": k });
    let run = [];
    const end = () => {
      const d = `M${run.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}`;
      if (run.length > 1) g.append(drawn("path", { class: "wbs-hit", d }), drawn("path", { d }));
      for (const [a, b] of run) g.append(drawn("circle", { cx: a.toFixed(1), cy: b.toFixed(1), r: 2.5 }));
      run = [];
    };
    ps.forEach((p, j) => { if (config.has(p.name)) run.push([x(j), y(unitOf(p, config.get(p.name)))]); else end(); });
    end();
    g.addEventListener("pointerenter", () => pick(k));
    g.addEventListener("pointerdown", () => pick(k));
    svg.append(g);
  });
  ps.forEach((p, j) => svg.append(...axisLines(p, x(j), y, gap, j === ps.length - 1)));
  if (all.length > ps.length) svg.append(drawn("text", { x: x(ps.length - 1) + 14, y: 14 }, `… ${all.length - ps.length} more`));
  return svg;
}

/** One axis with its name, and its ends or its options. */
function axisLines(p, at, y, gap, last) {
  const fit = (text, room) => (text.length * 6.3 <= room ? text : `${text.slice(0, Math.max(2, Math.floor(room / 6.3) - 1))}…`);
  const text = (words, room, about, attributes) => drawn("text", attributes, fit(words, room), drawn("title", {}, about ?? words));
  const name = text(p.name, gap - 8, p.name, { class: "wbs-axisname", x: at, y: 13, "text-anchor": "middle" }), line = drawn("line", { x1: at, x2: at, y1: y(1), y2: y(0), class: "wbs-axisline" });
  if (p.type !== "choice") {
    return [line, name, text(textOf(Number(p.high.toPrecision(4))), gap - 8, null, { x: at, y: y(1) - 6, "text-anchor": "middle" }), text(textOf(Number(p.low.toPrecision(4))), gap - 8, null, { x: at, y: y(0) + 15, "text-anchor": "middle" })];
  }
  const options = optionsOf(p), shown = options.length <= 8 ? options : [options[0], options.at(-1)];
  return [line, name, ...shown.map((o) => text(show(o), (last ? ROOM.right : gap) - 16, null, { class: "wbs-halo", x: at + 6, y: y(unitOf(p, o)) + 4 }))];
}
