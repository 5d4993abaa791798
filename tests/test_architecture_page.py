import time

import pytest

import workbench as wb
from tests.nas_helpers import made_up_table
from workbench.nas.cells import CellSpace
from workbench.nas_search import search
from workbench_widgets.pump import pump
from workbench_widgets.run_panel import RunPanel

SMALL = CellSpace("cells", 3, ("none", "skip", "conv3"))
TABLE = made_up_table(SMALL)


def until(true, timeout=20.0):
    end = time.monotonic() + timeout
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


@pytest.fixture
def make():
    panels = []

    def panel(run):
        panels.append(RunPanel(run))
        return panels[-1]

    yield panel
    for p in panels:
        p.close()


def page_of(make, algorithm, table=TABLE, n_trials=14):
    panel = make(search(algorithm, table, n_trials=n_trials, seed=0))
    panel.run.start().wait()
    panel.command({"cmd": "tab", "tab": "architecture"})
    page = panel.pages["architecture"]
    until(lambda: page.front and page.content["facts"])
    pump.tick()
    return panel, page


def named(picture, name):
    return next(t for t in picture["data"] if t.get("name") == name)


def test_a_run_of_cells_has_a_tab_on_architectures_and_others_have_none(make):
    assert "architecture" in make(wb.optimize(TABLE.objective(), SMALL.space)).pages
    assert "architecture" not in make(wb.optimize(lambda c: c["x"], wb.Space(x=wb.Float(0, 1)))).pages


def test_the_cell_of_the_best_trial_is_shown_until_another_is_picked(make):
    panel, page = page_of(make, wb.Random())
    best = panel.run.best
    assert [op for _, op in page.content["operations"]] == list(SMALL.architecture(best.config))
    assert f"Trial {best.number}, the best so far" in page.figures["cell"].picture()["layout"]["title"]["text"]
    other = next(t for t in panel.run.trials.by_number.values() if t.config != best.config)
    panel.command({"cmd": "pick", "trial": other.number})
    until(lambda: [op for _, op in page.content["operations"]] == list(SMALL.architecture(other.config)))
    assert f"Trial {other.number}, picked" in page.figures["cell"].picture()["layout"]["title"]["text"]


def test_the_table_tells_what_the_cell_is_worth_beside_both_baselines(make):
    panel, page = page_of(make, wb.Random())
    facts = {what: (value, how) for what, value, how in page.content["facts"]}
    best = panel.run.best.config
    assert facts["trained on its own"] == (f"{100 * (1 - TABLE.test_error(best)):.1f} %",
                                           f"number {TABLE.rank(best)} of {TABLE.n_distinct}")
    assert facts["the biggest model"][0] == f"{100 * (1 - TABLE.test_error(SMALL.biggest())):.1f} %"
    assert "best of 14 random cells" in facts


def test_the_rank_of_the_best_so_far_never_jumps_to_a_worse_validation_error(make):
    panel, page = page_of(make, wb.Random())
    picture = page.figures["rank"].picture()
    assert len(named(picture, "the pick")["x"]) == 14
    assert named(picture, "the pick")["y"][-1] == TABLE.rank(panel.run.best.config)
    assert len(named(picture, "random search, same compute (expected)")["x"]) == 14


@pytest.mark.parametrize(("algorithm", "figure"), [
    (wb.nas.RegularizedEvolution(population=4, sample=2), "family"), (wb.nas.Reinforce(), "policy"),
    (wb.GPBO(n_startup=4), "belief")])
def test_reasons_bring_pictures_of_their_own(make, algorithm, figure):
    _, page = page_of(make, algorithm, n_trials=8)
    assert page.content["figures"] == ["cell", figure, "rank"]
    assert len(page.figures[figure].picture()["data"]) > 1


@pytest.mark.parametrize(("algorithm", "figure"), [
    (wb.nas.PNAS(beam=3), "widening"), (wb.nas.NAO(n_startup=4, hidden=8, fit_steps=30), "embedding")])
def test_searches_by_levels_and_by_embeddings_show_how_they_went(make, algorithm, figure):
    pytest.importorskip("torch")
    _, page = page_of(make, algorithm, n_trials=8)
    assert page.content["figures"] == ["cell", figure, "belief", "rank"]
    assert len(page.figures[figure].picture()["data"]) > 2


def test_without_a_table_nothing_is_said_of_the_truth(make):
    panel = make(wb.optimize(TABLE.objective(), SMALL.space, algorithm=wb.Random(), n_trials=4, seed=0))
    panel.run.start().wait()
    panel.command({"cmd": "tab", "tab": "architecture"})
    page = panel.pages["architecture"]
    until(lambda: page.front and page.content["operations"])
    assert page.content["figures"] == ["cell"]
    assert page.content["facts"] == []
    assert not page.content["known"]


def test_looking_back_shows_the_best_cell_of_then(make):
    panel, page = page_of(make, wb.Random())
    first = panel.run.trials.by_number[panel.run.trials.told[0]]
    panel.replay_bar.command({"cmd": "jump", "at": panel.playhead.reel.ends[0]})
    until(lambda: not panel.playhead.follows)
    until(lambda: [op for _, op in page.content["operations"]] == list(SMALL.architecture(first.config)))
    assert len(named(page.figures["rank"].picture(), "the pick")["x"]) == 1


def test_the_tab_thinks_only_while_it_is_open(make):
    panel = make(search(wb.Random(), TABLE, n_trials=5, seed=0))
    panel.run.start().wait()
    pump.tick()
    page = panel.pages["architecture"]
    assert not page.front
    assert not page.waits
    assert "baselines" not in vars(page)
