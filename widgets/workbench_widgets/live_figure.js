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
    if (!draw) continue; // the last figure that waited was taken away meanwhile
    page.queue.delete(draw);
    const began = performance.now();
    await draw().catch((e) => console.error(e));
    await pause((performance.now() - began) / 4);
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

const REMOVED = ["sendChartToCloud", "lasso2d", "autoScale2d"];
const config = (box) => ({ displaylogo: false, plotlyServerURL: "", responsive: false, modeBarButtonsToRemove: box ? REMOVED : [...REMOVED, "select2d"] });

/** The trial that a point is of, or null: `customdata` says so where the trace's `meta` is "trials". */
function trialOf(p) {
  const c = p?.data?.meta === "trials" ? p.customdata?.[0] ?? p.customdata : null;
  return Number.isInteger(c) ? c : null;
}

/** Put the words on each trial, which come once, at every point: plotly wants them there. */
function fill(data, words) {
  for (const t of data) {
    if (t.meta !== "trials" || t.text || !t.customdata) continue;
    t.text = Array.from(t.customdata, (c) => { const n = typeof c === "number" ? c : c[0]; return words?.[n] ?? (Number.isNaN(n) ? "" : `trial ${n}`); });
  }
}

/** Tell every figure of the page with this link, and tables that listen, which trial the pointer is on. */
function look(link, trial) { document.dispatchEvent(new CustomEvent("workbench:hover", { detail: { link, trial } })); }

const SVG = "http://www.w3.org/2000/svg";

/** Marks on top of a drawn picture: a ring or a wide line where the hovered trial is, a square or a dashed line where the pinned one is. */
function marker(gd, model) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "wb-overlay");
  svg.style.cssText = "position:absolute;inset:0;width:100%;height:100%;pointer-events:none;overflow:visible";
  let hovered = null;
  const shape = (tag, attributes) => {
    const e = document.createElementNS(SVG, tag);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  };
  const halo = "var(--jp-layout-color1, Canvas)";
  /** The places of a trial in one trace, in pixels: stretches between gaps. */
  function stretches(trace, trial) {
    const full = gd._fullLayout, x = full[`xaxis${(trace.xaxis ?? "x").slice(1)}`], y = full[`yaxis${(trace.yaxis ?? "y").slice(1)}`];
    const found = [];
    let now = null;
    for (let i = 0; i < trace.customdata.length; i++) {
      const c = trace.customdata[i], px = x.d2p(trace.x[i]), py = y.d2p(trace.y[i]);
      const on = (typeof c === "number" ? c : c[0]) === trial && Number.isFinite(px) && Number.isFinite(py)
        && px > -8 && px < x._length + 8 && py > -8 && py < y._length + 8;
      if (!on) { now = null; continue; }
      if (!now) found.push(now = []);
      now.push([x._offset + px, y._offset + py]);
    }
    return found;
  }
  function mark(trial, kind) {
    const pinned = kind === "pinned", color = pinned ? "#cc79a7" : "var(--jp-brand-color1, #1976d2)", dash = pinned ? "5 3" : "none", seen = new Set();
    for (const trace of gd.data ?? []) {
      if (trace.meta !== "trials" || trace.visible === false || trace.visible === "legendonly" || !trace.customdata) continue;
      const lines = (trace.mode ?? "lines").includes("lines");
      for (const points of stretches(trace, trial)) {
        if (lines && points.length > 1) {
          const d = `M${points.map((p) => p.join(" ")).join("L")}`;
          if (seen.has(d)) continue;
          seen.add(d);
          svg.append(shape("path", { d, fill: "none", stroke: halo, "stroke-width": 7, opacity: 0.75 }), shape("path", { d, fill: "none", stroke: color, "stroke-width": 3.5, "stroke-dasharray": dash, "data-trial": trial, "data-kind": kind }));
          continue;
        }
        for (const [x, y] of points) {
          const at = `${Math.round(x)} ${Math.round(y)}`;
          if (seen.has(at)) continue;
          seen.add(at);
          for (const [stroke, width, more] of [[halo, 6, {}], [color, 2.5, { "stroke-dasharray": dash, "data-trial": trial, "data-kind": kind }]]) {
            svg.append(pinned ? shape("rect", { x: x - 9, y: y - 9, width: 18, height: 18, fill: "none", stroke, "stroke-width": width, ...more })
              : shape("circle", { cx: x, cy: y, r: 10, fill: "none", stroke, "stroke-width": width, ...more }));
          }
        }
      }
    }
  }
  function draw() {
    const { pinned = null, hovered: told = null } = model.get("marked"), look = hovered ?? told;
    svg.replaceChildren();
    if (!gd._fullLayout?._plots || (pinned == null && look == null)) { svg.remove(); return; }
    if (pinned != null) mark(pinned, "pinned");
    if (look != null) mark(look, "hovered");
    const labels = gd.querySelector(".hoverlayer")?.closest("svg");
    if (labels && svg.nextSibling !== labels) labels.before(svg);   // hover labels stay on top
  }
  return { draw, hover: (trial) => { if (trial !== hovered) { hovered = trial; draw(); } } };
}

/** What the pointer looks at: marked on the page at once, told to Python at most ten times a second. */
function listenForHovers(gd, model, signal) {
  let now = null, told = null, later = null;
  const tell = () => { later = null; if (now !== told) { told = now; model.send({ type: "hovered", trial: now }); } };
  const set = (trial) => {
    if (trial === now) return;
    now = trial;
    look(model.get("link"), trial);
    later ??= setTimeout(tell, 100);
  };
  gd.on("plotly_hover", (e) => set(trialOf(e.points?.[0])));
  gd.on("plotly_unhover", () => set(null));
  gd.addEventListener("pointerleave", () => set(null), { signal });
  gd.addEventListener("dblclick", (e) => {
    const box = gd.getBoundingClientRect(), trial = now ?? nearest(gd, e.clientX - box.left, e.clientY - box.top);
    if (trial != null) gd.dispatchEvent(new CustomEvent("workbench:open", { bubbles: true, detail: { trial } }));
  }, { capture: true, signal });
  signal.addEventListener("abort", () => { clearTimeout(later); set(null); clearTimeout(later); });
  return () => now;
}

/** Data of the newest figure, as plotly takes them. */
function dataOf(model, arrays) {
  const { data, arrays: paths } = model.get("spec"), out = data.map((t) => structuredClone(t));
  for (const path of paths) put(out, path, arrays[path]);
  return out;
}

/** A drawing as a file: on paper of the theme's colour, PNG twice as fine as on screen. */
async function imageOf({ data, layout }, format, paper, scale = format === "png" ? 2 : 1) {
  const { width, height } = layout, on = { ...layout, paper_bgcolor: paper, plot_bgcolor: paper };
  const url = await (await page.library).toImage({ data, layout: on }, { format, width, height, scale });
  const [head, body] = [url.slice(0, url.indexOf(",")), url.slice(url.indexOf(",") + 1)];
  const bytes = head.endsWith(";base64") ? Uint8Array.from(atob(body), (c) => c.charCodeAt(0)) : new TextEncoder().encode(decodeURIComponent(body));
  return new Blob([bytes], { type: format === "png" ? "image/png" : "image/svg+xml" });
}

/** What is on screen as a file; other widgets of the page use it too. */
page.image = (gd, format) => imageOf({ data: gd.data, layout: { ...gd.layout, width: gd.clientWidth } }, format, getComputedStyle(gd).getPropertyValue("--jp-layout-color1").trim() || "#fff");
page.download = (blob, name) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};

/** Plotly's own button saves transparent paper, which is unreadable elsewhere; these two save what is seen. */
function withDownloads(config, Plotly) {
  const button = (format, icon) => ({ name: `Download as ${format.toUpperCase()}`, icon, async click(gd) {
    const title = String(gd.layout.title?.text ?? "figure").replace(/<[^>]*>/g, "").replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 60);
    page.download(await page.image(gd, format), `${title || "figure"}.${format}`);
  } });
  return { ...config, modeBarButtonsToRemove: [...config.modeBarButtonsToRemove, "toImage"], modeBarButtonsToAdd: [button("png", Plotly.Icons.camera), button("svg", Plotly.Icons.disk)] };
}

/** The newest figure as PNG on white paper, whether it is on screen or not: for places without a kernel. */
async function answerWithImage(model, arrays, { id, width }) {
  const layout = { ...structuredClone(model.get("spec").layout), template: theme(document.createElement("div")), width };
  layout.height ??= 300;
  await library(model);
  const blob = await imageOf({ data: dataOf(model, arrays), layout }, "png", "#fff", 1);
  model.send({ type: "image", id }, undefined, [await blob.arrayBuffer()]);
}

/** The trial of the mark nearest to a place, in pixels, if one is near: a quick click comes before plotly has told of a hover. */
function nearest(gd, px, py) {
  let best = 12, found = null;
  for (const trace of gd.data ?? []) {
    if (trace.meta !== "trials" || trace.hoverinfo === "skip" || trace.visible === "legendonly" || !trace.customdata) continue;
    const full = gd._fullLayout, x = full[`xaxis${(trace.xaxis ?? "x").slice(1)}`], y = full[`yaxis${(trace.yaxis ?? "y").slice(1)}`];
    for (let i = 0; i < trace.customdata.length; i++) {
      const c = trace.customdata[i], trial = typeof c === "number" ? c : c[0];
      const away = Math.hypot(x._offset + x.d2p(trace.x[i]) - px, y._offset + y.d2p(trace.y[i]) - py);
      if (away <= best && Number.isInteger(trial)) { best = away; found = trial; }   // of equals the one on top
    }
  }
  return found;
}

/** Report a click anywhere on a plot area, in data units, with the trial under it if there is one. */
function listenForClicks(gd, model, signal, hovered) {
  let down = null;
  gd.addEventListener("pointerdown", (e) => { down = e; }, { capture: true, signal });
  window.addEventListener("pointerup", (e) => {
    const start = down;
    down = null;
    if (!start || Math.hypot(e.clientX - start.clientX, e.clientY - start.clientY) > 4) return;
    const box = gd.getBoundingClientRect(), px = e.clientX - box.left, py = e.clientY - box.top;
    for (const { xaxis: x, yaxis: y } of Object.values(gd._fullLayout?._plots ?? {})) {
      if (px < x._offset || px > x._offset + x._length || py < y._offset || py > y._offset + y._length) continue;
      model.send({ type: "clicked", at: { x: x.p2d(px - x._offset), y: y.p2d(py - y._offset), subplot: x._id + y._id, trial: hovered() ?? nearest(gd, px, py) } });
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

/** A drag over a picture whose `layout.meta.box` is true, while plotly's drag mode is "select": a box, or an interval if the drag is flat. */
function listenForBoxes(gd, model, signal) {
  const FLAT = 10;                                 // a drag less high than this is an interval along x, less wide: along y
  let at = null;
  const bar = document.createElement("div");
  bar.style.cssText = "position:absolute;background:var(--jp-brand-color1,#1976d2);opacity:.25;pointer-events:none;z-index:5";
  const inside = (e) => {
    const box = gd.getBoundingClientRect(), { xaxis: x, yaxis: y } = gd._fullLayout._plots.xy;
    return { x, y, u: Math.min(Math.max(e.clientX - box.left - x._offset, 0), x._length), v: Math.min(Math.max(e.clientY - box.top - y._offset, 0), y._length) };
  };
  const ends = (e) => {
    const { x, y, u, v } = inside(e), wide = Math.abs(u - at.u), high = Math.abs(v - at.v);
    const along = wide >= FLAT, up = high >= FLAT;
    return { x, y, px: along ? [Math.min(u, at.u), Math.max(u, at.u)] : up ? [0, x._length] : null, py: up ? [Math.min(v, at.v), Math.max(v, at.v)] : along ? [0, y._length] : null, along, up };
  };
  gd.addEventListener("pointerdown", (e) => {
    if (!gd.layout?.meta?.box || gd._fullLayout?.dragmode !== "select" || e.button !== 0 || !e.target.closest(".nsewdrag[data-subplot='xy']")) return;
    at = inside(e);
  }, { capture: true, signal });
  // plotly would draw a selection of its own, and fade the others by its own rules
  gd.addEventListener("mousedown", (e) => { if (at) { e.stopPropagation(); e.preventDefault(); } }, { capture: true, signal });
  window.addEventListener("pointermove", (e) => {
    if (!at) return;
    const { x, y, px, py } = ends(e);
    if (!px || !py) { bar.remove(); return; }
    gd.style.position = "relative";
    Object.assign(bar.style, { left: `${x._offset + px[0]}px`, top: `${y._offset + py[0]}px`, width: `${px[1] - px[0]}px`, height: `${py[1] - py[0]}px` });
    gd.append(bar);
  }, { signal });
  window.addEventListener("pointerup", (e) => {
    if (!at) return;
    const { x, y, px, py, along, up } = ends(e);
    at = null;
    bar.remove();
    if (!px || !py) return;
    model.send({ type: "brushed", at: { x: along ? px.map((p) => x.p2d(p)) : null, y: up ? py.map((p) => y.p2d(p)).reverse() : null, add: e.shiftKey } });
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
      model.on("msg:custom", (message, [gzipped]) => {
        if (message.type === "plotly") page.library ??= install(gzipped);
        if (message.type === "image") answerWithImage(model, arrays, message).catch((e) => console.error(e));
      });
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
      const marks = marker(gd, model);
      document.addEventListener("workbench:hover", ({ detail }) => { if (detail.link && detail.link === model.get("link")) marks.hover(detail.trial); }, { signal: gone.signal });

      async function draw() {
        if (!Plotly || !visible || document.hidden || ended) return;
        dirty = false;
        const spec = model.get("spec"), sent = model.get("sent");
        const data = dataOf(model, arrays);
        fill(data, spec.layout.meta?.trials);
        const layout = { ...structuredClone(spec.layout), template: theme(el), width: el.clientWidth || 600 };
        layout.height ??= 300;
        layout.uirevision ??= "live";
        gd.style.minHeight = `${layout.height}px`;
        if (first) gd.textContent = "";
        await Plotly.react(gd, data, layout, withDownloads(config(layout.meta?.box), Plotly));
        if (first) {
          listenForClicks(gd, model, gone.signal, listenForHovers(gd, model, gone.signal));
          listenForBrushes(gd, model, gone.signal);
          listenForBoxes(gd, model, gone.signal);
          gd.on("plotly_relayout", marks.draw);
        }
        marks.draw();
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
      model.on("change:marked", marks.draw);
      library(model).then((loaded) => { Plotly = loaded; thank(model); shown(); });
      return () => {
        ended = true;
        tell();
        gone.abort();
        page.queue.delete(draw);
        model.off("change:sent", ask);
        model.off("change:marked", marks.draw);
        for (const o of [seen, size, dress]) o.disconnect();
        if (Plotly) Plotly.purge(gd);
      };
    },
  };
};
