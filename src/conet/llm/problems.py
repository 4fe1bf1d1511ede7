"""Problems: from files, the hub or a generator, and the prompts made of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError, nearest
from conet.base.inputs import check_is_file
from conet.llm import arithmetic, hub, routes
from conet.llm.answers import last_box
from conet.runs.recipe_problems import GENERATED, ProblemSettings

Prompt = str | list[dict[str, str]]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem of a run.

    Attributes
    ----------
    number
        Its number in the run.
    name
        Its name in the data.
    question, answer
        The question as text (of messages the last one of the user), and the gold answer.
    solution
        A worked solution, where the data has one.
    messages
        The prompt, where the data has messages instead of a text.
    """

    number: int
    name: str
    question: str
    answer: str
    solution: str | None = None
    messages: tuple[dict[str, str], ...] | None = None


def load(settings: ProblemSettings) -> list[Problem]:
    """Read or generate the problems.

    Raises
    ------
    ConetError
        When the source cannot be read, a column is missing, or nothing is left.
    """
    source = settings.source
    rows: list[dict[str, Any]]
    if source in GENERATED:
        rows = _generated(settings)
        columns = ("problem", "answer", "solution")
    else:
        rows = _hub(settings) if source.startswith("hub:") else _file(Path(source))
        columns = (settings.question, settings.answer, settings.solution)
    if settings.answer_from == "solution":
        columns = (columns[0], "", columns[2])
    found = [_problem(number, row, columns, source) for number, row in enumerate(rows[: settings.limit])]
    if not found:
        raise ConetError(f"{source} without a problem", "at least one", "check the file")
    for problem in found:
        if not settings.chat and (problem.messages is None) != (found[0].messages is None):
            got = f"row {problem.number} of {source}: another kind of question than row 0"
            raise ConetError(got, "texts, or messages, in all rows", "--set problems.chat=true")
    return found


def _generated(settings: ProblemSettings) -> list[dict[str, Any]]:
    if settings.source == "routes":
        return [dict(row) for row in routes.problems(settings)]
    made = arithmetic.problems(settings.limit or 64, list(settings.levels), settings.seed, settings.form)
    return [dict(row) for row in made]


def _file(path: Path) -> list[dict[str, Any]]:
    check_is_file(path)
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

        hub.bound()
        table = load_dataset(name, split=settings.split)
    except Exception as error:
        raise ConetError(
            f"data set {name}: {hub.reason(error)}",
            "a data set that the hub gives",
            "check name and network, or name a local file: --set problems.source=FILE.jsonl",
        ) from None
    return [dict(row) for row in table]


def _problem(number: int, row: dict[str, Any], columns: tuple[str, str, str], source: str) -> Problem:
    question, answer, solution = columns
    where = f"row {number} of {source}"
    for name in filter(None, (question, answer)):
        if _value(row, name) is None:
            raise ConetError(f"{where} without {name!r}", "that column", nearest(name, _names(row)))
    worked = _value(row, solution)
    gold = _gold(_value(row, answer), f"{where}: {answer}") if answer else last_box(str(worked or ""))
    if gold is None or not gold.strip():
        raise ConetError(f"{where} without a gold answer", "an answer", "mend or drop the row")
    asked = _value(row, question)
    messages = None if isinstance(asked, str) else _messages(asked, f"{where}: {question}")
    return Problem(
        number=number,
        name=str(row.get("id", number)),
        question=asked if messages is None else messages[-1]["content"],
        answer=gold,
        solution=None if worked is None else str(worked),
        messages=messages,
    )


def _value(row: Any, name: str) -> Any:
    """Return a column, or a key inside one: ``reward_model.ground_truth``."""
    if not isinstance(row, dict) or name in row:
        return row.get(name) if isinstance(row, dict) else None
    outer, dot, inner = name.partition(".")
    return _value(row.get(outer), inner) if dot else None


def _names(row: dict[str, Any], prefix: str = "") -> list[str]:
    """List the columns and the keys inside them."""
    found = []
    for name, value in row.items():
        found += _names(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]
    return found


def _gold(value: Any, where: str) -> str:
    if isinstance(value, str) or (isinstance(value, int | float) and not isinstance(value, bool)):
        return str(value)
    raise ConetError(f"{where}={value!r}"[:200], "a text or a number", "name the column of the gold answer")


def _messages(value: Any, where: str) -> tuple[dict[str, str], ...]:
    """Return messages as they are in chat data, the last one of the user."""
    whole = isinstance(value, list | tuple) and all(
        isinstance(one, dict) and all(isinstance(one.get(key), str) for key in ("role", "content"))
        for one in value
    )
    if not whole or not value or value[-1]["role"] != "user":
        raise ConetError(
            f"{where}={value!r}"[:200],
            "a text, or messages of which the last is the user's",
            "name the column of the question: --set problems.question=NAME",
        )
    return tuple({"role": one["role"], "content": one["content"]} for one in value)


def prompt(problem: Problem, settings: ProblemSettings) -> Prompt:
    """Return what the model is asked: text, or messages for a chat template.

    The template is put around the question; of messages, around the last one. The settings' system message
    is added where the data's messages have none.
    """
    text = settings.template.replace("{problem}", problem.question)
    if not settings.chat and problem.messages is None:
        return text
    before = list(problem.messages[:-1]) if problem.messages else []
    told = any(message["role"] == "system" for message in before)
    system = [{"role": "system", "content": settings.system}] if settings.system and not told else []
    return [*system, *before, {"role": "user", "content": text}]


def dataset(problems: Sequence[Problem], settings: ProblemSettings) -> Any:
    """Return the data set that the trainer reads: prompt, problem and answer."""
    from datasets import Dataset

    rows = {
        "prompt": [prompt(problem, settings) for problem in problems],
        "problem": [problem.number for problem in problems],
        "answer": [problem.answer for problem in problems],
    }
    return Dataset.from_dict(rows)
