"""A variational autoencoder of configurations: a few continuous coordinates for what is made of many choices.

Kingma & Welling 2014, "Auto-encoding variational Bayes"; Gómez-Bombarelli et al. 2018, "Automatic chemical design using a
data-driven continuous representation of molecules"; Lu et al. 2018, "Structured variationally auto-encoded optimization".

::

    q(z | x) = N(μ(x), diag σ²(x));   p(z) = N(0, I);   p(x | z): one distribution per parameter
    minimise  E_q[-log p(x | z)] + w KL(q(z | x) ‖ p(z))
    KL = ½ Σ_j (μ_j² + σ_j² - 1 - log σ_j²)                                   (Kingma & Welling, appendix B)

An option is one of K logits (softmax), a number is N(·, NUMBER_SD²) around an output. An inactive choice is left out of
log p(x | z), an inactive number stands at its middle; that they are inactive follows from the others and need not be decoded.

Notation
--------
========  ======================================================================
``Z``     features of a configuration (``models/mixed_features.py``), shape (n, F)
``z``     latent coordinates, shape (n, q)
``w``     weight of the KL term, rising to KL_WEIGHT over the first half of the steps
========  ======================================================================

Differences from the papers: the trained encoder and decoder run in numpy; KL_WEIGHT below 1, so that decoding gives back
what was encoded: for a search that matters more than the likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.models.mixed_features import SPIKE, MixedFeatures
from workbench.models.neural.network import SCALE, TanhNetwork, centre, minibatches, normalise
from workbench.space import Array

if TYPE_CHECKING:
    import torch

WIDTH = 128
BATCH = 128
LEARNING_RATE = 5e-3
KL_WEIGHT = 0.1
NUMBER_SD = 0.1  # of a number in the unit interval


@dataclass(frozen=True, slots=True, eq=False)
class VAE:
    """A trained autoencoder.

    Attributes
    ----------
    features
        Between points and features.
    encoder
        From features to latent means and, after them, log-variances.
    decoder
        From latent coordinates to logits of options and to numbers, in the order of the features.
    """

    features: MixedFeatures
    encoder: TanhNetwork
    decoder: TanhNetwork

    @property
    def q(self) -> int:
        """Count the latent coordinates."""
        return int(self.encoder.b[-1].shape[-1]) // 2

    def encode(self, x: Array) -> Array:
        """Return the latent means of rows of the unit cube, (n, q)."""
        return self.encoder(self.features(x))[:, :self.q]

    def decode(self, z: Array) -> Array:
        """Return the most likely configurations at latent coordinates: valid rows of the unit cube."""
        return self._rows(self.decoder(z), lambda logits: logits)

    def sample(self, z: Array, rng: np.random.Generator) -> Array:
        """Draw a configuration from p(x | z) at each row; numbers are taken as they are decoded."""
        return self._rows(self.decoder(z), lambda logits: logits + rng.gumbel(size=logits.shape))  # Gumbel-max trick

    def _rows(self, out: Array, perturbed: Callable[[Array], Array]) -> Array:
        space = self.features.space
        x = np.empty((len(out), len(space)))
        for j, (column, f) in enumerate(zip(space.columns, self.features.first, strict=True)):
            if column.kind == "choice":
                level = np.argmax(perturbed(out[:, f:f + column.n_levels]), axis=1)
                x[:, j] = space[space.names[j]].points(level)
            else:
                x[:, j] = np.clip(out[:, f] + 0.5, 0.0, 1.0)
        return np.asarray(space.snap(x))


def _layers(shapes: list[tuple[int, int]], rng: np.random.Generator) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return weights ~ N(0, 1 / in) and biases 0, to be trained."""
    import torch

    W = [torch.tensor(rng.standard_normal(s) / math.sqrt(s[0]), requires_grad=True) for s in shapes]
    return W, [torch.zeros(s[1], dtype=torch.float64, requires_grad=True) for s in shapes]


def _forward(h: torch.Tensor, W: list[torch.Tensor], b: list[torch.Tensor]) -> torch.Tensor:
    import torch

    for Wi, bi in zip(W[:-1], b[:-1], strict=True):
        h = torch.tanh(torch.addmm(bi, h, Wi))
    return torch.addmm(b[-1], h, W[-1])


def _network(W: list[torch.Tensor], b: list[torch.Tensor], middle: Array, scale: float) -> TanhNetwork:
    return TanhNetwork(tuple(w.detach().numpy() for w in W), tuple(v.detach().numpy() for v in b), middle, scale=scale,
                       linear_last=True)


def misfit(out: torch.Tensor, Z: torch.Tensor, features: MixedFeatures) -> torch.Tensor:
    """Return -log p(x | z) up to a constant, (n,), of what was decoded, (n, F), and the features that were encoded.

    An inactive choice has features 0, so its cross-entropy vanishes; an inactive number stands at its middle.
    """
    from torch.nn.functional import log_softmax

    total = out.new_zeros(len(out))
    for column, f in zip(features.space.columns, features.first, strict=True):
        if column.kind == "choice":
            options = slice(f, f + column.n_levels)
            total = total - (log_softmax(out[:, options], 1) * Z[:, options] / SPIKE).sum(1)
        else:
            total = total + 0.5 * ((out[:, f] + 0.5 - Z[:, f]) / NUMBER_SD) ** 2
    return total


def train(x: Array, features: MixedFeatures, *, q: int, steps: int, seed: int) -> VAE:
    """Fit encoder and decoder to configurations, (n, d)."""
    import torch

    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    Z = features(x)
    F = Z.shape[1]
    shapes = [(F, WIDTH), (WIDTH, WIDTH), (WIDTH, 2 * q)], [(q, WIDTH), (WIDTH, WIDTH), (WIDTH, F)]
    (We, be), (Wd, bd) = (_layers(s, rng) for s in shapes)
    X = torch.from_numpy(normalise(Z, centre(features)))
    raw = torch.from_numpy(Z)
    adam = torch.optim.Adam([*We, *be, *Wd, *bd], lr=LEARNING_RATE, fused=True)
    for step, rows in enumerate(torch.from_numpy(minibatches(len(x), BATCH, steps, rng))):
        mu, log_variance = _forward(X[rows], We, be).chunk(2, dim=1)
        noise = torch.empty_like(mu).normal_(generator=generator)
        out = _forward(mu + torch.exp(0.5 * log_variance) * noise, Wd, bd)  # z ~ q(z | x)
        kl = 0.5 * (mu**2 + log_variance.exp() - 1.0 - log_variance).sum(1)
        weight = KL_WEIGHT * min(1.0, 2.0 * step / steps)
        loss = (misfit(out, raw[rows], features) + weight * kl).mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for group in adam.param_groups:
            group["lr"] = LEARNING_RATE * (1.0 - step / steps)
        adam.step()
    return VAE(features, _network(We, be, centre(features), SCALE), _network(Wd, bd, np.zeros(q), 1.0))
