"""pass@k of a model on problems, with intervals; resumable."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.files import numbered, write_atomic, write_table
from conet.base.intervals import interval, share_interval
from conet.base.kinds import EVALUATION
from conet.base.places import filling, make_folder
from conet.llm.answers import compact, number
from conet.llm.identity import name_of
from conet.llm.judge import Judge
from conet.llm.problems import Problem, prompt
from conet.llm.sampling import Generate
from conet.llm.verify import given
from conet.observables.pass_at_k import best_at_k, pass_at_k, powers_of_two
from conet.runs.recipe_problems import ProblemSettings

GROUP = 8  # problems between two files
ASKED = "asked.json"


def evaluate(
    generate: Generate,
    problems: Sequence[Problem],
    settings: ProblemSettings,
    asked: Mapping[str, Any],
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Draw samples for every problem, judge them, and summarise.

    What was drawn stays in a folder of ``out`` whose name is the digest of ``asked``: the same evaluation
    goes on where it stopped, another one (of another model, length or file) begins anew beside it.

    Parameters
    ----------
    generate
        Prompts and a seed → tokens, text and whether the length limit cut it off.
    problems, settings
        What is asked, and who judges.
    asked
        All that the answers depend on, see :func:`conet.llm.identity.asked`; ``samples`` is one of them.
    out
        ``OUT/<digest>/`` has the completions, a file every 8 problems, and the result;
        ``OUT/evaluation.json`` is the result that was asked for last.

    Returns
    -------
    dict
        What :func:`summarise` returns, and ``asked``: model and its SHA-256, sampling, length, engine, seed.

    Raises
    ------
    ConetError
        When ``out`` holds something else.
    """
    import polars as pl

    with filling(out, EVALUATION):
        place = _claim(out, asked)
        _answer_all(generate, problems, settings, asked, place, progress)
        rows = pl.concat([pl.read_parquet(path) for _, path in numbered(place, "part-", ".parquet")])
        found = summarise(rows, asked["samples"]) | {"asked": dict(asked), "completions": str(place)}
        for target in (place, out):
            write_atomic(target / EVALUATION.mark, json.dumps(found, indent=2) + "\n")
    return found


def _answer_all(
    generate: Generate,
    problems: Sequence[Problem],
    settings: ProblemSettings,
    asked: Mapping[str, Any],
    place: Path,
    progress: Callable[[int, int], None],
) -> None:
    """Draw and judge what is not there yet."""
    done = {number for number, _ in numbered(place, "part-", ".parquet")}
    with Judge(settings.verifier, settings.verifier_workers, settings.verifier_seconds) as judge:
        for first in range(0, len(problems), GROUP):
            group = problems[first : first + GROUP]
            if first not in done:
                table = _answers(generate, judge, group, settings, asked, first)
                write_table(place / f"part-{first:08d}.parquet", table)
            progress(min(first + GROUP, len(problems)), len(problems))


def _answers(
    generate: Generate,
    judge: Judge,
    group: Sequence[Problem],
    settings: ProblemSettings,
    asked: Mapping[str, Any],
    first: int,
) -> Any:
    """Draw and judge the completions of a few problems; ``first`` is the place of the first of them.

    Each group has a seed of its own, so that a call that was interrupted ends with the same answers.
    """
    import polars as pl

    samples = asked["samples"]
    posed = [prompt(problem, settings) for problem in group for _ in range(samples)]
    drawn = generate(posed, asked.get("seed", 0) + first)
    golds = [problem.answer for problem in group for _ in range(samples)]
    verdicts = judge.judge([(text, gold) for (_, text, _), gold in zip(drawn, golds)])
    return pl.DataFrame(
        {
            "problem": [problem.number for problem in group for _ in range(samples)],
            "sample": list(range(samples)) * len(group),
            "text": [text for _, text, _ in drawn],
            "length": [len(tokens) for tokens, _, _ in drawn],
            "truncated": [cut for _, _, cut in drawn],
            "correct": [verdict.reward >= 1 for verdict in verdicts],
            "status": [verdict.status for verdict in verdicts],
        }
    )


def _claim(out: Path, asked: Mapping[str, Any]) -> Path:
    """Return the folder for these answers, with what was asked written down in it."""
    place = out / name_of(asked)
    make_folder(place)
    if not (place / ASKED).exists():
        write_atomic(place / ASKED, json.dumps(asked, indent=2) + "\n")
    return place


def summarise(rows: Any, samples: int) -> dict[str, Any]:
    """Return pass@k, best@k, majority and length, with intervals over problems.

    The unit is the problem: its samples are not independent of one another, so intervals come from
    resampling problems.
    """
    import polars as pl

    by = rows.group_by("problem").agg(pl.col("correct").sum().alias("right"), pl.len()).sort("problem")
    right = by["right"].to_numpy().astype(np.int64)
    voted = np.array(
        [_majority(part) for _, part in sorted(rows.group_by("problem"), key=lambda item: item[0])]
    )
    ks = powers_of_two(samples)
    solved = rows.filter(pl.col("correct"))
    return {
        "problems": len(right),
        "samples": samples,
        "mean": _with_interval(right / samples),
        "pass_at_k": {str(k): _with_interval(pass_at_k(right, samples, k)) for k in ks},
        "best_at_k": {str(k): _with_interval(best_at_k(right, samples, k)) for k in ks},
        "majority": _with_interval(voted),
        "correct_length": solved["length"].mean(),
        "truncated_share": rows["truncated"].mean(),
        "verifier": dict(rows["status"].value_counts().iter_rows()),
    }


def _majority(rows: Any) -> float:
    """Whether the most frequent answer is right: 1 or 0; of several as frequent, the share that is."""
    answers = []
    for text in rows["text"]:
        answer = given(text)
        value = number(answer)
        answers.append(compact(answer) if value is None else repr(value.value))
    correct = rows["correct"].to_numpy()
    kinds, counts = np.unique(answers, return_counts=True)
    winners = kinds[counts == counts.max()]
    return float(np.mean([np.mean(correct[np.array(answers) == one]) >= 0.5 for one in winners]))


def _with_interval(values: np.ndarray) -> dict[str, float | None]:
    """Mean and interval: bootstrap, or Clopper and Pearson (1934) where all problems failed, or none."""
    if np.all(values == 0) or np.all(values == 1):
        low, high = share_interval(int(np.sum(values)), len(values))
    else:
        low, high = interval(np.asarray(values, np.float64))
    finite = np.isfinite([low, high]).all() and high > low
    return {"value": float(np.mean(values)), "low": low if finite else None, "high": high if finite else None}
