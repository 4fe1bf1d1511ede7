"""One input of a reader, and what must hold of it: a record, or one clear line."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Under these names, each reader finds its files.
NAMES = {
    "conet": ("rollouts/part-0.parquet",),
    "trl": ("completions_00001.parquet", "checkpoint-1/trainer_state.json"),
    "verl": ("7.jsonl",),
    "verl-v1": ("8.jsonl",),
    "nemo-rl": ("train_data_step7.jsonl",),
    "prime-rl": ("step_7/traces.jsonl",),
    "open-instruct": ("run_rollouts_0.jsonl",),
    "slime": ("rollout_7.pt",),
    "areal": ("7/0.jsonl",),
    "skyrl": ("global_step_7_evals/gsm8k.jsonl",),
    "tinker-cookbook": ("train_rollout_summaries.jsonl",),
    "rllm": ("episode_7.json",),
    "art": ("0007.jsonl",),
    "atropos": ("groups.jsonl",),
    "columns": ("completions.jsonl",),
    "wandb-tables": ("completions_7_a.table.json",),
    "nested": ("chats.jsonl", "chats.jsonl.gz"),
    "verifiers": ("results.jsonl",),
    "inspect": ("log.json", "log.eval"),
    "lm-eval": ("samples_task.jsonl",),
    "table": ("rows.jsonl", "rows.csv", "rows.parquet", "rows.tsv"),
}
MAPS = ("", "correct=correct==1", "problem=uid,correct=score>=0.5", "length=length,truncated=length>=9")


def check(place: Path, reader: str, data: bytes) -> str:
    """Read one input; its first byte says under which name and with which column mapping.

    Returns
    -------
    str
        "read" or "refused".

    Raises
    ------
    AssertionError
        When rows are not whole, lines are not accounted for, or an error takes more than a line.
    """
    from conet.base.errors import ConetError

    names = NAMES[reader]
    name, given = names[data[0] % len(names)], MAPS[data[0] // len(names) % len(MAPS)]
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data[1:])
    try:
        _read(place if "/" in name else path, given, data[1:])
    except ConetError as error:
        if "\n" in str(error):
            raise AssertionError(str(error)) from error
        return "refused"
    finally:
        path.unlink()
    return "read"


def _read(path: Path, given: str, content: bytes) -> None:
    from conet.readers import open_run, parse_column_mapping

    record = open_run(path, given=parse_column_mapping(given)).read()
    if not record.has_rollouts and record.scalars is None:
        raise AssertionError("a record without anything in it")
    needed = ["step", "problem", *([] if record.partial_credit else ["correct"])]
    if sum(record.rows.select(needed).null_count().row(0)):
        raise AssertionError("rows that are not whole")
    if path.suffix == ".jsonl" and record.format in ("table", "verl") and not record.skipped_files:
        lines = sum(bool(line.strip()) for line in content.split(b"\n"))
        if record.rows.height + sum(record.skipped.values()) != lines:
            raise AssertionError(f"{record.rows.height} rows and {record.skipped} of {lines} lines")


def seeds(reader: str) -> list[bytes]:
    """Return small valid inputs, from which mutation starts."""
    contents = {name: _content(name) for name in NAMES[reader]}
    return [
        bytes([place + offset * len(contents)]) + content
        for place, content in enumerate(contents.values())
        for offset in range(len(MAPS))
    ]


def _lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


CHAT = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
PAIR = {"prompt": "a", "completion": "b", "reward": 1.0}
EPISODE = {
    "task": {"question": "a"},
    "task_hash": "0a",
    "training_step": 7,
    "is_correct": True,
    "trajectories": [{"reward": 1.0, "steps": [{"chat_completions": CHAT}]}],
}
SAMPLE = {"id": 1, "input": "a", "output": {"completion": "b"}, "scores": {"match": {"value": "C"}}}
TRACE = {
    "nodes": [{"message": CHAT[0], "sampled": False}, {"message": CHAT[1], "sampled": True}],
    "rewards": {"correct": {"score": 1.0, "weight": 1.0}},
}
GROUP = {"tokens": [[1, 2]], "masks": [[-100, 2]], "scores": [1.0], "messages": [CHAT]}
SMALL: dict[str, Callable[[], bytes]] = {
    "8.jsonl": lambda: _lines({"input": "a", "output": "b", "score": 1.0, "step": 7, "uid": "u_0_0"}),
    "train_data_step7.jsonl": lambda: _lines({"content": [["a", "b"]], "rewards": [1.0]}),
    "step_7/traces.jsonl": lambda: _lines({"task": {"key": "k"}, "traces": [TRACE]}),
    "run_rollouts_0.jsonl": lambda: _lines(
        {"step": 7, "prompt_tokens": [1], "response_tokens": [2, 3], "reward": 10.0}
    ),
    "rollout_7.pt": lambda: _archive(
        {"rollout_7/data.pkl": b"\x80\x02}(X\x0a\x00\x00\x00rollout_idX\x07samples."}
    ),
    "7/0.jsonl": lambda: _lines(PAIR | {"task_id": 0, "seqlen": 9, "prompt_len": 4, "head_version": 7}),
    "global_step_7_evals/gsm8k.jsonl": lambda: _lines(
        {"input_prompt": "a", "output_response": "b", "score": [0.0, 1.0]}
    ),
    "train_rollout_summaries.jsonl": lambda: _lines(
        {"group_idx": 0, "traj_idx": 0, "total_reward": 1.0, "iteration": 7, "steps": [{"ac_len": 3}]}
    ),
    "episode_7.json": lambda: json.dumps(EPISODE, indent=1).encode(),
    "0007.jsonl": lambda: _lines({"trajectories": [{"reward": 1.0, "messages_and_choices": CHAT}]}),
    "groups.jsonl": lambda: _lines(GROUP),
    "completions.jsonl": lambda: _lines({"step": ["7"], "prompt": ["a"], "completion": ["b"], "acc": [1.0]}),
    "completions_7_a.table.json": lambda: json.dumps(
        {"columns": ["step", "prompt", "completion", "acc"], "data": [[7, "a", "b", 1.0]]}
    ).encode(),
    "chats.jsonl": lambda: _lines({"step": 7, "messages": CHAT, "rewards": {"acc": 1.0}}),
    "chats.jsonl.gz": lambda: gzip.compress(_lines({"step": 7, "messages": CHAT, "reward": 1.0})),
    "results.jsonl": lambda: _lines(PAIR | {"example_id": 1, "metrics": {"correct": 1.0}}),
    "log.json": lambda: json.dumps({"eval": {"model": "m"}, "samples": [SAMPLE]}, indent=1).encode(),
    "log.eval": lambda: _archive({"header.json": b"{}", "samples/1.json": json.dumps(SAMPLE).encode()}),
    "samples_task.jsonl": lambda: _lines(
        {"doc_id": 1, "doc": {}, "arguments": [["a"]], "resps": [["b"]], "acc": 1.0}
    ),
}


def _content(name: str) -> bytes:
    from io import BytesIO

    import polars as pl

    rows = pl.DataFrame(
        {
            "step": [1, 1, 2],
            "prompt": ["a", "a", "b"],
            "completion": ["x", "yy", "z"],
            "score": [1.0, 0.0, 1.0],
            "uid": ["u", "u", "w"],
            "length": [3, 4, 9],
        }
    )
    if name in SMALL:
        return SMALL[name]()
    chat = '{"step": 1, "prompt": [{"role": "user", "content": "a"}], "completion": "x", "acc": true}\n'
    if name.endswith("state.json"):
        return b'{"log_history": [{"step": 1, "eval_loss": 1.0}]}'
    if name == "7.jsonl":
        return rows.rename({"prompt": "input", "completion": "output"}).write_ndjson().encode()
    if name.endswith(".jsonl"):
        return rows.write_ndjson().encode() + chat.encode()
    if name.endswith((".csv", ".tsv")):
        return rows.write_csv(separator="," if name.endswith(".csv") else "\t").encode()
    buffer = BytesIO()
    rows.drop("uid", "length").write_parquet(buffer)
    return buffer.getvalue()
