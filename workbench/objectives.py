"""Ready-made objectives that come step by step, for runs with a scheduler.

::

    wb.optimize(wb.objectives.sklearn_partial_fit(SGDClassifier(), X, y, max_steps=27), space, scheduler=wb.Hyperband(27))
    wb.optimize(wb.objectives.torch_epochs(build, train, valid), space, scheduler=wb.Hyperband(27))

``sklearn_*`` are what ``tune(fidelity=...)`` uses. An objective of your own is no more than a generator function that yields one
loss per epoch; these add cross-validation, checkpoints and checks. Frameworks that own the training loop (Lightning, Keras,
XGBoost) report through Optuna's callbacks: an Optuna objective runs here unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from workbench.automl.fidelity import Epochs, Rows, Share, Trees
from workbench.errors import ObjectiveError
from workbench.models.neural.extra import require_torch
from workbench.objective import Checkpoint
from workbench.space import Config


def sklearn_partial_fit(estimator: Any, X: Any, y: Any = None, *, max_steps: int, **options: Any) -> Epochs:
    """Cross-validate an estimator with ``partial_fit``: one step is one pass over the training rows.

    ``options`` are those of ``tune``: scoring, cv, groups, seed.
    """
    return Epochs(estimator, X, y, max_steps=max_steps, **options)


def sklearn_trees(estimator: Any, X: Any, y: Any = None, *, max_steps: int, **options: Any) -> Trees:
    """Cross-validate an ensemble with ``warm_start``: one step adds ``1 / max_steps`` of its trees or rounds."""
    return Trees(estimator, X, y, max_steps=max_steps, **options)


def sklearn_rows(estimator: Any, X: Any, y: Any = None, *, max_steps: int, **options: Any) -> Rows:
    """Cross-validate any estimator on ``budget / max_steps`` of the training rows."""
    return Rows(estimator, X, y, max_steps=max_steps, **options)


def sklearn_share(estimator: Any, X: Any, y: Any = None, *, share: str = "share", **options: Any) -> Share:
    """Cross-validate any estimator on a share of the training rows that is a parameter of the space, for ``wb.Fabolas``.

    ::

        space = wb.Space(C=wb.Float(1e-3, 1e3, log=True), share=wb.Float(1/64, 1, log=True))
        wb.optimize(wb.objectives.sklearn_share(SVC(), X, y), space, algorithm=wb.Fabolas())
    """
    return Share(estimator, X, y, share=share, **options)


class TorchEpochs:
    """A generator objective that trains a torch module, one epoch per step. Made by ``torch_epochs``."""

    def __init__(self, build: Callable[[Config], Any], train: Any, valid: Any, *, loss: Any, optimizer: Any, metric: Any,
                 device: str, seed: int) -> None:
        self.build, self.train, self.valid = build, train, valid
        self.loss, self.optimizer, self.metric, self.device, self.seed = loss, optimizer, metric, device, seed

    def __call__(self, config: Config, state: dict[str, Any] | None = None) -> Iterator[Checkpoint]:
        """Yield the validation loss after each epoch, with what is needed to go on from there."""
        torch = _torch()
        with torch.random.fork_rng(devices=[]):  # the same weights for the same seed, whatever else draws
            torch.manual_seed(self.seed)
            module = self.build(config)
        if not isinstance(module, torch.nn.Module):
            raise ObjectiveError(f"build(config) must return a torch.nn.Module, got {type(module).__name__}.")
        module.to(self.device)
        optimizer = self.optimizer(module.parameters(), config)
        if state is not None:
            module.load_state_dict(state["module"])
            optimizer.load_state_dict(state["optimizer"])
        while True:
            self._epoch(torch, module, optimizer)
            yield Checkpoint(self._validate(torch, module),
                             lambda: {"module": module.state_dict(), "optimizer": optimizer.state_dict()})

    def _epoch(self, torch: Any, module: Any, optimizer: Any) -> None:
        module.train()
        for x, y in self.train:
            optimizer.zero_grad()
            with torch.enable_grad():
                self.loss(module(x.to(self.device)), y.to(self.device)).backward()
            optimizer.step()

    def _validate(self, torch: Any, module: Any) -> float:
        module.eval()
        total, n = 0.0, 0
        with torch.no_grad():
            for x, y in self.valid:
                total += float(self.metric(module(x.to(self.device)), y.to(self.device))) * len(y)
                n += len(y)
        if n == 0:
            raise ObjectiveError("the validation batches are empty. Give an iterable that can be gone through again, such as a "
                                 "DataLoader or a list of (x, y); a generator is used up after one epoch.")
        return total / n


def torch_epochs(build: Callable[[Config], Any], train: Any, valid: Any, *, loss: Any = None, optimizer: Any = None,
                 metric: Any = None, device: str = "cpu", seed: int = 0) -> TorchEpochs:
    """Train a torch module, one epoch per step; the loss is that of the validation batches.

    Parameters
    ----------
    build
        Makes the ``torch.nn.Module`` of a configuration.
    train, valid
        Batches ``(x, y)``: DataLoaders, or lists. They are gone through once per epoch.
    loss
        ``loss(output, y)``, the mean over a batch; cross-entropy by default.
    optimizer
        ``optimizer(parameters, config)``; by default Adam with ``config["lr"]`` and ``config["weight_decay"]`` if there are
        such.
    metric
        What is minimised on the validation batches, by default ``loss``. ``error_rate`` is the share of wrong classes.
    device
        "cpu", "cuda", ...
    seed
        Of the initial weights, the same for all configurations.

    Raises
    ------
    MissingExtra
        Without torch.
    """
    torch = _torch()
    loss = torch.nn.functional.cross_entropy if loss is None else loss
    return TorchEpochs(build, train, valid, loss=loss, optimizer=optimizer or _adam, metric=metric or loss, device=device,
                       seed=seed)


def error_rate(output: Any, y: Any) -> float:
    """Share of wrong classes, as a metric for ``torch_epochs``."""
    return float((output.argmax(-1) != y).double().mean())


def _adam(parameters: Any, config: Config) -> Any:
    return _torch().optim.Adam(parameters, lr=config.get("lr", 1e-3), weight_decay=config.get("weight_decay", 0.0))


def _torch() -> Any:
    require_torch("torch_epochs")
    import torch

    return torch
