// Whatever slides along a line: the ends of a range, its default, what is likely, a weight. With the pointer it moves at once
// and is taken over when the pointer lets go; each key is taken over by itself.

const button = (text, props) => h("button", { type: "button", ...props }, text);
const percent = (axis, v) => `${Math.min(100, Math.max(0, 100 * toU(axis, v)))}%`;
const SVG = "http://www.w3.org/2000/svg";

/** 1e-9 as 0.000000001: what screen readers take for a number. */
const decimal = (v) => (typeof v === "number" && Number.isFinite(v) ? v.toLocaleString("en-US", { useGrouping: false, maximumSignificantDigits: 12 }) : v);

/** An element of a picture. */
function drawn(tag, attributes = {}, ...kids) {
  const e = document.createElementNS(SVG, tag);
  for (const [k, v] of Object.entries(attributes)) if (v != null) e.setAttribute(k, v);
  e.append(...kids.flat().filter((kid) => kid != null));
  return e;
}

/**
 * A knob. `at()` says its value, `put(v)` moves it, `take()` takes it over; `snap(v)` rounds what the pointer means,
 * `step(v, n)` is n key presses away, `ends()` its least and its greatest value; `clear()`, where there is one, obeys Delete.
 */
function knob(editor, line, axis, { key, className, label, title, describedby, at, put, take, snap: round, step, ends, clear, words = textOf }) {
  const node = h("div", {
    className: `wbs-knob ${className}`, tabIndex: 0, role: "slider", "data-key": key, "aria-orientation": "horizontal", "aria-label": label,
    "aria-describedby": describedby, title,
  });
  const show = () => {
    const v = at(), [lo, hi] = ends();
    node.style.left = percent(axis, v);
    for (const [name, value] of [["valuemin", decimal(lo)], ["valuemax", decimal(hi)], ["valuenow", decimal(v)], ["valuetext", words(v)]]) node.setAttribute(`aria-${name}`, value);
  };
  const move = (v) => {
    const [lo, hi] = ends();
    put(Math.min(Math.max(v, lo), hi));
    show();
  };
  node.addEventListener("pointerdown", (e) => {
    if (e.button) return;
    e.preventDefault();
    e.stopPropagation();
    node.focus({ preventScroll: true });
    node.setPointerCapture(e.pointerId);
    editor.dragging = true; editor.last = {};
    const r = line.getBoundingClientRect(), off = e.clientX - (r.left + toU(axis, at()) * r.width), was = at();
    const follow = (ev) => move(round(fromU(axis, (ev.clientX - off - r.left) / r.width)));
    const escape = (ev) => { if (ev.key === "Escape") { ev.stopPropagation(); move(was); node.releasePointerCapture(e.pointerId); } };
    node.addEventListener("pointermove", follow);
    document.addEventListener("keydown", escape, true);
    node.addEventListener("lostpointercapture", () => {
      node.removeEventListener("pointermove", follow);
      document.removeEventListener("keydown", escape, true);
      editor.dragging = false;
      if (at() !== was) take(); else editor.draw();
    }, { once: true });
  });
  node.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || editor.dragging) return;
    const far = axis.log ? 20 : 10, [lo, hi] = ends();
    const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: far, PageDown: -far }[e.key];
    const edge = { Home: lo, End: hi }[e.key];
    if (clear && (e.key === "Delete" || e.key === "Backspace")) { e.preventDefault(); clear(); return; }
    if (steps === undefined && edge === undefined) return;
    e.preventDefault();
    move(steps ? step(at(), steps) : edge);
    take();
  });
  show();
  return { node, show };
}
