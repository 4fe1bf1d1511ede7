"""pass@k of a model on problems, with intervals; resumable."""

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import numbered, write_atomic, write_table
from conet.base.intervals import interval, share_interval
from conet.llm.answers import compact, last_box, number
from conet.llm.judge import Judge
from conet.llm.problems import Problem, prompt
from conet.llm.verify import given
from conet.observables.pass_at_k import best_at_k, pass_at_k, powers_of_two
from conet.runs.recipe import ProblemSettings

Generate = Callable[[list[Any]], list[tuple[list[int], str, bool]]]
GROUP = 8  # problems between two files


def evaluate(
    generate: Generate,
    problems: Sequence[Problem],
    settings: ProblemSettings,
    samples: int,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Draw samples for every problem, judge them, and summarise.

    Parameters
    ----------
    generate
        Prompts → tokens, text and whether the length limit cut it off.
    problems, settings
        What is asked, and who judges.
    samples
        Completions a problem.
    out
        Where the completions go, a file every 8 problems; files that are there are not made again.

    Raises
    ------
    ConetError
        When ``out`` holds another evaluation.
    """
    import polars as pl

    _claim(out, settings, samples, len(problems))
    done = {number for number, _ in numbered(out, "part-", ".parquet")}
    with Judge(settings.verifier, settings.verifier_workers, settings.verifier_seconds) as judge:
        for first in range(0, len(problems), GROUP):
            group = problems[first : first + GROUP]
            if first not in done:
                asked = [prompt(problem, settings) for problem in group for _ in range(samples)]
                drawn = generate(asked)
                golds = [problem.answer for problem in group for _ in range(samples)]
                verdicts = judge.judge([(text, gold) for (_, text, _), gold in zip(drawn, golds)])
                table = pl.DataFrame(
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
                write_table(out / f"part-{first:08d}.parquet", table)
            progress(min(first + GROUP, len(problems)), len(problems))
    rows = pl.concat([pl.read_parquet(path) for _, path in numbered(out, "part-", ".parquet")])
    found = summarise(rows, samples)
    write_atomic(out / "evaluation.json", json.dumps(found, indent=2) + "\n")
    return found


def _claim(out: Path, settings: ProblemSettings, samples: int, count: int) -> None:
    """Write down what is evaluated, or check that it is the same as before."""
    wanted = {"problems": settings.model_dump(mode="json"), "samples": samples, "count": count}
    place = out / "asked.json"
    out.mkdir(parents=True, exist_ok=True)
    if place.exists():
        if json.loads(place.read_text()) != wanted:
            raise ConetError(
                f"{out}, which holds another evaluation",
                "the same problems and samples",
                "choose another --out",
            )
    elif any(out.iterdir()):
        raise ConetError(
            f"--out {out}, which is not empty", "a new directory, or one to go on in", "choose another --out"
        )
    else:
        write_atomic(place, json.dumps(wanted, indent=2) + "\n")


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
    """Share of right completions under the most frequent answer (1 or 0, where a verifier is consistent)."""
    answers = []
    for text in rows["text"]:
        box = last_box(text)
        answer = given(text) if box is None else box
        value = number(answer)
        answers.append(compact(answer) if value is None else repr(value.value))
    correct = rows["correct"].to_numpy()
    kinds, first, counts = np.unique(answers, return_index=True, return_counts=True)
    winner = kinds[np.lexsort((first, -counts))[0]]
    return float(np.mean(correct[np.array(answers) == winner]) >= 0.5)


def _with_interval(values: np.ndarray) -> dict[str, float | None]:
    """Mean and interval: bootstrap, or Clopper and Pearson (1934) where all problems failed, or none."""
    if np.all(values == 0) or np.all(values == 1):
        low, high = share_interval(int(np.sum(values)), len(values))
    else:
        low, high = interval(np.asarray(values, np.float64))
    finite = np.isfinite([low, high]).all() and high > low
    return {"value": float(np.mean(values)), "low": low if finite else None, "high": high if finite else None}


def transformers_generator(
    model: Any, tokenizer: Any, length: int, temperature: float, batch: int, seed: int
) -> Generate:
    """Sample with transformers, so many prompts at a time."""
    import torch

    def generate(prompts: list[Any]) -> list[tuple[list[int], str, bool]]:
        found: list[tuple[list[int], str, bool]] = []
        model.eval()
        for start in range(0, len(prompts), batch):
            texts = [_text(tokenizer, asked) for asked in prompts[start : start + batch]]
            inputs = tokenizer(
                texts,
                return_tensors="pt",
                padding=True,
                padding_side="left",
                add_special_tokens=isinstance(prompts[0], str),
            ).to(model.device)
            inputs.pop("token_type_ids", None)
            with torch.no_grad():
                ids = model.generate(
                    **inputs,
                    do_sample=True,
                    temperature=temperature,
                    top_k=0,
                    top_p=1.0,
                    max_new_tokens=length,
                    pad_token_id=tokenizer.pad_token_id,
                    eos_token_id=tokenizer.eos_token_id,
                )[:, inputs["input_ids"].shape[1] :]
            found += [_cut(row.tolist(), tokenizer, length) for row in ids]
        return found

    torch.manual_seed(seed)
    return generate


def _text(tokenizer: Any, asked: Any) -> str:
    if isinstance(asked, str):
        return asked
    return tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)


def _cut(row: list[int], tokenizer: Any, length: int) -> tuple[list[int], str, bool]:
    """Cut a row off behind its first end token."""
    end = tokenizer.eos_token_id
    tokens = row[: row.index(end) + 1] if end in row else row
    return (
        tokens,
        tokenizer.decode(tokens, skip_special_tokens=True),
        end not in row and len(tokens) >= length,
    )


def vllm_generator(path: str, length: int, temperature: float, seed: int) -> Generate:
    """Sample with vLLM."""
    from vllm import LLM, SamplingParams

    engine = LLM(model=path, seed=seed)
    parameters = SamplingParams(temperature=temperature, top_p=1.0, max_tokens=length)

    def generate(prompts: list[Any]) -> list[tuple[list[int], str, bool]]:
        ask = engine.generate if isinstance(prompts[0], str) else engine.chat
        outputs = [result.outputs[0] for result in ask(prompts, parameters)]
        return [(list(output.token_ids), output.text, output.finish_reason == "length") for output in outputs]

    return generate


def generator(
    model: Any, length: int, temperature: float, batch: int, seed: int, engine: str = "auto"
) -> Generate:
    """Choose vLLM where it and a GPU are there, else transformers.

    Parameters
    ----------
    model
        A :class:`conet.runs.recipe.ModelSettings`.
    """
    import torch

    from conet.llm import models

    if engine == "vllm" and find_spec("vllm") is None:
        raise ConetError(
            "--engine vllm without vLLM", "the package vllm", "pip install vllm, or --engine transformers"
        )
    if engine == "vllm" or (
        engine == "auto" and model.path and find_spec("vllm") and torch.cuda.is_available()
    ):
        return vllm_generator(model.path, length, temperature, seed)
    loaded, tokenizer = models.load(model, seed)
    loaded.to("cuda" if torch.cuda.is_available() else "cpu")
    return transformers_generator(loaded, tokenizer, length, temperature, batch, seed)
