"""ENAS: a controller learns which architectures do well, while all of them share one set of weights.

Pham, Guan, Zoph, Le & Dean 2018, "Efficient neural architecture search via parameter sharing", ICML, section 2.2.

::

    repeat  for each batch: draw an architecture from the policy; step of SGD on the shared weights with its operations alone
            several times:  draw architectures, reward = accuracy on a batch of the validation part
                            b ← 0.95 b + 0.05 mean reward
                            policy ← Adam step along (reward + 1e-4 · entropy - b) ∇ log p(architecture)      (REINFORCE)
    then    draw architectures from the policy, rank them by validation accuracy with the shared weights; keep the best

Notation
--------
========  ======================================================================
``p``     policy: LSTM of ``policy_network``, logits 2.5 · tanh(· / 5)
``b``     baseline, an exponential moving average of the rewards
========  ======================================================================

Differences from the paper. Its policy takes thousands of steps of 3.5e-4; here there are 25 epochs with 20 updates of 5 draws, so
the rate is ten times that: with 3.5e-4 the policy hardly moves. (A softmax for each edge, ``recurrent=False``, moves slower still
and wants about 0.05.) One operation on each edge of a cell, all edges kept, instead of two inputs for each node. Rewards are
accuracies as they are. The final ranking uses the whole validation part, not one batch, and computes each cell once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time

import numpy as np

from workbench.events import StepTaken
from workbench.models.neural.extra import require_torch
from workbench.nas.cells import NANO, Architecture, CellSpace
from workbench.nas.data import Data
from workbench.nas.ranking import Ranking, ranking


@dataclass(frozen=True, slots=True, eq=False)
class ControllerRanking(Ranking):
    """What ENAS believes: ``weights`` are the policy's probabilities of the operations, on average over its draws.

    Attributes
    ----------
    reward, baseline
        Mean reward of the newest draws, and its moving average.
    entropy
        Mean entropy of a sequence of decisions, in nats.
    """

    reward: float = float("nan")
    baseline: float = float("nan")
    entropy: float = float("nan")


@dataclass(frozen=True, slots=True)
class ENAS:
    """Efficient neural architecture search: a controller on shared weights (Pham et al. 2018).

    Attributes
    ----------
    epochs
        Passes over the training part, each followed by updates of the policy.
    policy_updates, policy_draws
        Updates of the policy after an epoch, and architectures drawn for each.
    policy_rate
        Learning rate of Adam.
    recurrent
        An LSTM; otherwise each edge has a softmax of its own.
    hidden
        Width of the LSTM.
    temperature, tanh_constant, entropy, decay
        The paper's constants.
    n_derived
        Architectures drawn from the policy and ranked, at the end; after each epoch a fourth of them.
    batch_size, learning_rate, channels
        Of the shared weights.
    """

    epochs: int = 25
    policy_updates: int = 20
    policy_draws: int = 5
    policy_rate: float = 3.5e-3
    recurrent: bool = True
    hidden: int = 32
    temperature: float = 5.0
    tanh_constant: float = 2.5
    entropy: float = 1e-4
    decay: float = 0.95
    n_derived: int = 60
    batch_size: int = 128
    learning_rate: float = 0.05
    channels: int = 8
    label = "ENAS"

    def __post_init__(self) -> None:
        for name in ("policy_updates", "policy_draws", "hidden", "n_derived"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.policy_rate < 0 or self.entropy < 0:
            raise ValueError("policy_rate and entropy must not be negative, got "
                             f"{self.policy_rate} and {self.entropy}. The paper has 3.5e-4, for many more updates, and 1e-4.")
        if self.temperature <= 0 or self.tanh_constant <= 0:
            raise ValueError("temperature and tanh_constant must be above 0, got "
                             f"{self.temperature} and {self.tanh_constant}. The paper has 5 and 2.5.")
        if not 0 <= self.decay < 1:
            raise ValueError(f"decay must be at least 0 and less than 1, got {self.decay}. The paper's code has 0.95.")

    @property
    def n_steps(self) -> int:
        """Steps of the whole search: an epoch each, and the ranking."""
        return self.epochs + 1

    def steps(self, data: Data, *, cells: CellSpace = NANO, seed: int = 0) -> Iterator[StepTaken]:
        """Alternate between the shared weights and the policy; one step an epoch."""
        require_torch("ENAS")
        import torch

        from workbench.nas.policy_network import PolicyNetwork, Sequences, surrogate
        from workbench.nas.weight_sharing import Schedule, SharedWeights, check_schedule, mean

        check_schedule(self.epochs, self.batch_size, self.learning_rate, self.channels)
        begin = process_time()
        shared = SharedWeights(data, cells, Schedule(self.epochs, self.batch_size, self.learning_rate),
                               channels=self.channels, seed=seed)
        policy = PolicyNetwork(len(cells.edges), len(cells.operations), hidden=self.hidden, temperature=self.temperature,
                               tanh_constant=self.tanh_constant, recurrent=self.recurrent, seed=seed)
        adam = torch.optim.Adam(policy.parameters(), lr=self.policy_rate)
        generator = torch.Generator().manual_seed(seed)
        baseline: float | None = None
        reward, entropy = float("nan"), float("nan")

        def architectures(drawn: Sequences) -> list[Architecture]:
            return [tuple(cells.operations[k] for k in row) for row in drawn.options.tolist()]

        def believed(n: int) -> ControllerRanking:
            with torch.no_grad():
                drawn = policy.sample(n, generator)
            distinct: dict[str, Architecture] = {}
            for a in architectures(drawn):
                distinct.setdefault(cells.canonical(a), a)
            found = list(distinct.values())
            p = drawn.probabilities.mean(0).double().numpy()
            r = ranking(cells, found, shared.scores(found), weights=p / p.sum(axis=1, keepdims=True))
            return ControllerRanking(r.weights, r.edges, r.operations, r.chosen, r.ranked, r.scores,
                                     reward=reward, baseline=reward if baseline is None else baseline, entropy=entropy)

        for epoch in range(self.epochs):
            with torch.no_grad():
                drawn = architectures(policy.sample(shared.n_batches, generator))
            losses = [shared.learn(shared.net.forward_one(x, a), y)
                      for (x, y), a in zip(shared.batches(), drawn, strict=True)]
            rewards, entropies = [], []
            for _ in range(self.policy_updates):
                sequences = policy.sample(self.policy_draws, generator)
                batch = shared.valid_batch()
                r = np.array([shared.score(a, batch=batch) for a in architectures(sequences)])
                baseline = mean(r) if baseline is None else self.decay * baseline + (1 - self.decay) * mean(r)
                with_entropy = torch.tensor(r, dtype=torch.float32) + self.entropy * sequences.entropy
                loss = surrogate(sequences.log_p, with_entropy - baseline)
                adam.zero_grad()
                loss.backward()                                               # type: ignore[no-untyped-call]
                adam.step()
                rewards.append(mean(r))
                entropies.append(sequences.entropy.mean().item())
            reward, entropy = mean(rewards), mean(entropies)
            why = believed(max(1, self.n_derived // 4))
            metrics = {"train_loss": mean(losses), "valid_accuracy": mean(why.scores), "reward": reward,
                       "discrete_accuracy": float(why.scores[0]), "baseline_reward": float(why.baseline), "entropy": entropy}
            yield StepTaken(epoch, {**metrics, "cpu_s": process_time() - begin}, why)
        why = believed(self.n_derived)
        yield StepTaken(self.epochs, {"valid_accuracy": mean(why.scores), "discrete_accuracy": float(why.scores[0]),
                                      "cpu_s": process_time() - begin}, why)
