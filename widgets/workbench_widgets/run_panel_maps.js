// Of the run panel: what stands above the parallel coordinates and above the contour map.

/** Brushing without a pointer, and chips that lift a brush. */
function coordinatesOf(model, send, figure) {
  const entry = () => (model.get("coordinates").axes ?? []).find((a) => a.key === axis.value);
  const axis = h("select", { ariaLabel: "Axis to brush", onchange: () => { for (const e of edges) e.replaceChildren(); edged(); } });
  const edges = ["Brush from", "Brush to"].map((label) => h("span", { title: label }));
  const set1 = (add) => {
    const [from, to] = edges.map((e) => Number(e.firstChild?.value));
    if (entry() && Number.isFinite(from) && Number.isFinite(to)) send({ cmd: "brush", axis: axis.value, from, to, add });
  };
  const brush = h("button", { type: "button", textContent: "Brush", title: "Select the trials whose value lies between the two; others fade in all tabs", onclick: () => set1(false) });
  const also = h("button", { type: "button", textContent: "or also", title: "Add this interval to those of the axis (shift and drag)", onclick: () => set1(true) });
  const clear = h("button", { type: "button", textContent: "Clear", title: "Lift the brushes on these axes", onclick: () => send({ cmd: "lift", by: "coordinates" }) });
  const hint = h("div", { className: "wb-hint" });
  const line = h("div", { className: "wb-modelhead" }, h("label", {}, "brush", axis), "from", edges[0], "to", edges[1], brush, also, clear);

  /** Two fields for the ends of an interval: drop-downs where an axis has levels, else numbers. */
  function edged() {
    const a = entry();
    edges.forEach((place, k) => {
      const kind = JSON.stringify([a?.key, a?.levels]);
      if (place.dataset.kind === kind && place.firstChild) return;
      place.dataset.kind = kind;
      const ariaLabel = k ? "Brush to" : "Brush from";
      if (!a) { place.replaceChildren(); return; }
      const field = a.levels.length ? h("select", { ariaLabel }) : h("input", { type: "number", step: "any", ariaLabel, className: "wb-edge", value: String(Number((k ? a.high : a.low).toPrecision(4))) });
      if (a.levels.length) { options(field, a.levels.map(([c, text]) => [String(c), text])); field.selectedIndex = k ? a.levels.length - 1 : 0; }
      field.addEventListener("keydown", (e) => { if (e.key === "Enter") set1(e.shiftKey); });
      place.replaceChildren(field);
    });
  }
  function draw() {
    const c = model.get("coordinates"), axes = c.axes ?? [];
    line.style.visibility = axes.length ? "" : "hidden";
    options(axis, axes.map((a) => [a.key, a.label]));
    edged();
    also.disabled = !(c.brush ?? []).some(([key]) => key === axis.value);
    clear.disabled = !(c.brush ?? []).length;
    put(hint, (c.brush ?? []).length ? c.words : axes.length ? "Drag along an axis to select trials in all tabs; shift adds. A click on a line picks its trial." : "");
  }
  return { nodes: [line, hint, figure], draw };
}

/** The two parameters of the map. */
function contourOf(model, send, figure) {
  const go = () => send({ cmd: "contour", x: x.value, y: y.value });
  const x = h("select", { ariaLabel: "Parameter along the x axis of the map", onchange: go });
  const y = h("select", { ariaLabel: "Parameter along the y axis of the map", onchange: go });
  const hint = h("span", { className: "wb-hint" });
  const line = h("div", { className: "wb-modelhead" }, h("label", {}, "along", x), h("label", {}, "and", y), hint);
  function draw() {
    const c = model.get("contour"), names = c.names ?? [];
    line.style.visibility = names.length ? "" : "hidden";
    options(x, names.map((n) => [n, n]));
    options(y, names.filter((n) => n !== c.x).map((n) => [n, n]));
    if (c.x) set(x, "value", c.x);
    if (c.y) set(y, "value", c.y);
    put(hint, c.words ?? "");
  }
  return { nodes: [line, figure], draw };
}
