"""Of the run panel: what its foot says of the picked trial, and of the pinned one beside it; and the chips of what is brushed."""

from __future__ import annotations

from typing import Any

from workbench.trials import Trial, Trials
from workbench_widgets.trial_facts import differing, rank
from workbench_widgets.view import Selection
from workbench_widgets.views import CoordinatesView
from workbench_widgets.words import first_line, short, value_of

SHOWN = 20_000  # characters of a traceback


def foot(trials: Trials, selection: Selection) -> dict[str, Any]:
    """Return the picked trial, else the best; empty before there is one. ``beside``: it and the pinned trial as a table."""
    picked = trials.by_number.get(-1 if selection.trial is None else selection.trial)
    shown = picked or trials.best
    if shown is None:
        return {}
    pinned = trials.by_number.get(-1 if selection.pinned is None else selection.pinned)
    return {"trial": shown.number, "state": shown.state, "chosen": picked is not None, "pinned": pinned is shown,
            "value": value_of(trials, shown) or None, "rank": rank(trials, shown),
            "config": [[k, short(v)] for k, v in shown.config.items()], "code": repr(shown.whole_config),
            "fixed": [[k, short(v)] for k, v in shown.fixed.items()], "origin": shown.origin,
            "why": "" if shown.why is None else shown.why.summary(),
            "error": (shown.error or "")[-SHOWN:], "first": first_line(shown.error),
            "beside": None if pinned is None or pinned is shown else _beside(trials, shown, pinned)}


def _beside(trials: Trials, shown: Trial, pinned: Trial) -> dict[str, Any]:
    names = list(dict.fromkeys([*shown.config, *pinned.config]))
    apart = differing(shown.config, pinned.config)
    rows = [[t.number, t.state, value_of(trials, t), [short(t.config[k]) if k in t.config else "–" for k in names]]
            for t in (shown, pinned)]
    return {"trial": pinned.number, "names": names, "differs": [k in apart for k in names], "n": len(apart), "rows": rows}


def chips(trials: Trials, selection: Selection, coordinates: CoordinatesView) -> dict[str, Any]:
    """Return a chip for each brush, ``[source, key of the axis or "", words]``, and in words how many trials are brushed."""
    brushed = selection.brushed
    if brushed is None:
        return {}
    found = [[coordinates.source, key, words] for key, words in coordinates.content["brush"]]
    found += [[by, "", b.words or f"{len(b.trials)} trials"] for by, b in selection.brushes.items() if by != coordinates.source]
    return {"chips": found, "words": f"{len(brushed)} of {len(trials)} trials brushed"}
