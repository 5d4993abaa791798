// What is believed of good values, as a density: that of workbench/search/beliefs.py, for the curves. Pure functions.
// A thing that is believed is a pair: a likely value (or the two ends of a likely interval), and its weight.

const FLOOR = 0.1, VALUE_SD = 0.1, MIN_SD = 0.01, INTERVAL_SDS = 1.6449; // as in Python
const MANY_CELLS = 400; // more levels are drawn as a curve

/** Probability that a standard normal is below z: Abramowitz and Stegun (1964), 7.1.26; off by less than 1e-7. */
function below(z) {
  const x = Math.abs(z) / Math.SQRT2, t = 1 / (1 + 0.3275911 * x);
  const tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x) / 2;
  return z < 0 ? tail : 1 - tail;
}

/** What is wrong with one thing that is believed of a parameter; null if nothing is. */
function thingFault(p, [thing, weight]) {
  if (!(isNumber(weight) && weight > 0)) return `needs a positive weight, got ${repr(weight)}.`;
  if (!Array.isArray(thing)) {
    const fault = faultOf(p, thing);
    return fault && `${fault}, got ${repr(thing)}.`;
  }
  if (p.type === "choice" && !p.ordered) return "has options; give them weights.";
  for (const end of thing) {
    const fault = p.type === "choice" ? faultOf(p, end) : !isNumber(end) ? "must be a finite number"
      : end < p.low || end > p.high ? `must lie between ${textOf(p.low)} and ${textOf(p.high)}` : null;
    if (fault) return `${fault}, got ${repr(end)}.`;
  }
  if (thing.length !== 2 || !(unitOf(p, thing[0]) < unitOf(p, thing[1]))) return "needs a lower and an upper end, in this order.";
  return null;
}

/** The first thing wrong with what is believed of a parameter that is sound itself. */
const beliefFault = (p, things) => things.map((t) => thingFault(p, t)).find(Boolean) ?? null;

/** What is wrong with the beliefs of a draft, parameter by parameter. */
function doubtsOf(draft, local) {
  const out = new Map(), named = new Map(paramsOf(draft).map((p) => [p.name, p]));
  for (const [name, things] of priorOf(draft)) {
    const fault = named.has(name) && !own(local, name) && beliefFault(named.get(name), things);
    if (fault) out.set(name, fault);
  }
  return Object.fromEntries(out);
}

/** Centre, standard deviation and weight of the normals, weights with sum 1. */
function normalsOf(p, things) {
  const total = things.reduce((sum, [, w]) => sum + w, 0);
  return things.map(([thing, w]) => {
    if (!Array.isArray(thing)) return [unitOf(p, thing), VALUE_SD, w / total];
    const [a, b] = thing.map((end) => unitOf(p, end));
    return [(a + b) / 2, Math.max((b - a) / 2 / INTERVAL_SDS, MIN_SD), w / total];
  });
}

/** Probability of each level or option. */
function massesOf(p, things) {
  if (p.type === "choice" && !p.ordered) {
    const total = things.reduce((sum, [, w]) => sum + w, 0), options = optionsOf(p);
    return options.map((o) => FLOOR / options.length + (1 - FLOOR) * things.reduce((sum, [t, w]) => sum + (t === o ? w / total : 0), 0));
  }
  const edges = edgesOf(p), normals = normalsOf(p, things);
  return edges.slice(1).map((b, k) => FLOOR * (b - edges[k]) + (1 - FLOOR) * normals.reduce((sum, [m, s, w]) => {
    const [from, a, c, to] = [0, edges[k], b, 1].map((e) => below((e - m) / s));
    return sum + w * (c - a) / (to - from);
  }, 0));
}

/** The density, relative to a uniform draw, as a function of the place in [0, 1]. */
function densityOf(p, things) {
  if (nLevels(p) <= MANY_CELLS) {
    const edges = edgesOf(p), masses = massesOf(p, things);
    return (u) => {
      const k = Math.max(0, edges.findIndex((e, j) => j > 0 && u < e) - 1), at = u >= 1 ? masses.length - 1 : k;
      return masses[at] / (edges[at + 1] - edges[at]);
    };
  }
  const normals = normalsOf(p, things).map(([m, s, w]) => [m, s, w / (s * Math.sqrt(2 * Math.PI) * (below((1 - m) / s) - below(-m / s)))]);
  return (u) => FLOOR + (1 - FLOOR) * normals.reduce((sum, [m, s, w]) => sum + w * Math.exp(-(((u - m) / s) ** 2) / 2), 0);
}

/** Draw a place in [0, 1]: one of the things by its weight, or anywhere; then from its normal, within [0, 1]. */
function drawnBelief(p, things, random) {
  if (nLevels(p) <= MANY_CELLS) {
    const masses = massesOf(p, things), edges = edgesOf(p);
    let r = random(), k = 0;
    while (k < masses.length - 1 && r >= masses[k]) { r -= masses[k]; k++; }
    return (edges[k] + edges[k + 1]) / 2;
  }
  if (random() < FLOOR) return random();
  let r = random();
  const normals = normalsOf(p, things), [m, s] = normals.find(([, , w]) => (r -= w) < 0) ?? normals.at(-1);
  for (let tries = 0; tries < 100; tries++) {
    const u = m + s * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()); // ~ N(m, s²), Box and Muller
    if (u >= 0 && u <= 1) return u;
  }
  return m;
}
