// All that can be taken out of a run. What is made in Python comes as bytes; PNG and SVG are drawn by the page itself.
const IMAGES = ["png", "svg"];

function render({ model, el }) {
  const gone = new AbortController();
  const embed = embedder(model, gone.signal);
  const id = `wbx${Math.random().toString(36).slice(2, 8)}`;
  const wish = { ...model.get("shown") };          // what is chosen here; Python follows
  let asked = null, named = false, ticking = null; // the file that is on its way; whether the name is the user's own

  const things = () => model.get("things"), thing = () => things().find((t) => t.key === wish.what);
  const now = () => ({ what: wish.what, format: wish.format, view: wish.view });
  const page = () => globalThis.__workbenchLive;

  // ---- the list of things, as radio buttons
  const radios = things().map((t) => h("label", { className: "wb-thing", title: t.says },
    h("input", { type: "radio", name: id, value: t.key, checked: t.key === wish.what, onchange: () => choose({ what: t.key, format: t.formats[0] }) }), h("b", {}, t.label)));
  const list = h("div", { className: "wb-things", role: "radiogroup", ariaLabel: "What to take out" }, radios);

  // ---- one thing
  const says = h("p", { className: "wb-says" });
  const view = h("select", { ariaLabel: "Which picture", title: "Which picture", onchange: () => choose({ view: view.value }) });
  const format = h("select", { ariaLabel: "Kind of file", title: "Kind of file", onchange: () => choose({ format: format.value }) });
  const viewing = h("label", {}, "picture", view), forming = h("label", {}, "as", format), about = h("span", { className: "wb-hint" });
  const file = h("input", { type: "text", className: "wb-file", ariaLabel: "File name", spellcheck: false, title: "Name of the file, for download and saving", oninput: () => { named = true; calm(); } });
  const copier = h("button", { type: "button", textContent: "Copy", onclick: () => take("copy") });
  const loader = h("button", { type: "button", className: "wb-go", textContent: "Download", title: "Let the browser save the file", onclick: () => take("download") });
  const saver = h("button", { type: "button", textContent: "Save beside the notebook", title: "Write the file to the folder in which the kernel works", onclick: () => save(false) });
  const replacer = h("button", { type: "button", className: "wb-sure", textContent: "Replace", title: "Write over the file of that name", onclick: () => save(true), hidden: true });
  const answer = h("div", { className: "wb-given", role: "status" });
  const text = h("pre", { className: "wb-preview", tabIndex: 0, ariaLabel: "Preview" }), note = h("div", { className: "wb-hint wb-note" });
  const picture = h("div", { className: "wb-figure wb-previewed" });
  const one = h("div", { className: "wb-one" }, says, h("div", { className: "wb-controls wb-which" }, viewing, forming, about),
    h("div", { className: "wb-controls" }, h("label", {}, "file", file), copier, loader, saver, replacer), answer, note, text, picture);
  el.append(h("div", { className: "wb-panel wb-exports", onkeydown: (e) => e.stopPropagation(), "data-lm-suppress-shortcuts": "true" }, h("div", { className: "wb-taking" }, list, one)));

  // ---- what the user does
  function choose(changed) {
    Object.assign(wish, changed);
    named = named && !("what" in changed);
    model.send({ cmd: "choose", ...now() });
    calm();
    draw();
  }
  const calm = () => { replacer.hidden = true; tell(""); };
  function tell(words, bad = false) { put(answer, words); answer.classList.toggle("wb-bad", bad); }
  async function image() {
    const gd = picture.querySelector(".js-plotly-plot");
    if (!gd || !page()?.image) throw new Error("The picture is not drawn yet. Wait until it stands below.");
    return page().image(gd, wish.format);
  }
  /** To the clipboard or to the browser's downloads. */
  async function take(to) {
    calm();
    try {
      if (IMAGES.includes(wish.format)) { await hand(await image(), to); return; }
      asked = { to, name: file.value };
      model.send({ cmd: "get", ...now(), to });
    } catch (e) { tell(e.message, true); }
  }
  async function save(replace) {
    calm();
    try {
      const buffers = IMAGES.includes(wish.format) ? [await (await image()).arrayBuffer()] : [];
      model.send({ cmd: "save", ...now(), file: file.value, replace }, undefined, buffers);
    } catch (e) { tell(e.message, true); }
  }
  /** Give a file to the user. */
  async function hand(blob, to, name = file.value) {
    if (to === "download") {
      const link = h("a", { href: URL.createObjectURL(blob), download: name || "run" });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      tell(`Given to the browser as ${name}.`);
    } else if (blob.type === "image/png") {
      try { await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]); tell("Copied."); } catch { tell("The browser lets no picture be copied from this page. Download it.", true); }
    } else tell((await copy(await blob.text())) ? "Copied." : "The browser does not let the page copy. Download it.", false);
  }

  // ---- what comes in
  function draw() {
    const s = model.get("shown"), t = thing(), fresh = s.what === wish.what && s.format === wish.format && s.view === wish.view;
    for (const label of radios) label.firstChild.checked = label.firstChild.value === wish.what;
    put(says, t.says);
    viewing.hidden = wish.what !== "figure";
    options(view, s.views);
    if (!s.views.some(([k]) => k === wish.view)) view.append(h("option", { value: wish.view, textContent: wish.view }));
    set(view, "value", wish.view);
    forming.hidden = t.formats.length < 2;
    options(format, t.formats.map((f) => [f, f === "joblib" || f === "skops" ? f : f.toUpperCase()]));
    set(format, "value", wish.format);
    put(about, wish.what === "figure" && fresh ? s.says : "");
    if (!named) set(file, "value", `${s.stem}${wish.what === "figure" ? `-${wish.view}` : s.tails[wish.what]}.${wish.format}`);
    copier.hidden = wish.what === "report" || (wish.what === "figure" && wish.format === "html");
    set(copier, "title", wish.what === "estimator" ? "Copy the code that loads the model" : "Copy it to the clipboard");
    put(copier, wish.what === "estimator" ? "Copy the loading code" : "Copy");
    picture.hidden = wish.what !== "figure";
    if (!picture.hidden) embed("preview", picture);
    text.hidden = wish.what === "figure" || wish.what === "report" || (fresh && !s.text);
    put(text, fresh ? s.text : "…");
    put(note, fresh ? s.note : "");
  }
  function working() {
    const { doing, since } = model.get("busy"), began = since * 1000;
    clearInterval(ticking);
    for (const b of [copier, loader, saver, replacer]) b.disabled = !!doing;
    if (!doing) { if (answer.dataset.busy) { delete answer.dataset.busy; tell(""); heard(); } return; }
    answer.dataset.busy = "";
    const tick = () => tell(`${doing}… ${clock(Math.max(0, Math.round((Date.now() - began) / 1000)))}`);
    tick();
    ticking = setInterval(tick, 500);
  }
  function heard() {
    const s = model.get("said");
    if (s.error) tell(s.error, true);
    else if (s.exists) { tell(`There is a file ${s.exists} already.`, true); replacer.hidden = false; }
    else if (s.text) tell(s.text);
  }
  async function received(message, [bytes]) {
    if (message.type !== "file" || !asked) return;
    const { to, name } = asked;
    asked = null;
    delete answer.dataset.busy;
    await hand(new Blob([bytes], { type: message.mime }), to, name);
  }
  const on = { "change:shown": draw, "change:busy": working, "change:said": heard, "msg:custom": received };
  for (const [event, act] of Object.entries(on)) model.on(event, act);
  draw();
  working();
  heard();
  return () => {
    gone.abort();
    clearInterval(ticking);
    for (const [event, act] of Object.entries(on)) model.off(event, act);
  };
}

export default { render };
