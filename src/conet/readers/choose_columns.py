"""From the columns that a file has to the column of each role."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from conet.base.errors import ConetError, nearest
from conet.readers.base import FAMILY, Part, Reader, named_rewards
from conet.readers.column_mapping import ROLES, UNMAPPED, Source
from conet.readers.gold import gold_column
from conet.readers.rewards import correct_among

MOST_COMPONENTS = 8  # rewards that are kept one by one
TOTAL = ("reward", "total_reward", "rewards")  # what all rewards of a row give together
COALESCED = "the one reward that a row has"
SUMMED = "the sum of the rewards of a row"
CUT_OFF = Source("finish_reason", "==", "length")  # what vLLM and its kin say of a completion cut off


@dataclass(kw_only=True)
class ColumnMapping:
    """Which column plays which role in all files of a run.

    Attributes
    ----------
    sources : dict of str to Source
        By role.
    columns : list of str
        All columns of the first file, for messages.
    count_tokens : callable or None
        Gives the length of each of a list of completions in tokens.
    correct_values : set of float
        Values of the column that says what is correct, as far as read.
    outcomes : dict of str to set of bool
        By condition of ``--map``: whether it was ever fulfilled, and ever not.
    components : tuple of str
        Columns of rewards, which are kept one by one.
    apart : str or None
        Column that tells problems apart whose prompts are alike.
    coalesced : tuple of str
        Rewards of which each row has one: together they are the column :data:`COALESCED`.
    summed : tuple of str
        Rewards whose sum, the column :data:`SUMMED`, is the reward where no column says it: each with weight
        1, which is TRL's default.
    """

    sources: dict[str, Source]
    columns: list[str]
    count_tokens: Callable[[list[str]], list[int]] | None = None
    correct_values: set[float] = field(default_factory=set)
    outcomes: dict[str, set[bool]] = field(default_factory=dict)
    components: tuple[str, ...] = ()
    apart: str | None = None
    coalesced: tuple[str, ...] = ()
    summed: tuple[str, ...] = ()

    @property
    def needed(self) -> list[str]:
        """Columns to be read."""
        wanted = [source.column for source in self.sources.values()]
        wanted += [*self.components, *self.coalesced, *self.summed, *([self.apart] if self.apart else [])]
        return [name for name in dict.fromkeys(wanted) if name not in (COALESCED, SUMMED)]

    @property
    def correct(self) -> Source:
        """What says whether a completion is correct."""
        return self.sources.get("correct") or self.sources["reward"]

    @property
    def reward(self) -> Source:
        """What says the reward."""
        return self.sources.get("reward") or self.correct

    @property
    def problem(self) -> Source:
        """What tells problems apart."""
        return self.sources.get("problem") or self.sources["prompt"]

    @property
    def remarks(self) -> list[str]:
        """Conditions that say the same of every row, which is seldom meant."""
        said = {True: "every row", False: "no row"}
        return [
            f"{condition} holds for {said[next(iter(found))]}: is it written as in the files?"
            for condition, found in self.outcomes.items()
            if len(found) == 1 and condition != str(CUT_OFF)
        ]

    def in_words(self, tokenizer: object) -> dict[str, str]:
        """Say where the main quantities come from."""
        sources = self.sources
        main = ("step", "correct", "length", "truncated")
        found = {role: f"column {sources[role]}" for role in main if role in sources}
        found.setdefault("step", "the names of the files")
        if self.coalesced:
            found["correct"] = f"the one of {', '.join(self.coalesced)} that a row has"
        if self.summed:
            found["reward"] = f"the sum of {', '.join(self.summed)}, each with weight 1"
        found.setdefault("correct", f"column {self.correct} (1 is correct)")
        found["problem"] = f"column {self.problem}"
        if "completion" in sources and self.count_tokens is not None:
            found["length"] = f"tokens of column {sources['completion']} (tokenizer {tokenizer})"
        elif "length" not in found and "completion" in sources:
            found["length"] = f"characters of column {sources['completion']}"
        return found


def choose_columns(
    columns: Mapping[str, int],
    reader: Reader,
    given: Mapping[str, Source],
    part: Part,
    one_a_row: Callable[[list[str]], tuple[str, ...]] | None = None,
) -> ColumnMapping:
    """Find a column for every role that a row needs.

    Parameters
    ----------
    columns
        Names of a file's columns, and which numbers they hold.
    reader
        The format.
    given
        What ``--map`` says.
    part
        The file, for messages, and the step that its name says.
    one_a_row
        Returns those of some columns of which each row has one and no other, where it is so; else none.

    Raises
    ------
    ConetError
        When a column is missing or it would have to be guessed what is correct.
    """
    found, unmapped = _mapped(columns, reader, given, part)
    if "step" not in found and part.step is None:
        raise missing("no step", "step", columns, part.path)
    if "problem" not in found and "prompt" not in found:
        name = reader.names.get("prompt", ("prompt",))[0]
        raise missing("no prompt", name, columns, part.path, "or an id with --map problem=COLUMN")
    chosen = given.get("reward", UNMAPPED)
    rewards = reader.rewards(columns) if chosen == UNMAPPED else [chosen.column]
    if "reward" not in found and len(rewards) == 1 and "reward" not in unmapped:
        found["reward"] = Source(rewards[0])
    coalesced: tuple[str, ...] = ()
    if "correct" not in found and "correct" not in unmapped:
        paid = set(rewards)
        named = correct_among(
            [*rewards, *(name for name in columns if columns[name] and name not in paid and not _asked(name))]
        )
        if named and [named] != rewards:
            found["correct"] = Source(named)
        elif len(rewards) > 1 and one_a_row is not None:
            coalesced = one_a_row(list(dict.fromkeys([*rewards, *named_rewards(dict.fromkeys(columns, 1))])))
            found |= {"reward": Source(COALESCED)} if coalesced else {}
    summed: tuple[str, ...] = ()
    if "correct" in found and "reward" not in found and "reward" not in unmapped:
        total = next((name for name in rewards if name.lower() in TOTAL), None)
        summed = () if total else _paid_together(rewards, found["correct"])
        if paid_as := SUMMED if summed else total:
            found["reward"] = Source(paid_as)
    if "correct" not in found and "reward" not in found:
        there = f"{len(rewards)} reward columns ({', '.join(rewards)})" if rewards else "no reward column"
        raise unclear(f"{part.path} with {there}", columns, *rewards[:1])
    _by_the_way(found, columns, unmapped)
    parts = dict.fromkeys([*rewards, *reader.rewards(columns), *named_rewards(columns), *_formats(columns)])
    return ColumnMapping(
        sources=found,
        columns=list(columns),
        components=tuple(parts)[:MOST_COMPONENTS],
        apart=next((name for name in reader.apart if name in columns), None),
        coalesced=coalesced,
        summed=summed,
    )


def _paid_together(rewards: list[str], correct: Source) -> tuple[str, ...]:
    """Return the rewards of a row, where what is correct is one of several and none is the total."""
    parts = [name for name in rewards if name == correct.column or "reward" in name.lower()]
    return tuple(parts) if len(parts) > 1 and correct.column in parts and not correct.comparison else ()


def _by_the_way(found: dict[str, Source], columns: Mapping[str, int], unmapped: set[str]) -> None:
    """Add the gold answer and the family of a problem, where a column that plays no other role has them."""
    for role in ("gold", "family"):
        taken = {source.column for source in found.values()}
        if role == "gold":
            there = gold_column(columns, taken)
        else:
            there = next((name for name in FAMILY if name in columns and name not in taken), None)
        if role not in found and role not in unmapped and there:
            found[role] = Source(there)


def _asked(name: str) -> bool:
    """Whether a column of numbers may be the gold answer, and no reward: ``correct_answer``."""
    return re.search(r"answer|solution|option|choice|label|letter", name.lower()) is not None


def _mapped(
    columns: Mapping[str, int], reader: Reader, given: Mapping[str, Source], part: Part
) -> tuple[dict[str, Source], set[str]]:
    """Return the roles that have a column by its name or by ``--map``, and those that shall have none."""
    unmapped = {role for role, source in given.items() if source == UNMAPPED}
    wanted = {role: source for role, source in given.items() if role not in unmapped}
    for role, source in wanted.items():
        if source.column not in columns:
            raise missing(f"--map {role}={source}", source.column, columns, part.path, role=role)
    known = _by_name(columns, reader)
    return {role: source for role, source in known.items() if role not in unmapped} | wanted, unmapped


def _formats(columns: Mapping[str, int]) -> list[str]:
    """Return the columns of numbers that say whether the format of a completion is right."""
    return [name for name, numeric in columns.items() if numeric and re.search(r"format|fmt", name.lower())]


def _by_name(columns: Mapping[str, int], reader: Reader) -> dict[str, Source]:
    """Of the names that a role may have, the first that is a column."""
    found = {}
    for role in ROLES:
        there = [name for name in reader.names.get(role, ()) if name in columns]
        if there:
            found[role] = Source(there[0])
    if "truncated" not in found and CUT_OFF.column in columns:
        found["truncated"] = CUT_OFF
    if not (reader.ids or reader.rows):
        found.pop("problem", None)
    return found


def missing(
    what: str, name: str, columns: Mapping[str, int], path: Path, more: str = "", role: str = "step"
) -> ConetError:
    """Say which column is missing, which ones there are, and which is nearest."""
    there = ", ".join(columns) or "none"
    hint = nearest(name, columns) if columns else ""
    hint = "" if hint.startswith("known") else f"{hint}; "
    return ConetError(
        f"{what}: {path} has the columns {there[:300]}",
        f"a column {name!r}" + (f", {more}" if more else ""),
        f"{hint}name the column with --map, for example --map {role}=COLUMN",
    )


def unclear(got: str, columns: Mapping[str, int] | list[str], example: str = "reward") -> ConetError:
    """Say that it would be a guess what is correct."""
    return ConetError(
        got,
        "a column correct, acc or accuracy, or one reward column with the values 0 and 1, or -1 and 1",
        f"say what is correct, for example --map 'correct={example}>=1'; columns: {', '.join(columns)[:300]}",
    )
