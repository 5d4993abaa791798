// The options of a Choice, as chips that are renamed, reordered, deleted and added. Joined between the model and the
// editor; `editor` is the Editor of space_editor.js.

function chips(editor, p, i) {
  const put = (value) => editor.commit(patched(editor.draft, i, { options: [...optionsOf(p), value] }), `${show(value)} added`);
  const box = editor.frozen ? null : editor.text(`option:|${p.name}`, "", `New option of ${p.name}`, (text) => putOption(p, text, null, put),
    { className: "wbs-addchip", placeholder: "+ option", title: "One more option: Enter takes it. 'quotes' make a number or None a text" });
  return h("div", { className: "wbs-chips", role: "group", "aria-label": `Options of ${p.name}` },
    optionsOf(p).map((v, k) => chip(editor, p, i, v, k)), box);
}

/** Read the text of option k (null: a new one) and hand the value on, or say why it cannot be one. */
function putOption(p, text, k, take) {
  const value = valueOf(text), named = text.trim() !== "";
  if (!named && k !== null) return "An option needs a name.";
  if (named && optionsOf(p).some((o, j) => j !== k && o === value)) return `options must differ, got ${repr(value)} twice.`;
  if (named) take(value);
  return null;
}

function chip(editor, p, i, v, k) {
  const { name } = p, off = editor.frozen, key = `option:${k}|${name}`;
  const put = (value) => editor.commit(renameOption(editor.draft, i, k, value), `option ${show(v)} is now ${show(value)}`);
  const title = "Rename it here; Alt+← and Alt+→ move it";
  const box = editor.text(key, show(v), `Option ${k + 1} of ${name}`, (text) => putOption(p, text, k, put), { off, title });
  const fit = () => { box.size = Math.max(1, box.value.length); };
  fit();
  box.addEventListener("input", fit);
  box.addEventListener("keydown", (e) => {
    const by = e.altKey ? { ArrowLeft: -1, ArrowRight: 1 }[e.key] : 0;
    if (by) { e.preventDefault(); moveOption(editor, p, i, k, k + by); }
  });
  const sort = (to) => { if (to.dataset.parent === name) moveOption(editor, p, i, k, Number(to.dataset.k)); };
  const grip = h("span", {
    className: "wbs-grip", title: "Drag to reorder (Alt+← or Alt+→ in the box)",
    onpointerdown: (e) => drag(editor, e, show(v), ".wbs-chip", sort),
  }, "⠿");
  const bin = button("×", {
    "data-key": `drop:${k}|${name}`, title: `Delete ${show(v)}`, "aria-label": `Delete option ${show(v)} of ${name}`,
    onclick: () => removeOption(editor, p, i, k),
  });
  const about = { "data-drop": "option", "data-parent": name, "data-k": String(k), "data-values": JSON.stringify([v]) };
  const mark = p.default === v && v != null ? h("span", { className: "wbs-defaultmark", title: "the default" }, "▾", h("span", { className: "wbs-sr" }, "default")) : null;
  return h("span", { className: "wbs-chip", ...about }, off ? null : grip, box, mark, off ? null : bin);
}

function moveOption(editor, p, i, from, to) {
  const options = [...optionsOf(p)];
  if (to < 0 || to >= options.length || from === to) return;
  options.splice(to, 0, ...options.splice(from, 1));
  editor.patch(i, { options }, `${show(options[to])} is now option ${to + 1}`, { focus: `option:${to}|${p.name}` });
}

/** Delete an option, and with it the parameters that are active under no other. */
function removeOption(editor, p, i, k) {
  const value = show(optionsOf(p)[k]), [next, gone] = dropOption(editor.draft, i, k);
  const notice = gone.length ? `Deleted ${value}, and what was only active with it: ${gone.join(", ")}.` : "";
  editor.commit(next, `option ${value} deleted`, { focus: `option:|${p.name}`, notice });
}
