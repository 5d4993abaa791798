"""Any Optuna study as the events of a run."""

import io
import json
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta

import optuna
import pytest
from optuna.storages import InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import create_trial

import workbench as wb
from workbench.errors import StorageError
from workbench.events import RunStarted, StateChanged, TrialFinished, TrialReported, TrialSuggested
from workbench.ledger import name_metrics
from workbench.optuna_watch import Follower, watch_study
from workbench.space import Space
from workbench.trials import Trials

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    if trial.suggest_categorical("kind", ["a", "b"]) == "b":
        x += trial.suggest_int("k", 0, 3)
    for step in range(3):
        trial.report(x / (step + 1), step)
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    if trial.number % 5 == 4:
        raise RuntimeError("no luck")
    return x


def storages(tmp_path):
    return {"memory": InMemoryStorage(), "journal": JournalStorage(JournalFileBackend(str(tmp_path / "s.journal"))),
            "sqlite": RDBStorage(f"sqlite:///{tmp_path}/s.db")}


def one_look(study):
    """Everything that is known now."""
    stop = threading.Event()
    out = []
    for event in watch_study(study, stop=stop, interval_s=0.0):
        out.append(event)
        if isinstance(event, RunStarted) and len(out) > 1:
            stop.set()
    return out


def check(trials, study):
    """The folded events hold what the study holds."""
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    words = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
    assert len(trials) == len(study.trials)
    for t in study.trials:
        ours = trials.by_number[t.number]
        assert ours.state == words[t.state.name]
        assert ours.config == t.params
        assert ours.curve == [(k, sign * v) for k, v in t.intermediate_values.items()]
        assert ours.loss == (None if t.value is None or ours.state == "failed" else sign * t.value)


@pytest.mark.parametrize("kind", ["memory", "journal", "sqlite"])
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_finished_study_is_told_whole(kind, direction, tmp_path):
    study = optuna.create_study(storage=storages(tmp_path)[kind], direction=direction,
                                sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(objective, n_trials=10, catch=RuntimeError)
    study.ask()  # and one that runs
    events = one_look(study)
    trials = Trials(events)
    check(trials, study)
    assert trials.best.number == study.best_trial.number
    assert events[0].direction == direction
    last = [e for e in events if isinstance(e, RunStarted)][-1]
    space = Space.from_json(last.space)
    assert space.names == ("x", "kind", "k")
    assert space["k"].when == (("kind", ("b",)),)


def test_each_suggestion_stands_after_exactly_the_results_known_then():
    start = datetime(2026, 1, 1)

    def trial(begin, end):
        t = create_trial(params={"x": 0.5}, distributions={"x": optuna.distributions.FloatDistribution(0, 1)}, value=1.0)
        t.datetime_start, t.datetime_complete = start + timedelta(seconds=begin), start + timedelta(seconds=end)
        return t

    study = optuna.create_study()
    study.add_trials([trial(0, 5), trial(1, 3), trial(4, 6), trial(7, 8)])  # two workers
    trials = Trials(one_look(study))
    assert [trials.by_number[k].saw for k in range(4)] == [(0, ()), (0, (0,)), (1, (0,)), (3, ())]
    assert trials.told == [1, 0, 2, 3]


def test_a_run_of_ours_is_told_as_it_told_itself():
    run = wb.optimize(lambda c: c["x"], wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), n_trials=12, n_workers=3, seed=0)
    run.start().wait()
    trials = Trials(one_look(run._ledger.study))
    ours = run.trials
    assert trials.told == ours.told
    assert {k: t.saw for k, t in trials.by_number.items()} == {k: t.saw for k, t in ours.by_number.items()}


def test_news_in_pieces_fold_to_the_same_as_all_at_once():
    study = optuna.create_study()
    follower, pieces = Follower(study, "label"), []
    news = lambda: pieces.extend(follower.news(study.get_trials(deepcopy=False)))  # noqa: E731

    def watched(trial):
        news()
        value = objective(trial)
        news()
        return value

    study.enqueue_trial({"x": 0.5})
    news()  # one that waits is not told
    assert pieces == []
    study.optimize(watched, n_trials=10, catch=RuntimeError)
    news()
    news()
    check(Trials(pieces), study)
    kinds = [type(e) for e in pieces if isinstance(e, (TrialReported, TrialFinished))]
    assert kinds.count(TrialFinished) == 10
    assert kinds.count(TrialReported) == 30  # nothing twice
    assert [e for e in pieces if isinstance(e, TrialFinished)] == sorted(
        (e for e in pieces if isinstance(e, TrialFinished)), key=lambda e: e.time)


def test_points_of_a_curve_that_come_out_of_order_are_not_lost():
    study = optuna.create_study()
    follower, trial = Follower(study, "label"), study.ask()
    events = list(follower.news(study.get_trials(deepcopy=False)))
    for step in (10, 5, 7):
        trial.report(float(step), step)
        events += follower.news(study.get_trials(deepcopy=False))
    assert [e.step for e in events if isinstance(e, TrialReported)] == [10, 5, 7]


def test_a_finished_trial_is_not_looked_at_again():
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=200)
    follower = Follower(study, "label")
    list(follower.news(study.get_trials(deepcopy=False)))

    class Untouchable(list):
        def __getitem__(self, i):
            raise AssertionError(f"trial {i} was looked at")

    assert list(follower.news(Untouchable(study.get_trials(deepcopy=False)))) == []


def test_another_process_is_followed_live_through_a_journal_file(tmp_path):
    path = tmp_path / "live.journal"
    script = f"""
import time, optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
study = optuna.create_study(study_name="live", storage=JournalStorage(JournalFileBackend({str(path)!r})))
def f(trial):
    x = trial.suggest_float("x", 0, 1)
    for step in range(3):
        trial.report(x, step)
        time.sleep(0.03)
    return x
study.optimize(f, n_trials=6)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL)
    stop, events, partial = threading.Event(), [], False
    try:
        deadline = time.monotonic() + 60
        while not (path.exists() and b"live" in path.read_bytes()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for event in watch_study(str(path), stop=stop, interval_s=0.01):
            events.append(event)
            running = [t for t in Trials(events).by_number.values() if t.state == "running"]
            partial |= any(0 < len(t.curve) < 3 for t in running)
            if Trials(events).n_done == 6 or time.monotonic() > deadline:
                stop.set()
    finally:
        process.wait(60)
    assert Trials(events).n_done == 6
    assert partial  # curves grew before our eyes
    assert [e.trial for e in events if isinstance(e, TrialSuggested) and e.config] == list(range(6))
    assert "not known" in events[0].algorithm


def test_stopping_ends_the_events_soon():
    study = optuna.create_study(sampler=wb.Sampler(wb.TPE(), seed=0))
    stop = threading.Event()
    events = watch_study(study, stop=stop, interval_s=60.0)
    assert next(events).algorithm == "TPE"
    stop_soon = threading.Timer(0.1, stop.set)
    stop_soon.start()
    began = time.monotonic()
    assert list(events) == []
    assert time.monotonic() - began < 10  # not the minute between two looks


def test_a_storage_that_fails_for_a_while_loses_nothing(monkeypatch):
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=3)
    real, calls = study._storage.get_all_trials, []

    def flaky(*args, **kwargs):
        calls.append(1)
        if len(calls) <= 3:
            raise OSError("database is locked")
        return real(*args, **kwargs)

    monkeypatch.setattr(study._storage, "get_all_trials", flaky)
    events = one_look(study)
    assert Trials(events).n_done == 3
    said = [e.detail for e in events if isinstance(e, StateChanged)]
    assert len(said) == 4
    assert "database is locked" in said[0]
    assert said[3] == ""


def test_a_study_that_is_deleted_ends_the_events_with_a_clear_error(monkeypatch):
    study = optuna.create_study(study_name="gone")
    monkeypatch.setattr("workbench.optuna_watch.PATIENCE", 2)
    events = watch_study(study, interval_s=0.0)
    next(events)
    optuna.delete_study(study_name="gone", storage=study._storage)
    with pytest.raises(StorageError, match=r"'gone' cannot be read.*tried 2 times"):
        list(events)


# ---- which study -------------------------------------------------------------------------------------------------------


def test_several_studies_and_no_name_are_listed(tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    for name in ("first", "second"):
        optuna.create_study(study_name=name, storage=url)
    with pytest.raises(StorageError, match="holds 2 studies: \\['first', 'second'\\]"):
        watch_study(url)
    with pytest.raises(StorageError, match="no study 'third'; it holds"):
        watch_study(url, "third")
    assert next(watch_study(url, "second")).name == "second"


def test_a_study_of_several_objectives_tells_its_directions():
    started = next(watch_study(optuna.create_study(directions=["minimize", "maximize"])))
    assert started.directions == ("minimize", "maximize")


def test_several_losses_of_a_study_are_told_with_their_names_failures_and_pareto_set():
    def both(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        if x > 0.8:
            raise RuntimeError("too large")
        return x, y

    study = optuna.create_study(directions=["minimize", "maximize"], sampler=optuna.samplers.RandomSampler(seed=0))
    follower, pieces = Follower(study, "label"), []
    for k in range(4):
        study.optimize(both, n_trials=10, catch=RuntimeError)
        if k == 1:
            name_metrics(study, ["width", "height"])  # at any time
        pieces.extend(follower.news(study.get_trials(deepcopy=False)))
    for trials in (Trials(pieces), Trials(one_look(study))):
        assert trials.goals.labels == ("width", "height")
        assert sorted(t.number for t in trials.pareto) == [t.number for t in study.best_trials]
        assert trials.n_by_state["failed"] == len([t for t in study.trials if t.state.name == "FAIL"]) > 0
        for t in study.trials:
            assert list(trials.values(trials.by_number[t.number].losses)) == (t.values or [])


def test_a_run_of_several_losses_is_watched_as_it_told_itself():
    def curves(config):
        for k in range(2):
            yield config["x"] / (k + 1), config["x"]

    run = wb.optimize(curves, wb.Space(x=wb.Float(0, 1)), direction=["minimize", "maximize"], n_trials=8, n_workers=2, seed=0)
    run.start().wait()
    trials = Trials(one_look(run._ledger.study))
    assert trials.told == run.trials.told
    assert {k: (t.curves, t.losses) for k, t in trials.by_number.items()} == \
        {k: (t.curves, t.losses) for k, t in run.trials.by_number.items()}


@pytest.mark.parametrize("where", ["sqlite:///{}/none.db", "{}/none.journal"])
def test_looking_at_what_does_not_exist_does_not_make_it(where, tmp_path):
    with pytest.raises(StorageError, match="there is no file"):
        watch_study(where.format(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_an_url_that_is_none_is_refused():
    with pytest.raises(StorageError, match="cannot be opened"):
        watch_study("nonsense://x")


def test_a_storage_without_a_study_is_refused(tmp_path):
    RDBStorage(f"sqlite:///{tmp_path}/s.db")
    with pytest.raises(StorageError, match="holds 0 studies"):
        watch_study(f"sqlite:///{tmp_path}/s.db")


def test_watching_changes_no_file(tmp_path):
    path = tmp_path / "s.journal"
    study = optuna.create_study(storage=JournalStorage(JournalFileBackend(str(path))))
    study.optimize(objective, n_trials=5, catch=RuntimeError)
    before = path.read_bytes()
    stop = threading.Event()
    for event in watch_study(path, stop=stop, interval_s=0.0):
        if isinstance(event, TrialFinished) and event.trial == 4:
            stop.set()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.journal"]


# ---- optuna-dashboard --------------------------------------------------------------------------------------------------


def get(app, path, query=""):
    """Ask a WSGI application for a page."""
    status = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "SERVER_NAME": "localhost", "SERVER_PORT": "80",
               "wsgi.url_scheme": "http", "QUERY_STRING": query, "wsgi.input": io.BytesIO()}
    body = b"".join(app(environ, lambda s, headers, exc=None: status.append(s)))
    return status[0], body


@pytest.mark.filterwarnings("ignore")
def test_optuna_dashboard_opens_the_journal_of_a_run(tmp_path, monkeypatch):
    dashboard = pytest.importorskip("optuna_dashboard")
    monkeypatch.chdir(tmp_path)

    def curve(config):
        for epoch in range(3):
            yield config["x"] / (epoch + 1)

    space = wb.Space(x=wb.Float(1e-3, 1.0, log=True), c=wb.Choice("a", "b"), k=wb.Int(1, 5, when={"c": "b"}))
    run = wb.optimize(curve, space, algorithm=wb.TPE(n_startup=3), n_trials=6, seed=0, name="ours")
    run.start().wait()
    app = dashboard.wsgi(JournalStorage(JournalFileBackend(run.where)))
    status, body = get(app, "/api/studies")
    assert status.startswith("200")
    [summary] = json.loads(body)["study_summaries"]
    assert summary["study_name"] == "ours"
    status, body = get(app, f"/api/studies/{summary['study_id']}", "after=0")
    assert status.startswith("200")
    detail = json.loads(body)
    assert [t["state"] for t in detail["trials"]] == ["Complete"] * 6
    assert [len(t["intermediate_values"]) for t in detail["trials"]] == [3] * 6
    assert {p["name"] for p in detail["union_search_space"]} == {"x", "c", "k"}
