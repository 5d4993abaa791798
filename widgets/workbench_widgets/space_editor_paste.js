// A space from elsewhere: pasted as JSON or as Python code, or dropped as a file. JSON is read here, so that it needs no kernel;
// code is read by Python, which never runs it. `editor` is the Editor of space_editor.js.

const LONGEST = 5e6; // characters

/** JSON data as a draft; a prior may be written as users write it. Throws an Error that says why not. */
function draftFromJson(text) {
  let data;
  try { data = JSON.parse(text); } catch (error) { throw new Error(`this is no JSON: ${error.message}.`); }
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw new Error('this JSON is no space: it needs to be an object with a list called "params".');
  if (!Array.isArray(data.params)) throw new Error('this JSON is no space: a list called "params" is missing.');
  const extra = Object.keys(data).find((k) => !["version", "params", "forbidden", "prior"].includes(k));
  if (extra !== undefined) throw new Error(`a space has "version", "params", "forbidden" and "prior", got ${JSON.stringify(extra)}. Remove it.`);
  const { prior, ...draft } = data, said = things(prior);
  return { ...draft, version: draft.version ?? 1, ...(said.length ? { prior: said } : {}) };

  function things(what) {
    if (what == null) return [];
    if (Array.isArray(what)) return what;
    if (typeof what !== "object") throw new Error('a "prior" is an object of names and likely values.');
    const one = (v) => (Array.isArray(v) ? (v.every(Array.isArray) ? v : [[v, 1]]) : v !== null && typeof v === "object" ? Object.entries(v) : [[v, 1]]);
    return Object.entries(what).map(([name, v]) => [name, one(v)]);
  }
}

/** Returns the pane, open() and take(text), which shows the space in this text, or says in the pane why it cannot. */
function pasteOf(editor) {
  let asked = 0, waits = null;
  const area = h("textarea", { rows: 7, spellcheck: false, "aria-label": "Space as JSON or Python code", title: "JSON as Copy gives it, or Python code: wb.Space(…)", placeholder: 'wb.Space(\n    lr=wb.Float(1e-5, 1e-1, log=True),\n)   or   {"params": [...]}   or drop a .json file', "aria-describedby": `${editor.id}-paste` });
  const why = h("div", { className: "wbs-err", role: "alert", id: `${editor.id}-paste`, hidden: true }), wait = h("div", { className: "wbs-soft", role: "status" });
  const node = h("div", { className: "wbs-paste", hidden: true }, area, why, wait,
    h("div", { className: "wbs-row" }, button("Show this space", { title: "In the place of what is on screen (Ctrl+Enter); undo brings that back", onclick: () => take(area.value) }), button("Cancel", { className: "wbs-quiet", title: "Close this (Esc)", onclick: () => close(true) })));
  area.addEventListener("keydown", (e) => {
    if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) { e.preventDefault(); take(area.value); }
    if (e.key === "Escape") { e.preventDefault(); close(true); }
  });
  const fail = (text) => {
    done();
    why.textContent = text; why.hidden = false;
    area.setAttribute("aria-invalid", "true");
    if (node.hidden) open();
  };
  const done = () => { clearTimeout(waits); asked = Math.abs(asked) * -1; put(wait, ""); why.hidden = true; area.removeAttribute("aria-invalid"); }; // below 0: no answer is waited for
  function open() {
    node.hidden = false;
    editor.pasteButton.setAttribute("aria-expanded", "true");
    area.focus();
  }
  function close(back = false) {
    done();
    node.hidden = true; area.value = "";
    editor.pasteButton.setAttribute("aria-expanded", "false");
    if (back) editor.pasteButton.focus();
  }
  function shown(draft) {
    const n = paramsOf(draft).length, open_ = !node.hidden;
    close(open_);
    editor.texts.clear(); editor.refused.clear(); editor.axes.clear(); editor.open.clear();
    editor.commit(draft, "Space pasted", { notice: `Pasted a space of ${n} parameter${n === 1 ? "" : "s"}.` });
  }
  function take(text) {
    if (editor.frozen) return;
    done();
    area.value = text;
    if (!text.trim()) { fail("Paste JSON or Python code first."); return; }
    if (text.length > LONGEST) { fail(`at most ${LONGEST} characters can be read, got ${text.length}.`); return; }
    if (/^\s*[{[]/.test(text)) {
      try { shown(draftFromJson(text)); } catch (error) { fail(error.message); }
      return;
    }
    asked = Math.abs(asked) + 1;
    editor.model.send({ cmd: "read", text, id: asked });
    put(wait, "Python reads the code …");
    waits = setTimeout(() => { open(); put(wait, "The kernel is busy; your code waits to be read. JSON would not need it."); }, 900);
  }
  function heard(message) {
    if (message?.cmd !== "read" || message.id !== asked) return;
    done();
    if (message.error) fail(message.error); else shown(message.draft);
  }
  return { node, take, fail, heard, toggle: () => (node.hidden ? open() : close(true)), close: () => clearTimeout(waits) };
}

/** Let text that is pasted anywhere in the editor, and files that are dropped on it, be shown; and copy give JSON. */
function listenToClipboard(editor, paste) {
  const typed = (e) => e.target.closest("input, textarea, select") || String(editor.box.ownerDocument.getSelection());
  editor.box.addEventListener("paste", (e) => {
    const text = e.clipboardData?.getData("text/plain");
    if (editor.frozen || !text || e.target.closest("input, textarea")) return;
    e.preventDefault(); e.stopPropagation();
    paste.take(text);
  });
  editor.box.addEventListener("copy", (e) => {
    if (typed(e)) return;
    e.preventDefault(); e.stopPropagation();
    e.clipboardData.setData("text/plain", JSON.stringify(editor.draft, null, 1));
    editor.say("Space copied as JSON");
  });
  const files = (e) => !editor.frozen && [...(e.dataTransfer?.types ?? [])].includes("Files");
  const over = (e) => {
    if (!files(e)) return;
    e.preventDefault(); e.stopPropagation();
    editor.box.classList.add("wbs-dropping");
  };
  editor.box.addEventListener("dragenter", over);
  editor.box.addEventListener("dragover", over);
  editor.box.addEventListener("dragleave", (e) => { if (!editor.box.contains(e.relatedTarget)) editor.box.classList.remove("wbs-dropping"); });
  editor.box.addEventListener("drop", async (e) => {
    if (!files(e)) return;
    e.preventDefault(); e.stopPropagation();
    editor.box.classList.remove("wbs-dropping");
    const file = e.dataTransfer.files[0];
    if (file.size > LONGEST) paste.fail(`a file of at most ${LONGEST / 1e6} MB can be read, got ${(file.size / 1e6).toFixed(1)} MB.`); else paste.take(await file.text());
  });
}
