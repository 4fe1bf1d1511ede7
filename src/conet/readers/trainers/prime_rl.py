"""prime-rl: ``rollouts/step_N/{train,eval}/…/traces.jsonl``.

Source: PrimeIntellect-ai/prime-rl, src/prime_rl/monitors/file.py: a line is a task with its traces; a
trace holds nodes with messages (``sampled`` where the model wrote them), ``rewards`` with score and
weight, and calls with their usage. ``train/effective`` holds a subset of ``train/all``, which is
counted once.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.records import Head, known, records
from conet.readers.messages import call_text
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import correct_among, number_of, one_by_one, together

MARKS = ("traces", "task")


def begins(head: Head) -> bool:
    """Whether it has traces."""
    return head.has(*MARKS) and isinstance(head.rows[0]["traces"], list)


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the files without those whose rows another one holds too."""
    there = {inside(root, path) for path in files}
    kept = [path for path in files if _whole(inside(root, path)) not in there - {inside(root, path)}]
    return [
        Part(part.path, part.split, part.step, run=run, run_of_steps=run)
        for part in parts_of(root, kept)
        for run in [_run(inside(root, part.path))]
    ]


def _whole(path: PurePath) -> PurePath:
    return PurePath(*("all" if part == "effective" else part for part in path.parts))


def _run(path: PurePath) -> str:
    """Return the folder above those of steps."""
    names = list(path.parts)
    place = next((at for at, name in enumerate(names) if name.startswith("step_")), 0)
    return "/".join(names[:place])


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield a rollout for each trace."""
    for line in records(path):
        if isinstance(line, Skipped):
            yield line
            continue
        work = ((line.get("run") or {}).get("work")) or {}
        task = line.get("task") or {}
        if not line.get("traces"):
            yield Skipped("tasks without a trace")
        for trace in line.get("traces") or []:
            rewards = trace.get("rewards") or {}
            if not rewards and trace.get("reward") is None:
                yield Skipped("traces without a reward")
                continue
            env = (line.get("env") or {}).get("id")
            yield _rollout(trace, task, rewards, env) | known(step=work.get("step"))


def _problem(task: dict[str, Any], env: Any) -> str | None:
    """Return the key of a task, with its environment where the key does not name it."""
    key = task.get("key")
    return key if key is None or not env or str(env) in str(key) else f"{env} {key}"


def _rollout(
    trace: dict[str, Any], task: dict[str, Any], rewards: dict[str, Any], env: Any
) -> dict[str, Any]:
    nodes = trace.get("nodes") or []
    first = next((place for place, node in enumerate(nodes) if node.get("sampled")), len(nodes))
    calls = trace.get("calls") or []
    used = [(call.get("usage") or {}).get("completion_tokens") for call in calls]
    data = task.get("data") or {}
    correct = correct_among(rewards)
    total = trace.get("reward")
    return known(
        problem=_problem(task, env),
        prompt=[node["message"] for node in nodes[:first] if node.get("message")] or data.get("question"),
        completion="\n".join(call_text(node["message"]) for node in nodes if node.get("sampled")),
        reward=together(rewards) if total is None else total,
        correct=number_of(rewards[correct]) if correct else None,
        length=sum(used) if used and None not in used else None,
        truncated=calls[-1].get("finish_reason") == "length" if calls else None,
        gold=data.get("answer"),
        **one_by_one(rewards),
    )


READER = Reader(
    name="prime-rl",
    begins=begins,
    marks=MARKS,
    parts=parts,
    rows=rows,
    ids=True,
    files="`rollouts/step_N/{train,eval}/…/traces.jsonl`",
    trainer="prime-rl ≥ 0.8.1",
    setting="nothing: the file monitor (`monitors.file`) is on",
)
