// Draws the report's pictures when they come into view, in the reader's colours, and sorts its table.
(() => {
  "use strict";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  /** Text, grid and paper of the page, as a plotly template. */
  function theme() {
    const css = getComputedStyle(document.documentElement), v = (name) => css.getPropertyValue(name).trim();
    const axis = { gridcolor: v("--line"), zerolinecolor: v("--line"), linecolor: v("--line"), automargin: true };
    return { layout: {
      paper_bgcolor: v("--paper"), plot_bgcolor: v("--paper"), font: { color: v("--text"), size: 12, family: "system-ui, sans-serif" },
      hoverlabel: { bgcolor: v("--shade"), bordercolor: v("--line"), font: { color: v("--text") }, align: "left" },
      modebar: { bgcolor: "transparent", color: v("--soft"), activecolor: v("--accent") },
      colorway: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"], xaxis: axis, yaxis: axis, margin: { l: 60, r: 16, t: 48, b: 44 } } };
  }

  function save(gd, format) {
    const title = document.title.replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "") || "run";
    Plotly.downloadImage(gd, { format, filename: `${title}-${gd.id}`, width: gd.clientWidth, height: gd.clientHeight, scale: format === "png" ? 2 : 1 });
  }

  function draw(gd) {
    const { data, layout } = JSON.parse(document.getElementById(`data-${gd.id}`).textContent);
    const button = (format) => ({ name: `Download as ${format.toUpperCase()}`, icon: Plotly.Icons[format === "png" ? "camera" : "disk"], click: () => save(gd, format) });
    const config = { displaylogo: false, plotlyServerURL: "", modeBarButtonsToRemove: ["toImage", "sendChartToCloud", "select2d", "lasso2d", "autoScale2d"],
      modeBarButtonsToAdd: [button("png"), button("svg")] };
    gd.dataset.drawn = "";
    return Plotly.react(gd, data, { ...layout, template: theme(), width: gd.clientWidth }, config);
  }

  const pictures = [...document.querySelectorAll(".picture")];
  const again = () => pictures.filter((gd) => "drawn" in gd.dataset).forEach(draw);
  const seen = new IntersectionObserver((entries) => entries.forEach((e) => { if (e.isIntersecting && !("drawn" in e.target.dataset)) draw(e.target); }), { rootMargin: "400px" });
  pictures.forEach((gd) => seen.observe(gd));
  dark.addEventListener("change", again);
  let resting = 0;
  addEventListener("resize", () => { clearTimeout(resting); resting = setTimeout(() => printing || again(), 150); });
  addEventListener("beforeprint", () => { printing = true; pictures.forEach(draw); });
  addEventListener("afterprint", () => { printing = false; again(); });

  /** Numbers by size, texts by alphabet, empty cells last in both directions. */
  function compare(a, b, down) {
    const empty = (a === "") - (b === "");
    if (empty) return empty;
    const both = typeof a === "number" && typeof b === "number";
    const order = both ? a - b : typeof a === "number" ? -1 : typeof b === "number" ? 1 : a.localeCompare(b);
    return down ? -order : order;
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
      const down = head.ariaSort === "ascending";
      const key = (row) => { const cell = row.cells[i]; return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent; };
      const rows = [...body.rows].map((row) => [key(row), row]).sort(([a], [b]) => compare(a, b, down));
      for (const other of heads) { other.ariaSort = "none"; other.querySelector("span").textContent = ""; }
      head.ariaSort = down ? "descending" : "ascending";
      head.querySelector("span").textContent = down ? " ▾" : " ▴";
      body.append(...rows.map(([, row]) => row));
    }));
  }
})();
