import json
import threading
import time

import numpy as np
import plotly.graph_objects as go
import pytest

from workbench_widgets import live_figure
from workbench_widgets.live_figure import LiveFigure, plotly_js


def line(y):
    return {"data": [{"type": "scatter", "y": y}], "layout": {"title": {"text": "Loss"}}}


def drawn(figure):
    """Put spec and arrays together as the page does from a full state."""
    state = figure.get_state()
    data = json.loads(json.dumps(state["spec"]["data"]))
    for path in state["spec"]["arrays"]:
        packed = state["patch"][path]
        array = np.frombuffer(packed["data"], packed["dtype"]).reshape(packed["shape"])
        *keys, last = path.split(".")
        at = data
        for key in keys:
            at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
        at[last] = array
    return data


def test_a_dict_and_a_go_figure_show_the_same():
    y = np.array([1.0, 2.0, 3.0])
    for figure in (line(y), go.Figure(data=[go.Scatter(y=y)])):
        np.testing.assert_array_equal(drawn(LiveFigure(figure))[0]["y"], y)


def test_arrays_nested_in_lists_arrive():
    dimensions = [{"label": "lr", "values": np.arange(4.0)}, {"label": "depth", "values": np.arange(4)}]
    live = LiveFigure({"data": [{"type": "parcoords", "dimensions": dimensions}], "layout": {}})
    shown = drawn(live)[0]["dimensions"]
    assert [d["label"] for d in shown] == ["lr", "depth"]
    np.testing.assert_array_equal(shown[1]["values"], np.arange(4))


def test_arrays_of_the_previous_traces_do_not_survive_a_change_of_type():
    live = LiveFigure({"data": [{"type": "scatter", "x": np.arange(3.0), "y": np.arange(3.0)}], "layout": {}})
    live.update({"data": [{"type": "bar", "y": np.arange(2.0)}], "layout": {}})
    assert drawn(live) == [{"type": "bar", "y": pytest.approx([0.0, 1.0])}]
    assert "0.x" not in live.spec["arrays"]


def test_a_change_in_place_is_noticed():
    y = np.zeros(3)
    live = LiveFigure(line(y))
    y[1] = 5.0
    live.update(line(y))
    assert list(live.patch) == ["0.y"]
    assert drawn(live)[0]["y"][1] == 5.0


def test_only_what_changed_is_sent_but_a_new_page_gets_everything():
    live = LiveFigure({"data": [{"x": np.arange(3.0), "y": np.zeros(3)}], "layout": {}})
    live.update({"data": [{"x": np.arange(3.0), "y": np.ones(3)}], "layout": {}})
    assert list(live.patch) == ["0.y"]
    assert set(live.get_state()["patch"]) == {"0.x", "0.y"}
    assert set(live.get_state("patch")["patch"]) == {"0.y"}


def test_arrays_in_the_layout_and_numpy_scalars_become_plain_numbers():
    layout = {"xaxis": {"tickvals": np.array([0.5, 1.0]), "range": (np.float64(0), np.int64(2))}}
    live = LiveFigure({"data": [], "layout": layout})
    assert live.spec["layout"] == {"xaxis": {"tickvals": [0.5, 1.0], "range": [0.0, 2]}}
    json.dumps(live.spec)


def test_nan_in_a_list_becomes_null_because_json_has_none():
    live = LiveFigure({"data": [{"z": np.array([[[1.0, np.nan]]])}], "layout": {"x": np.array([np.inf, 1.0])}})
    assert live.spec["data"][0]["z"] == [[[1.0, None]]]
    assert live.spec["layout"]["x"] == [None, 1.0]


def test_dates_and_texts_arrive_as_texts():
    live = LiveFigure({"data": [{"x": np.array(["2020-01-02"], "M8[D]"), "text": np.array(["a", "b"])}], "layout": {}})
    assert live.spec["data"][0] == {"x": ["2020-01-02"], "text": ["a", "b"]}


def test_large_whole_numbers_keep_all_their_digits():
    live = LiveFigure(line(np.array([2**24 + 1, 0])))
    assert drawn(live)[0]["y"][0] == 2**24 + 1


def test_the_library_is_no_part_of_the_state():
    live = LiveFigure(line(np.arange(3.0)))
    live._repr_mimebundle_()
    size = sum(len(p["data"]) for p in live.get_state()["patch"].values()) + len(json.dumps(live.spec))
    assert size < 1000 < len(plotly_js())


def test_a_click_is_counted_and_keeps_the_trial_under_it():
    live, seen = LiveFigure(line(np.arange(3.0))), []
    live.observe(lambda change: seen.append(change["new"]), "clicked")
    for trial in (None, 7):
        live._handle_custom_msg({"type": "clicked", "at": {"x": 1.0, "y": 2.0, "subplot": "xy", "trial": trial}}, [])
    assert [(c["n"], c["trial"]) for c in seen] == [(1, None), (2, 7)]


def test_it_hears_when_it_comes_on_screen():
    seen = []
    live = LiveFigure(line(np.arange(3.0)), on_shown=lambda: seen.append(True))
    assert not live.shown
    live._handle_custom_msg({"type": "shown", "shown": True}, [])
    assert live.shown
    live._handle_custom_msg({"type": "shown", "shown": False}, [])
    assert not live.shown
    assert seen == [True]


def test_the_library_is_sent_again_until_the_page_has_it(monkeypatch):
    live, pushes = LiveFigure(line(np.arange(3.0))), []
    monkeypatch.setattr(LiveFigure, "_pushed", False)
    monkeypatch.setattr(LiveFigure, "_arrived", threading.Event())
    monkeypatch.setattr(live_figure, "PUSH_AGAIN_S", (0.05, 0.05, 30.0, 30.0))
    monkeypatch.setattr(live, "send", lambda *_: pushes.append(setattr(LiveFigure, "_pushed", True)))
    live.push_once()
    live.push_once()
    end = time.monotonic() + 10
    while len(pushes) < 3 and time.monotonic() < end:
        time.sleep(0.01)
    insisting = [t for t in threading.enumerate() if t.name == "workbench plotly.js"]
    live._handle_custom_msg({"type": "has-plotly"}, [])
    for t in insisting:
        t.join(10)
        assert not t.is_alive()
    assert len(pushes) == 3  # at once and twice more; then the page had it


def test_nonsense_from_the_page_is_ignored():
    live = LiveFigure(line(np.arange(3.0)))
    for message in ({}, {"type": "clicked"}, {"type": "shown", "shown": "yes"}, {"type": "clicked", "at": 3}):
        live._handle_custom_msg(message, [])
    assert live.clicked == {}
    assert not live.shown


def test_the_fallback_is_escaped_html_and_plain_text():
    live = LiveFigure({"data": [], "layout": {"title": {"text": "<script>alert(1)</script>"}}})
    data, _ = live._repr_mimebundle_()
    assert "<script>" not in data["text/html"]
    assert "&lt;script&gt;" in data["text/html"]
    assert data["text/plain"].startswith("LiveFigure(")


def test_the_static_figure_is_a_plain_plotly_figure():
    live = LiveFigure(line(np.arange(3.0)))
    live.update(line(np.array([4.0, 5.0])))
    figure = live.figure()
    assert isinstance(figure, go.Figure)
    np.testing.assert_array_equal(figure.data[0].y, [4.0, 5.0])
