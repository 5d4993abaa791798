"""What every view promises: folded in pieces or at once, live or from a saved log, it shows the same."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench.events import EventLog
from workbench_widgets import views
from workbench_widgets.view import Selection


def epochs(config):
    if config["lr"] > 3e-2:
        raise ValueError("diverged <b>here</b>")
    for epoch in range(3):
        print("epoch", epoch)
        yield (math.log10(config["lr"]) + 3) ** 2 + config.get("momentum", 0.5) + 1 / (epoch + 1)


def recorded(algorithm):
    space = wb.Space(lr=wb.Float(1e-5, 1e-1, log=True), optimizer=wb.Choice("adam", "sgd"),
                     momentum=wb.Float(0.0, 0.99, when={"optimizer": "sgd"}))
    run = wb.optimize(epochs, space, algorithm=algorithm, n_trials=14, n_workers=2, seed=3)
    return tuple(run.start().wait().log)


@pytest.fixture(scope="module", params=[wb.GPBO(n_startup=5), wb.TPE(n_startup=5), wb.Random()],
                ids=lambda a: type(a).__name__)
def events(request):
    return recorded(request.param)


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

    def test_a_picture_becomes_a_static_figure(self, make, events):
        view = folded(make, events)
        if hasattr(view, "figure"):
            assert view.figure().to_plotly_json()["layout"]
