"""A run as one HTML file that opens anywhere: without a kernel, without a network, in light and dark, on paper.

What users named (parameters, options, errors, the run itself) is escaped wherever it stands; the pictures' data lie in the page
as JSON, in which no ``<`` is left. plotly.js stands in the file once: it is nearly all of its 5 MB.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plotly.io import to_json
from plotly.offline import get_plotlyjs

from workbench import files
from workbench.errors import WorkbenchError
from workbench.fidelity import catalogue as schedulers
from workbench.figures import KINDS, Told, drawn, kinds
from workbench.plots import marks as m
from workbench.plots.figure import figure
from workbench.search import catalogue
from workbench.space_formats import to_html
from workbench.trials import Trial, Trials

if TYPE_CHECKING:
    from workbench.results import Results

HERE = Path(__file__).parent
MAX_ROWS = 2000  # of the table of trials; the best are kept
MAX_TRACEBACKS = 30  # different errors
ENOUGH_FOR_IMPORTANCE = 20  # trials with a loss
MARKS = {"complete": "●", "pruned": "–", "failed": "×", "interrupted": "□", "running": "○"}


@dataclass(frozen=True, slots=True)
class Report:
    """A report, and where it was written.

    Attributes
    ----------
    html
        The whole page.
    path
        Its file; None before it is saved.
    """

    html: str
    path: Path | None = None

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return len(self.html.encode("utf-8", "replace"))

    def save(self, path: str | Path) -> Report:
        """Write it to a file, and say where it is.

        Raises
        ------
        StorageError
            If the file cannot be written.
        """
        return Report(self.html, files.write(path, self.html))

    def __repr__(self) -> str:
        """Say how large it is and where."""
        where = "not saved; save(path) writes it" if self.path is None else self.path
        return f"<Report: {files.size_text(self.n_bytes)}, {where}>"

    def _repr_html_(self) -> str:
        if self.path is None:
            return f"<p>{escape(repr(self)[1:-1])}</p>"
        where = escape(str(self.path), quote=True)
        return f'<p>Report, {files.size_text(self.n_bytes)}: <a href="{where}" target="_blank" rel="noopener">{where}</a></p>'


def report(run: Results, *, title: str | None = None) -> Report:
    """Make the report of a run as it is now; any thread, the run may go on."""
    name = title or (f"Run {run.name}" if run.name else "A run of the workbench")
    return Report(Page(run, Told(run.log.since(0)), escape(name)).html())


def facts(run: Results) -> list[tuple[str, str]]:
    """Return what a run was set to do, as pairs of words: its algorithm and why, its scheduler, direction, seed."""
    code = f", {catalogue.code(run.algorithm, 'wb.')}" if catalogue.knows(run.algorithm) else ""
    pairs = [("Algorithm", f"{catalogue.label(run.algorithm)}{code}")]
    advice = getattr(run, "recommendation", None)
    if advice is not None:
        same = advice.label == catalogue.label(run.algorithm)
        pairs.append(("Recommended because" if same else "Recommended here",
                      ("" if same else f"{advice.label}: ") + " ".join(advice.reasons)))
    if run.scheduler is not None:
        pairs.append(("Scheduler", schedulers.label(run.scheduler)))
    goals = zip(run.goals.labels or ("value",), run.goals.directions, strict=True)
    return [*pairs, ("Objective", ", ".join(f"{label}: {direction}" for label, direction in goals)),
            ("Trials", "no limit" if run.n_trials is None else str(run.n_trials)), ("Workers", str(run.n_workers)),
            ("Seed", str(run.seed))]


@dataclass(slots=True)
class Page:
    """The page while it is made: section after section, and the pictures' data, which stand at its end."""

    run: Results
    told: Told
    title: str  # escaped
    contents: list[tuple[str, str]] = field(default_factory=list)
    pictures: list[tuple[str, str]] = field(default_factory=list)

    def html(self) -> str:
        """Return the whole page."""
        main = "\n".join([self.setting(), self.best(), self.figures(), self.importance(), self.trials(), self.failures(),
                          self.code()])
        links = "".join(f"<li><a href='#{key}'>{head}</a></li>" for key, head in self.contents)
        data = "\n".join(f"<script type='application/json' id='data-{key}'>{text}</script>" for key, text in self.pictures)
        library = f"<script>{get_plotlyjs()}</script>" if self.pictures else ""
        css, js = ((HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
        return (
            "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'><link rel='icon' href='data:,'>"
            f"<title>{self.title}</title><style>{css}</style></head><body>\n"
            f"<header><h1>{self.title}</h1><p class='summary'>{escape(self.summary())}</p>"
            f"<nav aria-label='Contents'><ul>{links}</ul></nav></header>\n<main>{main}</main>\n"
            f"<footer>Made {_date(time.time())} by automl-workbench. This file needs no network and no kernel.</footer>"
            "<noscript>Pictures and sorting need JavaScript, which is switched off here.</noscript>\n"
            f"{data}{library}<script>{js}</script></body></html>\n")

    def section(self, key: str, head: str, *body: str) -> str:
        """Return a section with a heading, and list it in the contents."""
        self.contents.append((key, head))
        return f"<section aria-labelledby='{key}'><h2 id='{key}'>{head}</h2>{''.join(body)}</section>"

    # ---- what it was ---------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """Say in one line how it went."""
        trials, best, n = self.told.trials, self.told.trials.best, self.run.n_trials
        words = [self.run.state.capitalize(), f"{trials.n_done}{'' if n is None else f' of {n}'} trials"]
        words += [f"{k} {state}" for state in ("failed", "pruned") if (k := trials.n_by_state.get(state, 0))]
        if trials.goals.several:
            words.append(f"{len(trials.pareto)} in the Pareto set")
        elif best is not None:
            words.append(f"best {_short(trials.value(best.loss))} (trial {best.number})")
        return " · ".join(words)

    def setting(self) -> str:
        """Say what it was set to do, in which space, with which versions."""
        versions = ", ".join(f"{k} {v}" for k, v in files.versions().items())
        pairs = [*self.run.facts(), *_times(self.told.trials), ("Versions", versions)]
        rows = "".join(f"<tr><th scope='row'>{escape(k)}</th><td>{escape(v)}</td></tr>" for k, v in pairs)
        space = self.run.space
        table = "<p>Not known: the objective makes it as it goes, and no trial is complete.</p>" if space is None else \
            f"<div class='wide'>{to_html(space)}</div>"
        return self.section("setting", "Setting", f"<table class='facts'><tbody>{rows}</tbody></table>",
                            f"<h3>Search space</h3>{table}")

    # ---- what was found ------------------------------------------------------------------------------------------------

    def best(self) -> str:
        """Show the best configuration, or the Pareto set."""
        trials = self.told.trials
        if trials.goals.several:
            shown = trials.pareto
            names = list(dict.fromkeys(k for t in shown for k in t.whole_config))
            rows = [[str(t.number), *map(_short, trials.values(t.losses)), *(_short(t.whole_config.get(k, "")) for k in names)]
                    for t in shown]
            table = _plain_table(["trial", *trials.goals.labels, *names], rows)
            return self.section("best", "Pareto set", "<p>The trials that no other beats in every loss, by the first.</p>",
                                table if shown else "<p>No trial is complete.</p>")
        best = trials.best
        if best is None:
            return self.section("best", "Best configuration", "<p>No trial is complete.</p>")
        words = escape(f"Trial {best.number}, value {_short(trials.value(best.loss))}.")
        table = _plain_table(["parameter", "value"], [[k, repr(v)] for k, v in best.whole_config.items()])
        return self.section("best", "Best configuration", f"<p>{words}</p>", table)

    def figures(self) -> str:
        """Show all pictures that there are."""
        return self.section("pictures", "Pictures", *(self.pictures_of("trials") or ["<p>No trial yet.</p>"]))

    def pictures_of(self, about: str) -> list[str]:
        """Draw all pictures of one sort that there are."""
        def one(kind: str) -> str:
            return self.picture(kind, KINDS[kind].title, KINDS[kind].says, lambda: figure(drawn(self.told, kind)))

        return [one(kind) for kind in kinds(self.told) if KINDS[kind].about == about]

    def importance(self) -> str:
        """Say which parameters matter, if there are enough trials to tell."""
        shown = self.pictures_of("importance")
        if not shown:
            return ""
        found = self.run.importance(loss=0 if self.told.trials.goals.several else None)
        of = f"Of the first loss, {found.quantity.name}. " if self.told.trials.goals.several else ""
        few = "The trials are few: shares are rough. " if found.n_trials < ENOUGH_FOR_IMPORTANCE else ""
        said = f"<p>{escape(of + few)}</p>" if of or few else ""
        return self.section("parameters", "Importance", said, *shown, f"<div class='wide'>{found._repr_html_()}</div>")

    def picture(self, key: str, title: str, says: str, make: Callable[[], Any]) -> str:
        """Return the place of a picture, and keep its data; what goes wrong with one stands in its place."""
        head = f"<h3>{escape(title)}</h3><p class='says'>{escape(says)}</p>"
        try:
            fig = make().to_plotly_json()
        except WorkbenchError as error:
            return f"{head}<p class='none'>{escape(str(error))}</p>"
        except Exception as error:  # noqa: BLE001 - one picture must not take the report with it; the reader is told
            return f"{head}<p class='none'>It could not be drawn: {escape(f'{type(error).__name__}: {error}')}</p>"
        fig["layout"].pop("template", None)
        self.pictures.append((key, _safe_json(to_json(fig, validate=False))))
        height = int(fig["layout"].get("height") or 360)
        place = f"<div class='picture' id='{key}' role='group' aria-label='{escape(title)}' style='height:{height}px'></div>"
        return f"<figure>{head}{place}</figure>"

    # ---- all of it -----------------------------------------------------------------------------------------------------

    def trials(self) -> str:
        """Show the table of trials."""
        trials = self.told.trials
        frame, note = trials.frame(), ""
        if len(frame) > MAX_ROWS:
            by, upwards = ("pareto", False) if trials.goals.several else ("value", not trials.maximize)
            frame = frame.loc[sorted(frame[by].sort_values(ascending=upwards).index[:MAX_ROWS])]
            note = f'<p>The best {MAX_ROWS} of {len(trials)}; run.export("csv") has them all.</p>'
        columns = list(map(str, frame.columns))
        heads = "".join(
            f"<th scope='col' aria-sort='none'><button type='button' title='Sort by {escape(c)}'>{escape(c)}"
            "<span aria-hidden='true'></span></button></th>" for c in ["trial", *columns])
        rows = "".join(_row(int(number), columns, values, best=number in trials.top)
                       for number, values in zip(frame.index, frame.itertuples(index=False, name=None), strict=True))
        return self.section("trials", "Trials", note, "<div class='wide tall' tabindex='0' role='region' aria-label='Table of "
                            f"trials'><table class='sortable'><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>")

    def failures(self) -> str:
        """Show what went wrong: of each error its trials, and the traceback of the first."""
        by_line: dict[str, list[Trial]] = {}
        for t in self.told.trials.by_number.values():
            if t.error:
                lines = [line for line in t.error.splitlines() if line.strip()]
                by_line.setdefault(lines[-1].strip() if lines else t.error, []).append(t)
        if not by_line:
            return ""
        order = sorted(by_line.items(), key=lambda pair: -len(pair[1]))
        parts = [f"<details><summary>{_numbers(some)}: {escape(line[:300])}</summary><p>{escape(repr(some[0].whole_config))}</p>"
                 f"<pre tabindex='0'>{escape(some[0].error or '')}</pre></details>" for line, some in order[:MAX_TRACEBACKS]]
        rest = len(order) - MAX_TRACEBACKS
        return self.section("failures", "Failures", "<p>Of each error the traceback of its first trial.</p>", *parts,
                            f"<p>{rest} other errors stand in the table.</p>" if rest > 0 else "")

    def code(self) -> str:
        """Show the Python code that does it again."""
        return self.section("code", "Do it again", "<p>Python code with the space, the best configuration and the search.</p>",
                            f"<pre tabindex='0'><code>{escape(self.run.export('python'))}</code></pre>")


# ---- parts -------------------------------------------------------------------------------------------------------------


def _times(trials: Trials) -> list[tuple[str, str]]:
    some = list(trials.by_number.values())
    if not some:
        return []
    began, ended = min(t.started for t in some), max((t.ended or t.started) for t in some)
    return [("First trial", _date(began)), ("Last result", _date(ended)),
            ("Time in trials", _clock(sum(t.seconds or 0.0 for t in some)))]


def _date(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at))


def _clock(seconds: float) -> str:
    if seconds < 10:
        return f"{m.three(seconds)} s"
    s = round(seconds)
    return f"{s // 60:02d}:{s % 60:02d}" if s < 3600 else f"{s // 3600} h {s % 3600 // 60} min"


def _safe_json(text: str) -> str:
    """Leave nothing in JSON that an HTML page could take for the end of a script, or for a line's end."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _row(number: int, columns: Sequence[str], values: Sequence[Any], *, best: bool) -> str:
    cells = [f"<th scope='row' data-v='{number}'>{number}{' ★' if best else ''}</th>"]
    for column, v in zip(columns, values, strict=True):
        if v is None or (isinstance(v, float) and math.isnan(v)):
            cells.append("<td></td>")
        elif column == "state":
            cells.append(f"<td><span aria-hidden='true'>{MARKS.get(v, '')} </span>{escape(str(v))}</td>")
        else:
            plain = isinstance(v, (int, float)) and not isinstance(v, bool)
            key = f" data-v='{str(float(v)).replace('inf', 'Infinity')}'" if plain else ""
            cells.append(f"<td{key}>{escape(_short(v))}</td>")
    return f"<tr{' class=best' if best else ''}>{''.join(cells)}</tr>"


def _numbers(some: list[Trial]) -> str:
    numbers = ", ".join(str(t.number) for t in some[:8])
    return f"trial {numbers}" if len(some) == 1 else f"{len(some)} trials ({numbers}{', …' if len(some) > 8 else ''})"


def _plain_table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        for first, *rest in rows:
            yield f"<tr><th scope='row'>{escape(first)}</th>{''.join(f'<td>{escape(c)}</td>' for c in rest)}</tr>"

    top = "".join(f"<th scope='col'>{escape(h)}</th>" for h in heads)
    return f"<div class='wide'><table><thead><tr>{top}</tr></thead><tbody>{''.join(lines())}</tbody></table></div>"


def _short(value: Any) -> str:
    return m.three(value) if isinstance(value, float) else str(value)
