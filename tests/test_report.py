"""Pictures by name, the report in one file, and the other exports."""

import json
import math
import re
import threading
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import workbench as wb
from workbench import files
from workbench.errors import RunError, StorageError
from workbench.fidelity.curve_stop import CurveStop
from workbench.figures import KINDS

OF_PARAMETERS = ["importance", "ped_anova", "local_importance", "tunability", "ablation"]
EVIL = "</script><b onclick=alert(1)>'\"&"
SPACE = wb.Space({"lr": wb.Float(1e-5, 1e-1, log=True), EVIL: wb.Choice("adam", EVIL), "layers": wb.Int(1, 6)})


def loss(config):
    if config["lr"] > 5e-2:
        raise ValueError(f"diverged {EVIL}")
    return 0.1 + (math.log10(config["lr"]) + 3) ** 2 + config["layers"] / 8


def curve(config):
    for k in range(9):
        yield loss({**config, "lr": config["lr"] / 4}) + 1 / (k + 1)


def run_of(objective=loss, space=SPACE, **settings):
    settings = {"algorithm": wb.Random(), "n_trials": 24, "seed": 0, **settings}
    return wb.optimize(objective, space, **settings).start().wait(60)


@pytest.fixture(scope="module")
def plain():
    return run_of(algorithm=wb.GPBO(), n_trials=26)


@pytest.fixture(scope="module")
def scheduled():
    return run_of(curve, scheduler=wb.EagerHyperband(9), n_trials=30)


# ---- pictures by name ------------------------------------------------------------------------------------------------


def test_a_run_names_its_pictures_and_draws_each(plain, scheduled):
    assert plain.figures == ["progress", "model", "coordinates", "contour", *OF_PARAMETERS]
    assert scheduled.figures == ["progress", "curves", "coordinates", "contour", "brackets", "gantt", "ranks", *OF_PARAMETERS]
    for run in (plain, scheduled):
        for kind in run.figures:
            fig = run.figure(kind)
            assert isinstance(fig, go.Figure)
            assert len(fig.data) > 0, kind


def test_a_run_that_extrapolates_has_the_pictures_of_its_looks():
    run = run_of(curve, scheduler=CurveStop(9), n_trials=8)
    assert {"forecast", "looks"} <= set(run.figures)
    stopped = run.figure("looks", delta=0.9)
    assert stopped.layout.title.text != run.figure("looks", delta=0.001).layout.title.text
    assert len(run.figure("forecast").data) > 3


def test_settings_of_a_picture_change_it(plain, scheduled):
    assert "layers" in plain.figure("contour", x="layers", y="lr").layout.xaxis.title.text
    assert "layers" in plain.figure("model", x="layers").layout.title.text
    assert plain.figure("model", x="lr", y="layers").data[0].type in ("contour", "heatmap")
    assert any(t.name == "picked" for t in plain.figure("progress", trial=3).data)
    assert plain.figure("importance", x="lr").layout.xaxis.title.text == "lr"
    assert plain.figure("importance", x="lr", y="layers").data[0].type == "heatmap"
    assert "trial 3" in plain.figure("local_importance", trial=3).layout.title.text
    assert plain.figure("ablation", trial=3).layout.yaxis.ticktext[-1] == "trial 3"
    assert "after 1 step" in scheduled.figure("importance", budget=1).layout.title.text
    assert scheduled.figure("curves", log_steps=False).layout.xaxis.type != scheduled.figure("curves").layout.xaxis.type


@pytest.mark.parametrize(("kind", "settings", "message"), [
    ("history", {}, "the pictures of a run are"), ("curves", {}, "no trial has a learning curve.*There are"),
    ("gantt", {}, "no scheduler"), ("progress", {"x": "lr"}, "takes trial, not 'x'.*'contour'"),
    ("contour", {"x": "rate"}, "no parameter 'rate'"), ("contour", {"x": "lr", "y": "lr"}, "two parameters"),
    ("model", {"trial": 999}, "no trial 999"), ("importance", {"x": "rate"}, "no parameter 'rate'"),
    ("importance", {"trial": 1}, "takes x and y and loss and budget, not 'trial'"),
    ("tunability", {"loss": "speed"}, "the loss must be one of")])
def test_what_cannot_be_drawn_is_refused_with_the_way_out(plain, kind, settings, message):
    with pytest.raises(RunError, match=message):
        plain.figure(kind, **settings)


def test_budgets_that_are_no_rungs_are_refused(scheduled):
    with pytest.raises(RunError, match=r"two different ones of \[1, 3, 9\]"):
        scheduled.figure("ranks", budgets=(1, 4))
    assert "1" in scheduled.figure("ranks", budgets=(9, 1)).layout.xaxis2.title.text


def test_marks_of_trials_in_curves_and_maps_carry_their_numbers(plain):
    dots = [t for t in plain.figure("importance", x="lr").data if t.meta == "trials"]
    finite = {t.number for t in plain.trials.by_number.values() if t.state == "complete"}
    assert {int(k) for t in dots for k in t.customdata} == finite


def test_of_few_trials_the_pictures_of_parameters_say_how_many_are_needed():
    run = run_of(n_trials=6)
    assert not set(OF_PARAMETERS) & set(run.figures)
    with pytest.raises(RunError, match="importance needs at least 10 trials with a finite loss, got 6"):
        run.figure("importance")


def test_a_run_without_trials_has_no_pictures_and_says_so():
    run = wb.optimize(loss, SPACE, n_trials=3)
    assert run.figures == []
    with pytest.raises(RunError, match="no trial yet. Start the run"):
        run.figure()


# ---- the report ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """Elements, ids, texts by element; scripts apart."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self.texts, self.attributes, self._now = [], {}, [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        self._now.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self._now and self._now.pop()[0] != tag:
            pass

    def handle_data(self, data):
        tag, attrs = self._now[-1] if self._now else ("", {})
        if tag == "script":
            self.scripts[attrs.get("id", f"script{len(self.scripts)}")] = data
        elif tag != "style":
            self.texts.append(data)


@pytest.fixture(scope="module")
def html(plain):
    return plain.report(title=f"Mine {EVIL}").html


def test_a_report_has_its_sections_headings_and_pictures(plain, html):
    page = Page(html)
    text = " ".join(page.texts)
    assert page.tags.count("h1") == 1
    ids = {v for _, k, v in page.attributes if k == "id"}
    assert {"setting", "best", "pictures", "importance", "trials", "failures", "code", *plain.figures} <= ids
    assert {v.removeprefix("#") for t, k, v in page.attributes if (t, k) == ("a", "href")} <= ids
    assert f"Done · 26 of 26 trials · {plain.trials.n_by_state['failed']} failed · best" in text
    assert "Recommended because" in text or "Recommended here" in text
    assert "numpy" in text
    assert "GPBO()" in text
    assert len(re.findall(r"<tr( class=best)?><th scope='row' data-v=", html)) == 26
    assert "Traceback" in text


def test_the_pictures_in_a_report_are_those_that_figure_draws(plain, html):
    page = Page(html)
    for kind in plain.figures:
        kept = json.loads(page.scripts[f"data-{kind}"])
        theirs = json.loads(plain.figure(kind).to_json())
        assert [t["type"] for t in kept["data"]] == [t["type"] for t in theirs["data"]]
        assert kept["layout"]["title"] == theirs["layout"]["title"]
        assert "template" not in kept["layout"]
    dots = json.loads(page.scripts["data-progress"])["data"][0]
    y = np.frombuffer(__import__("base64").b64decode(dots["y"]["bdata"]), dots["y"]["dtype"])
    complete = [t.loss for t in plain.trials.by_number.values() if t.state == "complete"]
    np.testing.assert_allclose(sorted(y), sorted(complete))


def test_hostile_names_are_texts_in_a_report_and_nothing_else(html):
    page = Page(html)
    assert EVIL not in html
    assert "onclick" not in {k for _, k, _ in page.attributes}
    assert page.tags.count("script") == html.count("</script>") == len(page.scripts)
    assert page.texts.count(EVIL) > 3
    assert f"Mine {EVIL}" in page.texts
    for key, text in page.scripts.items():
        if key.startswith("data-"):
            assert not set("<>&") & set(text)


def test_a_report_asks_for_no_network_and_plotly_is_in_it_once(html):
    page = Page(html)
    assert not [v for t, k, v in page.attributes if k in ("src", "href") and not v.startswith(("#", "data:"))]
    assert len([s for s in page.scripts.values() if "plotly.js v" in s[:200]]) == 1
    assert 4.5e6 < len(html) < 6e6


def test_a_report_of_a_scheduled_run_has_curves_and_brackets(scheduled):
    page = Page(scheduled.report().html)
    assert {"data-curves", "data-brackets", "data-gantt", "data-ranks"} <= set(page.scripts)
    assert "Hyperband" in " ".join(page.texts)


def test_a_report_of_several_losses_shows_the_pareto_set():
    def two(config):
        return {"cost": loss({**config, "lr": config["lr"] / 4}), "size": config["layers"]}

    run = run_of(two, direction={"cost": "minimize", "size": "minimize"})
    text = " ".join(Page(run.report().html).texts)
    assert "Pareto set" in text
    assert f"{len(run.pareto)} in the Pareto set" in text


def test_a_report_before_the_first_trial_says_that_there_is_none():
    html = wb.optimize(loss, SPACE, n_trials=3).report().html
    assert "No trial yet" in html
    assert "plotly.js v" not in html


def test_a_picture_that_fails_is_said_in_its_place(plain, monkeypatch):
    def broken(told, settings):
        raise ZeroDivisionError("half <b>")

    kind = KINDS["contour"]
    monkeypatch.setitem(KINDS, "contour", type(kind)(kind.title, kind.says, broken, kind.missing, kind.takes))
    html = plain.report().html
    assert "It could not be drawn: ZeroDivisionError: half &lt;b&gt;" in html
    assert "id='data-progress'" in html


def test_a_report_can_be_made_while_the_run_goes_on():
    gate = threading.Event()

    def slow(config):
        gate.wait(0.02)
        return config["lr"]

    run = wb.optimize(slow, SPACE, algorithm=wb.Random(), n_trials=2000, seed=0).start()
    try:
        while run.n_done < 3:
            gate.wait(0.01)
        assert "<h1>" in run.report().html
        assert run.state == "running"
    finally:
        run.stop()


def test_many_trials_are_cut_to_the_best_and_it_is_said(plain, monkeypatch):
    monkeypatch.setattr("workbench.report.MAX_ROWS", 5)
    html = plain.report().html
    assert f"The best 5 of {len(plain.trials)}" in html
    assert len(re.findall(r"<tr( class=best)?><th scope='row' data-v=", html)) == 5
    assert "class=best" in html


# ---- files -----------------------------------------------------------------------------------------------------------


def test_a_report_says_where_it_is_and_how_large(plain, tmp_path):
    report = plain.report(tmp_path / "run.html")
    assert report.path == tmp_path / "run.html"
    assert report.path.read_text(encoding="utf-8") == report.html
    assert report.path.stat().st_size == report.n_bytes
    assert "MB" in repr(report)
    assert "run.html" in repr(report)
    assert [p.name for p in tmp_path.iterdir()] == ["run.html"]


def test_a_file_that_cannot_be_written_is_an_error_with_the_way_out(plain, tmp_path):
    with pytest.raises(StorageError, match="no folder"):
        plain.report(tmp_path / "none" / "run.html")
    with pytest.raises(StorageError, match="is a folder"):
        plain.export("csv", tmp_path)
    (tmp_path / "old.csv").write_text("old")
    plain.export("csv", tmp_path / "old.csv")
    assert (tmp_path / "old.csv").read_text().startswith("trial,")


def test_file_names_and_sizes_in_words():
    assert [files.file_stem(n) for n in (None, "mlp · digits", "../../etc", "", "日本")] == ["run", "mlp-digits", "etc", "run", "日本"]
    assert [files.size_text(n) for n in (12, 1234, 999_600, 5_012_345)] == ["12 B", "1.23 kB", "1 MB", "5.01 MB"]
    assert {"python", "numpy", "optuna"} <= set(files.versions())


# ---- the other exports -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["plain", "scheduled"])
def test_a_json_export_read_back_gives_the_space_and_the_table(which, request):
    run = request.getfixturevalue(which)
    data = json.loads(run.export("json"))
    assert wb.Space.from_json(data["space"]) == run.space
    rows = [{"trial": t["trial"], "state": t["state"], "value": np.nan if t["value"] is None else float(t["value"]), **t["config"],
             "steps": t["steps"], "seconds": t["seconds"],
             "error": None if t["error"] is None else t["error"].strip().splitlines()[-1]} for t in data["trials"]]
    read = pd.DataFrame(rows).set_index("trial").sort_index()
    pd.testing.assert_frame_equal(read[run.frame().columns], run.frame(), check_dtype=False)
    assert data["best"]["config"] == run.best.config
    assert data["n_trials"] == run.n_trials
    assert (data["scheduler"] is None) == (which == "plain")
    assert data["versions"]["automl-workbench"]


def test_a_csv_export_read_back_gives_the_table(plain, tmp_path):
    plain.export("csv", tmp_path / "t.csv")
    read = pd.read_csv(tmp_path / "t.csv", index_col="trial")
    pd.testing.assert_frame_equal(read, plain.frame(), check_dtype=False)
