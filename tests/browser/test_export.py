"""Taking results out in real JupyterLab: downloads of every kind, saving beside the notebook, the report offline, and what a saved
notebook shows."""

import base64
import json
import re

import nbformat
import pytest
from playwright.sync_api import expect

TUNED = """
NAME = None
import workbench as wb
from sklearn.datasets import load_iris
from sklearn.svm import SVC
X, y = load_iris(return_X_y=True)
run = wb.tune(SVC(), X, y, algorithm=wb.Random(), n_trials=12, seed=0, name=NAME)
run.start().wait()
run
"""
SLOW = """
import time
import workbench as wb
def objective(c):
    time.sleep(0.05)
    return (c["x"] - 0.3) ** 2 + 1
run = wb.optimize(objective, wb.Space(x=wb.Float(0, 1)), algorithm=wb.Random(), n_trials=40, seed=0)
run
"""


def out(page):
    return page.locator(".wb-panel").first


def export(page):
    out(page).get_by_role("tab", name="Export", exact=True).click()
    panel = page.locator(".wb-exports")
    expect(panel).to_be_visible()
    return panel


def download(page, panel, thing, tmp_path, kind=None):
    panel.get_by_role("radio", name=thing, exact=True).check()
    if kind:
        panel.get_by_label("Kind of file").select_option(kind)
    with page.expect_download() as waiting:
        panel.get_by_role("button", name="Download", exact=True).click()
    got = waiting.value
    path = tmp_path / got.suggested_filename
    got.save_as(path)
    return path


def both(notebook, page, name):
    for theme in (notebook.dark, notebook.light):
        theme(page)
        page.wait_for_timeout(500)
        out(page).screenshot(path=notebook.path(f"-{name}-{theme.__name__}"))


def test_every_kind_of_file_comes_out_whole(notebook, tmp_path):
    page = notebook([TUNED.replace("None", "'iris svm'")])
    expect(out(page)).to_contain_text("Done", timeout=60_000)
    panel = export(page)
    expect(panel.locator(".wb-preview")).to_contain_text("trial,state,value")
    expect(panel.locator(".wb-preview")).to_contain_text("\n11,complete")
    both(notebook, page, "csv")
    csv = download(page, panel, "Table of trials", tmp_path)
    assert csv.name == "iris-svm-trials.csv"
    assert len(csv.read_text().splitlines()) == 13
    assert len(json.loads(download(page, panel, "All results", tmp_path).read_text())["trials"]) == 12
    code = download(page, panel, "Python code", tmp_path)
    assert "X, y = load_iris(return_X_y=True)" in code.read_text()
    expect(panel.locator(".wb-preview")).to_contain_text("load_iris")
    assert download(page, panel, "Recording", tmp_path).read_text().count('"TrialFinished"') == 12

    panel.get_by_role("radio", name="Picture", exact=True).check()
    page.wait_for_function("document.querySelector('.wb-previewed .js-plotly-plot')?.data?.length > 1")
    panel.get_by_label("Which picture").select_option("contour")
    page.wait_for_function("document.querySelector('.wb-previewed .js-plotly-plot')?.data?.some(t => t.name === 'map')")
    both(notebook, page, "figure")
    png = download(page, panel, "Picture", tmp_path, "png")
    assert png.name == "iris-svm-contour.png"
    assert png.read_bytes().startswith(b"\x89PNG")
    notebook.dark(page)
    svg = download(page, panel, "Picture", tmp_path, "svg").read_text()
    assert "<svg" in svg
    assert re.search(r"fill: rgb\(33, 33, 33\)", svg)  # the dark theme's paper, not a transparent one
    notebook.light(page)
    html = download(page, panel, "Picture", tmp_path, "html").read_text()
    assert "plotly.js v" in html

    model = download(page, panel, "Fitted model", tmp_path)
    assert model.name == "iris-svm-model.joblib"
    joblib = pytest.importorskip("joblib")
    assert joblib.load(model).n_features_in_ == 4
    expect(panel.locator(".wb-preview")).to_contain_text("joblib.load('iris-svm-model.joblib')")
    both(notebook, page, "model")

    # saved beside the notebook, and not over a file without being told so
    panel.get_by_label("File name").fill("mine.joblib")
    panel.get_by_role("button", name="Save beside the notebook").click()
    expect(panel.locator(".wb-given")).to_contain_text("mine.joblib.json says what it is")
    assert {"mine.joblib", "mine.joblib.json"} <= {p.name for p in page.file.parent.iterdir()}
    panel.get_by_role("button", name="Save beside the notebook").click()
    expect(panel.locator(".wb-given")).to_contain_text("There is a file mine.joblib already.")
    panel.get_by_role("button", name="Replace").click()
    expect(panel.locator(".wb-given")).to_contain_text("Saved")
    panel.get_by_role("radio", name="Picture", exact=True).check()
    panel.get_by_label("Kind of file").select_option("png")
    panel.get_by_label("File name").fill("none/x.png")
    panel.get_by_role("button", name="Save beside the notebook").click()
    expect(panel.locator(".wb-given.wb-bad")).to_contain_text("there is no folder")

    # the report, opened from the disk by a browser that has no network
    report = download(page, panel, "Report", tmp_path)
    assert report.name == "iris-svm-report.html"
    context = notebook.context.browser.new_context(offline=True)
    said = []
    alone = context.new_page()
    alone.on("console", lambda m: said.append(m.text))
    alone.on("pageerror", lambda e: said.append(str(e)))
    alone.goto(report.as_uri())
    expect(alone.locator("h1")).to_have_text("Run iris svm")
    alone.locator("#coordinates").scroll_into_view_if_needed()
    alone.wait_for_function("document.querySelector('#progress')?.data?.length > 1 && document.querySelector('#coordinates')?.data")
    first = alone.locator(".sortable tbody tr th").first
    alone.locator(".sortable thead button", has_text="value").click()
    expect(alone.locator(".sortable tbody tr").first).to_have_class("best")
    assert "★" in first.inner_text()
    assert alone.locator("[data-title*='hare']").count() == 0  # no button that uploads
    assert said == []
    context.close()


def test_a_picture_can_be_saved_from_its_own_buttons(notebook, tmp_path):
    page = notebook([TUNED])
    expect(out(page)).to_contain_text("Done", timeout=60_000)
    page.wait_for_function("document.querySelector('.wb-progress .js-plotly-plot')?.data?.length > 1")
    page.locator(".wb-progress .js-plotly-plot").hover()
    for kind, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as waiting:
            page.locator(f".wb-progress [data-title='Download as {kind}']").click()
        waiting.value.save_as(tmp_path / "x")
        assert (tmp_path / "x").read_bytes().startswith(start)
        assert waiting.value.suggested_filename == f"Best-so-far.{kind.lower()}"


def test_a_saved_notebook_holds_the_last_state_and_the_panel_stays_as_it_is(notebook):
    page = notebook([SLOW])
    expect(out(page)).to_contain_text("Ready")
    out(page).get_by_role("tab", name="Trials", exact=True).click()
    page.evaluate("document.querySelector('.wb-panel').mine = true")
    out(page).get_by_role("button", name="Start").click()
    out(page).get_by_label("Number of trials").focus()
    expect(out(page)).to_contain_text("Done")

    def kept():
        notebook.save(page)
        return nbformat.read(page.file, as_version=4).cells[0].outputs

    page.wait_for_function("document.querySelector('[data-wb-last]')?.textContent.includes('done, 40 / 40 trials')")
    page.wait_for_function("document.querySelector('[data-wb-last] img') !== null")
    outputs = kept()
    assert [o.output_type for o in outputs] == ["display_data", "execute_result"]
    html = outputs[0].data["text/html"]
    assert "done, 40 / 40 trials" in html
    assert html.count("<tr") == 12  # two lines of heads, ten trials
    png = base64.b64decode(re.search(r"data:image/png;base64,([^\"]+)", html)[1])
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    # the live panel was not touched: same element, same tab, same focus; the static form is not seen beside it
    assert page.evaluate("document.querySelector('.wb-panel').mine === true")
    assert out(page).get_by_role("tab", name="Trials", exact=True).get_attribute("aria-selected") == "true"
    expect(out(page).get_by_label("Number of trials")).to_be_focused()
    assert page.locator("[data-wb-last]").is_visible() is False
    notebook.shot(page, "-live")

    # without the kernel: the last state, in the trusted notebook of its author and in somebody's copy
    notebook.lab.get(f"kernels/{notebook.lab.get('kernels')[0]['id']}", "DELETE")
    for trusted in (True, False):
        if not trusted:
            book = nbformat.read(page.file, as_version=4)
            book.cells[0].outputs[0].data["text/html"] += "<!-- changed: no longer trusted -->"
            nbformat.write(book, page.file)
        again = notebook.context.new_page()
        again.goto(f"{notebook.lab.url}/lab/tree/{page.file.name}?token={notebook.lab.token}&reset")
        last = again.locator(".jp-OutputArea").get_by_text("done, 40 / 40 trials")
        expect(last).to_be_visible()
        expect(again.locator(".jp-OutputArea img")).to_be_visible()
        again.wait_for_timeout(3500)
        notebook.shot(again, f"-reopened-{'trusted' if trusted else 'untrusted'}")
        again.close()
