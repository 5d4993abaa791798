"""Of the panel of a run that takes steps: its numbers in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.nas.ranking import Ranking
from workbench.nas.relaxation import Relaxation


def percent(share: float) -> str:
    """Write a share as per cent with one decimal."""
    return f"{100 * share:.1f} %"


def facts(about: Mapping[str, Any], seed: int) -> str:
    """Say what is searched or learned from, on what, and with which seed."""
    words = [str(about[key]) for key in ("cells", "data") if about.get(key)]
    return " · ".join([*words, f"seed {seed}"])


def gap_of(metrics: Mapping[str, float], about: Mapping[str, Any]) -> list[str]:
    """Say the numbers of the newest step that belong into the first line."""
    words = []
    if "valid_accuracy" in metrics:
        words.append(f"validation {percent(metrics['valid_accuracy'])}")
    elif "train_loss" in metrics:
        words.append(f"training loss {metrics['train_loss']:.3g}")
    if "after 1 step" in metrics:
        words.append(f"after one gradient step {metrics['after 1 step']:.3g}")
    if "true_rank" in metrics:
        words.append(f"pick: number {metrics['true_rank']:.0f} of {about.get('n_distinct', '?')}")
    return words


def discretised(metrics: Mapping[str, float], why: Any, about: Mapping[str, Any]) -> list[list[str]]:
    """Return what is known of the cell before and after one operation is kept on each edge, each with its words."""
    mixed = metrics.get("mixed_accuracy", getattr(why, "mixed_accuracy", None))
    if mixed is None and type(why) is Relaxation:
        mixed = metrics.get("valid_accuracy")
    kept = metrics.get("discrete_accuracy", getattr(why, "discrete_accuracy", None))
    rows = []
    if mixed is not None:
        rows.append(["as a mixture of all operations", percent(mixed), "validation"])
    if isinstance(why, Ranking) and "valid_accuracy" in metrics:
        rows.append(["a sampled cell, with the shared weights", percent(metrics["valid_accuracy"]), "validation, mean"])
    if kept is not None:
        rows.append(["the cell that is kept, with the shared weights", percent(kept), "validation"])
    if "true_accuracy" in metrics:
        rank = f"test, number {metrics['true_rank']:.0f} of {about.get('n_distinct', '?')}" if "true_rank" in metrics else "test"
        rows.append(["the cell that is kept, trained on its own", percent(metrics["true_accuracy"]), rank])
    if "random_accuracy" in metrics:
        rows.append(["random search at the same compute", percent(metrics["random_accuracy"]),
                     f"test, best of {metrics['random_cells']:.0f}" if "random_cells" in metrics else "test, expected"])
    biggest = about.get("biggest", {})
    if "biggest_accuracy" in metrics:
        rows.append(["the biggest model", percent(metrics["biggest_accuracy"]), "test"])
    elif "accuracy" in biggest:
        rows.append(["the biggest model", percent(biggest["accuracy"]), f"test, number {biggest.get('rank', 0):.0f}"])
    return rows
