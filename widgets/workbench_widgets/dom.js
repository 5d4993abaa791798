// What all panels are made of: elements, texts, the clipboard, other widgets' views. Joined in front of each panel's own files.

/** An element. Text of the user only ever arrives as a child string or a property, never as markup. */
function h(tag, props = {}, ...kids) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v == null) continue;
    if (k.startsWith("on")) e.addEventListener(k.slice(2), v);
    else if (k in e) e[k] = v;
    else e.setAttribute(k, v);
  }
  e.append(...kids.flat().filter((k) => k != null));
  return e;
}
/** Write only what differs: the page is touched ten times a second, and a touched text loses its selection. */
function put(node, text) { if (node.textContent !== text) node.textContent = text; }
function set(node, name, value) { if (node[name] !== value) node[name] = value; }

/** 41 -> "00:41", 7800 -> "2 h 10 min". */
function clock(s) {
  if (s < 3600) return `${String(Math.floor(s / 60)).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

async function copy(text) {
  try { await navigator.clipboard.writeText(text); return true; } catch { /* not allowed here: the old way */ }
  const area = document.body.appendChild(h("textarea", { value: text, style: "position:fixed;opacity:0" }));
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** Put the views of other widgets into elements, each when it is first needed; one that stands in two places has two keys. */
function embedder(model, signal) {
  const placed = new Set();
  return async (name, place, key = name) => {
    const reference = model.get("parts")[name];
    if (!reference || placed.has(key)) return;
    placed.add(key);
    const child = await model.widget_manager.get_model(reference.slice("IPY_MODEL_".length));
    const view = await model.widget_manager.create_view(child);
    if (signal.aborted) { view.remove(); return; }
    signal.addEventListener("abort", () => view.remove());
    place.replaceChildren(view.el);
  };
}

/** Fill a drop-down, unless it holds these options already. */
function options(select, pairs) {
  const key = JSON.stringify(pairs);
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(...pairs.map(([value, textContent]) => h("option", { value, textContent })));
}
