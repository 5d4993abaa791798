// Of the run panel: the bar that replays a run. All it knows comes as traits; what the user does goes back as messages.
/** Seconds of the run: tenths of a short time, else as everywhere. */
const moment = (s) => (s < 10 ? `${s.toFixed(1)} s` : clock(Math.floor(s)));

function render({ model, el }) {
  const bar = () => model.get("bar");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let held = 0, timer = null, wished = null, refused = false;      // when the slider was moved last; the move that waits to be sent

  const send = (message) => model.send(message);
  function move() {                                               // the newest place, at most sixteen times a second
    held = Date.now();
    wished = Number(slider.value);
    timer ??= setTimeout(() => { timer = null; send({ cmd: "jump", at: wished }); }, 60);
  }
  const button = (textContent, title, message, more = {}) => h("button", { type: "button", textContent, title, onclick: () => { held = 0; send(message); }, ...more });

  const fold = h("button", { type: "button", className: "wb-fold", title: "Look at any moment of this run as it was", ariaExpanded: "false", onclick: () => send({ cmd: "open", open: !bar().open }) });
  const banner = h("span", { className: "wb-then" });
  const said = h("b"), now = button("back to now", "Show the present again", { cmd: "now" }, { className: "wb-now" });
  banner.append(h("span", { ariaHidden: "true", textContent: "◷ " }), said, " ", now);

  const first = button("|◂", "To the beginning (Home, on the slider)", { cmd: "jump", at: 0 }, { ariaLabel: "To the beginning" });
  const back = button("◂ trial", "Back to the end of the trial before (Page down, on the slider)", { cmd: "back" });
  const play = h("button", { type: "button", className: "wb-play", onclick: toggle });
  const next = button("trial ▸", "On to the end of the next trial (Page up, on the slider)", { cmd: "next" });
  const speed = h("select", { ariaLabel: "Speed", title: "How fast it plays", onchange: () => send({ cmd: "speed", speed: speed.value }) });
  const slider = h("input", { type: "range", min: 0, step: 1, ariaLabel: "Moment of the run, by its events", title: "Drag to any moment. ← → one event, Page up and down one trial, Home and End", oninput: move, onkeydown: keys });
  const marks = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  marks.setAttribute("class", "wb-ticks");
  marks.setAttribute("aria-hidden", "true");
  marks.setAttribute("preserveAspectRatio", "none");
  const paths = ["wb-ends", "wb-better"].map((name) => { const p = document.createElementNS(marks.namespaceURI, "path"); p.setAttribute("class", name); p.setAttribute("vector-effect", "non-scaling-stroke"); marks.append(p); return p; });
  const where = h("div", { className: "wb-hint wb-where", role: "status", ariaLive: "off" });
  const body = h("div", { className: "wb-replay-body", role: "group", ariaLabel: "Replay" },
    h("div", { className: "wb-replay-row" }, first, back, play, next, h("div", { className: "wb-track" }, slider, marks), speed), where);

  function toggle() {
    refused = calm.matches && !bar().playing;                      // as in lessons: play is off where less motion is asked for
    if (refused) { draw(); return; }
    held = 0;
    send({ cmd: "play" });
  }
  function keys(e) {
    const act = { PageUp: { cmd: "next" }, PageDown: { cmd: "back" }, End: { cmd: "now" }, Home: { cmd: "jump", at: 0 } }[e.key];
    if (e.key === " ") { e.preventDefault(); toggle(); }
    if (!act) return;
    e.preventDefault();
    held = 0;
    send(act);
  }
  function draw() {
    const s = bar();
    el.hidden = !s.any;
    fold.hidden = s.recorded;
    put(fold, `${s.open ? "▾" : "▸"} Replay`);
    fold.ariaExpanded = String(!!s.open);
    body.hidden = !s.open;
    banner.hidden = s.follows;
    if (!s.open && s.follows) return;
    const when = `${moment(s.seconds)}${s.newest == null ? ", before the first result" : `, after ${s.ended} result${s.ended === 1 ? "" : "s"} (trial ${s.newest} was the last)`}`;
    put(said, `as it was at ${when}`);
    put(now, s.recorded ? "to the end" : "back to now");
    set(now, "title", s.recorded ? "Show the end of the recording" : "Show the present again; the run has gone on meanwhile");
    set(slider, "max", String(s.total));
    if (Date.now() - held > 600) set(slider, "value", String(s.at));
    slider.setAttribute("aria-valuetext", `${when}: ${s.event}`);
    put(play, s.playing ? "❚❚ Pause" : "▶ Play");
    set(play, "title", s.playing ? "Stay at this moment (space, on the slider)" : "Play from here; at the end, from the beginning (space, on the slider)");
    options(speed, s.speeds);
    if (!speed.matches(":focus")) set(speed, "value", s.speed);
    first.disabled = back.disabled = s.at === 0;
    next.disabled = s.at >= s.total;
    put(where, refused ? "Your system asks for less motion, so play is off: use trial ▸." : `${moment(s.seconds)} · ${s.ended} result${s.ended === 1 ? "" : "s"} · event ${s.at} of ${s.total}: ${s.event}${s.follows ? (s.recorded ? " · the end" : " · now") : ""}`);
  }
  function tick() {
    const t = model.get("ticks");
    if (!t.of) return;
    marks.setAttribute("viewBox", `0 0 ${t.of} 10`);
    [[t.ends, 4], [t.better, 10]].forEach(([places, tall], i) => paths[i].setAttribute("d", places.map((x) => `M${x} 0V${tall}`).join("")));
  }
  calm.addEventListener("change", draw);
  el.classList.add("wb-replay");
  el.append(h("div", { className: "wb-replay-head" }, fold, banner), body);
  model.on("change:bar", draw);
  model.on("change:ticks", tick);
  draw();
  tick();
  return () => { clearTimeout(timer); calm.removeEventListener("change", draw); model.off("change:bar", draw); model.off("change:ticks", tick); };
}

export default { render };
