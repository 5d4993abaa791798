"""What every view promises: folded in pieces or at once, live or from a saved log, it shows the same."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.events import EventLog
from workbench.plots import whose
from workbench_widgets import views
from workbench_widgets.view import Selection


def epochs(config):
    if config["lr"] > 3e-2:
        raise ValueError("diverged <b>here</b>")
    for epoch in range(3):
        print("epoch", epoch)
        yield (math.log10(config["lr"]) + 3) ** 2 + config.get("momentum", 0.5) + 1 / (epoch + 1)


def recorded(algorithm, scheduler=None):
    space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                     momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
    run = wb.optimize(epochs, space, algorithm=algorithm, n_trials=14, n_workers=2, seed=3, scheduler=scheduler)
    return tuple(run.start().wait().log)


@pytest.fixture(scope="module", params=[(wb.GPBO(n_startup=5),), (wb.TPE(n_startup=5),), (wb.Random(),),
                                        (wb.Random(), wb.ASHA(3))], ids=lambda made: type(made[-1]).__name__)
def events(request):
    return recorded(*request.param)


MAKERS = {name: getattr(views, name) for name in views.__all__}


def content(view):
    """All that a view shows, as plain data."""
    if isinstance(view, views.LogView):
        return view.lines
    if isinstance(view, views.TrialsView):
        return view.content()
    shown = plain(view.picture())
    return [shown, view._content()] if isinstance(view, views.ModelView) else shown


def plain(node):
    if isinstance(node, dict):
        return {k: plain(v) for k, v in node.items()}
    if isinstance(node, (list, tuple)):
        return [plain(v) for v in node]
    if isinstance(node, np.ndarray):
        return [repr(v) for v in node.ravel().tolist()]  # repr: nan equals nan
    return node


NOT_FADED = ("best", "picked", "Pareto set")  # what stands out for another reason


def marks(view):
    """Trial, whether it is faded, and the name of the trace, for each point that is a trial's."""
    for trace in filter(whose.marked, view.picture()["data"]):
        if trace["name"] in NOT_FADED or trace.get("hoverinfo") == "skip":
            continue
        opacity = np.broadcast_to(np.asarray(trace.get("marker", {}).get("opacity", 1.0)), len(trace["x"]))
        opacity = opacity * trace.get("opacity", 1.0)
        for number, o in zip(whose.numbers_of(trace), opacity, strict=True):
            if np.isfinite(number):
                yield int(number), o < 0.3 or trace["name"] == "not brushed", trace["name"]


def folded(make, *pieces):
    view = make()
    for piece in pieces:
        view.fold(piece)
    return view


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
class TestEveryView:
    def test_folded_in_pieces_shows_what_folded_at_once_shows(self, make, events):
        whole = content(folded(make, events))

        @settings(max_examples=8, deadline=None)
        @given(st.lists(st.integers(0, len(events)), max_size=6))
        def check(cuts):
            edges = [0, *sorted(cuts), len(events)]
            pieces = [events[a:b] for a, b in pairwise(edges)]
            assert content(folded(make, *pieces)) == whole

        check()

    def test_showing_in_between_changes_nothing(self, make, events):
        view = make()
        for k in range(0, len(events), 7):
            view.fold(events[k:k + 7])
            view.draw()
            content(view)
        assert content(view) == content(folded(make, events))

    def test_a_saved_log_shows_the_same(self, make, events, tmp_path):
        path = tmp_path / "run.jsonl"
        EventLog(events).save(path)
        assert content(folded(make, tuple(EventLog.load(path)))) == content(folded(make, events))

    def test_it_shows_something_before_the_first_event(self, make, events):
        view = make()
        view.draw()
        content(view)

    def test_every_trial_can_be_picked(self, make, events):
        selection = Selection()
        view = make(selection=selection)
        view.fold(events)
        for trial in (*range(14), 99, None):
            selection.pick(trial)
            view.draw()
            content(view)

    def test_a_brush_fades_exactly_the_marks_of_the_other_trials(self, make, events):
        selection, brushed = Selection(), {1, 4, 6, 11}
        view = make(selection=selection)
        view.fold(events)
        selection.brush(brushed)
        if isinstance(view, views.TrialsView):
            shown = view.content()
            assert set(shown["faded"]) == {row[0] for row in shown["rows"]} - brushed
        for number, faint, name in marks(view) if hasattr(view, "picture") else ():
            assert faint == (number not in brushed), (number, name)

    def test_every_mark_of_a_trial_has_words_on_it_and_picking_marks_that_trial_alone(self, make, events):
        selection = Selection()
        view = make(selection=selection)
        view.fold(events)
        if not hasattr(view, "picture"):
            return
        picture = view.picture()
        words = picture["layout"].get("meta", {}).get("trials", {})
        for trace in filter(whose.marked, picture["data"]):
            assert len(whose.numbers_of(trace)) == len(trace["x"])
            if trace.get("hoverinfo") == "skip":
                continue
            own = trace.get("text") or [words[str(int(k))] if np.isfinite(k) else "" for k in whose.numbers_of(trace)]
            for k, text in zip(whose.numbers_of(trace), own, strict=True):
                assert np.isnan(k) or text.startswith(f"<b>trial {k:.0f}</b>")
        selection.pick(9)
        for trace in view.picture()["data"]:
            if trace["name"] == "picked":
                assert set(whose.numbers_of(trace)) == {9}

    def test_a_picture_becomes_a_static_figure(self, make, events):
        view = folded(make, events)
        if hasattr(view, "figure"):
            assert view.figure().to_plotly_json()["layout"]
