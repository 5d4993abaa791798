// Of the run panel: the tab on architectures. All it knows comes as one trait; picking is done in the other views.
function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  const figures = Object.fromEntries(Object.keys(model.get("parts")).map((name) => [name, h("div", { className: "wb-figure" })]));
  const facts = h("tbody"), ops = h("tbody");
  const worth = h("table", { className: "wb-facts-table" }, h("caption", {}, "What it is worth, by the table (test)"), facts);
  const side = h("div", { className: "wb-cellside" }, worth, h("table", { className: "wb-facts-table" }, h("caption", {}, "Operation of each edge"), ops));
  const hint = h("div", { className: "wb-hint" });
  const { cell, ...below } = figures;
  el.append(h("div", { className: "wb-panel wb-architecture" }, hint, h("div", { className: "wb-cellrow" }, cell, side), Object.values(below)));
  const row = ([what, value, how]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, value), how == null ? null : h("td", { className: "wb-hint" }, how));
  function draw() {
    const s = model.get("content");
    for (const [name, place] of Object.entries(figures)) {
      place.hidden = !s.figures.includes(name);
      if (!place.hidden) embed(name, place);
    }
    side.hidden = !s.operations.length;
    worth.hidden = !s.facts.length;
    put(hint, s.known ? "The best architecture so far, or the picked one: click a trial in any view to see its cell." : "The best architecture so far, or the picked one. What each is truly worth is known where results come from a table: wb.nas.search(algorithm, table).");
    facts.replaceChildren(...s.facts.map(row));
    ops.replaceChildren(...s.operations.map(row));
  }
  model.on("change:content", draw);
  draw();
  return () => { gone.abort(); model.off("change:content", draw); };
}

export default { render };
