// The space as plain JSON: read, check, count and change it. Pure functions: nothing here touches the page.
// The other space_editor_*.js follow in the same module; Python joins them.

const MANY = 24; // a parameter with more levels than this is not offered as a parent: too many check marks
const WORK = 100000; // give up counting configurations beyond this many looks at a parameter

const isNumber = (v) => typeof v === "number" && Number.isFinite(v);
const isWhole = (v) => isNumber(v) && Number.isInteger(v);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const own = (object, key) => (object != null && Object.hasOwn(object, key) ? object[key] : undefined);
const paramsOf = (draft) => (Array.isArray(draft?.params) ? draft.params.filter((p) => p && typeof p === "object") : []);
const forbiddenOf = (draft) => (Array.isArray(draft?.forbidden) ? draft.forbidden.filter((c) => c && typeof c === "object") : []);
const whenOf = (p) => Object.entries(p.when ?? {}).map(([name, vs]) => [name, Array.isArray(vs) ? vs : [vs]]);
const isThing = (t) => Array.isArray(t) && t.length === 2 && (typeof t[0] !== "object" || t[0] === null || Array.isArray(t[0]));
const priorOf = (draft) => (Array.isArray(draft?.prior) ? draft.prior.filter((s) => Array.isArray(s) && Array.isArray(s[1])).map(([n, ts]) => [n, ts.filter(isThing)]) : []);
const thingsOf = (draft, name) => priorOf(draft).find(([n]) => n === name)?.[1] ?? [];
const optionsOf = (p) => (Array.isArray(p.options) ? p.options : []);

// ---- values and numbers as people read and type them ---------------------------------------------------------------

const WORDS = new Map([["True", true], ["False", false], ["None", null]]);

/** The shortest decimal text of a number: 0.001, 1e-5, 250000. */
function textOf(v) {
  const plain = String(v), short = v.toExponential().replace("e+", "e");
  return plain.length <= 6 || plain.length <= short.length ? plain : short;
}

/** Text of a box as a number where it is one; else the text itself, so that nothing typed is lost. */
function numberOf(text) {
  const s = text.trim();
  return s !== "" && Number.isFinite(Number(s)) ? Number(s) : s;
}

/** An option as text; strings that would read as something else stand in quotes. `valueOf` is its inverse. */
function show(v) {
  if (typeof v === "number") return textOf(v);
  if (typeof v !== "string") return v === true ? "True" : v === false ? "False" : "None";
  return typeof valueOf(v) === "string" && valueOf(v) === v && v !== "" ? v : `'${v}'`;
}

function valueOf(text) {
  const s = text.trim(), quoted = /^(['"])(.*)\1$/s.exec(s);
  if (quoted) return quoted[2];
  return WORDS.has(s) ? WORDS.get(s) : numberOf(s);
}

/** A value as Python would print it in a message. */
const repr = (v) => (typeof v === "string" ? `'${v}'` : v === undefined ? "None" : show(v));
const list = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);

// ---- what follows from a parameter ---------------------------------------------------------------------------------

/** Number of levels; Infinity for a continuous parameter, 0 for one that is not well formed. */
function nLevels(p) {
  if (p.type === "choice") return optionsOf(p).length;
  if (!isNumber(p.low) || !isNumber(p.high) || p.low > p.high) return 0;
  const step = p.step ?? (p.type === "int" ? 1 : null);
  if (step === null) return Infinity;
  return isNumber(step) && step > 0 ? Math.floor((p.high - p.low) / step + 1e-9) + 1 : 0;
}

/** The level number k of a number with steps: 0.3, not 0.30000000000000004. */
function levelAt(p, k) {
  const v = p.low + (p.step ?? 1) * k;
  return p.type === "int" ? v : Number(v.toPrecision(15));
}

/** The levels as values, at most `most` of them. */
function levels(p, most = WORK) {
  if (p.type === "choice") return optionsOf(p);
  const n = nLevels(p);
  return n === Infinity ? [] : Array.from({ length: Math.min(n, most) }, (_, k) => levelAt(p, k));
}

const canBeParent = (p) => nLevels(p) > 0 && nLevels(p) <= MANY;

/** Names of all parameters that depend on `name`, directly or not. */
function dependents(draft, name) {
  const found = new Set([name]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const p of paramsOf(draft)) if (whenOf(p).some(([parent]) => found.has(parent))) found.add(p.name);
  }
  found.delete(name);
  return found;
}

/** Where each parameter is shown: index -> name of the parent card. Of several parents the deepest one counts. */
function places(draft) {
  const ps = paramsOf(draft), first = new Map();
  ps.forEach((p) => first.has(p.name) || first.set(p.name, p));
  const depths = new Map();
  const depth = (p) => {
    if (!depths.has(p)) {
      depths.set(p, 0); // in a circle: as if it had no parents
      depths.set(p, Math.max(0, ...whenOf(p).filter(([n]) => first.has(n)).map(([n]) => 1 + depth(first.get(n)))));
    }
    return depths.get(p);
  };
  const chosen = new Map();
  for (const p of ps) {
    const parents = whenOf(p).map(([n]) => first.get(n)).filter(Boolean);
    parents.sort((a, b) => depth(b) - depth(a));
    if (parents.length) chosen.set(p, parents[0]);
  }
  const inCircle = (p) => {
    const seen = new Set();
    for (let q = p; q; q = chosen.get(q)) { if (seen.has(q)) return true; seen.add(q); }
    return false;
  };
  return ps.map((p) => (chosen.has(p) && !inCircle(p) ? chosen.get(p).name : null));
}

// ---- checks: the same rules and words as in Python, for the time until Python answers ------------------------------

function faultOf(p, v) {
  if (p.type === "choice") return optionsOf(p).includes(v) ? null : `must be one of [${optionsOf(p).map(repr).join(", ")}]`;
  if (p.type === "int" ? !isWhole(v) : !isNumber(v)) return p.type === "int" ? "must be a whole number" : "must be a finite number";
  if (v < p.low || v > p.high) return `must lie between ${textOf(p.low)} and ${textOf(p.high)}`;
  const k = (v - p.low) / (p.step ?? (p.type === "int" ? 1 : Infinity));
  return Math.abs(k - Math.round(k)) > 1e-6 && p.step ? `must be ${textOf(p.low)} plus a multiple of ${textOf(p.step)}` : null;
}

/** The first thing wrong with the numbers of a Float or an Int, as [field, message]. */
function checkRange(p) {
  const got = `got low=${repr(p.low)} and high=${repr(p.high)}`;
  if (p.type === "int") {
    for (const f of ["low", "high", "step"]) {
      if (f === "step" && p.step == null) continue;
      if (!isWhole(p[f])) return [f, `Int needs whole numbers, got ${f}=${repr(p[f])}. Use Float for real numbers.`];
    }
  } else if (!isNumber(p.low) || !isNumber(p.high)) {
    return [isNumber(p.low) ? "high" : "low", `Float needs two finite numbers, ${got}.`];
  }
  if (p.low > p.high) return ["range", `low must not exceed high, ${got}. Swap them.`];
  if (p.log && p.low <= 0) return ["log", `a log scale needs low > 0, got low=${textOf(p.low)}. Raise low, or use log=False.`];
  if (p.step != null && !(isNumber(p.step) && p.step > 0)) return ["step", `step must be a positive number, got ${repr(p.step)}.`];
  if (p.log && p.step != null && p.low - p.step / 2 <= 0) {
    return ["step", `a log scale with steps needs step < 2 * low, got step=${textOf(p.step)} and low=${textOf(p.low)}. Take a smaller step.`];
  }
  return null;
}

function checkOptions(p) {
  const options = optionsOf(p);
  if (!options.length) return ["options", "Choice needs at least one option, got none."];
  const numeric = (v) => (v === null || typeof v === "string" ? v : Number(v)); // Python holds True and 1 equal
  const twice = options.find((o, k) => options.slice(0, k).some((q) => numeric(q) === numeric(o)));
  return twice === undefined ? null : ["options", `options must differ, got ${repr(twice)} twice.`];
}

/** The first thing wrong with a condition or a forbidden combination, as text. */
function checkPairs(draft, pairs, where) {
  for (const [name, values] of pairs) {
    const parent = paramsOf(draft).find((q) => q.name === name);
    if (!parent) return `${where} names ${repr(name)}, which is no parameter of this space.`;
    if (nLevels(parent) === Infinity) {
      return `${where} names ${repr(name)}, which has no list of values to choose from. Use a Choice, an Int, or a Float with a step.`;
    }
    if (!values.length) return `${where} gives no value of ${repr(name)}. Name at least one.`;
    for (const v of values) {
      const fault = nLevels(parent) && faultOf(parent, v);
      if (fault) return `${where} names a value that ${repr(name)} cannot take: it ${fault}, got ${repr(v)}.`;
    }
  }
  return null;
}

/** All that is wrong: {parameter: {field: message}}; "" stands for the space as a whole. */
function check(draft) {
  const out = new Map(), ps = paramsOf(draft);
  const fail = (name, found) => { if (found) out.set(name, { [found[0]]: found[1], ...out.get(name) }); };
  for (const p of ps) {
    if (typeof p.name !== "string" || !p.name) fail(p.name, ["name", "a parameter's name must be a non-empty string."]);
    if (ps.filter((q) => q.name === p.name).length > 1) fail(p.name, ["name", `names must be unique, got ${repr(p.name)} twice.`]);
    const wrong = p.type === "choice" ? checkOptions(p) : checkRange(p);
    fail(p.name, wrong);
    if (!wrong && p.default != null) {
      const fault = faultOf(p, p.default);
      fail(p.name, fault && ["default", `the default ${fault}, got ${repr(p.default)}.`]);
    }
    let bad = checkPairs(draft, whenOf(p), `the condition of ${repr(p.name)}`);
    const circle = !bad && whenOf(p).find(([parent]) => parent === p.name || dependents(draft, p.name).has(parent));
    if (circle) {
      bad = `conditions must not form a circle, but ${repr(p.name)} and ${repr(circle[0])} depend on each other. `
        + "Remove one of the conditions.";
    }
    fail(p.name, bad && ["when", bad]);
  }
  forbiddenOf(draft).forEach((clause, k) => {
    const bad = checkPairs(draft, Object.entries(clause), "a forbidden combination");
    fail("", bad && [`forbidden.${k}`, bad]);
  });
  return Object.fromEntries(out);
}

/** What of a draft a run with trials cannot take, in words; empty where only ranges, defaults and combinations differ. */
function needsRun(base, draft) {
  const old = new Map(paramsOf(base).map((p) => [p.name, p])), ps = paramsOf(draft), now = new Map(ps.map((p) => [p.name, p]));
  const stepOf = (p) => p.step ?? (p.type === "int" ? 1 : null), out = [];
  for (const name of old.keys()) if (!now.has(name)) out.push(`${name} is gone`);
  for (const p of ps) {
    const q = old.get(p.name);
    if (!q) { out.push(`${p.name} is new`); continue; }
    const differs = p.type !== q.type ? "type" : !same(optionsOf(p), optionsOf(q)) ? "options" : Boolean(p.ordered) !== Boolean(q.ordered) ? "order"
      : Boolean(p.log) !== Boolean(q.log) ? "scale" : stepOf(p) !== stepOf(q) ? "step" : !same(whenOf(p), whenOf(q)) ? "condition" : null;
    if (differs) out.push(`the ${differs} of ${p.name}`);
  }
  if (!out.length && !same([...old.keys()], [...now.keys()])) out.push("the order of the parameters");
  return out;
}

/** Fewest and most parameters active at once, and the number of configurations; null where that is too much work. */
function count(draft) {
  const ps = paramsOf(draft), clauses = forbiddenOf(draft).map((c) => Object.entries(c));
  const decisive = new Set([...ps.flatMap((p) => whenOf(p).map(([n]) => n)), ...clauses.flat().map(([n]) => n)]);
  const depth = new Map(ps.map((p) => [p.name, 0])); // parents before children
  const deeper = (p) => Math.max(0, ...whenOf(p).map(([n]) => 1 + (depth.get(n) ?? 0)));
  for (let k = 0, changed = true; k < ps.length && changed; k++) {
    changed = false;
    for (const p of ps) if (deeper(p) > depth.get(p.name)) { depth.set(p.name, deeper(p)); changed = true; }
  }
  const order = ps.filter((p) => decisive.has(p.name)).sort((a, b) => depth.get(a.name) - depth.get(b.name));
  const rest = ps.filter((p) => !decisive.has(p.name));
  const on = (p, config) => whenOf(p).every(([n, vs]) => config.has(n) && vs.includes(config.get(n)));
  const limit = WORK / (1 + rest.length); // combinations of parents
  let leaves = 0, fewest = Infinity, most = 0, total = 0;
  const go = (i, config) => {
    if (leaves > limit) return;
    if (i < order.length && !on(order[i], config)) { go(i + 1, config); return; }
    if (i < order.length) {
      for (const v of levels(order[i])) { go(i + 1, new Map(config).set(order[i].name, v)); if (leaves > limit) return; }
      return;
    }
    leaves++;
    if (clauses.some((c) => c.length && c.every(([n, vs]) => config.has(n) && vs.includes(config.get(n))))) return;
    const active = rest.filter((p) => on(p, config));
    const n = active.reduce((product, p) => product * nLevels(p), 1);
    fewest = Math.min(fewest, config.size + active.length); most = Math.max(most, config.size + active.length); total += n;
  };
  go(0, new Map());
  return leaves > limit || fewest === Infinity ? null : { fewest, most, total };
}

/** How large the space is, in words. */
function summary(draft, valid) {
  const n = paramsOf(draft).length, c = n && valid ? count(draft) : null, words = [`${n} parameter${n === 1 ? "" : "s"}`];
  if (!c) return words[0];
  if (c.fewest < c.most) words.push(`${c.fewest} to ${c.most} active at once`);
  else if (c.most < n) words.push(`${c.most} active at once`);
  const many = c.total < 1e15 ? c.total.toLocaleString("en").replaceAll(",", "\u2009") : c.total.toPrecision(3);
  words.push(c.total === Infinity ? "continuous" : `${many} configuration${c.total === 1 ? "" : "s"}`);
  return words.join(" · ");
}

// ---- axes ----------------------------------------------------------------------------------------------------------

/** A round number near x: 1, 2 or 5 times a power of ten. */
function roundStep(x) {
  const ten = 10 ** Math.floor(Math.log10(x)), m = x / ten;
  return ten * (m < 1.5 ? 1 : m < 3.5 ? 2 : m < 7.5 ? 5 : 10);
}
const tidy = (v, step) => Number((Math.round(v / step) * step).toPrecision(12)); // a multiple of step, without 0.30000000000000004

/** The stretch of numbers that the track shows, with room to pull both handles outwards; it grows from `old` to more. */
function axisOf(p, old) {
  if (!isNumber(p.low) || !isNumber(p.high)) return old ?? { lo: 0, hi: 1, log: false, step: 0.2 };
  const a = Math.min(p.low, p.high), b = Math.max(p.low, p.high), fresh = p.log && a > 0 ? logAxis(p, a, b) : linearAxis(p, a, b);
  if (old?.log !== fresh.log) return fresh;
  const inside = (a > old.lo || (!old.log && a === 0 && old.lo === 0)) && b < old.hi; // at the edge there is no room left
  if (inside) return old;
  const lo = Math.min(old.lo, fresh.lo), hi = Math.max(old.hi, fresh.hi);
  return old.log ? { ...fresh, lo, hi } : ruled(p, lo, hi, (hi - lo) / 6);
}

function logAxis(p, a, b) {
  const floor = Math.floor(Math.log10(a) + 1e-9), ceil = Math.ceil(Math.log10(b) - 1e-9);
  const lo = 10 ** floor < a * (1 - 1e-9) ? floor : floor - 1, hi = 10 ** ceil > b * (1 + 1e-9) ? ceil : ceil + 1;
  return { lo: p.type === "int" ? Math.max(1, 10 ** lo) : Math.max(10 ** lo, 1e-307), hi: Math.min(10 ** hi, 1e308), log: true, step: 1 };
}

function linearAxis(p, a, b) {
  const span = Math.min(b - a || Math.abs(a) || 1, 1e307);
  return ruled(p, a >= 0 ? Math.max(0, a - span / 4) : a - span / 4, b + span / 4, span / 4);
}

/** A linear axis from a to b or a little more, with marks about `gap` apart. */
function ruled(p, a, b, gap) {
  const step = Math.max(roundStep(gap), p.type === "int" ? 1 : 0);
  return { lo: tidy(Math.floor(a / step + 1e-9) * step, step), hi: tidy(Math.ceil(b / step - 1e-9) * step, step), log: false, step };
}

const toU = (axis, v) => (axis.log ? Math.log(v / axis.lo) / Math.log(axis.hi / axis.lo) : (v - axis.lo) / (axis.hi - axis.lo));
const fromU = (axis, u) => (axis.log ? axis.lo * (axis.hi / axis.lo) ** u : axis.lo + u * (axis.hi - axis.lo));

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

/** Marks along the axis as [u, label]; minor ones have no label. */
function ticksOf(axis) {
  if (!axis.log) {
    const n = Math.round((axis.hi - axis.lo) / axis.step), every = Math.ceil(n / 8);
    return Array.from({ length: n + 1 }, (_, k) => [k / n, k % every ? "" : textOf(tidy(axis.lo + k * axis.step, axis.step))]);
  }
  const [a, b] = [axis.lo, axis.hi].map((v) => Math.round(Math.log10(v))), every = Math.ceil((b - a) / 6), out = [];
  const powers = a < -3 || b > 4, raised = (k) => `10${[...String(k)].map((c) => RAISED[c]).join("")}`;
  for (let k = a; k <= b; k++) {
    out.push([toU(axis, 10 ** k), (k - a) % every ? "" : powers ? raised(k) : textOf(10 ** k)]);
    if (b - a <= 4 && k < b) for (let m = 2; m < 10; m++) out.push([toU(axis, m * 10 ** k), ""]);
  }
  return out;
}

/** A value under the pointer: a level where there are steps, counted from low, else rounded to what a pixel can mean. */
function snap(p, axis, v) {
  if (p.step != null && isNumber(p.step) && p.step > 0) return levelAt(p, Math.round((v - p.low) / p.step));
  if (p.type === "int") return Math.round(v);
  return axis.log ? Number(v.toPrecision(2)) : tidy(v, 10 ** Math.floor(Math.log10((axis.hi - axis.lo) / 200)));
}

/** The value `n` key presses on: twentieths of a decade on a log axis, round steps on a linear one. */
function nudge(p, axis, v, n) {
  if (axis.log) {
    const k = Math.log10(v) * 20, on = n > 0 ? Math.floor(k + 0.1) + n : Math.ceil(k - 0.1) + n; // 0.1: three digits are off by up to 0.05
    const w = Number((10 ** (on / 20)).toPrecision(3));
    return p.type === "int" ? (n > 0 ? Math.max(Math.round(w), v + 1) : Math.min(Math.round(w), v - 1)) : w;
  }
  const step = p.step ?? (p.type === "int" ? Math.max(1, roundStep((axis.hi - axis.lo) / 500)) : roundStep((axis.hi - axis.lo) / 100));
  if (p.step) return tidy(v + n * step, 1e-9 * step);
  return tidy((n > 0 ? Math.floor(v / step + 1e-6) : Math.ceil(v / step - 1e-6)) * step + n * step, step);
}

// ---- changes: each returns a new draft -----------------------------------------------------------------------------

const withParams = (draft, params) => ({ ...draft, version: draft?.version ?? 1, params });
const clean = (p) => Object.fromEntries(Object.entries(p).filter(([, v]) => v !== undefined));
const patched = (draft, i, change) => withParams(draft, paramsOf(draft).map((p, k) => (k === i ? clean({ ...p, ...change }) : p)));
const mapPairs = (pairs, f) => Object.fromEntries(Object.entries(pairs).map(f));

/** Rewrite every condition and forbidden combination by f([name, values]). */
function mapConditions(draft, f) {
  const params = paramsOf(draft).map((p) => (p.when ? { ...p, when: mapPairs(p.when, f) } : p));
  return { ...withParams(draft, params), ...(draft.forbidden ? { forbidden: forbiddenOf(draft).map((c) => mapPairs(c, f)) } : {}) };
}

/** Rewrite what is believed by f([name, things]); what f turns into null, or into no thing, is believed no longer. */
function mapPrior(draft, f) {
  const { prior, ...rest } = draft, next = priorOf(draft).map(f).filter((said) => said?.[1].length);
  return next.length ? { ...rest, prior: next } : rest;
}

/** The draft with these things believed of a parameter: pairs of a value (or of two ends) and a weight; none: nothing. */
function withThings(draft, name, things) {
  const known = priorOf(draft).some(([n]) => n === name);
  return mapPrior(known ? draft : { ...draft, prior: [...priorOf(draft), [name, things]] }, (said) => (said[0] === name ? [name, things] : said));
}

function renameParam(draft, i, name) {
  const old = paramsOf(draft)[i].name, next = patched(draft, i, { name });
  if (paramsOf(next).some((p) => p.name === old)) return next; // one of two with the same name: conditions mean the other
  return mapPrior(mapConditions(next, ([n, vs]) => [n === old ? name : n, vs]), ([n, things]) => [n === old ? name : n, things]);
}

function renameOption(draft, i, k, value) {
  const p = paramsOf(draft)[i], old = p.options[k];
  const options = p.options.map((o, j) => (j === k ? value : o));
  const next = patched(draft, i, { options, default: p.default != null && p.default === old ? value : p.default });
  const after = mapConditions(next, ([n, vs]) => [n, n === p.name ? vs.map((v) => (v === old ? value : v)) : vs]);
  const swap = (v) => (Array.isArray(v) ? v.map(swap) : v === old ? value : v);
  return mapPrior(after, ([n, things]) => [n, n === p.name ? things.map(([v, w]) => [swap(v), w]) : things]);
}

/** Remove a parameter, all that lives only under it, and what is forbidden about them. Returns [draft, names gone]. */
function dropParam(draft, i) {
  const name = paramsOf(draft)[i].name, twin = paramsOf(draft).filter((p) => p.name === name).length > 1;
  const gone = twin ? new Set() : dependents(draft, name).add(name);
  const params = paramsOf(draft).filter((p, k) => k !== i && !gone.has(p.name));
  const forbidden = forbiddenOf(draft).filter((c) => !Object.keys(c).some((n) => gone.has(n)));
  const next = { ...withParams(draft, params), ...(draft.forbidden ? { forbidden } : {}) };
  return [mapPrior(next, (said) => (gone.has(said[0]) ? null : said)), [...gone]];
}

/** Remove an option, and what lives only under it. Returns [draft, names of the parameters gone]. */
function dropOption(draft, i, k) {
  const p = paramsOf(draft)[i], value = p.options[k], gone = [];
  let next = patched(draft, i, { options: p.options.filter((_, j) => j !== k), default: p.default === value ? undefined : p.default });
  next = mapConditions(next, ([n, vs]) => [n, n === p.name ? vs.filter((v) => v !== value) : vs]);
  next = mapPrior(next, ([n, things]) => [n, n === p.name ? things.filter(([v]) => ![v].flat().includes(value)) : things]);
  if (next.forbidden) next = { ...next, forbidden: forbiddenOf(next).filter((c) => !Object.values(c).some((vs) => !vs.length)) };
  for (let j; (j = paramsOf(next).findIndex((q) => own(q.when, p.name)?.length === 0)) >= 0;) {
    const [after, names] = dropParam(next, j);
    next = after; gone.push(...names);
  }
  return [next, gone];
}

/** The parameter as another type. `memory` holds what it was as each type, so that switching back loses nothing. */
function retyped(p, type, memory) {
  const before = memory.get(type), base = { name: p.name, type, when: p.when };
  if (before) return clean({ ...before, ...base });
  if (type === "choice") {
    const n = nLevels(p), ends = [p.low, p.high].filter((v, k, all) => v !== undefined && all.indexOf(v) === k);
    return clean({ ...base, options: n > 0 && n <= 12 ? levels(p) : ends, default: undefined });
  }
  if (p.type === "choice") {
    const numbers = optionsOf(p).filter(isNumber), whole = type === "int" ? Math.round : (v) => v;
    const [low, high] = numbers.length > 1 ? [Math.min(...numbers), Math.max(...numbers)] : type === "int" ? [1, 10] : [0, 1];
    return clean({ ...base, low: whole(low), high: whole(high) });
  }
  const round = (v) => (type === "int" && isNumber(v) ? Math.round(v) : v);
  const step = type === "int" && !isWhole(p.step) ? undefined : p.step === 1 && type === "float" ? undefined : p.step;
  const low = type === "int" && p.log && round(p.low) < 1 ? 1 : round(p.low);
  return clean({ ...base, low, high: round(p.high), log: p.log, step, default: round(p.default) });
}
