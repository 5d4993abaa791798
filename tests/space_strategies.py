"""Random search spaces for property tests."""

import math

from hypothesis import strategies as st

import workbench as wb

NAMES = ("lr", "optimizer", "svm.C", "naïve", "a b", 'say "hi"', "<b>", "🙂", "class", "x1", "forbidden", "n_layers")
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
TAME_TEXTS = st.sampled_from(["a", "b", "c", "none", "<i>", "🙂"])
OPTIONS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.5, -1.5, 1e-300, 1e300]), TEXTS)


@st.composite
def floats(draw, when=(), tame=False):
    log = draw(st.booleans())
    if tame:
        low, high = draw(st.sampled_from([(1e-5, 0.1), (0.5, 20.0), (1.0, 1e4), (2.0, 2.0)]))
    elif log:
        low, ratio = draw(st.floats(1e-250, 1e250)), draw(st.sampled_from([1.0, 1.5, 10.0, 1e5, 1e50]))
        high = low * ratio
    else:
        low, width = draw(st.floats(-1e6, 1e6)), draw(st.sampled_from([0.0, 1e-3, 1.0, 7.0, 1e9]))
        high = low + width
    step = None
    if draw(st.booleans()) and high > low:
        step = (high - low) / draw(st.integers(1, 12))
        if (log and step >= 2 * low) or step < 8 * math.ulp(max(abs(low), abs(high))):
            step = None
    p = wb.Float(low, high, log=log, step=step, when=when)
    if draw(st.booleans()):
        p = wb.Float(p.low, p.high, log=log, step=step, when=when, default=p.from_unit(draw(st.floats(0, 1))))
    return p


@st.composite
def ints(draw, when=()):
    low, width = draw(st.integers(-1000, 1000)), draw(st.sampled_from([0, 1, 5, 20, 1000]))
    log = draw(st.booleans())
    low = abs(low) + 1 if log else low
    step = 1 if log else draw(st.sampled_from([1, 1, 2, 7]))
    p = wb.Int(low, low + width, log=log, step=step, when=when)
    default = draw(st.none() | st.floats(0, 1).map(p.from_unit))
    return wb.Int(low, low + width, log=log, step=step, when=when, default=default)


@st.composite
def choices(draw, when=(), tame=False):
    some = draw(st.sampled_from([TAME_TEXTS, st.booleans(), st.integers(-3, 3)])) if tame else OPTIONS
    options = draw(st.lists(some, min_size=1, max_size=5, unique_by=lambda o: o))
    return wb.Choice(*options, ordered=draw(st.booleans()), when=when,
                     default=draw(st.none() | st.sampled_from(options)))


def parameters(when=(), tame=False):
    return st.one_of(floats(when, tame), ints(when), choices(when, tame))


@st.composite
def spaces(draw, max_size=7, tame=False):
    """A space with conditions nested to any depth, on one value or several, of one parent or several.

    Tame ones have ordinary ranges, and options of one type.
    """
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=max_size, unique=True))
    params = {}
    for name in names:
        possible = [n for n, p in params.items() if p.n_levels is not None and p.n_levels <= 100]
        parents = draw(st.lists(st.sampled_from(possible), max_size=2, unique=True)) if possible else []
        params[name] = draw(parameters({n: draw(some_values(params[n])) for n in parents}, tame))
    names = draw(st.permutations(names))  # children may stand before their parents
    possible = [n for n, p in params.items() if p.n_levels is not None and 2 <= p.n_levels <= 100]
    clauses = []
    if possible:
        for _ in range(draw(st.integers(0, 2))):
            chosen = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3, unique=True))
            clauses.append({n: draw(some_values(params[n], leave=1)) for n in chosen})
    return wb.Space({n: params[n] for n in names}, forbidden=clauses)


def some_values(p, leave=0):
    values = p.values()
    return st.lists(st.sampled_from(values), min_size=1, max_size=max(1, min(4, len(values) - leave)),
                    unique_by=lambda v: (type(v), v))
