// The axis of a number with its handles, and what is pulled about: cards and options. Joined between the model and the
// editor; `editor` is the Editor of space_editor.js.

const MANY_DOTS = 40; // more levels than this are not marked on the axis

/** The track of a range, with its marks, its bar, what is believed of it, and (unless read-only) handles. */
function track(editor, p, i) {
  const axis = axisOf(p, editor.axes.get(p.name)), now = { low: p.low, high: p.high };
  editor.axes.set(p.name, axis);
  const bar = h("div", { className: "wbs-bar" }), line = h("div", { className: "wbs-track" }, bar);
  const ticks = ticksOf(axis), many = ticks.filter(([, label]) => label).length > 5;
  let labelled = 0;
  for (const [u, label] of ticks) {
    const kind = !label ? " wbs-minor" : labelled++ % 2 && many ? " wbs-alternate" : ""; // every other label goes where it is narrow
    const tick = h("span", { className: `wbs-tick${kind}` }, label ? h("i", {}, label) : null);
    tick.style.left = `${100 * u}%`;
    line.append(tick);
  }
  if (!isNumber(p.low) || !isNumber(p.high)) return line;
  const paint = () => {
    bar.style.left = percent(axis, Math.min(now.low, now.high));
    bar.style.right = `calc(100% - ${percent(axis, Math.max(now.low, now.high))})`;
  };
  paint();
  if (p.step != null && nLevels(p) <= MANY_DOTS) for (const v of levels(p)) line.append(dot(axis, v));
  const sound = !own(editor.local, p.name);
  if (sound && thingsOf(editor.draft, p.name).length) curve(editor, p, i, axis, line);
  if (editor.frozen) {
    if (sound && p.default != null) line.append(pin(axis, p.default));
    return line;
  }
  line.append(...["low", "high"].map((end) => handle(editor, p, i, end, axis, now, line, paint)));
  if (sound || isNumber(p.default)) line.append(defaultHandle(editor, p, i, axis, line));
  return line;
}

function dot(axis, v) {
  const node = h("span", { className: "wbs-dot" });
  node.style.left = percent(axis, v);
  return node;
}

function pin(axis, v) {
  const node = h("span", { className: "wbs-default wbs-given", title: `default ${textOf(v)}` });
  node.style.left = percent(axis, v);
  return node;
}

/** One end of a range. */
function handle(editor, p, i, end, axis, now, line, paint) {
  const key = `${end}handle|${p.name}`, low = end === "low";
  return knob(editor, line, axis, {
    key, className: "wbs-handle", label: `${p.name}, ${low ? "lowest" : "highest"} value`, describedby: `${editor.id}-${i}-range`,
    title: `${low ? "Lowest" : "Highest"} value: drag, or arrow keys (PageUp and PageDown: far, Home and End: to the end)`,
    at: () => now[end], ends: () => (low ? [axis.lo, now.high] : [now.low, axis.hi]),
    snap: (v) => snap(p, axis, v), step: (v, n) => nudge(p, axis, v, n),
    put: (v) => {
      now[end] = v;
      paint();
      line.parentElement.querySelector(`.wbs-${end}`).value = textOf(v);
    },
    take: () => { editor.texts.delete(`${end}|${p.name}`); editor.patch(i, { [end]: now[end] }, `${p.name} ${end} ${textOf(now[end])}`, { key }); },
  }).node;
}

/** The default on the axis: filled where one is given, hollow in the middle where none is. */
function defaultHandle(editor, p, i, axis, line) {
  const key = `defaulthandle|${p.name}`, given = isNumber(p.default);
  let v = given ? p.default : valueAt(p, 0.5);
  const box = () => line.closest(".wbs-body").querySelector("[data-field=default]");
  return knob(editor, line, axis, {
    key, className: `wbs-default${given ? " wbs-given" : ""}`, label: `${p.name}, default value`,
    title: given ? `Default ${textOf(v)}: drag, or arrow keys; Delete: the middle again` : "Default: the middle. Drag, or arrow keys, for another one",
    at: () => v, ends: () => [p.low, p.high], snap: (w) => snap(p, axis, w), step: (w, n) => nudge(p, axis, w, n),
    words: (w) => (given ? textOf(w) : `${textOf(w)}, the middle`),
    put: (w) => {
      v = w;
      if (box()) box().value = textOf(w);
    },
    take: () => { editor.texts.delete(`default|${p.name}`); editor.patch(i, { default: v }, `default of ${p.name} ${textOf(v)}`, { key }); },
    clear: () => { editor.texts.delete(`default|${p.name}`); editor.patch(i, { default: undefined }, `default of ${p.name}: the middle`); },
  }).node;
}

/** Follow the pointer with a ghost; on release call drop(the target under it). Escape ends it without. */
function drag(editor, e, label, targets, drop) {
  if (e.button || editor.frozen) return;
  e.preventDefault();
  const moved = e.currentTarget.closest(targets === ".wbs-chip" ? ".wbs-chip" : ".wbs-card"), page = editor.box.getRootNode();
  const ghost = h("div", { className: "wbs-ghost" }, label), mode = targets === ".wbs-chip" ? "wbs-sorting" : "wbs-nesting";
  let over = null;
  editor.box.append(ghost);
  editor.dragging = true;
  editor.box.classList.add(mode); moved.classList.add("wbs-moving");
  const move = (ev) => {
    const r = editor.box.getBoundingClientRect(), hit = page.elementFromPoint(ev.clientX, ev.clientY)?.closest(targets);
    ghost.style.left = `${Math.min(ev.clientX - r.left + 10, r.width - ghost.offsetWidth)}px`;
    ghost.style.top = `${Math.min(ev.clientY - r.top + 10, r.height - ghost.offsetHeight)}px`;
    over?.classList.remove("wbs-over");
    over = hit && editor.root.contains(hit) && !moved.contains(hit) ? hit : null;
    over?.classList.add("wbs-over");
  };
  const end = (ev) => {
    for (const [name, f] of Object.entries(on)) document.removeEventListener(name, f, true);
    ghost.remove();
    over?.classList.remove("wbs-over"); moved.classList.remove("wbs-moving"); editor.box.classList.remove(mode);
    editor.dragging = false;
    if (ev.type === "pointerup" && over) drop(over);
    if (editor.owed) editor.draw(true);
  };
  const escape = (ev) => { if (ev.key === "Escape") { ev.stopPropagation(); end(ev); } };
  const on = { pointermove: move, pointerup: end, pointercancel: end, keydown: escape };
  for (const [name, f] of Object.entries(on)) document.addEventListener(name, f, true);
}
