"""What the engine's tests share."""

import threading
import time
from dataclasses import dataclass

import workbench as wb
from workbench.events import TrialFinished, TrialReported, TrialSuggested
from workbench.history import Drawn, Suggestion

SPACE = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                 momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}), depth=wb.Int(1, 8))


def loss(config):
    return config["lr"] * config["depth"] + config.get("momentum", 0.5)


def curve(config):
    for epoch in range(3):
        yield loss(config) + 1 / (1 + epoch)


def make(objective=loss, space=SPACE, **options):
    options = {"algorithm": wb.Random(), "n_trials": 10, "seed": 0, **options}
    return wb.optimize(objective, space, **options)


def run(objective=loss, space=SPACE, **options):
    return make(objective, space, **options).start().wait(60)


def configs(r):
    return [e.config for e in r.log if isinstance(e, TrialSuggested)]


def ends(r):
    return [e for e in r.log if isinstance(e, TrialFinished)]


def reports(r):
    return [(e.trial, e.step, e.loss) for e in r.log if isinstance(e, TrialReported)]


def until(true, timeout=20.0):
    """Wait until something is so; fail if it is not in time."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


class Gate:
    """An objective that waits at a gate in every trial."""

    def __init__(self):
        self.open = threading.Event()
        self.inside = threading.Semaphore(0)
        self.n = 0

    def __call__(self, config):
        self.n += 1
        self.inside.release()
        assert self.open.wait(30)
        return loss(config)


@dataclass(frozen=True)
class Broken:
    """An algorithm that fails at its fourth trial."""

    def suggest(self, history, rng):
        if len(history) >= 3:
            raise ZeroDivisionError("the model is singular")
        return Suggestion(history.space.sample_unit(1, rng)[0], Drawn("uniformly at random"))
