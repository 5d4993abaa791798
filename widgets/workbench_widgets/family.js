// Of the run panel: parent, what is held fixed, children. A child's panel is put in the place of this one, and back.
function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  const send = (message) => model.send(message);
  const places = new Map();                                    // number of a child -> where its panel stands
  const line = h("div", { className: "wb-hint" }), wish = h("div", { className: "wb-wish", role: "status" }), list = h("ul", { className: "wb-children", ariaLabel: "Child runs" });
  let panel = null, wished = "", asked = false;               // asked: by a click here, not by a page that was loaded anew

  function draw() {
    const s = model.get("family"), fixed = s.fixed.map(([k, v]) => `${k} ${v}`).join(" · ");
    put(line, [s.descent, fixed ? `Held fixed: ${fixed}.` : ""].filter(Boolean).join(" "));
    line.hidden = !line.textContent;
    wish.hidden = !s.wish;
    if (wished !== s.wish) {
      wished = s.wish;
      wish.replaceChildren(s.wish, " ", h("button", { type: "button", textContent: "Make a child run", title: "A new run in the drawn space, with the trials of this one that still fit", onclick: () => send({ cmd: "child" }) }));
    }
    list.hidden = !s.children.length;
    const key = JSON.stringify(s.children);
    if (list.dataset.key !== key) {
      list.dataset.key = key;
      const at = [...list.querySelectorAll("button")].indexOf(document.activeElement);
      list.replaceChildren(...s.children.map((c, k) => h("li", {}, h("b", {}, k === s.children.length - 1 && c.state === "ready" ? "Child run made: " : "Child run: "), `${c.title} · ${c.state} · ${c.about} `,
        h("button", { type: "button", textContent: "Show it", title: "Show the child's panel in the place of this one", ariaLabel: `Show ${c.title}`, onclick: () => { asked = true; send({ cmd: "show", child: k }); } }))));
      if (at >= 0) list.querySelectorAll("button")[at]?.focus();
    }
    el.hidden = line.hidden && wish.hidden && list.hidden;
  }
  async function swap() {
    const k = model.get("shown");
    panel ??= el.closest(".wb-panel");
    if (!panel) { if (!gone.signal.aborted) requestAnimationFrame(swap); return; }   // not yet in its place
    for (const [child, place] of places) place.style.display = child === k ? "" : "none";
    panel.style.display = k == null ? "" : "none";
    if (k == null) return;
    if (!places.has(k)) {
      const inside = h("div"), name = model.get("family").name;
      const back = h("button", { type: "button", textContent: `◂ back to ${name}`, title: "Show the parent's panel again", onclick: () => send({ cmd: "show", child: null }) });
      const click = asked;
      places.set(k, h("div", { className: "wb-inplace" }, h("div", { className: "wb-panel wb-backrow" }, back), inside));
      panel.after(places.get(k));
      await embed(`child ${k}`, inside);
      if (click) back.focus({ preventScroll: true });
    }
  }
  el.classList.add("wb-family");
  el.append(line, wish, list);
  model.on("change:family", draw);
  model.on("change:shown", swap);
  draw();
  swap();
  return () => { gone.abort(); model.off("change:family", draw); model.off("change:shown", swap); for (const place of places.values()) place.remove(); };
}

export default { render };
