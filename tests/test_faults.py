"""Faults and bad input: what is told stays told, and what goes wrong is said."""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages.journal import _file as journal_file

import workbench as wb
from tests.engine_helpers import SPACE, Gate, configs, curve, ends, loss, make, run, until
from workbench import store
from workbench.events import EventLog, Printed, StateChanged, TrialReported
from workbench.ledger import KEY


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


PRELUDE = """
import sys, time, workbench as wb
space = wb.Space(x=wb.Float(0, 1), k=wb.Choice("a", "b"))
def f(config):
    for epoch in range(4):
        time.sleep(0.01)
        yield config["x"] + 1 / (1 + epoch)
"""


def child(code, tmp_path):
    """Another kernel: a Python process in the same folder."""
    return subprocess.Popen([sys.executable, "-c", PRELUDE + code], cwd=tmp_path, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def f(config):
    for epoch in range(4):
        yield config["x"] + 1 / (1 + epoch)


def killed_in_mid_run(tmp_path, n_done=3):
    """Start a run in another process, kill it without warning, and say which trials it had told as done."""
    code = f"""
run = wb.optimize(f, space, algorithm=wb.TPE(n_startup=3), n_trials=500, n_workers=2, seed=0, name="r").start()
while run.n_done < {n_done}: time.sleep(0.005)
print(*(k for k in run.trials.told), flush=True)
time.sleep(60)
"""
    process = child(code, tmp_path)
    told = [int(k) for k in process.stdout.readline().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    return told


# ---- kill -9 -------------------------------------------------------------------------------------------------------


def test_after_kill_nine_everything_finished_is_there_and_the_rest_marked_interrupted(tmp_path):
    told = killed_in_mid_run(tmp_path)
    r = wb.open("r")
    assert len(told) >= 3
    assert all(r.trials.by_number[k].state == "complete" and len(r.trials.by_number[k].curve) == 4 for k in told)
    assert {t.state for t in r.trials.by_number.values()} == {"complete", "interrupted"}
    assert r.trials.n_running == 0


def test_after_kill_nine_the_run_goes_on_and_tries_the_interrupted_configurations_again(tmp_path):
    killed_in_mid_run(tmp_path)
    cut = [t.config for t in wb.open("r").trials.by_number.values() if t.state == "interrupted"]
    assert 1 <= len(cut) <= 2
    done = wb.open("r").n_done
    r = wb.open("r", objective=f, n_trials=done + 6)
    assert r.state == "ready"
    r.start().wait(60)
    again = [t.config for t in r.trials.by_number.values() if t.state == "complete"][done:done + len(cut)]
    assert sorted(map(str, again)) == sorted(map(str, cut))
    assert r.n_done == done + 6
    back = wb.open("r")
    assert back.n_done == done + 6
    for k, t in back.trials.by_number.items():
        if r.trials.by_number[k].why is not None:  # chosen in this session: can be asked for again in any later one
            assert back.explain(k).summary() == r.trials.by_number[k].why.summary()
        assert t.saw == r.trials.by_number[k].saw


def test_a_second_kill_while_going_on_loses_nothing_either(tmp_path):
    killed_in_mid_run(tmp_path)
    done = wb.open("r").n_done
    code = f"""
run = wb.open("r", objective=f).start()
while run.n_done < {done} + 3: time.sleep(0.005)
print("ok", flush=True); time.sleep(60)
"""
    process = child(code, tmp_path)
    assert process.stdout.readline() == "ok\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    n = wb.open("r").n_done
    assert n >= done + 3
    r = wb.open("r", objective=f, n_trials=n + 4).start().wait(60)
    assert r.n_done == n + 4
    configurations = [t.config for t in r.trials.by_number.values() if t.state == "complete"]
    assert len({json.dumps(c) for c in configurations}) == len(configurations)  # nothing was tried twice


# ---- torn lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_bytes", [1, 7, 40])
def test_a_torn_last_line_loses_at_most_that_line(n_bytes):
    r = run(curve, name="r", n_trials=5)
    path = Path(r.where)
    content = path.read_bytes()
    path.write_bytes(content[:-n_bytes])  # the last line: the end of trial 4
    seen = wb.open("r")
    assert path.read_bytes() == content[:-n_bytes]  # looking writes nothing
    assert seen.n_done == 4
    more = wb.open("r", objective=curve, n_trials=6).start().wait(20)
    assert more.n_done == 6
    assert wb.open("r").n_done == 6
    torn = list(path.parent.glob("*.torn-*"))
    assert len(torn) == 1
    assert torn[0].read_bytes() == content[:-n_bytes].rsplit(b"\n", 1)[1]


def test_garbage_without_an_end_is_cut_off_too():
    path = Path(run(name="r", n_trials=3).where)
    with path.open("ab") as file:
        file.write(b'{"op_code":6,"trial_id":0,"val\xff\xfe')
    assert wb.open("r").n_done == 3
    assert wb.open("r", objective=loss, n_trials=4).start().wait(20).n_done == 4


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.8])
def test_a_journal_cut_anywhere_opens_or_says_why_not(cut):
    path = Path(run(curve, name="r", n_trials=6).where)
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * cut)])
    r = wb.open("r", objective=curve, n_trials=6).start().wait(20)
    assert r.n_done == 6


# ---- full disks and read-only folders ------------------------------------------------------------------------------


class Disk:
    """Makes writes of the journal fail, after some bytes, as a full disk does."""

    def __init__(self, monkeypatch, error=errno.ENOSPC, n_written=0, when="write"):
        self.full = False
        disk, real = self, open

        class Torn:
            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.file.close()

            def write(self, data):
                if disk.full and when == "write":
                    self.file.write(data[:n_written])
                    self.file.flush()
                    raise OSError(error, os.strerror(error))
                return self.file.write(data)

            def __getattr__(self, name):
                return getattr(self.file, name)

        def opened(path, mode="r", *args, **kwargs):
            file = real(path, mode, *args, **kwargs)
            return Torn(file) if "a" in mode and str(path).endswith(".journal") else file

        def fsync(fd):
            if disk.full and when == "fsync":
                raise OSError(error, os.strerror(error))

        monkeypatch.setattr(journal_file, "open", opened, raising=False)
        monkeypatch.setattr(journal_file.os, "fsync", fsync)


@pytest.mark.parametrize(("n_written", "when"), [(0, "write"), (25, "write"), (0, "fsync")])
@pytest.mark.parametrize("objective", [loss, curve], ids=["function", "generator"])
def test_a_full_disk_pauses_the_run_and_nothing_told_is_lost(monkeypatch, objective, n_written, when):
    disk = Disk(monkeypatch, n_written=n_written, when=when)
    r = make(objective, name="r", n_trials=12, n_workers=2)
    for _ in range(4):
        r.step()
    disk.full = True
    r.start()
    with pytest.raises(wb.StorageError, match="No space left"):
        r.wait(20)
    assert r.state == "paused"
    assert "make room" in r.detail
    assert r.n_done >= 4
    told = {t.number: t.loss for t in r.trials.by_number.values() if t.state == "complete"}
    r.resume()  # still full: it pauses again
    until(lambda: r.state == "paused")
    disk.full = False
    r.resume().wait(20)
    assert r.state == "done"
    assert r.n_done == 12
    back = wb.open("r")
    assert back.n_done == 12
    assert {k: back.trials.by_number[k].loss for k in told} == told
    assert sorted(map(str, configs(back))) == sorted(map(str, configs(r)))
    assert all(len(t.curve) == (3 if objective is curve else 0) for t in back.trials.by_number.values())


def test_a_run_stopped_on_a_full_disk_writes_what_it_owes_when_it_goes_on(monkeypatch):
    disk = Disk(monkeypatch)
    gate = Gate()
    r = make(gate, name="r", n_trials=5).start()
    until(lambda: gate.n == 1)
    disk.full = True
    gate.open.set()
    until(lambda: r.state == "paused")
    r.stop().wait(10)
    assert (r.state, r.n_done) == ("stopped", 1)
    assert "No space left" in r.detail
    disk.full = False
    r.start().wait(20)
    assert r.n_done == 5
    assert wb.open("r").n_done == 5


def test_a_full_disk_pauses_an_optuna_objective_too(monkeypatch):
    disk = Disk(monkeypatch)

    def objective(trial):
        return trial.suggest_float("x", 0, 1)

    r = make(objective, None, algorithm=wb.Random(), name="r", n_trials=6)
    r.step()
    disk.full = True
    r.start()
    until(lambda: r.state == "paused")
    assert "No space left" in r.detail
    disk.full = False
    r.resume().wait(20)
    assert r.state == "done"


def test_a_folder_that_becomes_read_only_pauses_the_run(monkeypatch):
    disk = Disk(monkeypatch, error=errno.EROFS)
    r = make(name="r", n_trials=4)
    r.step()
    disk.full = True
    r.start()
    until(lambda: r.state == "paused")
    assert "Read-only file system" in r.detail
    r.stop().wait(10)


def test_a_folder_that_cannot_be_made_is_an_error_with_ways_out(tmp_path):
    (tmp_path / "runs").write_text("a file, no folder")
    with pytest.raises(wb.StorageError, match="leave the name out"):
        make(name="r")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error_with_ways_out(tmp_path):
    (tmp_path / "runs").mkdir(mode=0o555)
    with pytest.raises(wb.StorageError, match="leave the name out"):
        make(name="r")


def test_a_run_in_a_folder_without_write_permission_can_be_looked_at(tmp_path, monkeypatch):
    run(name="r", n_trials=3)

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(store, "mend", refuse)
    monkeypatch.setattr(journal_file.JournalFileBackend, "append_logs", refuse)
    assert wb.open("r").n_done == 3


# ---- two kernels ---------------------------------------------------------------------------------------------------


def test_a_second_kernel_watches_live_and_never_writes(tmp_path):
    code = """
run = wb.optimize(f, space, algorithm=wb.Random(), n_trials=400, seed=0, name="r").start()
print("started", flush=True)
input(); run.stop().wait(10); print(run.n_done, flush=True); input()
"""
    process = child(code, tmp_path)
    assert process.stdout.readline() == "started\n"
    until((tmp_path / "runs" / "r.journal").exists)
    for objective in (None, f):
        r = wb.open("r", objective=objective)
        assert (r.state, r.read_only) == ("watching", True)
        assert "another process" in r.detail
        n = r.n_done
        until(lambda r=r, n=n: r.n_done > n + 2)  # it follows live
        with pytest.raises(wb.RunError, match="only be watched"):
            r.start()
        r.close()
    process.stdin.write("\n")
    process.stdin.flush()
    n = int(process.stdout.readline())
    workers = {json.loads(line)["worker_id"].rsplit("-", 1)[0]
               for line in (tmp_path / "runs" / "r.journal").read_text().splitlines()}
    assert len(workers) == 1  # one process has written
    mine = wb.open("r", objective=f, n_trials=n + 2)  # it has stopped: now this kernel may go on
    mine.start().wait(20)
    assert mine.n_done == n + 2
    process.communicate("\n")


def test_starting_what_another_kernel_has_opened_meanwhile_is_refused(tmp_path):
    r = run(name="r", n_trials=3)
    process = child('r = wb.open("r", objective=f); print(r.state, flush=True); input()', tmp_path)
    assert process.stdout.readline() == "done\n"
    with pytest.raises(wb.RunError, match="another process"):
        r.start()
    process.communicate("\n")


# ---- objectives ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["function", "generator", "optuna"])
def test_an_objective_that_hangs_is_failed_in_time_and_stop_stays_possible(kind):
    gate = Gate()

    def generator(config):
        yield 1.0
        yield gate(config)

    def define_by_run(trial):
        trial.report(trial.suggest_float("lr", 0, 1), 0)
        return gate({"lr": 0.1, "depth": 1})

    objective, space = {"function": (gate, SPACE), "generator": (generator, SPACE),
                        "optuna": (define_by_run, None)}[kind]
    r = make(objective, space, trial_timeout=0.15, n_trials=3, algorithm=wb.Random()).start().wait(20)
    assert [e.state for e in ends(r)] == ["failed"] * 3
    assert all("time limit" in e.error for e in ends(r))
    r = make(objective, space, n_trials=3, algorithm=wb.Random()).start()
    until(lambda: len(r.trials) == 1)
    time.sleep(0.05)
    r.stop().wait(10)
    assert r.state == "stopped"
    gate.open.set()


BAD = [(lambda c: 1 / 0, "ZeroDivisionError"), (lambda c: None, "got None"), (lambda c: "0.3", "the text '0.3'"),
       (lambda c: float("nan"), "nan"), (lambda c: np.zeros(10**7), "10000000 elements"),
       (lambda c: (_ for _ in ()).throw(RuntimeError("<script>alert('🎉')</script>")), "<script>alert('🎉')"),
       (lambda c: exec("raise MemoryError"), "MemoryError"), (lambda c: [], "list")]


@pytest.mark.parametrize(("objective", "says"), BAD, ids=[says for _, says in BAD])
def test_bad_objectives_fail_their_trials_keep_the_error_and_the_run_goes_on(objective, says):
    r = run(objective, name="r", n_trials=3)
    assert [e.state for e in ends(r)] == ["failed"] * 3
    back = wb.open("r")
    for t in back.trials.by_number.values():
        assert says in t.error
        assert t.error == r.trials.by_number[t.number].error
    assert "<script>" not in back._repr_html_()
    assert back.best is None


def test_infinite_losses_survive_the_file():
    run(lambda c: np.inf if c["depth"] > 4 else -np.inf if c["depth"] == 1 else 1.0, name="r", n_trials=15)
    back = wb.open("r")
    assert set(back.frame()["value"]) == {np.inf, -np.inf, 1.0}
    assert back.best.loss == 1.0
    more = wb.open("r", objective=loss, algorithm=wb.GPBO(n_startup=2), n_trials=17).start().wait(60)
    assert more.n_done == 17


def test_an_error_text_of_a_gigabyte_is_kept_in_part():
    def f(config):
        raise ValueError("x" * 3_000_000)

    run(f, name="r", n_trials=1)
    assert Path("runs/r.journal").stat().st_size < 100_000
    assert "[…]" in wb.open("r").trials.by_number[0].error


def test_an_objective_that_prints_without_end_does_not_flood_the_log():
    def f(config):
        for _ in range(20_000):
            print("x" * 100)
        return 0.0

    r = run(f, n_trials=2)
    assert sum(isinstance(e, Printed) for e in r.log) <= 2 * 201


def test_five_thousand_events_a_second_from_eight_threads_all_arrive():
    log, rounds = EventLog(), 625

    def write(k):
        for i in range(rounds):
            log.append(TrialReported(k, i, float(i)))

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    start = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert time.monotonic() - start < 1.0 * 5  # 5,000 events; the wide margin is for a busy machine
    for k in range(8):
        assert [e.step for e in log if e.trial == k] == list(range(rounds))


def test_names_and_values_may_hold_html_quotes_and_emoji(tmp_path):
    name = "<img src=x onerror=\"alert('1')\"> 🎉 \\ ' \" \n"
    space = wb.Space({name: wb.Choice("<b>", "'\"", "🎉"), "x": wb.Float(0, 1, when={name: ["<b>", "🎉"]})})
    r = run(lambda c: c.get("x", 2.0), space, name=name, n_trials=8)
    back = wb.open(name)
    assert back.space == space
    assert configs(back) == configs(r)
    scope = {}
    exec(back.export("python"), scope)  # our own text
    assert scope["space"] == space
    assert "<img" not in back._repr_html_()
    r.log.save(tmp_path / "log")
    assert EventLog.load(tmp_path / "log")[0] == r.log[0]


# ---- hostile files -------------------------------------------------------------------------------------------------


def rewritten(edit):
    """A journal whose operations were changed by ``edit``."""
    path = Path(run(curve, name="r", n_trials=3).where)
    lines = [edit(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines if line is not None))


def attr(key, value):
    def edit(op):
        if key in op.get("user_attr", {}):
            op["user_attr"][key] = value
        if key in op.get("user_attrs", {}):
            op["user_attrs"][key] = value
        return op
    return edit


@pytest.mark.parametrize(("key", "value"), [
    ("wb:spaces", "[]"), ("wb:spaces", '[{"version": 99}]'), ("wb:spaces", "not json"), ("wb:spaces", 7),
    ("wb:spaces", '[{"version": 1, "params": [{"name": "x", "type": "code", "run": "import os"}]}]'),
    ("wb:spaces", "[" * 50_000), ("wb:algorithms", '[{"type": "os.system"}]'), ("wb:algorithms", '["x"]'),
    ("wb:algorithms", '[{"type": "GPBO", "n_startup": "many", "evil": 1}]'), ("wb:settings", "{}"),
    ("wb:settings", '{"seed": "x"}'), ("wb:settings", "null"),
    ("wb:settings", '{"seed": 0, "n_trials": 3, "n_workers": 1, "space": -1, "algorithm": 0, "timeout": null, '
                    '"trial_timeout": null}'),
])
def test_malformed_settings_in_a_file_are_refused_in_words(key, value):
    rewritten(attr(key, value))
    with pytest.raises(wb.StorageError, match="malformed|algorithms are|cannot be made|kept as|not written"):
        wb.open("r")


@pytest.mark.parametrize("value", [7, {}, {"told": "x"}, {"told": 1, "pending": 3}, [], {"told": 10**9},
                                   {"told": 1, "space": 99}, {"told": -5}])
def test_malformed_notes_of_a_trial_are_refused_in_words_or_harmless(value):
    rewritten(attr(KEY, value))
    with contextlib.suppress(wb.StorageError):  # any other error would be a crash
        assert wb.open("r").n_done == 3


@pytest.mark.parametrize("edit", [
    lambda op: {**op, "op_code": 77},
    lambda op: {k: v for k, v in op.items() if k != "op_code"},
    lambda op: {**op, "distributions": {"lr": "{\"name\": \"os.system\", \"attributes\": {}}"}},
    lambda op: {**op, "datetime_start": "yesterday"} if "datetime_start" in op else op,
    lambda op: [op],
], ids=["unknown operation", "no operation", "foreign distribution", "no date", "a list"])
def test_a_hostile_journal_is_refused_in_words_and_nothing_in_it_runs(edit, monkeypatch):
    rewritten(edit)
    monkeypatch.setattr(os, "system", lambda *_: pytest.fail("executed"))
    with pytest.raises(wb.StorageError, match="r.journal"):
        wb.open("r")


def test_a_pickle_in_a_file_is_never_loaded(monkeypatch):
    import pickle

    hexed = pickle.dumps(Path("evil")).hex()

    def edit(op):
        if "user_attrs" in op:
            op["system_attrs"] = {"cma:optimizer:0": hexed, "cma:n": 1}
        return op

    rewritten(edit)
    monkeypatch.setattr(pickle, "loads", lambda *_: pytest.fail("unpickled"))
    assert wb.open("r").n_done == 3
    try:
        sampler = optuna.samplers.CmaEsSampler(seed=0)
    except ImportError:
        sampler = object.__new__(optuna.samplers.CmaEsSampler)
    with pytest.raises(wb.StorageError, match="unpickle"):
        wb.open("r", objective=curve, algorithm=sampler)


@pytest.mark.parametrize("value", [55.0, "x", None])
def test_values_outside_the_space_in_a_file_are_shown_but_not_told_to_the_algorithm(value):
    def edit(op):
        if op.get("params"):
            op["params"]["lr"] = value
            op["distributions"]["lr"] = op["distributions"]["lr"].replace('"high": 0.1', '"high": 100.0')
        return op

    rewritten(edit)
    r = wb.open("r")
    assert [c["lr"] for c in configs(r)] == [value] * 3
    assert len(r.history()) == 0
    assert wb.open("r", objective=curve, algorithm=wb.GPBO(n_startup=2), n_trials=6).start().wait(60).n_done == 6


def test_no_state_change_is_without_words_when_something_went_wrong():
    r = run(lambda c: 1 / 0, n_trials=2)
    assert r.state == "done"
    changes = [e for e in r.log if isinstance(e, StateChanged)]
    assert changes[-1].state == "done"
    assert all(e.error for e in ends(r))
