// Architecture search without code: a line of settings, and below it the panel of the search. State comes as traits that Python writes.
const CHIPS = { ready: "○", running: "●", pausing: "◐", paused: "‖", stopping: "◧", stopped: "■", done: "✓", failed: "✗" };

function render({ model, el }) {
  const gone = new AbortController();
  let embed = embedder(model, gone.signal), waiting = null;
  const setup = () => model.get("setup");
  const notice = h("div", { className: "wb-notice wb-quietly", role: "alert" });
  const say = (text) => { notice.classList.toggle("wb-quietly", !text); put(notice, text || (setup().making ? "Making the search…" : "")); };
  const heard = () => { clearTimeout(waiting); say(model.get("said").text ?? ""); };
  function send(message) {
    model.send(message);
    clearTimeout(waiting);
    waiting = setTimeout(() => say("The kernel is busy; your click is waiting."), 900);
  }
  const select = (what, label, title) => h("select", { ariaLabel: label, title, onchange: (e) => send({ cmd: "set", what, value: e.target.value }) });
  const number = (what, label, title, least) => h("input", { type: "number", min: least, step: 1, className: "wb-number", ariaLabel: label, title, onchange: (e) => {
    const value = Number(e.target.value);
    if (Number.isInteger(value) && value >= least) send({ cmd: "set", what, value }); else say(`${label} must be a whole number of at least ${least}.`);
  } });
  const space = select("space", "Space", "Cells with 4 nodes: nano has 4 operations on each edge, NAS-Bench-201 has 5");
  const strategy = select("strategy", "Strategy", "What searches: one network for all architectures, trained step by step, or one architecture after the other");
  const data = select("data", "Data", "What networks are trained on, or the table in which results are looked up");
  const length = number("length", "Length", "How long it searches", 1), counts = h("span");
  const seed = number("seed", "Seed", "Same seed, same search", 0);
  const fresh = h("button", { type: "button", className: "wb-new", textContent: "New search", title: "Make another search with these settings; this one stays and goes on", onclick: () => send({ cmd: "new" }) });
  const code = h("code", { className: "wb-code" }), copied = h("button", { type: "button", className: "wb-quiet", textContent: "copy", title: "Copy the code that makes the same search", ariaLabel: "Copy the code", onclick: async () => { put(copied, (await copy(setup().code)) ? "copied" : "failed"); setTimeout(() => put(copied, "copy"), 1500); } });
  const chips = h("div", { className: "wb-chips", role: "group", ariaLabel: "Searches" });
  const places = h("div", { className: "wb-labs" });
  const root = h("div", { className: "wb-panel wb-naslab", role: "group", ariaLabel: "Architecture search", "data-lm-suppress-shortcuts": "true", onkeydown: (e) => e.stopPropagation() },
    h("div", { className: "wb-controls" }, h("label", {}, "space", space), h("label", {}, "strategy", strategy), h("label", {}, "data", data), h("label", {}, counts, length), h("label", {}, "seed", seed), fresh),
    h("div", { className: "wb-codeline" }, code, copied), notice, chips, places);
  el.append(root);

  function draw() {
    const s = setup();
    options(space, s.spaces.map((n) => [n, n]));
    options(data, s.sets.map((n) => [n, n]));
    const key = JSON.stringify(s.strategies);
    if (strategy.dataset.key !== key) {
      strategy.dataset.key = key;
      strategy.replaceChildren(...s.strategies.map(([label, names]) => h("optgroup", { label }, names.map((value) => h("option", { value, textContent: value })))));
    }
    for (const [control, value] of [[space, s.space], [strategy, s.strategy], [data, s.data]]) set(control, "value", value);
    for (const [control, value] of [[length, s.length], [seed, s.seed]]) if (!control.matches(":focus")) set(control, "value", String(value));
    put(counts, s.counts);
    length.ariaLabel = `Number of ${s.counts}`;
    put(code, s.code);
    fresh.disabled = s.fresh || s.making;
    say(model.get("said").text ?? "");
  }
  function drawChips() {
    const list = model.get("chips"), now = model.get("shown"), key = JSON.stringify([list, now]);
    chips.hidden = list.length < 2;
    if (chips.dataset.key === key) return;
    chips.dataset.key = key;
    chips.replaceChildren(...list.map(([k, label, state]) => h("button", { type: "button", className: "wb-labchip", ariaPressed: String(k === now), title: `Show this search (${state})`, onclick: () => send({ cmd: "show", key: k }) }, h("span", { ariaHidden: "true" }, `${CHIPS[state]} `), label)));
  }
  /** Each search has a place of its own; only that of the one that is shown is seen. */
  function show() {
    const now = model.get("shown"), parts = model.get("parts");
    for (const place of [...places.children]) if (!(place.dataset.search in parts)) place.remove();
    if (now && now in parts) {
      if (![...places.children].some((p) => p.dataset.search === now)) {
        const place = h("div", { className: "wb-lab" });
        place.dataset.search = now;
        places.append(place);
        embed(now, place);
      }
      for (const place of places.children) place.hidden = place.dataset.search !== now;
    }
    drawChips();
  }
  const on = { "change:setup": draw, "change:chips": drawChips, "change:shown": show, "change:parts": show, "change:ack": heard, "change:said": heard };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  draw();
  show();
  return () => {
    gone.abort();
    clearTimeout(waiting);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
