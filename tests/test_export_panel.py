"""The export tab: what it offers, previews, files for the page and for the disk, errors in place; and the last state."""

import json
import time
from types import SimpleNamespace

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

import workbench as wb
from workbench_widgets import export_panel, last_state
from workbench_widgets.export_panel import ExportPanel
from workbench_widgets.last_state import LastState
from workbench_widgets.live_figure import LiveFigure
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SPACE = wb.Space(x=wb.Float(0, 1), k=wb.Choice("a", "<b>"))


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def run_of(n_trials=6, **settings):
    return wb.optimize(lambda c: c["x"], SPACE, algorithm=wb.Random(), n_trials=n_trials, seed=0, **settings)


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    panels = []

    def panel(run=None, **settings):
        made = ExportPanel(run or run_of().start().wait(20), **settings)
        made.sent = []
        made.send = lambda content, buffers=None: made.sent.append((content, buffers))
        panels.append(made)
        return made

    yield panel
    for p in panels:
        p.close()


@pytest.fixture(scope="module")
def tuned():
    X, y = load_iris(return_X_y=True)
    return wb.tune(SVC(), X, y, algorithm=wb.Random(), n_trials=2, seed=0, cv=2).start().wait(30)


def choose(panel, what, kind, view="progress"):
    panel.command({"cmd": "choose", "what": what, "format": kind, "view": view})


def get(panel, what, kind, view="progress", to="download"):
    panel.command({"cmd": "get", "what": what, "format": kind, "view": view, "to": to})
    until(lambda: panel.sent and not panel.busy)
    content, [data] = panel.sent.pop()
    assert content["to"] == to
    return content["mime"], data


def save(panel, what, kind, file, *, buffers=(), **more):
    panel.command({"cmd": "save", "what": what, "format": kind, "view": "progress", "file": file, **more}, buffers)
    until(lambda: panel.said and not panel.busy)
    said, panel.said = panel.said, {}
    return said


def test_a_fitted_model_is_offered_for_runs_of_tune_alone(make, tuned):
    assert [e["key"] for e in make().things] == ["csv", "json", "python", "figure", "report", "events"]
    assert "estimator" in [e["key"] for e in make(tuned).things]


def test_a_tab_makes_nothing_before_it_is_opened(make):
    panel = make(front=False)
    pump.tick()
    assert panel.shown["text"] == ""
    assert not panel.waits
    panel.front = True
    panel.draw()
    until(lambda: panel.shown["text"].startswith("trial,state,value"))
    until(lambda: not panel.waits)


@pytest.mark.parametrize(("what", "kind", "start"), [("csv", "csv", "trial,state"), ("json", "json", "{"), ("python", "py", "import"),
                                                    ("events", "jsonl", '{"event"')])
def test_previews_are_the_first_lines_of_what_is_exported(make, monkeypatch, what, kind, start):
    monkeypatch.setattr(export_panel, "LINES", 5)
    panel = make()
    choose(panel, what, kind)
    until(lambda: panel.shown["what"] == what and panel.shown["text"].startswith(start))
    whole = panel.run.export(what)
    assert panel.shown["text"] == "\n".join(whole.split("\n")[:5])
    assert f"of {whole.count(chr(10))} lines" in panel.shown["note"]


def test_a_preview_follows_the_run(make, monkeypatch):
    monkeypatch.setattr(export_panel, "EVERY_S", 0.05)
    run = run_of()
    panel = make(run)
    until(lambda: "All 1 lines" in panel.shown["note"])
    run.start().wait(20)
    until(lambda: "All 7 lines" in panel.shown["note"])


def test_the_picture_that_is_previewed_is_the_runs_own(make):
    panel = make()
    choose(panel, "figure", "png", "contour")
    until(lambda: panel.live.title() == panel.run.figure("contour").layout.title.text)
    assert ["contour", "Contour"] in panel.shown["views"]
    assert "gantt" not in dict(panel.shown["views"])
    choose(panel, "figure", "png", "gantt")
    until(lambda: "no scheduler" in str(panel.live.spec["layout"].get("annotations")))


def test_files_for_the_page_are_whole(make, tuned):
    panel = make(tuned)
    assert get(panel, "csv", "csv") == ("text/csv", tuned.export("csv").encode())
    assert get(panel, "json", "json") == ("application/json", tuned.export("json").encode())
    mime, page = get(panel, "report", "html")
    assert mime == "text/html"
    assert page.count(b"<h1>") == 1
    assert b"Plotly.newPlot" in get(panel, "figure", "html", "coordinates")[1]
    _, model = get(panel, "estimator", "skops")
    assert model.startswith(b"PK")
    choose(panel, "estimator", "joblib")
    until(lambda: "SVC, trial" in panel.shown["text"])
    mime, code = get(panel, "estimator", "joblib", to="copy")
    assert (mime, b"joblib.load('run-model.joblib')" in code) == ("text/plain", True)
    until(lambda: panel.shown["text"] == code.decode())


def test_files_are_saved_where_the_kernel_works_and_the_answer_says_where(make, tuned, tmp_path):
    panel = make(tuned)
    said = save(panel, "csv", "csv", "t.csv")
    assert str(tmp_path / "t.csv") in said["text"]
    assert (tmp_path / "t.csv").read_text() == tuned.export("csv")
    assert "m.joblib.json says what it is" in save(panel, "estimator", "joblib", "m.joblib")["text"]
    assert joblib.load(tmp_path / "m.joblib").n_features_in_ == 4
    save(panel, "figure", "png", "p.png", buffers=[b"\x89PNG of the page"])
    assert (tmp_path / "p.png").read_bytes() == b"\x89PNG of the page"


def test_a_file_is_not_written_over_without_a_word(make, tmp_path):
    panel = make()
    (tmp_path / "t.csv").write_text("old")
    assert save(panel, "csv", "csv", "t.csv")["exists"] == "t.csv"
    assert (tmp_path / "t.csv").read_text() == "old"
    assert "Saved" in save(panel, "csv", "csv", "t.csv", replace=True)["text"]
    assert (tmp_path / "t.csv").read_text().startswith("trial")


@pytest.mark.parametrize(("what", "kind", "file", "error"), [
    ("csv", "csv", "none/t.csv", "no folder"), ("csv", "csv", " ", "needs a name"), ("csv", "csv", ".", "is a folder"),
    ("figure", "png", "p.png", "sent no picture"), ("estimator", "joblib", "m.joblib", "no export 'estimator'"),
    ("csv", "xlsx", "t.xlsx", "as 'xlsx'")])
def test_what_goes_wrong_is_said_in_place(make, what, kind, file, error):
    assert error in save(make(), what, kind, file)["error"]


def test_an_error_while_a_file_is_made_is_said_and_the_panel_goes_on(make, monkeypatch):
    panel = make()
    monkeypatch.setattr(panel.run, "report", lambda: 1 / 0)
    panel.command({"cmd": "get", "what": "report", "format": "html", "view": "progress", "to": "download"})
    until(lambda: "ZeroDivisionError" in panel.said.get("error", ""))
    until(lambda: not panel.busy)
    assert get(panel, "csv", "csv")[1].startswith(b"trial")


def test_nothing_slow_is_done_by_the_pump(make, monkeypatch):
    panel = make(front=False)
    monkeypatch.setattr(panel.run, "export", lambda kind: time.sleep(0.4) or "text")
    panel.command({"cmd": "get", "what": "csv", "format": "csv", "view": "progress", "to": "copy"})
    until(lambda: panel.busy.get("doing") == "Making the file")
    began = time.monotonic()
    panel.draw()
    assert time.monotonic() - began < 0.2
    until(lambda: not panel.busy)
    assert panel.sent[0][1] == [b"text"]


def test_a_recording_can_be_taken_out_too(make, tmp_path):
    run = run_of().start().wait(20)
    run.export("events", tmp_path / "r.jsonl")
    recording = wb.replay(tmp_path / "r.jsonl")
    panel = make(recording)
    assert get(panel, "csv", "csv")[1].decode() == run.export("csv")
    assert get(panel, "events", "jsonl")[1].decode() == run.export("events")
    assert len(json.loads(get(panel, "json", "json")[1])["trials"]) == 6
    assert b"<h1>" in get(panel, "report", "html")[1]


def test_the_panel_of_a_run_has_the_tab():
    panel = RunPanel(run_of())
    try:
        assert isinstance(panel.pages["export"], ExportPanel)
        assert panel.parts["export"] is panel.pages["export"]
        assert not panel.pages["export"].front
        panel.bring_to_front("export")
        assert panel.pages["export"].front
    finally:
        panel.close()


# ---- the last state ----------------------------------------------------------------------------------------------------


@pytest.fixture
def published(monkeypatch):
    """Outputs as a notebook would get them: [key, html, update]."""
    sent = []

    def publish(data, metadata, transient, update):
        sent.append((transient["display_id"], data["text/html"], update))

    shell = SimpleNamespace(kernel=object(), display_pub=SimpleNamespace(publish=publish))
    monkeypatch.setattr(last_state, "_notebook", lambda: shell)
    return sent


def test_without_a_notebook_the_panel_itself_has_the_static_form():
    panel = RunPanel(run_of())
    try:
        data, _ = panel._repr_mimebundle_()
        assert "No trial yet" in data["text/html"]
        assert panel.last_state == ""
    finally:
        panel.close()


def test_in_a_notebook_the_static_form_is_an_output_of_its_own_and_follows_the_run(published):
    panel = RunPanel(run_of())
    try:
        data, _ = panel._repr_mimebundle_()
        assert "text/html" not in data
        assert panel.last_state
        (key, html, update), = published
        assert (key, update) == (panel.last_state, False)
        assert "No trial yet" in html
        assert f"data-wb-last='{key}'" in html
        panel.run.start().wait(20)
        until(lambda: any("done, 6 / 6 trials" in html for _, html, update in published if update))
        assert {k for k, *_ in published} == {key}
        live = panel.figures["progress"].live
        until(lambda: live._takers)
        live._handle_custom_msg({"type": "image", "id": next(iter(live._takers))}, [memoryview(b"png")])
        assert published[-1][1].count('src="data:image/png;base64,cG5n"') == 1
        n = len(published)
        panel.draw()
        time.sleep(0.1)
        assert len(published) == n  # nothing new: nothing sent
    finally:
        panel.close()


def test_while_it_goes_on_the_last_state_is_renewed_now_and_then_without_a_picture(published, monkeypatch):
    live = LiveFigure({"data": [], "layout": {}})
    state = LastState(lambda: "<p>state</p>", live)
    state.follow(1, rests=True)
    assert published == []  # not displayed yet
    state.publish()
    state.follow(2, rests=False)
    until(lambda: len(published) == 2)
    state.follow(3, rests=False)
    time.sleep(0.05)
    assert len(published) == 2
    monkeypatch.setattr(last_state, "EVERY_S", 0.0)
    state.follow(3, rests=False)
    until(lambda: len(published) == 3)
    assert not live._takers
    state.follow(3, rests=True)
    until(lambda: live._takers)


def test_a_picture_of_an_earlier_moment_is_not_shown_with_a_later_one(published):
    live = LiveFigure({"data": [], "layout": {}})
    state = LastState(lambda: "<p>state</p>", live)
    state.publish()
    state.follow(1, rests=True)
    until(lambda: live._takers)
    (asked,) = live._takers
    live._handle_custom_msg({"type": "image", "id": asked}, [b"one"])
    assert "b25l" in published[-1][1]
    state.follow(2, rests=True)
    until(lambda: live._takers)
    assert "base64" not in published[-1][1]
