"""Logs, studies and runs to compare."""

import optuna

import workbench as wb
from workbench.events import EventLog, RunStarted, StateChanged, TrialFinished, TrialReported, TrialSuggested

SPACE = wb.Space(x=wb.Float(0.0, 1.0))


def log_of(losses, *, algorithm="A", seed=0, name=None, direction="minimize", step_s=1.0, start=0.0, steps=None):
    """A log of trials one after the other, a second each; None is a failed trial."""
    log = EventLog()
    log.append(RunStarted(name, algorithm, {}, len(losses), direction=direction, seed=seed, time=start))
    log.append(StateChanged("running", time=start))
    for k, loss in enumerate(losses):
        log.append(TrialSuggested(k, {"x": 0.5}, time=start + step_s * k))
        for step in range(1, 1 + (steps or 0)):
            log.append(TrialReported(k, step, loss + 1 / step, time=start + step_s * k))
        log.append(TrialFinished(k, "failed" if loss is None else "complete", loss, time=start + step_s * (k + 1)))
    log.append(StateChanged("done", time=start + step_s * len(losses)))
    return log


def seeds_of(algorithm, finals, **more):
    """Runs of two trials, whose second one has the final loss."""
    return [log_of([v + 1.0, v], algorithm=algorithm, seed=s, **more) for s, v in enumerate(finals)]


def study_of(values, *, direction="minimize", sampler=None, **more):
    study = optuna.create_study(direction=direction, sampler=sampler, **more)
    for v in values:
        study.add_trial(optuna.trial.create_trial(value=v, params={"x": 0.5},
                                                  distributions={"x": optuna.distributions.FloatDistribution(0, 1)}))
    return study


def two_losses(seed):
    run = wb.optimize(lambda c: (c["x"], (1 - c["x"]) ** 2), SPACE, algorithm=wb.Random(), seed=seed, n_trials=8,
                      direction=["minimize", "minimize"])
    return run.start().wait(30)
