"""Our schedulers as pruners in plain Optuna scripts, beside Optuna's own."""

import multiprocessing
import pickle
import statistics
from dataclasses import dataclass

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

import workbench as wb
from workbench.fidelity.median import AgainstMedian
from workbench.ledger import INTERRUPTED

optuna.logging.set_verbosity(optuna.logging.ERROR)
STOPPERS = {"asha": wb.ASHA(9, stop=True), "asha 2": wb.ASHA(16, 2, eta=2, stop=True), "median": wb.MedianStop(),
            "later": wb.MedianStop(min_steps=4, min_trials=2, every=3)}
every_stopper = pytest.mark.parametrize("scheduler", STOPPERS.values(), ids=STOPPERS)


def loss(number, step, seed=0):
    return float(np.random.default_rng([seed, number]).normal() + np.random.default_rng([seed, number, step]).normal())


def script(n_steps=16, *, sign=1.0, first=0, seed=0):
    def objective(trial):
        for step in range(1, n_steps + 1):
            trial.report(sign * loss(trial.number, step, seed), step - 1 + first)
            if trial.should_prune():
                raise optuna.TrialPruned
        return sign * loss(trial.number, n_steps, seed)

    return objective


def steps_of(study):
    return [len(t.intermediate_values) for t in study.trials]


def optimize(pruner, objective, n=40, **kw):
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0), **kw)
    study.optimize(objective, n_trials=n)
    return study


# ---- what it decides ---------------------------------------------------------------------------------------------------


@every_stopper
def test_a_script_stops_the_trials_that_a_run_of_ours_stops(scheduler):
    numbers = iter(range(1000))

    def losses(config):
        number = next(numbers)
        for step in range(1, 17):
            yield loss(number, step)

    run = wb.optimize(losses, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), scheduler=scheduler, n_trials=40, seed=0)
    run.start().wait(60)
    study = optimize(wb.Pruner(scheduler), script())
    most = getattr(scheduler, "max_steps", 16)
    ours = [len(run.trials.by_number[k].curve) for k in range(40)]
    assert [min(k, most) for k in steps_of(study)] == ours
    assert len(set(ours)) > 1


@every_stopper
def test_maximising_stops_the_same_as_minimising_the_negative(scheduler):
    a = optimize(wb.Pruner(scheduler), script())
    b = optimize(wb.Pruner(scheduler), script(sign=-1.0), direction="maximize")
    assert steps_of(a) == steps_of(b)
    assert TrialState.PRUNED in {t.state for t in a.trials}


@every_stopper
def test_steps_may_be_counted_from_0_or_from_1(scheduler):
    assert steps_of(optimize(wb.Pruner(scheduler), script())) == steps_of(optimize(wb.Pruner(scheduler), script(first=1)))


@every_stopper
def test_a_second_process_goes_on_as_the_first_would_have(scheduler):
    whole = optimize(wb.Pruner(scheduler), script(), 40)
    study = optimize(wb.Pruner(scheduler), script(), 20)
    study.pruner = pickle.loads(pickle.dumps(study.pruner))
    study.optimize(script(), n_trials=20)
    assert steps_of(study) == steps_of(whole)


def test_asha_stops_what_optunas_successive_halving_stops():
    """Optuna's counts steps as they are reported; from 1 the rungs are at 1, 3, 9 and 27 for both."""
    for seed in range(5):
        ours = optimize(wb.Pruner(wb.ASHA(27, stop=True)), script(27, first=1, seed=seed), 60)
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
        theirs = optimize(pruner, script(27, first=1, seed=seed), 60)
        # at 27 steps theirs stops once more, or not: there ours has finished
        assert steps_of(ours) == steps_of(theirs)
        assert 0 < sum(k == 27 for k in steps_of(ours)) < 30
        mine, other = ({t.number for t in s.trials if t.state == TrialState.PRUNED and len(t.intermediate_values) < 27}
                       for s in (ours, theirs))
        assert mine == other


def test_the_median_of_flat_curves_is_that_of_optunas_median_pruner():
    """Where a curve is flat, its average up to a step is its loss at that step, and the two rules are one."""

    def flat(trial):
        for step in range(6):
            trial.report(loss(trial.number, 0), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss(trial.number, 0)

    for wait, every in [(0, 1), (2, 1), (1, 3)]:
        ours = optimize(wb.Pruner(wb.MedianStop(min_steps=wait + 1, min_trials=5, every=every)), flat, 60)
        theirs = optimize(optuna.pruners.MedianPruner(5, wait, every), flat, 60)
        assert steps_of(ours) == steps_of(theirs)
        assert {t.state for t in ours.trials} == {TrialState.PRUNED, TrialState.COMPLETE}


def test_on_falling_curves_optunas_median_pruner_stops_sooner():
    """It compares with losses at the step, Vizier's rule with averages up to it, which lag behind."""

    def falling(trial):
        rate = (trial.number * 7 % 10 + 1) / 30
        for step in range(10):
            trial.report(np.exp(-rate * step), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return np.exp(-rate * 9)

    ours = optimize(wb.Pruner(wb.MedianStop()), falling, 60)
    theirs = optimize(optuna.pruners.MedianPruner(), falling, 60)
    assert sum(steps_of(ours)) > sum(steps_of(theirs))
    assert any(t.state == TrialState.PRUNED for t in ours.trials)


# ---- studies -----------------------------------------------------------------------------------------------------------


def test_asking_again_without_news_gives_the_same_answer():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b = study.ask(), study.ask()
    assert not a.should_prune()
    a.report(0.0, 0), b.report(1.0, 0)
    assert not a.should_prune()
    assert b.should_prune() and b.should_prune()
    assert not a.should_prune()


def test_trials_are_judged_by_all_that_others_have_reported_meanwhile():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b, c = (study.ask() for _ in range(3))
    a.report(1.0, 0), b.report(2.0, 0), c.report(0.5, 0)
    assert not a.should_prune()
    assert not c.should_prune()
    assert b.should_prune()
    assert not c.should_prune()


def test_a_trial_that_does_not_ask_counts_when_it_has_gone_on_or_ended():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b, c, d = (study.ask() for _ in range(4))
    for t, step in [(a, 0), (a, 1), (b, 0)]:
        t.report(0.0, step)
    study.tell(b, state=TrialState.PRUNED)
    c.report(-1.0, 0)  # neither gone on nor ended
    d.report(-0.5, 0)
    assert not d.should_prune()
    assert [t for _, _, t in study.pruner._books._rungs[0].results] == [3, 0, 1]


def test_reports_between_two_questions_are_all_told():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b = study.ask(), study.ask()
    for step in range(9):
        a.report(0.0, step)
    assert not a.should_prune()
    for step in range(5):
        b.report(1.0, step)
    assert b.should_prune()
    assert [len(rung.results) for rung in study.pruner._books._rungs] == [2, 2, 1]


def test_sparse_reports_count_with_their_steps():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(81, 9, stop=True)))
    a, b = study.ask(), study.ask()
    for step in (5, 10, 15):
        a.report(0.0, step)
        b.report(1.0, step)
        assert not a.should_prune()
        assert b.should_prune() == (step >= 10)


def test_pruned_interrupted_and_failed_trials():
    study = optuna.create_study(pruner=wb.Pruner(wb.MedianStop(min_trials=3)))
    for _ in range(2):
        study.add_trial(create_trial(value=0.0, intermediate_values={0: 0.0}))
    study.add_trial(create_trial(state=TrialState.PRUNED, intermediate_values={0: 0.0}))
    study.add_trial(create_trial(state=TrialState.FAIL, intermediate_values={0: 0.0}))
    study.add_trial(create_trial(state=TrialState.FAIL, intermediate_values={0: 0.0}, user_attrs={INTERRUPTED: True}))
    study.enqueue_trial({"x": 1})
    t = study.ask()  # the one that waited
    t.report(5.0, 0)
    assert not t.should_prune()  # two completed trials are too few
    study.tell(study.ask(), 1.0)  # without a report it says nothing
    study.add_trial(create_trial(value=0.0, intermediate_values={0: 0.0}))
    t.report(5.0, 1)
    assert t.should_prune()
    why = study.pruner.explain(t.number)
    assert isinstance(why, AgainstMedian) and why.n_completed == 3
    assert study.pruner.explain(0) is None


def test_a_trial_that_has_ended_is_judged_no_more():
    study = optimize(wb.Pruner(wb.ASHA(9, stop=True)), script(), 10)
    before = pickle.dumps([rung.results for rung in study.pruner._books._rungs])
    ended = study.trials[3]
    study.pruner.prune(study, ended)  # takes in the last end
    assert not study.pruner.prune(study, ended)
    assert pickle.dumps([rung.results for rung in study.pruner._books._rungs[:2]]) == pickle.dumps(pickle.loads(before)[:2])
    assert not study.pruner._open


def test_one_pruner_serves_one_study_after_the_other():
    pruner = wb.Pruner(wb.ASHA(9, stop=True))
    first = optimize(pruner, script())
    assert steps_of(optimize(pruner, script())) == steps_of(first)


def test_losses_that_are_nan_are_the_worst():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b = study.ask(), study.ask()
    a.report(float("inf"), 0)
    assert not a.should_prune()
    b.report(float("nan"), 0)
    assert b.should_prune()


@pytest.mark.filterwarnings("ignore:RetryHeartbeatStaleTrialCallback is experimental")
def test_a_trial_that_is_tried_again_after_its_process_died_takes_its_place():
    study = optuna.create_study(pruner=wb.Pruner(wb.ASHA(9, stop=True)))
    a, b = study.ask(), study.ask()
    a.report(0.0, 0)
    assert not a.should_prune()
    b.report(1.0, 0)
    assert b.should_prune()
    study.tell(a, state=TrialState.FAIL)  # as a storage does that hears no heartbeat
    optuna.storages.RetryHeartbeatStaleTrialCallback()(study, study.trials[0])
    again = study.ask()
    again.report(0.0, 0)
    assert not again.should_prune()
    assert [[t for _, _, t in rung.results] for rung in study.pruner._books._rungs] == [[0, 1], [], []]
    again.report(0.5, 1), again.report(0.5, 2)
    assert not again.should_prune()
    assert [[t for _, _, t in rung.results] for rung in study.pruner._books._rungs] == [[0, 1], [again.number], []]


@every_stopper
def test_several_threads_share_one_pruner(scheduler):
    study = optuna.create_study(pruner=wb.Pruner(scheduler), sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(script(), n_trials=60, n_jobs=4)
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}
    assert not study.pruner._open - {t.number for t in study.trials}
    fresh = wb.Pruner(scheduler)
    last = study.ask()
    last.report(1e9, 0)
    assert fresh.prune(study, study._storage.get_trial(last._trial_id)) in (True, False)
    assert fresh._n_known == 61 and fresh._open == {60}


def worker(path, scheduler):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    study = optuna.load_study(study_name="s", storage=storage, pruner=wb.Pruner(scheduler),
                              sampler=optuna.samplers.RandomSampler())
    study.optimize(script(), n_trials=15)


@pytest.mark.parametrize("scheduler", [wb.ASHA(9, stop=True), wb.MedianStop()], ids=["asha", "median"])
def test_several_processes_share_what_they_know_through_a_journal(tmp_path, scheduler):
    path = str(tmp_path / "journal.log")
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    study = optuna.create_study(study_name="s", storage=storage)
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=worker, args=(path, scheduler)) for _ in range(2)]
    for p in processes:
        p.start()
    for p in processes:
        p.join(120)
        assert p.exitcode == 0
    assert len(study.trials) == 30
    pruned = [t for t in study.trials if t.state == TrialState.PRUNED]
    assert pruned
    if isinstance(scheduler, wb.ASHA):
        assert all(len(t.intermediate_values) in (1, 3) for t in pruned)  # at 9 it has finished
        rung = sorted(t.intermediate_values[0] for t in study.trials)
        best = min(study.trials, key=lambda t: t.intermediate_values[0])
        assert len(best.intermediate_values) > 1 and best.intermediate_values[0] == rung[0]
    else:
        complete = [t for t in study.trials if t.state == TrialState.COMPLETE]
        middle = statistics.median(np.mean(list(t.intermediate_values.values())) for t in complete)
        assert all(min(t.intermediate_values.values()) > min(np.mean(list(c.intermediate_values.values())[:1]) for c in complete)
                   for t in pruned)
        assert middle < statistics.median(min(t.intermediate_values.values()) for t in pruned)


@pytest.mark.filterwarnings("ignore:PatientPruner is experimental")
def test_it_works_inside_optunas_patient_pruner():
    study = optimize(optuna.pruners.PatientPruner(wb.Pruner(wb.ASHA(9, stop=True)), patience=1), script())
    assert {t.state for t in study.trials} == {TrialState.COMPLETE, TrialState.PRUNED}


# ---- what it refuses ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", [wb.Hyperband(9), wb.EagerHyperband(9), wb.SuccessiveHalving(9), wb.ASHA(9)], ids=str)
def test_schedulers_that_let_trials_wait_are_refused(scheduler):
    with pytest.raises(ValueError, match=f"{type(scheduler).__name__} lets trials wait for others.*MedianStop"):
        wb.Pruner(scheduler)


@pytest.mark.parametrize("what", [wb.MedianStop, "hyperband", optuna.pruners.MedianPruner(), None])
def test_what_is_no_scheduler_is_refused(what):
    with pytest.raises(TypeError, match="a scheduler has a method schedule"):
        wb.Pruner(what)


def test_several_losses_are_refused():
    study = optuna.create_study(directions=["minimize", "maximize"])
    trial = study.ask()
    with pytest.raises(NotImplementedError, match="judges one loss, got a study of 2"):
        wb.Pruner(wb.MedianStop()).prune(study, study._storage.get_trial(trial._trial_id))


def test_a_scheduler_of_ones_own_serves_too():
    @dataclass(frozen=True)
    class Never(wb.MedianStop):
        only_stops = True

    pruner = wb.Pruner(Never())
    assert repr(pruner).startswith("Pruner(")
    assert optimize(pruner, script(), 3).best_value is not None


def test_it_writes_itself_as_code():
    pruner = wb.Pruner(wb.ASHA(9, stop=True))
    again = eval(f"wb.{pruner!r}".replace("(ASHA", "(wb.ASHA"), {"wb": wb})
    assert again.scheduler == pruner.scheduler
