// What is pulled with the pointer: the two handles of a range, and cards and options. Joined between the model and
// the editor; `editor` is the Editor of space_editor.js.

/** An element. User text only ever arrives as a child string or a property, never as markup. */
function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k in e && k !== "list") e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...kids.flat().filter((kid) => kid !== null && kid !== undefined));
  return e;
}
const button = (text, props) => h("button", { type: "button", ...props }, text);
const percent = (axis, v) => `${Math.min(100, Math.max(0, 100 * toU(axis, v)))}%`;

/** The track of a range, with its marks, its bar and (unless read-only) two handles. */
function track(editor, p, i) {
  const axis = axisOf(p, editor.axes.get(p.name)), now = { low: p.low, high: p.high };
  editor.axes.set(p.name, axis);
  const bar = h("div", { className: "wbs-bar" }), line = h("div", { className: "wbs-track" }, bar);
  for (const [u, label] of ticksOf(axis)) {
    const tick = h("span", { className: `wbs-tick${label ? "" : " wbs-minor"}` }, label ? h("i", {}, label) : null);
    tick.style.left = `${100 * u}%`;
    line.append(tick);
  }
  if (!isNumber(p.low) || !isNumber(p.high)) return line;
  const paint = () => {
    bar.style.left = percent(axis, Math.min(now.low, now.high));
    bar.style.right = `calc(100% - ${percent(axis, Math.max(now.low, now.high))})`;
  };
  paint();
  if (!editor.frozen) line.append(...["low", "high"].map((end) => handle(editor, p, i, end, axis, now, line, paint)));
  return line;
}

/** One handle. It moves at once; the draft changes when the pointer lets go, or with each key. */
function handle(editor, p, i, end, axis, now, line, paint) {
  const key = `${end}handle|${p.name}`, low = end === "low";
  const knob = h("div", {
    className: "wbs-handle", tabIndex: 0, role: "slider", "data-key": key, "aria-orientation": "horizontal",
    "aria-label": `${p.name}, ${low ? "lowest" : "highest"} value`, "aria-describedby": `${editor.id}-${i}-range`,
    "aria-valuemin": String(low ? axis.lo : now.low), "aria-valuemax": String(low ? now.high : axis.hi),
  });
  const show = () => {
    knob.style.left = percent(axis, now[end]);
    knob.setAttribute("aria-valuenow", now[end]);
    knob.setAttribute("aria-valuetext", textOf(now[end]));
  };
  const put = (v) => {
    const w = Math.min(Math.max(v, axis.lo), axis.hi);
    now[end] = low ? Math.min(w, now.high) : Math.max(w, now.low);
    show(); paint();
    line.parentElement.querySelector(`.wbs-${end}`).value = textOf(now[end]);
  };
  const take = () => { editor.texts.delete(`${end}|${p.name}`); editor.patch(i, { [end]: now[end] }, textOf(now[end]), { key }); };
  knob.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    e.preventDefault();
    knob.focus(); knob.setPointerCapture(e.pointerId);
    editor.dragging = true; editor.last = {};
    const r = line.getBoundingClientRect(), off = e.clientX - (r.left + toU(axis, now[end]) * r.width), was = now[end];
    const move = (ev) => put(snap(p, axis, fromU(axis, (ev.clientX - off - r.left) / r.width)));
    knob.addEventListener("pointermove", move);
    knob.addEventListener("lostpointercapture", () => {
      knob.removeEventListener("pointermove", move);
      editor.dragging = false;
      if (now[end] !== was) take(); else editor.draw();
    }, { once: true });
  });
  knob.addEventListener("keydown", (e) => {
    const far = axis.log ? 20 : 10;
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: far, PageDown: -far }[e.key];
    const edge = { Home: low ? axis.lo : now.low, End: low ? now.high : axis.hi }[e.key];
    if (steps === undefined && edge === undefined) return;
    e.preventDefault();
    put(steps ? nudge(p, axis, now[end], steps) : edge);
    take();
  });
  show();
  return knob;
}

/** Follow the pointer with a ghost; on release call drop(the target under it). Escape ends it without. */
function drag(editor, e, label, targets, drop) {
  if (e.button || editor.locked) return;
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
