// When a parameter is active, and what must not occur together: the parts of the editor that pick values of other
// parameters from lists. Joined between the model and the editor; `editor` is the Editor of space_editor.js.

/** Condition by dropdown and check marks: the way without dragging. One line for each parent; all must hold. */
function condition(editor, p, i) {
  const pairs = whenOf(p), off = editor.locked, below = dependents(editor.draft, p.name).add(p.name);
  const free = editor.params.filter((q) => !below.has(q.name) && canBeParent(q) && !own(p.when, q.name)).map((q) => q.name);
  const rows = pairs.map((pair, at) => h("span", { className: "wbs-cond" },
    parentPicker(editor, p, i, pairs, at, free), valueMarks(editor, p, i, pair, at)));
  if (!pairs.length || (free.length && !off)) rows.push(parentPicker(editor, p, i, pairs, pairs.length, free));
  return h("div", { className: "wbs-detail wbs-active" }, h("span", { className: "wbs-label" }, "active"),
    h("div", { className: "wbs-conds" }, rows, editor.slot(i, "when")));
}

/** The list of possible parents at place `at` of the condition; another choice there replaces that parent. */
function parentPicker(editor, p, i, pairs, at, free) {
  const now = pairs[at]?.[0] ?? "", none = at === 0 ? "always" : now ? "(remove)" : "and …";
  const options = [["", none], ...[...(now ? [now] : []), ...free].map((n) => [n, `when ${n} is`])];
  const pick = (parent) => {
    const next = pairs.filter((_, j) => j !== at);
    const value = parent && levels(editor.params.find((q) => q.name === parent))[0];
    if (parent) next.splice(at, 0, [parent, [value]]);
    editor.open.set(p.name, true);
    editor.setWhen(i, Object.fromEntries(next),
      parent ? `${p.name} is active only when ${parent} is ${show(value)}` : `${p.name}: condition removed`);
  };
  return editor.select(`when${at}|${p.name}`, now, `${at ? `Condition ${at + 1}` : "Condition"} of ${p.name}`, options, pick, { field: "when" });
}

/** Check marks for the values of one parent. Values that it no longer has are shown, too: they are what is wrong. */
function valueMarks(editor, p, i, [parent, values], at) {
  const q = editor.params.find((r) => r.name === parent), can = q && canBeParent(q) ? levels(q) : [];
  const shown = [...can, ...values.filter((v) => !can.includes(v))];
  const set = (v, on) => {
    const next = shown.filter((w) => (w === v ? on : values.includes(w)));
    editor.open.set(p.name, true);
    editor.setWhen(i, mapPairs(p.when, ([n, vs]) => [n, n === parent ? next : vs]),
      `${p.name} is active when ${parent} is ${list(next.map(show)) || "nothing"}`);
  };
  const mark = (v, j) => h("label", { className: "wbs-check", title: editor.locked ? editor.lockedWhy : "" }, h("input", {
    type: "checkbox", checked: values.includes(v), disabled: editor.locked, "data-key": `mark${at}.${j}|${p.name}`,
    "aria-label": `${parent} is ${show(v)}`, onchange: (e) => set(v, e.target.checked),
  }), show(v));
  return h("span", { className: "wbs-marks", role: "group", "aria-label": `Values of ${parent}` }, shown.map(mark));
}

/** Forbidden combinations: a list, and a row that adds one. */
function forbidden(editor) {
  const clauses = forbiddenOf(editor.draft), can = editor.params.filter(canBeParent), fixed = editor.locked || can.length < 2;
  const errors = { ...own(editor.local, ""), ...own(editor.server(), "") };
  const whole = Object.entries(errors).filter(([f]) => !f.startsWith("forbidden.")).map(([, m]) => h("div", { className: "wbs-err" }, m));
  if (!clauses.length && !whole.length && fixed) return null;
  const words = (clause) => Object.entries(clause).flatMap(([n, vs], k) => [
    k ? " and " : "", h("span", {}, n), " is ", h("b", {}, list([vs].flat().map(show)))]);
  const allow = (k) => editor.commit({ ...editor.draft, forbidden: clauses.filter((_, j) => j !== k) }, "combination allowed again");
  const item = (clause, k) => h("li", {}, h("span", {}, words(clause)), editor.locked ? null : button("×", {
    className: "wbs-icon", "data-key": `unforbid${k}|`, title: "Allow this combination again",
    "aria-label": `Allow combination ${k + 1} again`, onclick: () => allow(k),
  }), own(errors, `forbidden.${k}`) ? h("div", { className: "wbs-err" }, errors[`forbidden.${k}`]) : null);
  return h("section", { className: "wbs-forbidden", "aria-label": "Forbidden combinations" }, whole,
    h("div", { className: "wbs-if" }, "Forbidden combinations"), h("ul", {}, clauses.map(item)), fixed ? null : forbidRow(editor, can));
}

/** The row that forbids one more combination: two or more pairs of a parameter and one of its values. */
function forbidRow(editor, can) {
  const another = (pairs) => [can.find((p) => !pairs.some(([n]) => n === p.name)).name, 0];
  const pairs = (editor.pairs ?? []).filter(([n]) => can.some((p) => p.name === n));
  while (pairs.length < 2) pairs.push(another(pairs));
  const keep = (next) => { editor.pairs = next; editor.draw(true); };
  const swap = (at, pair) => keep(pairs.map((old, k) => (k === at ? pair : old)));
  const one = ([n, j], at) => {
    const p = can.find((q) => q.name === n), names = can.filter((q) => q === p || !pairs.some(([m]) => m === q.name)).map((q) => [q.name, q.name]);
    const values = levels(p).map((v, k) => [String(k), show(v)]);
    return h("span", { className: "wbs-pair" }, at ? "and " : "",
      editor.select(`fp${at}|`, n, `Forbidden parameter ${at + 1}`, names, (m) => swap(at, [m, 0])), " is ",
      editor.select(`fv${at}|`, String(j), `Forbidden value ${at + 1}`, values, (k) => swap(at, [n, Number(k)])));
  };
  const forbid = () => {
    const clause = Object.fromEntries(pairs.map(([n, j]) => [n, [levels(can.find((p) => p.name === n))[j]]]));
    const before = forbiddenOf(editor.draft);
    editor.pairs = null;
    if (before.some((c) => same(c, clause))) editor.say("This combination is forbidden already.");
    else editor.commit({ ...editor.draft, forbidden: [...before, clause] }, "combination forbidden");
  };
  const more = button("and …", { className: "wbs-quiet", "data-key": "fmore|", onclick: () => keep([...pairs, another(pairs)]) });
  return h("div", { className: "wbs-forbid" }, pairs.map(one), pairs.length < can.length ? more : null,
    button("Forbid", { "data-key": "forbid|", onclick: forbid }));
}
