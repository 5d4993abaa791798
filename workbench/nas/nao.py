r"""NAO: architectures become points of a space in which one can walk uphill, and are written down where one arrives.

Luo, Tian, Qin, Chen & Liu 2018, "Neural architecture optimization" (NeurIPS), Algorithm 1; the network is in nao_network.py::

    train n_startup random architectures
    repeat
        fit encoder, predictor f and decoder to all results        L = λ (score - f)² + (1 - λ) (-log P(architecture)), λ = 0.9
        starts: the embeddings of the K best
        until enough are found:
            each takes one more step uphill                        h ← h + η ∂f/∂h, for the states h_1 … h_T
            decode it; keep what was not trained before
        train what was found, the best prediction first; then fit again

Notation
--------
==========  ==================================================================================
``m``       results known to the network: n_startup and all full rounds since
``f``       predicted score; a score is minus the standardised logarithm of the loss (log_transform.py)
``tokens``  for each decision 1 + the option that it took, 0 where it was not made: (n, T)
==========  ==================================================================================

Differences from the paper: one layer of 32 units; scores are minus logarithms of the distance to just below the best loss, not
accuracies from 0 to 1, and f is not squashed; attention comes after the decoder's LSTM, as in the released code. Gradients have
their length divided out, and states go back to length 1 after each step. Where the paper shows the decoder the symmetric forms of
what was trained, it is shown random architectures of the space in each step, which have no score: so it can write what nobody has
trained. A cell is encoded as the representative of all that are equal to it. What was found is ordered by the prediction of what
was decoded, not by the promise of the place that it was decoded from; the two may differ. Ten starts and rounds of ten are for a
hundred trainings; the paper trains a thousand, in three rounds. It serves any space as a sequence of decisions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from workbench.history import Drawn, History, Suggestion
from workbench.models.log_transform import LogTransform
from workbench.models.neural.extra import require_torch
from workbench.nas.decisions import Decisions, decisions_of
from workbench.nas.encodings import cells_of
from workbench.nas.predictor_search import architectures_at, identities, is_listed, new_at_random, start
from workbench.search.surrogate_why import SurrogateExplanation, decided
from workbench.space import Array, Space

if TYPE_CHECKING:
    from workbench.nas.nao_network import EncoderDecoder

Tokens = NDArray[np.intp]
POOL = 512  # random architectures, from which the decoder is shown some in each step
N_MORE = 64  # how many
LR, DECAY = 0.02, 0.01  # of AdamW


# ---- sequences -----------------------------------------------------------------------------------------------------


def tokens_at(space: Space, x: Array) -> Tokens:
    """Return rows of the unit cube as sequences (n, T): of cells that are equal the same, where all cells are listed."""
    cells = cells_of(space)
    if cells is not None and is_listed(cells):
        x = space.to_unit([cells.config(cells.representative(a)) for a in architectures_at(cells, x)])
    decisions = decisions_of(space)
    return np.array([decisions.indices(row) for row in x], dtype=np.intp).reshape(len(x), len(decisions.names)) + 1


def allowed_by(decisions: Decisions) -> Callable[[int, Tokens], NDArray[np.bool_]]:
    """Return which tokens decision t may take, (n, K), given those before it, (n, t)."""
    space, K = decisions.space, max(decisions.n_options) + 1
    numbers = np.arange(K)

    def allowed(t: int, before: Tokens) -> NDArray[np.bool_]:
        options = (numbers >= 1) & (numbers <= decisions.n_options[t])
        if not decisions.conditional:
            return np.tile(options, (len(before), 1))
        x = np.full((len(before), len(space)), np.nan)
        for i, row in enumerate(before.tolist()):
            for s, token in enumerate(row):
                if token:
                    x[i, decisions.columns[s]] = decisions.place(s, token - 1, 0.5)
        made = space.active(x)[:, decisions.columns[t]]
        return np.where(made[:, None], options, numbers == 0)

    return allowed


# ---- the belief ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NaoBelief:
    """A trained encoder, predictor and decoder.

    Attributes
    ----------
    space
        Of the configurations.
    transform
        Between losses and targets, of the first ``m`` results.
    net
        Knows these alone. Its score is minus the target.
    m
        How many.
    targets
        Of all finished trials, (n,).
    sd
        Deviation of the predictions from the results that the network was fitted to.
    """

    space: Space
    transform: LogTransform
    net: EncoderDecoder
    m: int
    targets: Array
    sd: float

    def of_tokens(self, tokens: Tokens) -> Array:
        """Return predicted targets for sequences (n, T)."""
        return self.targets_of(self.states(tokens))

    def states(self, tokens: Tokens) -> Any:
        """Return the embeddings of sequences, a tensor (n, T, H)."""
        import torch

        return self.net.encode(torch.as_tensor(tokens))

    def targets_of(self, states: Any) -> Array:
        """Return the targets that embeddings promise, (n,)."""
        return np.asarray(-self.net.predict(states).numpy(), dtype=float)

    def predict(self, x: Array) -> tuple[Array, Array]:
        """Return predicted targets at rows of the unit cube, and one deviation for all, as the network does not know its own."""
        return (self.of_tokens(tokens_at(self.space, x)) if len(x) else np.empty(0)), np.full(len(x), self.sd)

    @property
    def best(self) -> float:
        """Target to improve on."""
        return float(self.targets.min())

    def best_rows(self, k: int) -> NDArray[np.intp]:
        """Numbers of the ``k`` best finished trials, the best first."""
        return np.argsort(self.targets, kind="stable")[:k]

    def decode(self, states: Any) -> Tokens:
        """Write down what embeddings stand for."""
        return np.asarray(self.net.decode(states, allowed_by(decisions_of(self.space))))


# ---- why -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NaoExplanation(SurrogateExplanation):
    """From which result the ascent began, and where it led.

    Attributes
    ----------
    start
        Row of the result whose embedding the ascent began at.
    n_steps, rate
        Steps until the decoder wrote this architecture, and their length η.
    start_predicted, promised
        Loss predicted at the start, and at the place that was decoded. ``predicted`` is that of what was decoded.
    changed
        For each decision that is not as at the start: its name, its option there, and its option now.
    place, n_found
        Its number, from 0, among the new architectures of the round, and how many these are.
    fitted_to, seed
        Results that the network knows, and the seed of its parameters.
    trade_off, hidden, fit_steps
        Settings of the fit.
    """

    MODEL: ClassVar[str] = "encoder"

    start: int
    n_steps: int
    rate: float
    start_predicted: float
    promised: float
    changed: tuple[tuple[str, str, str], ...]
    place: int
    n_found: int
    fitted_to: int
    seed: int
    trade_off: float
    hidden: int
    fit_steps: int

    def belief(self, history: History) -> NaoBelief:
        """Fit the same network again to the results that it knew."""
        return believe(history, m=self.fitted_to, seed=self.seed, trade_off=self.trade_off, hidden=self.hidden,
                       steps=self.fit_steps)

    def summary(self) -> str:
        """Say in one plain sentence why this architecture was chosen."""
        steps = f"{self.n_steps} step{'s' * (self.n_steps != 1)}"
        changes = ", ".join(f"{name} from {a or 'nothing'} to {b or 'nothing'}" for name, a, b in self.changed)
        return (f"{steps} uphill from the embedding of result {self.start + 1} the decoder wrote it, with {changes}: predicted "
                f"{self.predicted:.3g}, {self.start_predicted:.3g} at the start, by the encoder, which knew {self.fitted_to} "
                f"results; best so far {self.best_loss:.3g}.")


def believe(history: History, *, m: int, seed: int, trade_off: float, hidden: int, steps: int) -> NaoBelief:
    """Fit to the first ``m`` results, or take that fit from the memo, which keeps the last one."""
    require_torch("NAO")
    from workbench.nas.nao_network import fit

    space, transform = history.space, LogTransform.of(history.y[:m])
    what = ("nao", trade_off, hidden, steps)
    key = (space, seed, m, history.content(m))
    kept = history.memo.get(what)
    if kept is None or kept[0] != key:
        rng = np.random.default_rng([seed, m])
        pool = tokens_of_samples(space, POOL, rng)
        target = transform.forward(history.y[:m])
        net = fit(tokens_at(space, history.x[:m]), -target, lambda n: pool[rng.integers(len(pool), size=n)],
                  K=max(decisions_of(space).n_options) + 1, hidden=hidden, trade_off=trade_off, steps=steps, lr=LR, decay=DECAY,
                  n_more=N_MORE, seed=int(rng.integers(2**31)))
        made = NaoBelief(space, transform, net, m, target, 0.0)
        misses = target - made.of_tokens(tokens_at(space, history.x[:m]))
        kept = history.memo[what] = (key, net, float(np.sqrt(np.mean(misses**2))))
    return NaoBelief(space, transform, kept[1], m, transform.forward(history.y), kept[2])


def tokens_of_samples(space: Space, n: int, rng: np.random.Generator) -> Tokens:
    """Return random architectures as sequences, as they are written."""
    decisions = decisions_of(space)
    return np.array([decisions.indices(row) for row in space.sample_unit(n, rng)], dtype=np.intp) + 1


# ---- the ascent ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A new architecture.

    Attributes
    ----------
    x
        Its point of the unit cube, (d,).
    start, n_steps
        Row of the result where the ascent began, and the steps that it took.
    start_target, promised, target
        Targets predicted at the start, where it was decoded from, and of itself.
    tokens, start_tokens
        What was decoded, and what stood at the start, (T,).
    """

    x: Array
    start: int
    n_steps: int
    start_target: float
    promised: float
    target: float
    tokens: Tokens
    start_tokens: Tokens


def ascended(belief: NaoBelief, x: Array, rows: NDArray[np.intp], *, seen: set[str | bytes], rate: float, most_steps: int,
             enough: int, rng: np.random.Generator) -> list[Found]:
    """Walk uphill from the results at ``rows`` of ``x`` until ``enough`` new architectures are found, or for ``most_steps``.

    The best prediction first. All starts take each step together, so those nearest to what is known are found first.
    """
    space, decisions = belief.space, decisions_of(belief.space)
    begun = tokens_at(space, x[rows])
    states = belief.states(begun)
    at_start, found, known = belief.targets_of(states), list[Found](), set(seen)
    for n_steps in range(1, most_steps + 1):
        states = belief.net.ascend(states, rate)
        written, promised = belief.decode(states), belief.targets_of(states)
        for i in np.flatnonzero((written != begun).any(axis=1)).tolist():
            point = decisions.point(written[i] - 1, np.asarray(rng.random(written.shape[1])))[None]
            name = identities(space, point)[0]
            if name not in known and not space.is_forbidden(point)[0]:
                known.add(name)
                tokens = tokens_at(space, point)
                found.append(Found(point[0], int(rows[i]), n_steps, float(at_start[i]), float(promised[i]),
                                   float(belief.of_tokens(tokens)[0]), written[i], begun[i]))
        if len(found) >= enough:
            break
    return sorted(found, key=lambda f: f.target)


# ---- the algorithm -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NAO:
    """Neural architecture optimisation: gradient ascent among the embeddings of architectures. Needs torch.

    Attributes
    ----------
    n_startup
        Random architectures before the first fit; with fewer than two results they go on.
    every
        Results of a round: between two fits.
    n_best
        The best so far, from which the ascents begin.
    rate, most_steps
        Length η of a step, and how many each start takes at most. States have length 1.
    trade_off
        λ: weight of the prediction's loss; 1 - λ has the decoder's.
    hidden, fit_steps
        Units of the network, and steps of its fit.
    """

    n_startup: int = 20
    every: int = 10
    n_best: int = 10
    rate: float = 0.2
    most_steps: int = 40
    trade_off: float = 0.9
    hidden: int = 32
    fit_steps: int = 150

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.n_startup < 0:
            raise ValueError(f"n_startup must not be negative, got {self.n_startup}.")
        for name in ("every", "n_best", "most_steps", "hidden", "fit_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if not (self.rate > 0 and math.isfinite(self.rate)):
            raise ValueError(f"rate must be positive, got {self.rate}.")
        if not 0 < self.trade_off < 1:
            raise ValueError(f"trade_off must lie between 0 and 1, got {self.trade_off}. The paper has 0.9.")

    def suggest(self, history: History, rng: np.random.Generator) -> Suggestion:
        """Choose the next architecture. Same history, same rng: same answer, whatever the memo holds."""
        require_torch("NAO")
        space, n = history.space, len(history)
        if not len(space):
            return Suggestion(np.empty(0), Drawn("the space has no parameters"))
        first = max(self.n_startup, 2)
        if n + len(history.pending) < self.n_startup or n < 2:
            return start(history, rng, self.n_startup)
        m = n if n < first else first + (n - first) // self.every * self.every
        belief = believe(history, m=m, seed=history.seed, trade_off=self.trade_off, hidden=self.hidden, steps=self.fit_steps)
        found = self._found(history, belief)
        seen = set(identities(space, np.vstack([history.x, history.pending])))
        for place, f in enumerate(found):
            if identities(space, f.x[None])[0] not in seen:
                return Suggestion(f.x.copy(), self._why(history, belief, found, place))
        return new_at_random(history, rng, f"random architecture, as {self.most_steps} steps uphill led to none that is new",
                             "no step uphill led to an architecture that is new")

    def _found(self, history: History, belief: NaoBelief) -> list[Found]:
        """Return what the round that began with ``m`` results has found; it depends on these alone."""
        m, what = belief.m, ("nao round", self)
        key = (history.space, history.seed, m, history.content(m))
        kept = history.memo.get(what)
        if kept is None or kept[0] != key:
            seen = set(identities(history.space, history.x[:m]))
            rows = np.argsort(belief.targets[:m], kind="stable")[:self.n_best]
            kept = history.memo[what] = (key, ascended(
                belief, history.x, rows, seen=seen, rate=self.rate, most_steps=self.most_steps, enough=2 * self.every,
                rng=np.random.default_rng([history.seed, m, 1])))
        found: list[Found] = kept[1]
        return found

    def _why(self, history: History, belief: NaoBelief, found: list[Found], place: int) -> NaoExplanation:
        f, decisions = found[place], decisions_of(history.space)
        at_start, promised = belief.transform.inverse(np.array([f.start_target, f.promised])).tolist()
        after = found[place:]
        texts = [("", *options) for options in decisions.options]
        changed = tuple((name, texts[t][a], texts[t][b]) for t, (name, a, b) in enumerate(zip(
            decisions.names, f.start_tokens.tolist(), f.tokens.tolist(), strict=True)) if a != b)
        return NaoExplanation(
            **decided(history, belief, np.array([g.x for g in after]), -np.array([g.target for g in after])), acquisition="lcb",
            beta=0.0, start=f.start, n_steps=f.n_steps, rate=self.rate, start_predicted=at_start, promised=promised,
            changed=changed, place=place, n_found=len(found), fitted_to=belief.m,
            seed=history.seed, trade_off=self.trade_off, hidden=self.hidden, fit_steps=self.fit_steps)


# ---- for plots -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Landscape:
    """Embeddings seen from the side on which they differ most, and the ways uphill through them.

    Attributes
    ----------
    points
        Of random architectures, then of the results that the network knew, in two coordinates, (k + m, 2).
    predicted
        Their predicted losses, (k + m,).
    n_random
        k.
    paths
        From each start, step by step, (starts, steps + 1, 2).
    rows
        Which result each path begins at, (starts,).
    chosen
        The path that led to the architecture that was chosen.
    n_steps
        Steps until it was written, those of all paths.
    explained
        Share of the variance of the embeddings that two coordinates hold.
    """

    points: Array
    predicted: Array
    n_random: int
    paths: Array
    rows: NDArray[np.intp]
    chosen: int
    n_steps: int
    explained: float


def landscape(history: History, why: NaoExplanation, *, n_random: int = 100, n_best: int = 10) -> Landscape:
    """Rebuild the ascents of a round: an embedding is the mean of its states; principal components of all of them."""
    belief = why.belief(history)
    m, x = why.fitted_to, history.x[:why.fitted_to]
    random = history.space.sample_unit(n_random, np.random.default_rng([why.seed, m, 2]))
    states = belief.states(np.concatenate([tokens_at(history.space, random), tokens_at(history.space, x)]))
    rows = np.argsort(belief.targets[:m], kind="stable")[:n_best]
    if why.start not in rows:
        rows = np.append(rows, why.start)
    at = belief.states(tokens_at(history.space, x[rows]))
    paths = [at.mean(1).numpy()]
    for _ in range(why.n_steps):
        at = belief.net.ascend(at, why.rate)
        paths.append(at.mean(1).numpy())
    pooled = np.asarray(states.mean(1).numpy(), dtype=float)
    middle = pooled.mean(0)
    _, s, axes = np.linalg.svd(pooled - middle, full_matrices=False)
    axes = axes[:2] * np.where(axes[:2, np.abs(axes[:2]).argmax(1)].diagonal() < 0, -1.0, 1.0)[:, None]  # one of two signs
    return Landscape((pooled - middle) @ axes.T, belief.transform.inverse(belief.targets_of(states)), n_random,
                     np.swapaxes((np.stack(paths) - middle) @ axes.T, 0, 1), rows, int(np.flatnonzero(rows == why.start)[0]),
                     why.n_steps, float((s[:2] ** 2).sum() / max((s**2).sum(), 1e-300)))
