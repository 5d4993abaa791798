"""The published tables: as in the lecture, and the front by brute force."""

import itertools

import numpy as np
import pytest

from workbench.errors import WorkbenchError
from workbench.nas.published import GROUPS, pareto_rows, published_results
from workbench.plots.nas_published import published_figure


def test_the_tables_have_as_many_rows_as_in_the_lecture():
    assert len(published_results("first")) == 15 and len(published_results("second")) == 24
    assert len(published_results()) == 28
    assert set(published_results()["group"]) == set(GROUPS)
    assert published_results("second")["section"].value_counts().to_dict() == {"one-shot": 9, "RL": 6, "EA": 5, "random": 4}


def test_some_rows_by_heart():
    rows = published_results().set_index(["method", "cutout"])
    assert rows.loc[("ProxylessNAS", True), ["error", "params", "gpu_days"]].tolist() == [2.08, 5.7, 8.33]
    assert rows.loc[("NAS", False), ["error", "params", "gpu_days"]].tolist() == [3.65, 37.4, 22_400]
    assert np.isnan(rows.loc[("path dropout", False), "gpu_days"]) and np.isnan(rows.loc[("genetic CNN", False), "params"])


def test_cutout_improves_every_network_that_was_trained_both_ways():
    both = published_results().pivot_table("error", "method", "cutout").dropna()
    assert list(both.index) == ["ENAS", "NASNet-A", "path-level EAS"]
    assert (both[False] - both[True]).round(2).tolist() == [0.65, 0.76, 0.5]


@pytest.mark.parametrize("columns", [("gpu_days", "error"), ("params", "error"), ("params", "gpu_days", "error")])
def test_the_front_is_what_no_other_row_beats(columns):
    rows = published_results()
    front = pareto_rows(rows, *columns)
    values = rows[list(columns)].to_numpy()
    for i, j in itertools.product(range(len(rows)), repeat=2):
        if front[i] and np.isfinite(values[j]).all():
            assert not ((values[j] <= values[i]).all() and (values[j] < values[i]).any())
    for i in np.flatnonzero(~front):
        told = np.isfinite(values[i]).all()
        assert not told or any((v <= values[i]).all() and (v < values[i]).any() for v in values[front])


def test_without_cutout_the_front_is_another():
    assert published_results()[pareto_rows(published_results(), "gpu_days", "error")]["method"].tolist() == [
        "ENAS", "PARSEC", "DARTS", "ProxylessNAS", "graph hypernetwork", "random, NAO's space"]
    plain = published_results()[~published_results()["cutout"]]
    assert set(plain[pareto_rows(plain, "gpu_days", "error")]["method"]) == {"ENAS", "graph hypernetwork", "random, NAO's space"}


@pytest.mark.parametrize(("which", "x", "cutout", "n"), [("all", "gpu_days", "all", 28), ("first", "params", "without", 12),
                                                        ("second", "gpu_days", "with", 10)])
def test_every_row_is_a_mark_and_says_what_it_is(which, x, cutout, n):
    drawn = published_figure(published_results(which), x=x, cutout=cutout)
    marks = [t for t in drawn["data"] if t["name"] in GROUPS]
    assert sum(len(t["x"]) for t in marks) == n
    assert all(np.isfinite(t["x"]).all() and np.isfinite(t["y"]).all() for t in marks)
    assert all(("+ cutout" in says) == symbol.endswith("-open") for t in marks
               for says, symbol in zip(t["hovertext"], t["marker"]["symbol"], strict=True))
    low, high = drawn["layout"]["yaxis"]["range"]
    assert all(((t["y"] > low) & (t["y"] < high)).all() for t in marks)


def test_what_is_not_told_stands_on_the_left():
    drawn = published_figure()
    says = [s for t in drawn["data"] if t["name"] in GROUPS for s, x in zip(t["hovertext"], t["x"], strict=True) if x < 0.2]
    assert says == ["Bender et al. (2018): path dropout<br>error 4 %, 5 million parameters, GPU days not told"]


def test_the_front_is_named():
    drawn = published_figure(cutout="without")
    assert [a["text"] for a in drawn["layout"]["annotations"][1:]] == ["random, NAO's space", "ENAS", "graph hypernetwork"]


def test_what_does_not_exist_is_refused():
    with pytest.raises(WorkbenchError, match="first"):
        published_results("third")
    with pytest.raises(WorkbenchError, match="gpu_days"):
        published_figure(x="year")
    nothing = published_figure(published_results().iloc[:0])
    assert nothing["data"] == [] and "No result" in nothing["layout"]["annotations"][0]["text"]
