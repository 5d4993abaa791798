"""Of the importance panel: what each kind asks and when it misleads, and what an answer rests on, in words."""

from __future__ import annotations

from typing import Any

from workbench.evidence import AT_LEAST, ENOUGH, ENOUGH_EACH
from workbench.history import Drawn
from workbench.trials import Trials
from workbench_widgets.importance_ask import FULL_TREES, Answer, Found, Kind

SAYS: dict[Kind, tuple[str, str, str]] = {
    "fanova": ("fANOVA",
               "Which share of the variance of the loss over the whole space does each parameter explain, alone or in pairs?",
               "most of the space is bad, so it may tell what avoids bad losses more than what makes a good one better."),
    "ped_anova": ("PED-ANOVA", "Which parameters set the best tenth of the trials apart from all others?",
                  "it looks at one parameter at a time; what the search has settled early hardly varies any more and looks "
                  "unimportant."),
    "local": ("Local", "What does a change of one parameter do around one trial, the others held?",
              "it knows one neighbourhood and no pairs; far from that trial it may be otherwise."),
    "tunability": ("Tunability", "What is gained over the default by tuning one parameter, two of them, or all?",
                   "it counts from the default: of a good default little is left to gain. Of few or noisy trials gains look too "
                   "large."),
    "ablation": ("Ablation", "Which changes lead from the default to the best trial, the most helpful first?",
                 "it is one path out of many, and in between the forest predicts configurations that nobody has tried."),
}
SHARE_NAMES: dict[Kind, tuple[str, str]] = {
    "fanova": ("share", "Share of the variance that it explains, alone and in all its pairs"),
    "ped_anova": ("share", "Share of the divergence between the best trials and all"),
    "local": ("share", "Share of the variance around that trial"),
    "tunability": ("share of the gain", "What tuning it adds, alone or beside one other, of what tuning all gains"),
    "ablation": ("share of the path", "How much the loss changes at its step, of all changes along the path"),
}
HELP = ("A forest of trees is grown on the trials' losses and asked instead of the objective (PED-ANOVA compares densities, "
        "without one). While the run goes on it is grown anew now and then, in the background and with fewer trees, so that the "
        "run loses less than a twentieth of its time. A click on a bar, or on a name in the table, shows the curve of that "
        "parameter; of a pair its map.")
EMPTY = "Which parameters matter? Press Start: the answer begins with {} trials, and means something from about {} on."


def kinds() -> list[list[str]]:
    """Return what the switch offers: key, name, question."""
    return [[key, name, question] for key, (name, question, _) in SAYS.items()]


def enough_for(n_parameters: int) -> int:
    """Return how many trials it takes until shares mean something."""
    return max(ENOUGH, ENOUGH_EACH * n_parameters)


def too_few(trials: Trials, n_parameters: int, error: str) -> str:
    """Say how many trials are missing."""
    enough = enough_for(n_parameters)
    if not len(trials.told):
        return EMPTY.format(AT_LEAST, enough)
    n = sum(trials.by_number[k].state != "interrupted" for k in list(trials.told))
    if n >= AT_LEAST:
        return error
    return (f"About {enough} trials are needed before this means anything; there {'is' if n == 1 else 'are'} {n}. A first answer "
            f"comes with {AT_LEAST} that have a loss.")


def basis(answer: Answer, *, running: bool) -> str:
    """Say what an answer rests on: trials, losses, trees."""
    seen, found = answer.seen, answer.found
    n, of = _n_trials(found), len(seen.numbers) + seen.n_left_out
    failed = len(seen.numbers) - n
    parts = [f"{n} of {of} trials" if n < of else f"all {n} trials"]
    if failed:
        parts.append(f"{failed} failed, without a loss" if failed != 1 else "one failed, without a loss")
    steps = "" if seen.budget is None else f"after {seen.budget} step{'s' * (seen.budget != 1)}"
    parts.append(f"{_plain(seen.quantity.name)} {steps}" if steps else f"final {_plain(seen.quantity.name)}")
    if answer.question.kind != "ped_anova":
        trees = answer.question.n_trees
        later = f" while the run goes on, {FULL_TREES} at its end" if running and trees < FULL_TREES else ""
        parts.append(f"{trees} trees{later}")
    return " · ".join(parts)


def _plain(name: str) -> str:
    return name.split(" after ", maxsplit=1)[0]


def _n_trials(found: Found) -> int:
    n = found.n_trials
    return sum(n) if isinstance(n, tuple) else n


def moment(answer: Answer, *, stale: bool, follows: bool, wait_s: float) -> str:
    """Say of which moment an answer is."""
    at = "" if follows else "The moment that is replayed. "
    if not stale:
        return f"{at}As of trial {answer.newest}."
    soon = "soon" if wait_s < 3 else f"in about {round(wait_s)} s"
    return f"{at}As of trial {answer.newest}; newer {soon}."


def warnings(answer: Answer, trials: Trials) -> list[str]:
    """Say what speaks against trusting an answer."""
    seen, said = answer.seen, []
    n, enough = len(seen.numbers), enough_for(len(seen.space))
    if n < enough:
        said.append(f"Only {n} trials for {len(seen.space)} parameter{'s' * (len(seen.space) != 1)}: the shares are rough. About "
                    f"{enough} would do.")
    chosen = [t for k in seen.numbers if (t := trials.by_number.get(k)) is not None]
    led = sum(t.why is not None and not isinstance(t.why, Drawn) for t in chosen)
    if led > len(chosen) / 2 and answer.question.kind in ("fanova", "ped_anova"):
        said.append(f"{led} of {n} trials were chosen by the search near what looked good: elsewhere little is known.")
    return said


def content_of(answer: Answer | None, kind: Kind) -> dict[str, Any]:
    """Return the sentences that go with a kind, and with its answer."""
    name, question, misleads = SAYS[kind]
    return {"kind": kind, "kinds": kinds(), "title": name, "question": question, "misleads": misleads, "help": HELP,
            "share_name": SHARE_NAMES[kind][0], "share_help": SHARE_NAMES[kind][1],
            "summary": "" if answer is None else answer.outcome.summary}
