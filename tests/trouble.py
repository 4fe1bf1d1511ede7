"""Runs in trouble: what people ask about in public, drawn with words, lengths and rewards like those of logs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

WORDS = [
    "so",
    "then",
    "we",
    "add",
    "total",
    "carry",
    "multiply",
    "check",
    "first",
    "second",
    "since",
    "therefore",
    "number",
    "sum",
    "the",
    "of",
    "each",
    "is",
    "equal",
    "to",
    "left",
    "right",
    "hence",
    "gives",
    "now",
    "take",
    "half",
    "twice",
    "minus",
    "plus",
    "value",
    "answer",
    "both",
    "sides",
    "divide",
    "by",
    "step",
    "let",
    "us",
    "consider",
    "next",
    "but",
    "wait",
    "again",
    "that",
    "means",
    "problem",
    "says",
    "how",
    "many",
    "apples",
    "books",
    "per",
    "hour",
    "cost",
    "price",
    "total",
]
SYSTEM = "system\nPut the result into \\boxed{}.\nuser\n"


def prose(rng: np.random.Generator, length: int) -> str:
    """As many characters of words, about."""
    return " ".join(rng.choice(WORDS, max(1, length // 5)))


def loop(rng: np.random.Generator, length: int) -> str:
    """One sentence again and again."""
    sentence = " ".join(rng.choice(WORDS, 6)) + " "
    return sentence * max(1, length // len(sentence))


def noise(rng: np.random.Generator, length: int) -> str:
    """Characters of many scripts, as a broken policy writes them."""
    signs = np.array(list("#@)]};:<>|~^%*+=\\/_-!?&$\"'`") + [chr(code) for code in range(0x4E00, 0x4F00)])
    return "".join(rng.choice(signs, max(1, length)))


def letters(rng: np.random.Generator, length: int) -> str:
    """Letters at random with spaces between them: what looks like words and is none."""
    return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz     "), max(1, length)))


def curve(*points: tuple[float, float]) -> np.ndarray:
    """A curve over steps 1, 2, … through points (step, value)."""
    at, values = zip(*points)
    return np.interp(np.arange(1, at[-1] + 1), at, values)


def run(
    accuracy: np.ndarray,
    *,
    length: np.ndarray | float = 300.0,
    truncated: np.ndarray | float = 0.0,
    words: Callable[[int], Callable[[np.random.Generator, int], str]] = lambda step: prose,
    problems: int = 8,
    samples: int = 8,
    once: bool = False,
    misjudged: float = 0.0,
    boxed: float = 1.0,
    seed: int = 0,
    spread: float = 0.1,
    **rewards: np.ndarray | float,
) -> pl.DataFrame:
    """Draw the rollouts of a run.

    Parameters
    ----------
    accuracy
        By step; each problem lies a little above or below.
    length, truncated
        By step: characters, and share of the answers cut off.
    words
        From the step to what writes an answer.
    once
        Whether each prompt is seen once.
    misjudged, boxed
        Share of the wrong answers that give the gold answer; share that mark their result.
    rewards
        Further columns of rewards: by step the share of answers that get 1.
    """
    rng = np.random.default_rng(seed)
    steps = len(accuracy)
    lengths, cut = (np.broadcast_to(values, steps) for values in (length, truncated))
    offset = rng.normal(0, spread, (steps if once else 1, problems))
    found = []
    for step in range(1, steps + 1):
        level = accuracy[step - 1]
        for problem in range(problems):
            number = step * problems + problem if once else problem
            chance = (
                level if level in (0, 1) else np.clip(level + offset[(step - 1) % len(offset), problem], 0, 1)
            )
            for _ in range(samples):
                right = rng.random() < chance
                gold = 7 * number + 11
                result = gold if right or rng.random() < misjudged else gold + int(rng.integers(1, 9))
                size = max(20, int(rng.normal(lengths[step - 1], 0.1 * lengths[step - 1])))
                mark = f"\\boxed{{{result}}}" if rng.random() < boxed else f"it is {result}"
                found.append(
                    {
                        "step": step,
                        "prompt": f"What is {number} times 7 plus 11?",
                        "completion": f"{words(step)(rng, size)} {mark}",
                        "ground_truth": str(gold),
                        "correct": float(right),
                        "response_length": size,
                        "finish_reason": "length" if rng.random() < cut[step - 1] else "stop",
                        **{
                            name: float(rng.random() < np.broadcast_to(share, steps)[step - 1])
                            for name, share in rewards.items()
                        },
                    }
                )
    return pl.DataFrame(found)


def saved(rows: pl.DataFrame, folder: Path) -> Path:
    """Write the rollouts as JSON lines."""
    place = folder / "rollouts.jsonl"
    rows.write_ndjson(place)
    return place


def collapse() -> pl.DataFrame:
    """The run of ``tests/data/trouble``: it learns, and then loops until the limit cuts it off."""
    return run(
        curve((1, 0.15), (12, 0.6), (26, 0.72), (29, 0), (40, 0)),
        length=curve((1, 260), (26, 240), (30, 900), (40, 900)),
        truncated=curve((1, 0.01), (26, 0.02), (29, 0.9), (40, 0.9)),
        words=lambda step: loop if step >= 28 else prose,
        samples=4,
        boxed=0.95,
        format_reward=curve((1, 0.3), (8, 0.95), (26, 0.97), (30, 0.05), (40, 0.03)),
    ).with_columns(reward=pl.col("correct") + 0.2 * pl.col("format_reward"))
