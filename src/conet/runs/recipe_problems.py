"""Settings of the problems of a training on a language model, and of the warm-up before it."""

from typing import Literal

from pydantic import Field

from conet.config import Count, Settings

GENERATED = ("arithmetic", "routes")  # sources that need no file


class ProblemSettings(Settings):
    """Which problems, how they are asked, and who judges."""

    source: str = Field(
        "arithmetic", description="`arithmetic`, `routes`, a .jsonl or .parquet file, or `hub:NAME`"
    )
    split: str = Field("train", description="split of a data set from the hub")
    limit: Count | None = Field(None, description="most problems; none: all")
    held_out: int = Field(
        0,
        ge=0,
        description="so many problems, the last, are kept for `training.eval_strategy` and not trained on",
    )
    levels: list[Count] = Field([2, 3, 4], description="of `arithmetic`: numbers of terms")
    form: Literal["chain", "lines"] = Field(
        "chain",
        description="of `arithmetic`: `3+8+5=`, solved as `11+5=16`; or `3 + 8 + 5`, solved as `3 + 8 = 11` "
        "and `11 + 5 = 16`, one a line",
    )
    nodes: Count = Field(60, ge=2, le=3844, description="of `routes`: nodes of the graph")
    degree: Count = Field(6, description="of `routes`: edges that leave a node")
    load: float = Field(0.4, gt=0, le=0.5, description="of `routes`: problems over nodes")
    hops: Count = Field(10, le=1000, description="of `routes`: hops of the longest route")
    seed: int = Field(0, ge=0, description="of `arithmetic`, and of graph and problems of `routes`")
    question: str = Field("problem", description="column of the question")
    answer: str = Field("answer", description="column of the gold answer")
    solution: str = Field("solution", description="column of a worked solution")
    answer_from: Literal["answer", "solution"] = Field(
        "answer", description="where the gold answer stands; in a solution it is the last box"
    )
    template: str = Field("{problem}", description="what the model is asked, with `{problem}` in it")
    system: str | None = Field(None, description="system message, with `chat`")
    chat: bool = Field(False, description="ask through the tokenizer's chat template")
    verifier: str = Field(
        "math",
        description="`exact`, `numeric`, `math`, `math_after_thought`, `minerva`, `routes` or "
        "`path/to/file.py:name`",
    )
    verifier_workers: Count = Field(2, description="processes that judge")
    verifier_seconds: float = Field(
        10.0,
        gt=0,
        description="longest time to judge one sample, seconds of processor time (of the clock: your own)",
    )


class WarmUp(Settings):
    """Supervised updates on generated solutions (sums, or walks of `routes`) before RLVR; none by default."""

    steps: int = Field(0, ge=0, description="supervised updates")
    batch: Count = Field(128, description="solutions in one update")
    learning_rate: float = Field(3e-3, gt=0, description="rate of these updates")
    levels: list[Count] = Field([2, 3], description="of sums: numbers of terms")
    careful: float = Field(
        0.5, ge=0, le=1, description="of sums: chance that a line of a solution adds up one pair alone"
    )
