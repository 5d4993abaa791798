// What the panels of runs share: their states in words, the log, and what hides the static form of a saved notebook.
const STATES = {
  ready: ["○", "Ready"], running: ["●", "Running"], pausing: ["◐", "Pausing"], paused: ["‖", "Paused"], stopping: ["◧", "Stopping"],
  stopped: ["■", "Stopped"], done: ["✓", "Done"], failed: ["✗", "Failed"], watching: ["◉", "Watching"],
};

/** The log: follows the newest line unless the reader has scrolled up. */
function logOf(model, empty) {
  const node = h("div", { className: "wb-lines", tabIndex: 0, role: "log", ariaLabel: "Log", ariaLive: "off" });
  function draw() {
    const lines = model.get("lines"), follow = node.scrollHeight - node.scrollTop - node.clientHeight < 30;
    node.replaceChildren(...lines.map(([at, who, text, kind]) => h("div", { className: `wb-line wb-line-${kind}` }, h("span", {}, at), h("span", {}, who), h("span", {}, text))));
    if (!lines.length) node.append(h("div", { className: "wb-empty" }, empty));
    if (follow) node.scrollTop = node.scrollHeight;
  }
  return { nodes: [node], draw };
}

/** Hides the last state that a saved notebook shows instead of the panel. */
function lastStateHider(model) {
  const node = h("style");
  function draw() {
    const key = model.get("last_state");
    put(node, key ? `[data-wb-last="${key}"], .jp-OutputArea-child:has(> * [data-wb-last="${key}"]) { display: none !important; }` : "");
  }
  return { node, draw };
}
