// What is believed of good values: a curve over the axis with knobs on it, weights of options, and fields for both. Joined
// between the model and the editor; `editor` is the Editor of space_editor.js.

const CURVE = 46; // height of the curve, in pixels
const HILL = [["near", "likely near"], ["between", "likely between"]];

/** A value for a belief: a level, or three digits, within the range. */
function likely(p, axis, v) {
  const w = p.step == null && axis.log && p.type !== "int" ? Number(v.toPrecision(3)) : snap(p, axis, v);
  return Math.min(Math.max(w, p.low), p.high);
}

const takeThings = (editor, p, things, say, more) => editor.commit(withThings(editor.draft, p.name, things), say, more);
const wordsOf = (thing) => (Array.isArray(thing) ? `between ${thing.map(show).join(" and ")}` : `near ${show(thing)}`);

// ---- the curve over an axis ------------------------------------------------------------------------------------------

/** Draw the density over the track `line`, and a knob for each thing that is believed. */
function curve(editor, p, i, axis, line) {
  const { name } = p, things = structuredClone(thingsOf(editor.draft, name));
  if (beliefFault(p, things)) return;
  const area = drawn("path", { class: "wbs-density" }), even = drawn("line", { class: "wbs-even" }), knobs = [];
  line.classList.add("wbs-curved");
  line.append(drawn("svg", { class: "wbs-curve", viewBox: `0 0 100 ${CURVE}`, preserveAspectRatio: "none", "aria-hidden": "true" }, area, even));
  let height = () => 0;
  const paint = () => {
    height = paintDensity(p, axis, things, area, even);
    for (const { node, where } of knobs) node.style.bottom = `${height(unitOf(p, where())) + 1}px`;
  };
  if (!editor.frozen) {
    things.forEach((_, k) => {
      for (const part of partsOf(p, axis, things, k)) {
        const key = `${part.end}likely${k}|${name}`;
        const { node } = knob(editor, line, axis, {
          key, className: `wbs-likely wbs-likely-${part.end}`, label: `${name}, ${part.label}${things.length > 1 ? ` (${k + 1})` : ""}`, title: `${part.title}: drag, or arrow keys; Delete takes it away`,
          describedby: `${editor.id}-${i}-prior`, at: part.at, ends: part.ends, snap: (v) => likely(p, axis, v), step: (v, n) => likely(p, axis, nudge(p, axis, v, n)),
          put: (v) => { part.put(v); paint(); },
          take: () => { forgetTexts(editor, name); takeThings(editor, p, things, `${name} is likely ${wordsOf(things[k][0])}`, { key }); },
          clear: () => { forgetTexts(editor, name); takeThings(editor, p, things.filter((_t, j) => j !== k), `${name}: likely value taken away`, { focus: `prior|${name}` }); },
        });
        knobs.push({ node, where: part.at });
        line.append(node);
      }
    });
  }
  paint();
}

/** The knobs of one thing: its value; or both ends of its interval, and its middle, which moves both. */
function partsOf(p, axis, things, k) {
  const thing = () => things[k][0], set = (v) => { things[k] = [v, things[k][1]]; };
  if (!Array.isArray(thing())) {
    return [{ end: "at", label: "likely value", title: "Likely value", at: thing, ends: () => [p.low, p.high], put: set }];
  }
  const wide = unitOf(p, thing()[1]) - unitOf(p, thing()[0]);
  const shift = (v) => {
    const from = Math.min(Math.max(unitOf(p, v) - wide / 2, 0), 1 - wide), next = [from, from + wide].map((u) => likely(p, axis, valueAt(p, u)));
    if (unitOf(p, next[0]) < unitOf(p, next[1])) set(next);
  };
  const one = (j, word) => ({
    end: j ? "high" : "low", label: `${word} end of the likely interval`, title: `${word} end of the likely interval`, at: () => thing()[j],
    ends: () => (j ? [thing()[0], p.high] : [p.low, thing()[1]]),
    put: (v) => { if (unitOf(p, v) !== unitOf(p, thing()[1 - j])) set(j ? [thing()[0], v] : [v, thing()[1]]); },
  });
  const middle = () => valueAt(p, (unitOf(p, thing()[0]) + unitOf(p, thing()[1])) / 2);
  return [one(0, "lower"), { end: "middle", label: "middle of the likely interval", title: "Middle of the likely interval", at: middle, ends: () => [p.low, p.high], put: shift }, one(1, "upper")];
}

/** Paint area and the line of a uniform draw; returns the height over a place of [0, 1] in pixels. */
function paintDensity(p, axis, things, area, even) {
  const density = densityOf(p, things), n = nLevels(p), [lo, hi] = endsOf(p);
  const x = (u) => 100 * Math.min(Math.max(toU(axis, p.log ? lo * (hi / lo) ** u : lo + u * (hi - lo)), 0), 1);
  const cells = n <= MANY_CELLS ? edgesOf(p) : null;
  const us = cells ? cells.slice(1).flatMap((e, k) => [[cells[k], (cells[k] + e) / 2], [e, (cells[k] + e) / 2]]) // [place, where its height is read]
    : Array.from({ length: 161 }, (_, k) => [k / 160, k / 160]);
  const ds = us.map(([, u]) => density(u)), top = Math.max(2, ...ds), height = (u) => (CURVE - 6) * Math.min(density(u) / top, 1);
  const points = us.map(([u], k) => `${x(u).toFixed(2)} ${(CURVE - (CURVE - 6) * ds[k] / top).toFixed(2)}`);
  area.setAttribute("d", `M${x(0).toFixed(2)} ${CURVE}L${points.join("L")}L${x(1).toFixed(2)} ${CURVE}Z`);
  for (const [name, v] of [["x1", x(0)], ["x2", x(1)], ["y1", CURVE - (CURVE - 6) / top], ["y2", CURVE - (CURVE - 6) / top]]) even.setAttribute(name, v.toFixed(2));
  return height;
}

// ---- the fields --------------------------------------------------------------------------------------------------------

const forgetTexts = (editor, name) => { for (const key of [...editor.texts.keys()]) if (/^prior\d/.test(key) && key.endsWith(`|${name}`)) editor.texts.delete(key); };

/** What to begin with: near the default; of options the default three times as likely as each other. */
function firstThings(p, axis) {
  if (p.type === "choice") return optionsOf(p).map((o) => [o, o === (p.default ?? optionsOf(p)[0]) ? 3 : 1]);
  return [[likely(p, axis ?? axisOf(p), p.default ?? valueAt(p, 0.5)), 1]];
}

/** The button on a card: say what is likely, or show what was said. */
function priorButton(editor, p) {
  const { name } = p, said = thingsOf(editor.draft, name).length > 0;
  const begin = () => {
    editor.open.set(name, true);
    takeThings(editor, p, firstThings(p, editor.axes.get(name)), `Prior of ${name} added`, { focus: p.type === "choice" ? `prior|${name}` : `atlikely0|${name}` });
  };
  const turn = () => { editor.open.set(name, !editor.isOpen(p)); editor.draw(true); };
  return button("prior", {
    className: `wbs-icon wbs-priorbutton${said ? " wbs-said" : ""}`, "data-key": `priorbutton|${name}`, "aria-label": said ? `Show the prior of ${name}` : `Add a prior of ${name}`, "aria-expanded": said ? String(editor.isOpen(p)) : null,
    title: said ? `What is believed of ${name}` : `Say which values of ${name} are likely to be good`, disabled: Boolean(own(editor.local, name)) && !said, onclick: said ? turn : begin,
  });
}

/** The row of the details about the prior. */
function priorRow(editor, p, i) {
  const things = thingsOf(editor.draft, p.name), sound = !own(editor.local, p.name);
  const inside = p.type === "choice" && (!p.ordered || things.every(([t]) => !Array.isArray(t))) ? weights(editor, p, things, sound) : hills(editor, p, things);
  return h("div", { className: "wbs-detail wbs-prior" }, h("span", { className: "wbs-label", title: "What you believe of good values, before the search" }, "prior"),
    h("div", { className: "wbs-things" }, inside, editor.slot(i, "prior")));
}

/** Likely values and intervals, a line each. */
function hills(editor, p, things) {
  const { name } = p, set = (next, say, focus) => takeThings(editor, p, next, say, { focus });
  const axis = editor.axes.get(name);
  const kind = (t, k) => editor.select(`prior${k || ""}|${name}`, t ? (Array.isArray(t[0]) ? "between" : "near") : "", `Prior${k ? ` ${k + 1}` : ""} of ${name}`,
    [["", things.length > 1 ? "(remove)" : "nothing said"], ...HILL], (to) => {
      if (!to) { set(things.filter((_, j) => j !== k), `${name}: prior taken away`, `prior|${name}`); return; }
      const w = t?.[1] ?? 1, next = [...things];
      next[k] = to === "near" ? [Array.isArray(t?.[0]) ? middleOf(p, axis, t[0]) : firstThings(p, axis)[0][0], w] : [around(p, axis, t?.[0] ?? firstThings(p, axis)[0][0]), w];
      set(next, `${name} is likely ${wordsOf(next[k][0])}`);
    }, { title: "Which values are likely to be good: near one, or between two" });
  const value = (v, k, j, label) => {
    const swap = (w) => set(things.map((t, at) => (at !== k ? t : [j === null ? w : t[0].map((e, n) => (n === j ? w : e)), t[1]])), `${name} ${label} ${show(w)}`);
    if (p.type === "choice") return editor.select(`prior${k}.${j}|${name}`, String(optionsOf(p).indexOf(v)), `${label} of ${name}`, optionsOf(p).map((o, n) => [String(n), show(o)]), (n) => swap(optionsOf(p)[Number(n)]), { title: label });
    return editor.text(`prior${k}.${j}|${name}`, isNumber(v) ? textOf(v) : String(v), `${label} of ${name}`, (t) => swap(numberOf(t)), { className: "wbs-num", off: editor.frozen, field: "prior", title: label });
  };
  const weight = ([t, w], k) => [h("span", { className: "wbs-label" }, "weight"), editor.text(`prior${k}.w|${name}`, isNumber(w) ? textOf(w) : String(w), `Weight ${k + 1} of ${name}`, (text) => {
    const next = numberOf(text);
    if (!(isNumber(next) && next > 0)) return `weights must be positive numbers, got ${repr(next)}.`;
    set(things.map((old, j) => (j === k ? [t, next] : old)), `weight ${textOf(next)}`);
    return null;
  }, { className: "wbs-num wbs-short", off: editor.frozen, field: "prior", title: "How much this counts beside the others" })];
  const lines = (things.length ? things : [null]).map((t, k) => h("span", { className: "wbs-thing" }, kind(t, k),
    !t ? null : Array.isArray(t[0]) ? [value(t[0][0], k, 0, "lower end"), "and", value(t[0][1], k, 1, "upper end")] : value(t[0], k, null, "likely value"),
    things.length > 1 ? weight(t, k) : null));
  const more = !things.length || editor.frozen || things.length > 4 ? null : button("or …", {
    className: "wbs-quiet", "data-key": `priormore|${name}`, title: "One more likely value or interval", onclick: () => set([...things, [firstThings(p, axis)[0][0], 1]], "One more likely value"),
  });
  return [...lines, more];
}

/** A likely interval around a value, a third of the range wide; of two ends the same. */
function around(p, axis, v) {
  if (Array.isArray(v)) return v;
  const u = unitOf(p, v), ends = [u - 1 / 6, u + 1 / 6].map((e) => Math.min(Math.max(e, 0), 1));
  return p.type === "choice" ? ends.map((e) => valueAt(p, e)) : ends.map((e) => likely(p, axis ?? axisOf(p), valueAt(p, e)));
}
function middleOf(p, axis, [a, b]) {
  const v = valueAt(p, (unitOf(p, a) + unitOf(p, b)) / 2);
  return p.type === "choice" ? v : likely(p, axis ?? axisOf(p), v);
}

/** Weights of options, a bar each, with the share of draws that follows. */
function weights(editor, p, things, sound) {
  const { name } = p, said = things.length > 0;
  const pick = editor.select(`prior|${name}`, said ? "weights" : "", `Prior of ${name}`, [["", "nothing said"], ["weights", "weights of options"]],
    (to) => takeThings(editor, p, to ? firstThings(p) : [], to ? `Prior of ${name} added` : `${name}: prior taken away`), { title: "Which options are likely to be good" });
  if (!said || !sound || beliefFault(p, things)) return [pick];
  const now = new Map(things), most = Math.max(...now.values()), before = editor.axes.get(`weights|${name}`)?.hi ?? 0;
  const hi = Math.max(before, most <= 1 ? 1 : Math.max(10, most)), axis = { lo: 0, hi, log: false, step: hi / 2 }; // it never shrinks under the pointer
  editor.axes.set(`weights|${name}`, axis);
  const pairs = () => optionsOf(p).filter((o) => now.get(o) > 0).map((o) => [o, now.get(o)]);
  const shares = optionsOf(p).map(() => h("span", { className: "wbs-share" })), bars = optionsOf(p).map(() => h("div", { className: "wbs-bar" }));
  const paint = () => {
    const masses = pairs().length ? massesOf(p, pairs()) : optionsOf(p).map(() => 1 / optionsOf(p).length);
    optionsOf(p).forEach((o, k) => {
      put(shares[k], `${Math.round(100 * masses[k])} %`);
      bars[k].style.width = percent(axis, now.get(o) ?? 0);
    });
  };
  const rows = optionsOf(p).map((o, k) => {
    const key = `weight${k}|${name}`, line = h("div", { className: "wbs-track" }, bars[k]), text = textOf(now.get(o) ?? 0);
    const done = () => { editor.texts.delete(`prior${k}.w|${name}`); takeThings(editor, p, pairs(), `${name}: weight of ${show(o)} ${textOf(now.get(o))}, ${shares[k].textContent}`, { key }); };
    const box = editor.text(`prior${k}.w|${name}`, text, `Weight of ${show(o)} of ${name}`, (t) => {
      const w = numberOf(t.trim() || "0");
      if (!(isNumber(w) && w >= 0)) return `a weight must be a number of at least 0, got ${repr(w)}.`;
      now.set(o, w);
      done();
      return null;
    }, { className: "wbs-num wbs-short", off: editor.frozen, field: "prior", title: "Weight of this option: 0 leaves it the least share" });
    if (!editor.frozen) {
      line.append(knob(editor, line, axis, {
        key, className: "wbs-handle wbs-weight", label: `Weight of ${show(o)} in the prior of ${name}`, title: "Weight: drag, or arrow keys", at: () => now.get(o) ?? 0, ends: () => [0, hi],
        snap: (v) => tidy(v, hi / 20), step: (v, n) => tidy(v + n * hi / 20, hi / 20), put: (v) => { now.set(o, v); box.value = textOf(v); paint(); }, take: done,
        words: (v) => `${textOf(v)}, ${shares[k].textContent}`,
      }).node);
    }
    return h("div", { className: "wbs-weightrow", role: "group", "aria-label": `Weight of ${show(o)}` }, h("span", { className: "wbs-optname", title: show(o) }, show(o)), line, box, shares[k]);
  });
  paint();
  return [pick, h("div", { className: "wbs-weights" }, rows)];
}
