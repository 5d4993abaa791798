// What keys do. Each thing that can be dragged can also be done with them.

const KEYS = [
  ["← → ↑ ↓", "on a handle: a step; PageUp, PageDown far, Home, End to the end"], ["Delete", "on the default or on a likely value: take it away"],
  ["Alt+↑ Alt+↓", "on ⠿: move the parameter"], ["Alt+← Alt+→", "in an option: move it"], ["Enter", "take over what was typed; Esc drops it"],
  ["Ctrl+Z", "undo; Ctrl+Shift+Z or Ctrl+Y redo"], ["Ctrl+V", "show a space from the clipboard, JSON or Python"], ["Ctrl+C", "copy this one as JSON"], ["?", "this help"],
];
const INSTEAD = "Instead of dragging a parameter onto an option, open its details (▸) and pick under “active”. Esc ends a drag.";

function helpOf() {
  return h("div", { className: "wbs-keys", hidden: true, role: "note", "aria-label": "Keys" },
    KEYS.map(([key, what]) => h("span", {}, h("kbd", {}, key), ` ${what}`)), h("span", {}, INSTEAD));
}
