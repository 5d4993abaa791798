// Values and the unit interval: the map of workbench/parameters.py, for what the browser draws by itself. Pure functions.

/** Ends of the scale: half a step beyond the first and the last level, where there are levels. */
function endsOf(p) {
  const step = p.step ?? (p.type === "int" ? 1 : null);
  return step === null ? [p.low, p.high] : [p.low - step / 2, p.low + (nLevels(p) - 0.5) * step];
}

const nearest = (k, n) => Math.min(Math.max(k, 0), n - 1);

/** Where a value lies in [0, 1]; outside the range counts as its nearest end. */
function unitOf(p, v) {
  if (p.type === "choice") return (optionsOf(p).indexOf(v) + 0.5) / optionsOf(p).length;
  const [lo, hi] = endsOf(p), step = p.step ?? (p.type === "int" ? 1 : null), w = Math.min(Math.max(v, p.low), p.high);
  const at = step === null ? w : p.low + step * nearest(Math.round((w - p.low) / step), nLevels(p));
  if (!(lo < hi)) return 0.5;
  return Math.min(Math.max(p.log ? Math.log(at / lo) / Math.log(hi / lo) : (at - lo) / (hi - lo), 0), 1);
}

/** The value at a place of [0, 1]. */
function valueAt(p, u) {
  if (p.type === "choice") return optionsOf(p)[nearest(Math.floor(u * optionsOf(p).length), optionsOf(p).length)];
  const [lo, hi] = endsOf(p), step = p.step ?? (p.type === "int" ? 1 : null);
  const v = p.log ? lo * (hi / lo) ** u : lo + u * (hi - lo);
  if (step === null) return Math.min(Math.max(v, p.low), p.high);
  return levelAt(p, nearest(Math.round((v - p.low) / step), nLevels(p)));
}

/** Borders of the cells of all levels or options in [0, 1]. */
function edgesOf(p) {
  const n = nLevels(p), even = Array.from({ length: n + 1 }, (_, k) => k / n);
  if (p.type === "choice" || !p.log) return even;
  const [lo, hi] = endsOf(p);
  return even.map((e, k) => (k === 0 || k === n ? e : Math.log((lo + (hi - lo) * e) / lo) / Math.log(hi / lo)));
}

/** Random numbers in [0, 1) that a seed repeats. */
function generator(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
