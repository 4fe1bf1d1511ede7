"""Problems: from files, the hub or a generator, and the prompts made of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.llm import arithmetic
from conet.llm.answers import last_box
from conet.runs.recipe import ProblemSettings

Prompt = str | list[dict[str, str]]


@dataclass(frozen=True)
class Problem:
    """One problem: its number in the run, its name in the data, the question, gold answer and solution."""

    number: int
    name: str
    question: str
    answer: str
    solution: str | None = None


def load(settings: ProblemSettings) -> list[Problem]:
    """Read or generate the problems.

    Raises
    ------
    ConetError
        When the source cannot be read, a column is missing, or nothing is left.
    """
    source = settings.source
    if source == "arithmetic":
        rows = arithmetic.problems(settings.limit or 64, list(settings.levels), settings.seed)
        columns = ("problem", "answer", "solution")
    else:
        rows = _hub(settings) if source.startswith("hub:") else _file(Path(source))
        columns = (settings.question, settings.answer, settings.solution)
    if settings.answer_from == "solution":
        columns = (columns[0], "", columns[2])
    found = [_problem(number, row, columns, source) for number, row in enumerate(rows[: settings.limit])]
    if not found:
        raise ConetError(f"{source} without a problem", "at least one", "check the file")
    return found


def _file(path: Path) -> list[dict[str, Any]]:
    try:
        if path.suffix == ".parquet":
            import polars as pl

            return pl.read_parquet(path).to_dicts()
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines if line.strip()]
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ConetError(
            f"problems {path}: {reason}", "a .jsonl or .parquet file", "check the path"
        ) from None
    if not all(isinstance(row, dict) for row in rows):
        raise ConetError(f"{path}, with a line that is no object", "one JSON object a line", "mend it")
    return rows


def _hub(settings: ProblemSettings) -> list[dict[str, Any]]:
    name = settings.source.removeprefix("hub:")
    try:
        from datasets import load_dataset

        table = load_dataset(name, split=settings.split)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:160]
        raise ConetError(
            f"data set {name}: {reason}",
            "a data set that the hub gives",
            "check name and network, or name a local file: --set problems.source=FILE.jsonl",
        ) from None
    return [dict(row) for row in table]


def _problem(number: int, row: dict[str, Any], columns: tuple[str, str, str], source: str) -> Problem:
    question, answer, solution = columns
    for name in filter(None, (question, answer)):
        if row.get(name) is None:
            raise ConetError(f"row {number} of {source} without {name!r}", "that column", nearest(name, row))
    worked = row.get(solution)
    gold = str(row[answer]) if answer else last_box(str(worked or ""))
    if gold is None or not gold.strip():
        raise ConetError(
            f"row {number} of {source} without a gold answer", "an answer", "mend or drop the row"
        )
    name = str(row.get("id", number))
    return Problem(number, name, str(row[question]), gold, None if worked is None else str(worked))


def prompt(problem: Problem, settings: ProblemSettings) -> Prompt:
    """Return what the model is asked: text, or messages for a chat template."""
    text = settings.template.replace("{problem}", problem.question)
    if not settings.chat:
        return text
    system = [{"role": "system", "content": settings.system}] if settings.system else []
    return [*system, {"role": "user", "content": text}]


def dataset(problems: Sequence[Problem], settings: ProblemSettings) -> Any:
    """Return the data set that the trainer reads: prompt, problem and answer."""
    from datasets import Dataset

    rows = {
        "prompt": [prompt(problem, settings) for problem in problems],
        "problem": [problem.number for problem in problems],
        "answer": [problem.answer for problem in problems],
    }
    return Dataset.from_dict(rows)
