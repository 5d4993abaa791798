// Draws the newest plotly figure that Python sent. plotly.js itself comes once per page, from the kernel.
const page = (globalThis.__workbenchLive ??= { library: null, askedAt: -1e9, queue: new Set(), running: false, thanked: new WeakSet() });
const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const frame = () => new Promise(requestAnimationFrame);

/** Load the gzipped library as a module of its own, so that no global `define` or `exports` gets in its way. */
async function install(gzipped) {
  const js = await new Response(new Blob([gzipped]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  const parts = ["const module={exports:{}},exports=module.exports,define=undefined;", js, "\n;export default module.exports;"];
  return (await import(URL.createObjectURL(new Blob(parts, { type: "text/javascript" })))).default;
}

/** Wait for the library. Python pushes it at the first display; after a page reload it is asked for. */
async function library(model) {
  for (let asked = false; !page.library; await pause(30)) {
    if (asked || performance.now() - page.askedAt < 10000) continue;
    asked = true;
    page.askedAt = performance.now();
    model.send({ type: "need-plotly" });
  }
  return page.library;
}

/** Tell the kernel that it need not send the library again: once per kernel and page. */
function thank(model) {
  const manager = model.widget_manager;
  if (page.thanked.has(manager)) return;
  page.thanked.add(manager);
  model.send({ type: "has-plotly" });
}

/** One draw at a time on the whole page, with a rest after each, so that clicks and typing get through. */
async function drain() {
  if (page.running) return;
  page.running = true;
  while (page.queue.size) {
    await frame();
    const [draw] = page.queue;
    page.queue.delete(draw);
    const began = performance.now();
    await draw().catch((e) => console.error(e));
    await pause((performance.now() - began) / 2);
  }
  page.running = false;
}

/** Bytes to a typed array, or to rows of one. */
function decode({ shape, dtype, data }) {
  const bytes = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
  const flat = new (dtype === "f4" ? Float32Array : Float64Array)(bytes);
  if (shape.length < 2) return flat;
  return Array.from({ length: shape[0] }, (_, i) => flat.subarray(i * shape[1], (i + 1) * shape[1]));
}

function put(root, path, value) {
  const keys = path.split(".");
  const last = keys.pop();
  keys.reduce((at, k) => (at[k] ??= {}), root)[last] = value;
}

/** Text, grid and paper from JupyterLab's theme. */
function theme(el) {
  const css = getComputedStyle(el);
  const v = (name, otherwise) => css.getPropertyValue(name).trim() || otherwise;
  const grid = v("--jp-border-color2", "#ddd");
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true };
  return { layout: {
    paper_bgcolor: "transparent", plot_bgcolor: "transparent",
    font: { color: v("--jp-ui-font-color1", "#333"), size: 12, family: v("--jp-ui-font-family", "system-ui, sans-serif") },
    hoverlabel: { bgcolor: v("--jp-layout-color2", "#eee"), bordercolor: grid, font: { color: v("--jp-ui-font-color1", "#333") }, align: "left" },
    modebar: { bgcolor: "transparent", color: v("--jp-ui-font-color3", "#999"), activecolor: v("--jp-brand-color1", "#1976d2") },
    xaxis: axis, yaxis: axis, margin: { l: 48, r: 12, t: 36, b: 36 }, uirevision: "live" } };
}

const CONFIG = { displaylogo: false, plotlyServerURL: "", responsive: false, modeBarButtonsToRemove: ["sendChartToCloud", "select2d", "lasso2d", "autoScale2d"] };

/** Report a click anywhere on a plot area, in data units, with the trial under it if there is one. */
function listenForClicks(gd, model, signal) {
  let down = null, hovered = null;
  gd.on("plotly_hover", (e) => { const p = e.points?.[0], c = p?.customdata ?? p?.data.meta ?? null; hovered = c?.[0] ?? c; });
  gd.on("plotly_unhover", () => { hovered = null; });
  gd.addEventListener("pointerdown", (e) => { down = e; }, { capture: true, signal });
  window.addEventListener("pointerup", (e) => {
    const start = down;
    down = null;
    if (!start || Math.hypot(e.clientX - start.clientX, e.clientY - start.clientY) > 4) return;
    const box = gd.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top;
    for (const { xaxis: x, yaxis: y } of Object.values(gd._fullLayout?._plots ?? {})) {
      if (px < x._offset || px > x._offset + x._length || py < y._offset || py > y._offset + y._length) continue;
      model.send({ type: "clicked", at: { x: x.p2d(px - x._offset), y: y.p2d(py - y._offset), subplot: x._id + y._id, trial: hovered } });
      return;
    }
  }, { capture: true, signal });
}

/** A drag along one of the axes that `layout.meta.brush` lists: shown at once, reported when it ends. */
function listenForBrushes(gd, model, signal) {
  let at = null;
  const bar = document.createElement("div");
  bar.style.cssText = "position:absolute;width:14px;background:var(--jp-brand-color1,#1976d2);opacity:.35;pointer-events:none;z-index:5";
  const place = (e) => {
    const { _plots: { xy: { xaxis: x, yaxis: y } } } = gd._fullLayout, box = gd.getBoundingClientRect();
    const u = x.p2d(e.clientX - box.left - x._offset), v = e.clientY - box.top - y._offset;
    return { x, y, u, v: Math.min(Math.max(v, 0), y._length), inside: v > -12 && v < y._length + 12 };
  };
  gd.addEventListener("pointerdown", (e) => {
    const axes = gd.layout?.meta?.brush;
    if (!axes || e.button !== 0 || !e.target.closest(".nsewdrag")) return;
    const { x, u, v, inside } = place(e);
    const axis = axes.reduce((best, a, i) => (Math.abs(a - u) < Math.abs(axes[best] - u) ? i : best), 0);
    if (!inside || Math.abs(x.d2p(axes[axis]) - x.d2p(u)) > 28) return;
    at = { axis, x: x._offset + x.d2p(axes[axis]), from: v };
  }, { capture: true, signal });
  // plotly would begin a drag of its own, whose cover over the whole page a shift key may leave behind
  gd.addEventListener("mousedown", (e) => { if (at) { e.stopPropagation(); e.preventDefault(); } }, { capture: true, signal });
  window.addEventListener("pointermove", (e) => {
    if (!at) return;
    const { y, v } = place(e);
    if (Math.abs(v - at.from) < 4 && !bar.isConnected) return;
    gd.style.position = "relative";
    bar.style.left = `${at.x - 7}px`;
    bar.style.top = `${y._offset + Math.min(v, at.from)}px`;
    bar.style.height = `${Math.abs(v - at.from)}px`;
    gd.append(bar);
  }, { signal });
  window.addEventListener("pointerup", (e) => {
    const start = at, moved = bar.isConnected;
    at = null;
    bar.remove();
    if (!start || !moved) return;
    const { y, v } = place(e);
    model.send({ type: "brushed", at: { axis: start.axis, from: y.p2d(start.from), to: y.p2d(v), add: e.shiftKey } });
  }, { signal });
  window.addEventListener("pointercancel", () => { at = null; bar.remove(); }, { signal });
}

export default () => {
  const arrays = {};                               // "trace.path" -> typed array, the newest
  const onScreen = new Set();                      // views of this figure that can be seen
  const take = (model) => { for (const [k, v] of Object.entries(model.get("patch"))) arrays[k] = decode(v); };
  return {
    initialize({ model }) {
      take(model);
      model.on("change:patch", () => take(model));
      model.on("msg:custom", (message, [gzipped]) => { if (message.type === "plotly") page.library ??= install(gzipped); });
    },
    async render({ model, el }) {
      const gone = new AbortController();
      const gd = el.appendChild(document.createElement("div"));
      gd.className = "wb-livefigure";
      gd.style.minHeight = `${model.get("spec").layout?.height ?? 300}px`;
      gd.textContent = "drawing…";
      gd.style.color = "var(--jp-ui-font-color2, #666)";
      let visible = false, dirty = true, first = true, ended = false;
      let Plotly = null;

      async function draw() {
        if (!Plotly || !visible || document.hidden || ended) return;
        dirty = false;
        const spec = model.get("spec"), sent = model.get("sent");
        const data = spec.data.map((t) => structuredClone(t));
        for (const path of spec.arrays) put(data, path, arrays[path]);
        const layout = { ...structuredClone(spec.layout), template: theme(el), width: el.clientWidth || 600 };
        layout.height ??= 300;
        layout.uirevision ??= "live";
        gd.style.minHeight = `${layout.height}px`;
        if (first) gd.textContent = "";
        await Plotly.react(gd, data, layout, CONFIG);
        if (first) listenForClicks(gd, model, gone.signal);
        if (first) listenForBrushes(gd, model, gone.signal);
        if (layout.meta?.brush) for (const area of gd.querySelectorAll(".nsewdrag")) Object.assign(area.style, { cursor: "crosshair", touchAction: "pan-x" });
        first = false;
        globalThis.__workbenchDrawn?.(gd, sent);   // hook of tests and benchmarks
      }
      const ask = () => { dirty = true; if (Plotly && visible && !document.hidden) { page.queue.add(draw); drain(); } };
      const shown = () => { tell(); if (dirty) ask(); };
      const tell = () => {                         // Python need not think for a figure that nobody sees
        const before = onScreen.size;
        if (visible && !document.hidden && !ended) onScreen.add(gd); else onScreen.delete(gd);
        if (!before !== !onScreen.size) model.send({ type: "shown", shown: onScreen.size > 0 });
      };
      const seen = new IntersectionObserver((es) => { visible = es.at(-1).isIntersecting; shown(); });
      seen.observe(gd);
      const size = new ResizeObserver(() => { if (gd._fullLayout && gd._fullLayout.width !== el.clientWidth) ask(); });
      size.observe(el);
      const dress = new MutationObserver(ask);
      dress.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
      document.addEventListener("visibilitychange", shown, { signal: gone.signal });
      model.on("change:sent", ask);
      library(model).then((loaded) => { Plotly = loaded; thank(model); shown(); });
      return () => {
        ended = true;
        tell();
        gone.abort();
        page.queue.delete(draw);
        model.off("change:sent", ask);
        for (const o of [seen, size, dress]) o.disconnect();
        if (Plotly) Plotly.purge(gd);
      };
    },
  };
};
