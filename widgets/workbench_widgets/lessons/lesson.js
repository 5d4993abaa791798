// Keys, hovered terms and names of one lesson: listens on the whole lesson, tells Python what was meant.
/** Whether the element under the key has its own use for it: text fields all keys, sliders arrows, buttons space. */
function taken(target, key) {
  if (target.closest("input, textarea, select, [contenteditable=true]")) return true;
  if (key.startsWith("Arrow")) return !!target.closest("[role=slider], .jupyter-widgets-slider, [role=radiogroup]");
  return (key === " " || key === "Enter") && !!target.closest("button, [role=button]");
}

/** The lesson that holds this element; it may be put into the page a few frames after it is made. */
async function lessonOf(el, signal) {
  while (!signal.aborted) {
    const root = el.isConnected && el.closest(".wb-lesson");
    if (root) return root;
    await new Promise((r) => setTimeout(r, 30));
  }
  return null;
}

/** ipywidgets leaves handles of sliders, their numbers, and fields without a visible label nameless. True when all have names. */
function christen(root) {
  let whole = true;
  for (const slider of root.querySelectorAll(".widget-slider")) {
    const text = slider.querySelector(".widget-label")?.textContent, handle = slider.querySelector("[role=slider]");
    whole &&= !!handle;
    handle?.setAttribute("aria-label", text);
    slider.querySelector(".widget-readout")?.setAttribute("aria-label", `${text}, as a number`);
  }
  for (const field of root.querySelectorAll(".widget-text input")) {
    const own = field.closest(".widget-text");
    if (own.querySelector(".widget-label")?.textContent) continue;
    let before = own.previousElementSibling;
    while (before && before.tagName !== "BUTTON") before = before.previousElementSibling;
    field.setAttribute("aria-label", `${before?.textContent.trim() ?? "value"}, between 0 and 1`);
  }
  return whole;
}

function dress(root, model) {
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("label"));
  root.dataset.lmSuppressShortcuts = "true";          // or the notebook takes the keys for its own commands
  for (const icon of root.querySelectorAll("button i.fa")) icon.setAttribute("aria-hidden", "true");
  for (const s of root.querySelectorAll(".wb-lesson-status")) {
    s.setAttribute("role", "status");
    s.setAttribute("aria-live", "polite");
  }
  for (const p of root.querySelectorAll(".wb-lesson-picture")) {
    p.setAttribute("role", "figure");
    p.setAttribute("aria-label", model.get("alt"));
  }
}

async function render({ model, el }) {
  const gone = new AbortController();
  const on = { signal: gone.signal };
  el.style.display = "none";
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const told = () => { model.set("reduced_motion", still.matches); model.save_changes(); };
  if (still.matches !== model.get("reduced_motion")) told();
  still.addEventListener("change", told, on);

  lessonOf(el, gone.signal).then((root) => {
    if (!root) return;
    const name = () => dress(root, model);
    name();
    const named = setInterval(() => { if (christen(root)) clearInterval(named); }, 200);   // sliders come a little later
    gone.signal.addEventListener("abort", () => clearInterval(named));
    model.on("change:alt", name);
    gone.signal.addEventListener("abort", () => model.off("change:alt", name));
    root.addEventListener("keydown", (e) => {
      const meant = model.get("meanings")[e.key];
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      e.stopPropagation();
      if (!meant || taken(e.target, e.key)) return;
      e.preventDefault();
      model.send({ type: "key", meant, shift: e.shiftKey });
    }, on);
    root.addEventListener("pointerdown", (e) => {
      const own = e.target.closest("button, input, select, textarea, a, [tabindex], [contenteditable=true]");
      if (!own || own === root) root.focus({ preventScroll: true });
    }, on);
    const light = (term) => { if (model.get("lit") !== term) { model.set("lit", term); model.save_changes(); } };
    root.addEventListener("pointerover", (e) => light(e.target.closest?.("[data-term]")?.dataset.term ?? ""), on);
    root.addEventListener("pointerleave", () => light(""), on);
  });
  return () => gone.abort();
}

export default { render };
