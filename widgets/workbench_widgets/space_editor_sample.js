// Configurations drawn from a draft, as Space.sample draws them: uniform in the unit cube, what is inactive left out, what
// is forbidden drawn again. Pure functions.

const DRAWS = 1000; // for the share that is forbidden
const GIVE_UP = 2000; // draws in a row that may be forbidden

/** Indices of the parameters, each behind its parents. */
function parentsFirst(draft) {
  const ps = paramsOf(draft), at = new Map(ps.map((p, i) => [p.name, i])), done = new Set(), out = [];
  const visit = (i) => {
    if (done.has(i)) return;
    done.add(i);
    for (const [n] of whenOf(ps[i])) if (at.has(n)) visit(at.get(n));
    out.push(i);
  };
  ps.forEach((_, i) => visit(i));
  return out;
}

/** Returns draw(): a Map of the active parameters' values, and whether the configuration is forbidden. */
function drawer(draft, random, believed = false) {
  const ps = paramsOf(draft), order = parentsFirst(draft), clauses = forbiddenOf(draft).map((c) => Object.entries(c)).filter((c) => c.length);
  const holds = (config) => ([n, vs]) => config.has(n) && [vs].flat().includes(config.get(n));
  const said = new Map(believed ? priorOf(draft) : []);
  return () => {
    const config = new Map();
    for (const i of order) {
      const p = ps[i];
      if (!whenOf(p).every(holds(config))) continue;
      const things = said.get(p.name);
      config.set(p.name, valueAt(p, things?.length && !beliefFault(p, things) ? drawnBelief(p, things, random) : random()));
    }
    return [config, clauses.some((c) => c.every(holds(config)))];
  };
}

/** `n` configurations that are not forbidden; fewer where (almost) everything is. */
function sampled(draft, n, seed, believed) {
  const draw = drawer(draft, generator(seed), believed), out = [];
  for (let missed = 0; out.length < n && missed < GIVE_UP;) {
    const [config, bad] = draw();
    if (bad) missed++; else { out.push(config); missed = 0; }
  }
  return out;
}

/** The share of uniform draws that are forbidden; null without forbidden combinations. */
function forbiddenShare(draft) {
  if (!forbiddenOf(draft).length) return null;
  const named = new Set([...forbiddenOf(draft).flatMap((c) => Object.keys(c)), ...paramsOf(draft).flatMap((p) => whenOf(p).map(([n]) => n))]);
  const draw = drawer({ ...draft, params: paramsOf(draft).filter((p) => named.has(p.name)) }, generator(1));
  let bad = 0;
  for (let k = 0; k < DRAWS; k++) bad += draw()[1];
  return bad / DRAWS;
}
