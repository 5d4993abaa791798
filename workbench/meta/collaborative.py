"""Collaborative filtering: predict what all configurations would lose on a new task from the few that were tried on it.

Tasks are to configurations as users are to films: what was seen tells what else will please. Losses are of low rank, plus
noise (Salakhutdinov & Mnih 2007, "Probabilistic matrix factorization"; for pipelines Fusi, Sheth & Elibol 2018 by a Gaussian
process of latent variables, Yang et al. 2019, "Oboe", by principal components). It is fitted by ridge regressions in turn, which
mind how uncertain the other side is (Lim & Teh 2007, "Variational Bayesian approach to movie rating prediction")::

    loss of config i on task t = c_i + b_t + v_i · u_t + ε,      b_t ~ N(0, s²),  u_t ~ N(0, I),  v_i ~ N(0, τ²),  ε ~ N(0, σ²)

    repeat   each task          (b_t, u_t) given the configurations: a ridge regression on A = (1, V)
             each configuration (c_i, v_i) given the tasks: a ridge regression on (1, U)
             σ², s², τ²         given both                                          (until the noise no longer changes)

The first of these is also all that a new task needs: its posterior is N(m, S) with

    S = (diag(s², 1, …, 1)⁻¹ + Σₒ (aₒ aₒᵀ + Cₒ) / σ²)⁻¹       m = S Σₒ aₒ (yₒ − cₒ) / σ²       (o: what was tried)

so every prediction has a spread, and expected improvement can choose what to try next. To learn most about a task, whatever it
loses, one tries what lets det S fall most (D-optimal design, greedily; Yang et al. 2019, section 4.3).

Notation
    T, N, r      tasks, configurations, rank
    a, A         (1, v) of a configuration, of all: shape (N, 1 + r)
    m, S         mean and covariance of a task's (b, u)
    V, C         means and covariances of the configurations' v

Differences: tasks have a bias with a variance of its own, configurations one without a prior (c, their mean loss). Each factor
has its own τ², so that factors that are not needed vanish, and a rank that is too high does little harm. Oboe's design is under a
limit of time; here configurations count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.meta.tasks import Tasks
from workbench.models.acquisition import expected_improvement
from workbench.space import Array

Mask = NDArray[np.bool_]
Observed = Mapping[int, float] | Array
FLOOR = 1e-14  # of the noise's share of the variance
CHANGE = 1e-5  # relative, of the noise's variance: less is converged


@dataclass(frozen=True, slots=True, eq=False)
class Completed:
    """What is believed of all configurations on one task.

    Attributes
    ----------
    mean, sd
        Of the loss, shape (N,); where it was observed, the loss itself and 0.
    observed
        Which were, shape (N,).
    factors, covariance
        m and S of the task.
    """

    mean: Array
    sd: Array
    observed: Mask
    factors: Array
    covariance: Array
    configs: tuple[Any, ...]

    def frame(self) -> pd.DataFrame:
        """List the configurations, the most promising first."""
        rows = pd.DataFrame({"config": list(self.configs), "loss": self.mean, "sd": self.sd, "observed": self.observed})
        return rows.sort_values("loss", kind="stable")


@dataclass(frozen=True, slots=True, eq=False)
class Factorisation:
    """Configurations as points of a space in which a task is a linear function; fitted by ``Factorisation.fit``.

    Attributes
    ----------
    c
        Mean loss of each configuration, shape (N,).
    V, C
        Factors of the configurations: means (N, r) and covariances (N, r, r).
    U
        Factors of the tasks that were learned from, shape (T, r).
    b
        Their biases, shape (T,).
    noise
        σ², the variance that the factors leave.
    bias
        s², the variance of a task's bias.
    """

    tasks: Tasks
    c: Array
    V: Array
    C: Array
    U: Array
    b: Array
    noise: float
    bias: float
    n_iterations: int

    @classmethod
    def fit(cls, tasks: Tasks, rank: int = 5, *, iterations: int = 200) -> Factorisation:
        """Factorise the known losses, starting from principal components of the matrix with gaps filled by the biases.

        Parameters
        ----------
        tasks
            Earlier tasks; losses may be missing.
        rank
            r, the number of factors besides the biases; 0 is for biases alone.
        iterations
            At most so many; it ends when the noise no longer changes.

        Raises
        ------
        ValueError
            If there are not more tasks and configurations than factors, no iteration, or a configuration is known on no task.
        """
        Y, known = tasks.losses, np.isfinite(tasks.losses)
        T, N = Y.shape
        if not 0 <= rank < min(T, N):
            raise ValueError(f"rank lies between 0 and {min(T, N) - 1} with {T} tasks and {N} configurations, got {rank}.")
        if iterations < 1:
            raise ValueError(f"at least 1 iteration is needed, got {iterations}.")
        empty = ~known.any(axis=0)
        if empty.any():
            raise ValueError(f"every configuration needs a known loss, got none for {tasks.configs[int(np.argmax(empty))]!r}.")
        c, V, noise, bias, tau2 = _start(Y, known, rank)
        C = np.zeros((N, rank, rank))
        floor = FLOOR * float(Y[known].var() or 1.0)
        for n_iterations in range(1, iterations + 1):  # noqa: B007 - how many there were is told
            before = noise
            M, S = _task_step(Y - c, known, V, C, noise, bias)
            c, V, C = _config_step(Y, known, M, S, noise, tau2)
            left = (Y - c - M @ _with_bias(V).T) ** 2 + _variances(M, S, V, C)  # (T, N), expected squared errors
            noise = max(float(left[known].mean()), floor)
            bias = max(float((M[:, 0] ** 2 + S[:, 0, 0]).mean()), floor)
            tau2 = np.maximum((V**2 + np.diagonal(C, axis1=1, axis2=2)).mean(axis=0), floor)
            if abs(before - noise) <= CHANGE * before:
                break
        M, _ = _task_step(Y - c, known, V, C, noise, bias)
        return cls(tasks, c, V, C, M[:, 1:], M[:, 0], noise, bias, n_iterations)

    @property
    def rank(self) -> int:
        """The number of factors besides the biases."""
        return int(self.V.shape[1])

    def completed(self) -> Array:
        """Return the matrix as the factors have it, shape (T, N)."""
        return np.asarray(self.c + self.b[:, None] + self.U @ self.V.T)

    def predict(self, observed: Observed | None = None) -> Completed:
        """Predict the losses of a new task.

        Parameters
        ----------
        observed
            Number of a configuration (its place in ``tasks.configs``) and its loss; or losses of all, shape (N,), nan where not
            known. Nothing may be known.

        Raises
        ------
        ValueError
            If a number is none of the configurations', or the shape is another.
        """
        y = self._losses(observed)
        seen = np.isfinite(y)
        M, S = _task_step((y - self.c)[None], seen[None], self.V, self.C, self.noise, self.bias)
        variance = _variances(M, S, self.V, self.C)[0] + self.noise  # what the factors leave is of the loss, too
        mean = self.c + _with_bias(self.V) @ M[0]
        return Completed(np.where(seen, y, mean), np.where(seen, 0.0, np.sqrt(variance)), seen, M[0], S[0], self.tasks.configs)

    def suggest(self, observed: Observed | None = None, n: int = 1) -> list[int]:
        """Choose what to try next: the largest expected improvement; before anything is known, the least expected loss.

        For ``n`` > 1 each is chosen as if those before it had lost what is predicted of them. Configurations that were tried are
        not chosen again, so there may be fewer.

        Raises
        ------
        ValueError
            If ``n`` is not at least 1, or ``observed`` does not fit.
        """
        if n < 1:
            raise ValueError(f"n counts configurations to try, at least 1, got {n}.")
        y, chosen = self._losses(observed), list[int]()
        while len(chosen) < n and not np.isfinite(y).all():
            now = self.predict(y)
            left = np.flatnonzero(~now.observed)
            gain = -now.mean[left] if not now.observed.any() else expected_improvement(now.mean[left], now.sd[left], np.nanmin(y))
            best = left[np.lexsort([now.mean[left], -gain])[0]]
            y[best] = now.mean[best]
            chosen.append(int(best))
        return chosen

    def design(self, n: int, observed: Observed | None = None) -> list[int]:
        """Choose what to try to learn most about a new task, whatever it loses: each lets det S fall most.

        Raises
        ------
        ValueError
            If ``n`` is not at least 1, or ``observed`` does not fit.
        """
        if n < 1:
            raise ValueError(f"n counts configurations to try, at least 1, got {n}.")
        now, chosen = self.predict(observed), list[int]()
        told, S, free = _products(self.V, self.C) / self.noise, now.covariance, ~now.observed
        while len(chosen) < n and free.any():
            fall = np.linalg.slogdet(np.eye(len(S)) + S @ told)[1]  # of log det S, if each is tried
            i = int(np.argmax(np.where(free, fall, -np.inf)))
            S = np.linalg.inv(np.linalg.inv(S) + told[i])  # once i is known, whatever it lost
            free[i] = False
            chosen.append(i)
        return chosen

    def _losses(self, observed: Observed | None) -> Array:
        """Return losses of all configurations, nan where not known; a copy."""
        N = len(self.c)
        y = np.full(N, np.nan)
        if observed is None:
            return y
        if isinstance(observed, Mapping):
            wrong = [i for i in observed if not 0 <= i < N]
            if wrong:
                raise ValueError(f"observed has numbers of configurations from 0 to {N - 1}, got {wrong[0]!r}.")
            y[list(observed)] = list(observed.values())
            return y
        given = np.asarray(observed, dtype=float)
        if given.shape != (N,):
            raise ValueError(f"observed has a loss, or nan, for each of the {N} configurations, got shape {given.shape}.")
        return given.copy()


def singular_values(tasks: Tasks) -> Array:
    """Return singular values of the matrix without the biases, gaps filled by them: how fast they fall says what rank it has."""
    known = np.isfinite(tasks.losses)
    c, b = _biases(tasks.losses, known)
    return np.asarray(np.linalg.svd(np.where(known, tasks.losses - c - b[:, None], 0.0), compute_uv=False))


def hidden_error(tasks: Tasks, ranks: Sequence[int], share: float = 0.2, *, seed: int = 0) -> pd.DataFrame:
    """Hide some known losses, factorise the rest, and look how far the hidden ones are missed.

    Returns
    -------
    DataFrame
        For each rank the root mean squared error of what was hidden and of what was not.

    Raises
    ------
    ValueError
        If ``share`` does not lie between 0 and 1, or nothing can be hidden, as each loss is the only one of its task or
        configuration.
    """
    if not 0 < share < 1:
        raise ValueError(f"share of the losses to hide lies between 0 and 1, got {share}.")
    known = np.isfinite(tasks.losses)
    hide = known & (np.random.default_rng(seed).random(known.shape) < share)
    hide[:, ~(known & ~hide).any(axis=0)] = False  # something is left of every configuration and of every task
    hide[~(known & ~hide).any(axis=1)] = False
    if not hide.any():
        raise ValueError("no loss can be hidden: some must be left of each task and each configuration. Hide a larger share.")
    shown = replace(tasks, losses=np.where(hide, np.nan, tasks.losses))
    rows = []
    for rank in ranks:
        error = Factorisation.fit(shown, rank).completed() - tasks.losses
        rows.append({"rank": rank, "hidden": float(np.sqrt((error[hide] ** 2).mean())),
                     "shown": float(np.sqrt((error[known & ~hide] ** 2).mean()))})
    return pd.DataFrame(rows).set_index("rank")


def _start(Y: Array, known: Mask, rank: int) -> tuple[Array, Array, float, float, Array]:
    """Take biases, and principal components of what they leave with gaps at 0: (c, V, σ², s², τ²)."""
    c, b = _biases(Y, known)
    rest = np.where(known, Y - c - b[:, None], 0.0)
    _, s, Vt = np.linalg.svd(rest, full_matrices=False)
    V = Vt[:rank].T * s[:rank] / np.sqrt(len(Y))  # so that u ~ N(0, I)
    left = float((s[rank:] ** 2).sum() / known.sum())
    total = float(Y[known].var() or 1.0)
    tau2 = np.full(rank, max(float(np.mean(rest[known] ** 2)) / max(rank, 1), 1e-6 * total))
    return c, V, max(left, 1e-2 * total), max(float(b.var()), 1e-6 * total), tau2


def _biases(Y: Array, known: Mask, rounds: int = 20) -> tuple[Array, Array]:
    """Fit c_i + b_t alone, by turns."""
    b = np.zeros(len(Y))
    c = np.zeros(Y.shape[1])
    for _ in range(rounds):
        c = np.where(known, Y - b[:, None], 0.0).sum(axis=0) / known.sum(axis=0)
        b = np.where(known, Y - c, 0.0).sum(axis=1) / known.sum(axis=1)
        c, b = c + b.mean(), b - b.mean()
    return c, b


def _with_bias(V: Array) -> Array:
    """A = (1, V)."""
    return np.column_stack([np.ones(len(V)), V])


def _products(V: Array, C: Array) -> Array:
    """Return the expected a aᵀ, shape (N, 1 + r, 1 + r)."""
    A = _with_bias(V)
    products = A[:, :, None] * A[:, None]
    products[:, 1:, 1:] += C
    return products


def _variances(M: Array, S: Array, V: Array, C: Array) -> Array:
    """Variance of v · u + b for each task and configuration, shape (T, N), as both are uncertain."""
    A, mu = _with_bias(V), M[:, 1:]
    of_task = np.einsum("nj,tjk,nk->tn", A, S, A, optimize=True)
    return np.asarray(of_task + np.einsum("njk,tjk->tn", C, mu[:, :, None] * mu[:, None] + S[:, 1:, 1:], optimize=True))


def _task_step(R: Array, known: Mask, V: Array, C: Array, noise: float, bias: float) -> tuple[Array, Array]:
    """Posterior of each task's (b, u) given the configurations: means (T, 1 + r), covariances (T, 1 + r, 1 + r)."""
    prior = np.diag(np.r_[1.0 / bias, np.ones(V.shape[1])])
    S = np.linalg.inv(prior + np.einsum("tn,njk->tjk", known.astype(float), _products(V, C), optimize=True) / noise)
    return np.einsum("tjk,tk->tj", S, np.where(known, R, 0.0) @ _with_bias(V) / noise), S


def _config_step(Y: Array, known: Mask, M: Array, S: Array, noise: float, tau2: Array) -> tuple[Array, Array, Array]:
    """Posterior of each configuration's v given the tasks, and its best c: c (N,), means (N, r), covariances (N, r, r)."""
    w = known.astype(float)
    B = np.column_stack([np.ones(len(M)), M[:, 1:]])  # (T, 1 + r); the bias of a task has its slope fixed at 1
    G = np.einsum("tn,tj,tk->njk", w, B, B, optimize=True)
    h = (np.where(known, Y, 0.0) - w * M[:, :1]).T @ B  # (N, 1 + r)
    G[:, 1:, 1:] += np.einsum("tn,tjk->njk", w, S[:, 1:, 1:], optimize=True) + noise * np.diag(1.0 / tau2)
    h[:, 1:] -= w.T @ S[:, 0, 1:]  # E[b u] = m_b m_u + S_bu
    found = np.linalg.solve(G, h[..., None])[..., 0]
    return found[:, 0], found[:, 1:], noise * np.linalg.inv(G[:, 1:, 1:])
