"""What a finding declares, and what it returns. A new one is one file: see ``docs/skeletons/finding.py``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from conet.base.errors import ConetError
from conet.diagnosis.log import Log
from conet.diagnosis.words import clean

NO_ROLLOUTS = "there are no rollouts, only the scalars that the trainer logged"

NO_CORRECT = "rewards give partial credit, so nothing is called correct; --correct-above says what is"


class Urgency(IntEnum):
    """In which order headlines are said: the largest first."""

    NOTE = 0  # good to know
    ADVICE = 1  # what could be done
    STATE = 2  # where the run is
    WARNING = 3  # will cost something
    EMERGENCY = 4  # act now


class Key(NamedTuple):
    """A value under a fixed name in ``--json``.

    Attributes
    ----------
    name : str
    type : str
        As a reader of the documentation needs it: "integer", "number or null", "object".
    meaning : str
        What it is, with its unit. In the documentation.
    """

    name: str
    type: str
    meaning: str


class Remedy(NamedTuple):
    """What people do then.

    Attributes
    ----------
    text : str
        One line.
    source : str
        The paper, or the trainer's option, that says so.
    """

    text: str
    source: str


class MainNumber(NamedTuple):
    """A line of the terminal and a tile of the report: name, value, and what the value is."""

    name: str
    value: str
    definition: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """A sentence that tells the user what is going on; the most urgent one is said first.

    Attributes
    ----------
    text : str
        One sentence, or two.
    urgency : Urgency
    evidence : str
        What the sentence rests on, in one line.
    step : int or None
        Since when, or at which step.
    interval : tuple of float, or None
        95 % interval of that step.
    remedy : Remedy or None
    name : str
        What is going on, in a word or two, for programs: "truncated". That of the finding where absent.
    """

    text: str
    urgency: Urgency = Urgency.NOTE
    evidence: str = ""
    step: int | None = None
    interval: tuple[float, float] | None = None
    remedy: Remedy | None = None
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a finding found.

    Attributes
    ----------
    values : mapping
        The declared keys with their JSON values; a key that is left out is null.
    caveats : mapping of str to str
        By key: why it is null, or what to be careful of.
    headlines : tuple of Headline
    numbers : tuple of MainNumber
        What stands in the terminal and at the top of the report.
    detail : Any
        For figures, and for other findings through ``log.other(name)``.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    caveats: Mapping[str, str] = field(default_factory=dict)
    headlines: tuple[Headline, ...] = ()
    numbers: tuple[MainNumber, ...] = ()
    detail: Any = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding of a diagnosis.

    Attributes
    ----------
    name : str
    compute : callable
        From a :class:`conet.diagnosis.log.Log` to a :class:`Result`.
    keys : tuple of Key
        What it adds to ``--json``.
    decides : str
        The rule, for the table in ``docs/diagnose.md``: what is said when, with all thresholds.
    view : str, callable or None
        The figure that shows it: the name of one that there is, or a function from a ``Diagnosis`` to a
        :class:`conet.views.schema.View` (or ``path/to/file.py:function``), which then has the finding's name.
    needs_rollouts : bool
        False for one that also has something to say where a log holds the scalars of a trainer alone
        (``log.has_rollouts`` is then false); of the others all keys are then null, with the reason.
    needs_correct : bool
        False for one that also has something to say where rewards give partial credit
        (``log.partial_credit``): counts of correct rollouts are then sums of rewards from 0 to 1.
    """

    name: str
    compute: Callable[[Log], Result]
    keys: tuple[Key, ...]
    decides: str
    view: str | Callable[[Any], Any] | None = None
    needs_rollouts: bool = True
    needs_correct: bool = True

    def result(self, log: Log) -> Result:
        """Compute, and check that what came is what was declared.

        Raises
        ------
        ConetError
            When the finding, which may be the user's own, fails or returns something else.
        """
        if self.needs_rollouts and not log.has_rollouts:
            return Result(caveats={key.name: NO_ROLLOUTS for key in self.keys})
        if self.needs_correct and log.partial_credit:
            return Result(caveats={key.name: NO_CORRECT for key in self.keys})
        try:
            found = self.compute(log)
        except (ConetError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            raise ConetError(
                f"finding {self.name!r}: {type(error).__name__}: {error}", "a Result", "mend its compute"
            ) from error
        if not isinstance(found, Result):
            raise ConetError(f"finding {self.name!r}: {type(found).__name__}", "a Result", "return Result(…)")
        declared = {key.name for key in self.keys}
        strange = sorted(set(found.values) - declared)
        if strange:
            raise ConetError(
                f"finding {self.name!r} with the undeclared key {strange[0]!r}",
                f"the declared ones: {', '.join(sorted(declared))}",
                "declare it as a Key, or leave it out",
            )
        self._check_parts(found)
        return found

    def _check_parts(self, found: Result) -> None:
        """Refuse parts of the wrong kind here, where the finding can be named, not when they are printed."""
        kinds = (("headlines", found.headlines, Headline), ("numbers", found.numbers, MainNumber))
        for what, parts, kind in kinds:
            strange = [part for part in parts if not isinstance(part, kind)]
            if strange:
                got = f"finding {self.name!r} with {what}={strange[0]!r}"[:200]
                raise ConetError(got, f"objects of the class {kind.__name__}", f"write {kind.__name__}(…)")
        for key, value in found.values.items():
            try:
                json.dumps(clean(value))
            except (TypeError, ValueError, RecursionError) as error:
                got = f"finding {self.name!r}: {key!r} is {type(value).__name__} ({error})"[:200]
                raise ConetError(got, "a value of JSON", "return numbers, texts, lists or objects") from None
