// When a parameter is active, and what must not occur together: the parts of the editor that pick values of other
// parameters from lists. Joined between the model and the editor; `editor` is the Editor of space_editor.js.

/** Condition by dropdown and check marks: the way without dragging. One line for each parent; all must hold. */
function condition(editor, p, i) {
  const pairs = whenOf(p), off = editor.frozen, below = dependents(editor.draft, p.name).add(p.name);
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
  return editor.select(`when${at}|${p.name}`, now, `${at ? `Condition ${at + 1}` : "Condition"} of ${p.name}`, options, pick,
    { field: "when", title: "Let it depend on the value of another parameter" });
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
  const mark = (v, j) => h("label", { className: "wbs-check", title: editor.frozen ? editor.frozenWhy : "" }, h("input", {
    type: "checkbox", checked: values.includes(v), disabled: editor.frozen, "data-key": `mark${at}.${j}|${p.name}`,
    "aria-label": `${parent} is ${show(v)}`, onchange: (e) => set(v, e.target.checked),
  }), show(v));
  return h("span", { className: "wbs-marks", role: "group", "aria-label": `Values of ${parent}` }, shown.map(mark));
}

/** Forbidden combinations: a list, and a row that adds one, or changes the one that was picked. */
function forbidden(editor) {
  const clauses = forbiddenOf(editor.draft), can = editor.params.filter(canBeParent), fixed = editor.frozen || can.length < 2;
  const errors = { ...own(editor.local, ""), ...own(editor.server(), "") };
  const whole = Object.entries(errors).filter(([f]) => !f.startsWith("forbidden.")).map(([, m]) => h("div", { className: "wbs-err" }, m));
  if (!clauses.length && !whole.length && fixed) return null;
  const words = (clause) => Object.entries(clause).flatMap(([n, vs], k) => [
    k ? " and " : "", h("span", {}, n), " is ", h("b", {}, list([vs].flat().map(show)))]);
  const allow = (k) => {
    editor.pairs = editor.changing = null;
    editor.commit({ ...editor.draft, forbidden: clauses.filter((_, j) => j !== k) }, "combination allowed again", { focus: "fp0|" });
  };
  const change = (k) => {
    editor.pairs = Object.entries(clauses[k]).map(([n, vs]) => [n, [vs].flat()]);
    editor.changing = k;
    editor.draw(true, "fp0|");
    editor.say(`Combination ${k + 1} can be changed below the list`);
  };
  const fits = (clause) => Object.keys(clause).every((n) => can.some((p) => p.name === n));
  const item = (clause, k) => h("li", { className: editor.changing === k ? "wbs-changing" : "" }, h("span", {}, words(clause)), editor.frozen ? null : [
    fits(clause) && !fixed ? button("change", { className: "wbs-quiet", "data-key": `reforbid${k}|`, title: "Change this combination", "aria-label": `Change combination ${k + 1}`, onclick: () => change(k) }) : null,
    button("×", { className: "wbs-icon", "data-key": `unforbid${k}|`, title: "Allow this combination again", "aria-label": `Allow combination ${k + 1} again`, onclick: () => allow(k) }),
  ], own(errors, `forbidden.${k}`) ? h("div", { className: "wbs-err" }, errors[`forbidden.${k}`]) : null);
  return h("section", { className: "wbs-forbidden", "aria-label": "Forbidden combinations" }, whole,
    h("div", { className: "wbs-if" }, "Forbidden combinations"), h("ul", {}, clauses.map(item)), fixed ? null : forbidRow(editor, can));
}

/** The row that forbids one more combination: two or more parameters, each with one or more of its values. */
function forbidRow(editor, can) {
  const another = (pairs) => { const p = can.find((q) => !pairs.some(([n]) => n === q.name)); return [p.name, [levels(p)[0]]]; };
  const byName = (n) => can.find((p) => p.name === n), kept = ([n, vs]) => [n, vs.filter((v) => levels(byName(n)).includes(v))];
  const pairs = (editor.pairs ?? []).filter(([n]) => byName(n)).map(kept), least = editor.changing == null ? 2 : 1;
  while (pairs.length < least) pairs.push(another(pairs));
  const keep = (next, focus) => { editor.pairs = next; editor.draw(true, focus); };
  const swap = (at, pair) => keep(pairs.map((old, k) => (k === at ? pair : old)));
  const one = ([n, values], at) => {
    const p = byName(n), names = can.filter((q) => q === p || !pairs.some(([m]) => m === q.name)).map((q) => [q.name, q.name]);
    const mark = (v, j) => h("label", { className: "wbs-check" }, h("input", {
      type: "checkbox", checked: values.includes(v), "data-key": `fv${at}.${j}|`, "aria-label": `Forbid ${n} ${show(v)}`,
      onchange: (e) => swap(at, [n, levels(p).filter((w) => (w === v ? e.target.checked : values.includes(w)))]),
    }), show(v));
    const away = pairs.length > least ? button("×", {
      className: "wbs-icon", "data-key": `fless${at}|`, title: `Leave ${n} out`, "aria-label": `Leave ${n} out of the combination`, onclick: () => keep(pairs.filter((_, k) => k !== at), `fp${Math.max(0, at - 1)}|`),
    }) : null;
    return h("div", { className: "wbs-pair" }, h("span", { className: "wbs-soft" }, at ? "and" : "never"),
      editor.select(`fp${at}|`, n, `Forbidden parameter ${at + 1}`, names, (m) => swap(at, [m, [levels(byName(m))[0]]]), { title: "A parameter of the combination" }), h("span", { className: "wbs-soft" }, "is"),
      h("span", { className: "wbs-marks", role: "group", "aria-label": `Forbidden values of ${n}` }, levels(p).map(mark)), away);
  };
  const changing = editor.changing ?? null, stop = () => { editor.pairs = editor.changing = null; };
  const forbid = () => {
    const clause = Object.fromEntries(pairs), before = forbiddenOf(editor.draft);
    if (before.some((c, k) => k !== changing && same(c, clause))) { editor.say("This combination is forbidden already."); return; }
    stop();
    editor.commit({ ...editor.draft, forbidden: changing === null ? [...before, clause] : before.map((c, k) => (k === changing ? clause : c)) },
      changing === null ? "combination forbidden" : "combination changed", { focus: "fp0|" });
  };
  const whole = pairs.every(([, vs]) => vs.length), act = changing === null ? "Forbid" : "Take the change";
  const more = button("and …", { className: "wbs-quiet", "data-key": "fmore|", title: "One more parameter", onclick: () => keep([...pairs, another(pairs)], `fp${pairs.length}|`) });
  return h("div", { className: "wbs-forbid" }, pairs.map(one), h("div", { className: "wbs-row" }, pairs.length < can.length ? more : null,
    button(act, { "data-key": "forbid|", disabled: !whole, title: whole ? "No configuration will have all of these at once" : "Check at least one value of each", onclick: forbid }),
    changing === null ? null : button("Cancel", { className: "wbs-quiet", "data-key": "fcancel|", onclick: () => { stop(); editor.draw(true, "fp0|"); } })));
}
