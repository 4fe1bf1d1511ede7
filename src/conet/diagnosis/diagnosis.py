"""A diagnosis: all findings on one run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.registry import resolve
from conet.base.text import counted
from conet.diagnosis.declare import Finding, Headline, MainNumber, Result
from conet.diagnosis.findings import FINDINGS
from conet.diagnosis.findings.outcomes import NONE as NO_OUTCOMES
from conet.diagnosis.log import Log
from conet.diagnosis.problem_table import problem_table
from conet.diagnosis.words import clean
from conet.readers import Reader, Source, read
from conet.rollouts import RolloutRecord
from conet.runs.run import figures_room

if TYPE_CHECKING:
    import polars
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Diagnosis:
    """What was found out about a run.

    Parameters
    ----------
    record
        As a reader returns it.
    declared
        The findings, in the order in which their numbers are shown.

    Attributes
    ----------
    log : conet.diagnosis.log.Log
        What was diagnosed.
    """

    def __init__(self, record: RolloutRecord, declared: Iterable[Finding] = FINDINGS.values()) -> None:
        declared = tuple(declared)
        refuse_equal_names(declared)
        self.log = Log(record, self.detail)
        self.declared = {finding.name: finding for finding in declared}
        self._results: dict[str, Result | None] = {}

    def result(self, name: str) -> Result:
        """Return what one finding found.

        Raises
        ------
        ConetError
            For a name that is not there, a finding that fails, or findings that wait for one another.
        """
        if name not in self.declared:
            raise ConetError(f"finding {name!r}", f"one of {', '.join(self.declared)}", "check the name")
        if name not in self._results:
            self._results[name] = None  # so that a circle is noticed
            try:
                self._results[name] = self.declared[name].result(self.log)
            finally:
                if self._results[name] is None:
                    del self._results[name]
        found = self._results[name]
        if found is None:
            raise ConetError(
                f"finding {name!r}, which needs itself",
                "findings without a circle",
                "leave out one log.other(…)",
            )
        return found

    def detail(self, name: str) -> Any:
        """Return the detail of one finding: what figures and other findings look at."""
        return self.result(name).detail

    @property
    def results(self) -> dict[str, Result]:
        """All results by the name of the finding."""
        return {name: self.result(name) for name in self.declared}

    @cached_property
    def findings(self) -> dict[str, Any]:
        """All numbers, as ``conet diagnose --json`` prints them; no value is infinite or not a number."""
        values: dict[str, Any] = {}
        for finding in self.declared.values():
            values |= {key.name: None for key in finding.keys} | dict(self.result(finding.name).values)
        return clean(values | {"headlines": [as_json(line) for line in self.headlines], "notes": self.notes})

    @property
    def notes(self) -> dict[str, str]:
        """Why a number is null, or what to be careful of, by its key."""
        return {key: text for result in self.results.values() for key, text in result.caveats.items()}

    @property
    def headlines(self) -> list[Headline]:
        """What is going on, in sentences; the most urgent first."""
        lines = [
            replace(line, name=line.name or name)
            for name, result in self.results.items()
            for line in result.headlines
        ]
        return sorted(lines, key=lambda line: -line.urgency)

    @property
    def numbers(self) -> list[MainNumber]:
        """The main numbers."""
        return [number for result in self.results.values() for number in result.numbers]

    @property
    def steps(self) -> "polars.DataFrame":
        """One row a step: counts, and what the answers were like."""
        return self.log.steps.join(self.log.answers, on="step", how="left", maintain_order="left")

    @property
    def problems(self) -> "polars.DataFrame":
        """One row a problem of the rollouts: what became of it."""
        transitions = self.detail("transitions")
        return problem_table(
            self.detail("outcomes") or NO_OUTCOMES,
            self.log.record.names,
            transitions.single if transitions else {},
        )

    def figures(self) -> list[str]:
        """Return the names of the figures that :meth:`figure` draws, in the order of the report."""
        return figures_room().names(self)

    def figure(self, name: str, axes: "Axes | Sequence[Axes] | None" = None) -> "Figure":
        """Draw one figure of the report.

        Parameters
        ----------
        name
            One of :meth:`figures`, or ``path/to/file.py:function`` of a view of your own.
        axes
            Where to draw instead of on a new figure.

        Raises
        ------
        ConetError
            For an unknown name, or where there is nothing to draw.
        """
        return figures_room().figure(self, name, axes)

    def view(self, name: str) -> Any:
        """Return the data of one figure: panels, series, marks; JSON by its ``to_json()``."""
        return figures_room().view(self, name)

    def __repr__(self) -> str:
        found = self.findings
        stage = found["stage"] or "undecided"
        steps = counted(found["steps"], "step")
        if found["samples"] is None:
            return f"Diagnosis({found['path']!r}: stage {stage}, {steps}, scalars alone)"
        known = found["problems"] is not None
        parts = (
            steps,
            counted(found["problems"], "problem") if known else "unknown problems",
            counted(found["samples"], "sample"),
        )
        return f"Diagnosis({found['path']!r}: stage {stage}, {', '.join(parts)})"


def as_json(line: Headline) -> dict[str, Any]:
    """Return a headline as JSON values."""
    return {
        "name": line.name,
        "text": line.text,
        "urgency": line.urgency.name.lower(),
        "evidence": line.evidence or None,
        "step": line.step,
        "interval": None if line.interval is None else list(line.interval),
        "remedy": None if line.remedy is None else line.remedy.text,
        "source": None if line.remedy is None else line.remedy.source,
    }


def refuse_equal_names(declared: Iterable[Finding]) -> None:
    """Refuse two findings of one name, or two that fill the same key.

    Raises
    ------
    ConetError
    """
    seen: dict[str, str] = {"headlines": "the diagnosis", "notes": "the diagnosis", "report": "the diagnosis"}
    names: set[str] = set()
    for finding in declared:
        if finding.name in names:
            raise ConetError(f"two findings called {finding.name!r}", "one of each name", "rename one")
        names.add(finding.name)
        for key in finding.keys:
            if key.name in seen:
                raise ConetError(
                    f"finding {finding.name!r} with the key {key.name!r}",
                    f"a key that is not taken (by {seen[key.name]})",
                    "rename it",
                )
            seen[key.name] = finding.name


def _is_finding(thing: Any) -> bool:
    return isinstance(thing, Finding)


def chosen(extra: Iterable[Finding | str]) -> tuple[Finding, ...]:
    """Return the findings of the package, and further ones.

    Parameters
    ----------
    extra
        Findings, or ``path/to/file.py:name`` of one.

    Raises
    ------
    ConetError
        When there is no such finding, or it is something else.
    """
    further = []
    for given in extra:
        found = resolve(given, FINDINGS, "finding", _is_finding) if isinstance(given, str) else given
        if not isinstance(found, Finding):
            raise ConetError(
                f"{given}, a {type(found).__name__}", "a Finding", "see docs/skeletons/finding.py"
            )
        if FINDINGS.get(found.name) is not found:
            further.append(found)
    return (*FINDINGS.values(), *further)


def diagnose(
    source: RolloutRecord | str | Path,
    *,
    format: str | Reader = "auto",
    column_mapping: str | Mapping[str, str | Source] = "",
    tokenizer: str | Path | None = None,
    findings: Iterable[Finding | str] = (),
    correct_above: float | None = None,
) -> Diagnosis:
    """Diagnose a run from the rollouts that its training logged.

    Parameters
    ----------
    source
        A run directory, the folder of its rollouts, or one file; or what ``conet.read`` returned.
    format, column_mapping, tokenizer, correct_above
        As for :func:`conet.read`; they do not count for what was read already.
    findings
        Findings of your own, beside those of the package.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ConetError
        When the place cannot be read, holds no rollouts, or it would be a guess what is correct.
    """
    if not isinstance(source, RolloutRecord):
        source = read(source, format, column_mapping, tokenizer, correct_above=correct_above)
    return Diagnosis(source, chosen(findings))
