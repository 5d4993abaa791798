"""What tests of schedulers share: workers that take steps in any order, and Algorithm 1 of Li et al. line by line."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Simulation:
    """Runs trials under a schedule as a run does: what is ready goes first, then what ``free`` names, then a new trial.

    ``curve(trial, step)`` is the loss of a step; ``length(trial)`` after how many steps a trial ends by itself, with
    ``fails(trial)`` by an error. ``interrupt`` is the chance that a trial under way breaks off and is begun again.
    """

    schedule: object
    curve: object
    n_trials: int
    workers: int = 1
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    length: object = lambda trial: 10**9
    fails: object = lambda trial: False
    interrupt: float = 0.0
    log: list = field(default_factory=list)  # what was told, to tell it again
    verdicts: list = field(default_factory=list)
    steps: dict = field(default_factory=dict)
    config: dict = field(default_factory=dict)  # which configuration a trial has
    ready: deque = field(default_factory=deque)
    waiting: dict = field(default_factory=dict)
    state: dict = field(default_factory=dict)
    busy: list = field(default_factory=list)
    n_begun: int = 0
    closed: bool = False

    def tell(self, method, *args, **kw):
        self.log.append((method, args, kw))
        answer = getattr(self.schedule, method)(*args, **kw)
        for v in [answer] if method == "begin" else answer:
            self.hear(v)
        return answer

    def hear(self, v):
        assert self.state[v.trial] not in ("stop", "finish", "ended"), f"a verdict on a trial that has ended: {v}"
        assert v.why.summary()
        self.verdicts.append((v.trial, v.action))
        self.waiting.pop(v.trial, None)
        if v.trial in self.ready:
            self.ready.remove(v.trial)
        self.state[v.trial] = v.action
        if v.action == "go":
            if v.trial not in self.busy:
                self.ready.append(v.trial)
        elif v.action == "wait":
            self.waiting[v.trial] = None

    def begin(self, config, instead_of=None):
        trial = len(self.config)
        self.config[trial] = config
        self.steps[trial], self.state[trial] = 0, "go"
        self.tell("begin", trial, **({} if instead_of is None else {"instead_of": instead_of}))

    def break_off(self, trial):
        self.state[trial] = "interrupted"
        self.waiting.pop(trial, None)
        for where in (self.ready, self.busy):
            if trial in where:
                where.remove(trial)
        self.begin(self.config[trial], instead_of=trial)

    def fill(self):
        while len(self.busy) < self.workers:
            if self.ready:
                self.busy.append(self.ready.popleft())
            elif self.tell("free"):
                pass
            elif self.n_begun < self.n_trials:
                self.begin(self.n_begun)
                self.n_begun += 1
            elif not self.closed:
                self.closed = True
                self.tell("close")
            else:
                return

    def take_step(self, trial):
        config = self.config[trial]
        if self.steps[trial] >= self.length(config):
            self.state[trial] = "ended"
            last = self.curve(config, self.steps[trial]) if self.steps[trial] else None
            self.tell("end", trial, None if self.fails(config) else last)
            return
        goal = self.schedule.goal(trial)
        self.steps[trial] += 1
        assert goal is None or self.steps[trial] <= goal, "a step beyond the goal"
        heard = self.tell("report", trial, self.steps[trial], self.curve(config, self.steps[trial]))
        if not any(v.trial == trial for v in heard):
            self.ready.appendleft(trial)

    def run(self):
        while True:
            self.fill()
            under_way = [t for t, s in self.state.items() if s in ("go", "wait")]
            if self.interrupt and under_way and self.rng.random() < self.interrupt:
                self.break_off(under_way[self.rng.integers(len(under_way))])
                continue
            if not self.busy:
                return self
            trial = self.busy[self.rng.integers(len(self.busy))]
            self.busy.remove(trial)
            self.take_step(trial)

    @property
    def of(self):
        """Configurations by what became of them last."""
        out = {}
        for trial, state in self.state.items():
            out.setdefault(state, set()).add(self.config[trial])
        return out

    @property
    def promotions(self):
        """How often each configuration was told to go on after its beginning."""
        n = dict.fromkeys(self.config.values(), 0)
        for trial, action in self.verdicts:
            n[self.config[trial]] += action == "go"
        return {c: k - 1 for c, k in n.items()}


def algorithm_1(plan, configs, loss):
    """Inner loop of Li et al. 2018, Algorithm 1 (lines 4 to 8); ``loss(config, r)``. Returns the rung that each reaches."""
    T = list(configs)
    reached = {}
    for i, (n_i, r_i) in enumerate(plan):  # line 4
        assert len(T) == n_i
        L = {t: loss(t, r_i) for t in T}  # line 7
        for t in T:
            reached[t] = i
        keep = plan[i + 1][0] if i + 1 < len(plan) else 0
        T = sorted(T, key=lambda t: (L[t], t))[:keep]  # line 8: top_k
    return reached
