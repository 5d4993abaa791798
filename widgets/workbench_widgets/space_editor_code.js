// The space as text to copy: Python code, which Python writes, and JSON. `editor` is the Editor of space_editor.js.

function codeOf(editor) {
  const node = h("div", { className: "wbs-code", hidden: true });
  let shown = null;

  function draw() {
    if (node.hidden) return;
    const json = JSON.stringify(editor.draft, null, 1), code = editor.model.get("code");
    const python = editor.problems ? "Python (the last valid space)" : editor.answered() ? "Python" : "Python (waits for the kernel)";
    const now = JSON.stringify([json, python, code]);
    if (now === shown) return;
    shown = now;
    node.replaceChildren(listing(python, code), listing("JSON", json));
  }
  function listing(label, text) {
    const rows = Math.min(12, text.split("\n").length + 1);
    const area = h("textarea", { readOnly: true, value: text, rows, spellcheck: false, "aria-label": label });
    const take = button("Copy", { title: `Copy ${label} to the clipboard`, onclick: async () => {
      const done = await copy(text);
      put(take, done ? "Copied" : "Select and copy");
      if (!done) area.select();
      editor.say(done ? `${label} copied` : "The clipboard is not allowed here: copy the selected text");
      setTimeout(() => put(take, "Copy"), 1500);
    } });
    return h("div", {}, h("div", { className: "wbs-codehead" }, h("b", {}, label), take), area);
  }
  function toggle() {
    node.hidden = !node.hidden;
    editor.codeButton.setAttribute("aria-expanded", String(!node.hidden));
    draw();
  }
  return { node, draw, toggle };
}
