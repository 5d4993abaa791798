"""Of the run panel: the space editor. What is drawn becomes the run's space and its algorithm's prior, or a child run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workbench.recording import Recording
from workbench.run import Run
from workbench.search import catalogue
from workbench.search.beliefs import as_said, takes_prior, whole_prior, with_prior
from workbench.space import Space
from workbench_widgets.space_editor import SpaceEditor, draft_of


class DrawnSpace:
    """The editor of a run's space, kept in step with the run. Edits go out as commands; the pump alone lets it follow.

    Parameters
    ----------
    run
        Whose space, which it must have.
    command
        Takes ``{"cmd": "space", ...}`` after an edit and ``{"cmd": "child"}`` when a run of what is drawn is wanted.
    ask
        Called when the wish differs: the panel says so.
    """

    def __init__(self, run: Run | Recording, command: Callable[[dict[str, Any]], object], ask: Callable[[], object]) -> None:
        assert run.space is not None
        self._run, self._command, self._space, self._algorithm = run, command, run.space, run.algorithm
        self.editor = SpaceEditor(run.space, prior=as_said(whole_prior(run.algorithm)), locked=len(run.trials) > 0,
                                  make_child=lambda: command({"cmd": "child"}))
        self.editor.prior_note = self._note()
        self.editor.observe(self._drawn, names=["space", "prior"])
        self.editor.observe(lambda _: ask(), names="wish")

    def _drawn(self, _: Any) -> None:
        self._command({"cmd": "space", "space": self.editor.space, "prior": self.editor.prior})

    @property
    def wish(self) -> Space | None:
        """What is drawn, if it needs a run of its own."""
        return self.editor.wish

    def take(self, space: Space, prior: dict[str, Any] | None) -> None:
        """Let the run have a drawn space, and its algorithm the drawn prior if it takes one."""
        run = self._run
        algorithm = run.algorithm if prior is None else with_prior(run.algorithm, prior)
        if isinstance(run, Run) and (space != run.space or algorithm != run.algorithm):
            run.configure(space=space, algorithm=algorithm)
            self._space, self._algorithm = space, run.algorithm  # not to be shown again: more may have been drawn since

    def switch(self, algorithm: Any) -> None:
        """Let the run have another algorithm, with the drawn prior if that takes one."""
        if isinstance(self._run, Run):
            self._run.configure(algorithm=with_prior(algorithm, self.editor.prior))
            self._algorithm = self._run.algorithm

    def child_made(self) -> None:
        """Let the newest child, made of what is drawn, have its prior, too; show the run's own space again."""
        if isinstance(self._run, Run) and self._run.space is not None:
            child = self._run.children[-1]
            child.configure(algorithm=with_prior(child.algorithm, self.editor.wished_prior))
            self.editor.draft = draft_of(self._run.space, self.editor.prior)

    def follow(self) -> None:
        """Show what the run has, where somebody else has changed it, and what it can take without a run of its own."""
        editor, run = self.editor, self._run
        locked = len(run.trials) > 0
        if editor.locked != locked:
            editor.locked = locked
            if run.space is not None:
                editor.rebase(run.space)  # a trial may have begun just before what was drawn could become the run's
        if run.space is not None and run.space is not self._space:
            self._space = run.space
            if run.space != editor.space:
                editor.space = run.space
        if run.algorithm is not self._algorithm:
            self._algorithm = run.algorithm
            said = as_said(whole_prior(run.algorithm))
            if takes_prior(run.algorithm) and said != editor.prior:
                editor.prior = said
        note = self._note()
        if editor.prior_note != note:
            editor.prior_note = note

    def _note(self) -> str:
        """Say what becomes of the prior."""
        name = catalogue.label(with_prior(self._run.algorithm, None))
        if takes_prior(self._run.algorithm):
            return f"{name} takes it into account, from the next trial on."
        return (f"{name} knows no prior. It is kept here, and counts as soon as an algorithm is chosen that takes one: "
                f"{', '.join(text for text in ('GP-BO · log-EI', 'TPE') if takes_prior(catalogue.LABELLED[text]))}.")
