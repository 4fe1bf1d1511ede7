"""Logs in the schema of each trainer, of one small run in which everything is known.

The schemas are those that the sources name in the readers' docstrings; what a run could not be made of here is
invented. Four steps of three problems with four rollouts each; rollout ``sample`` of ``problem`` is correct at
``step`` where :func:`correct` says so.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS, PROBLEMS, SAMPLES = range(1, 5), range(3), range(4)


def correct(step: int, problem: int, sample: int) -> bool:
    return (step + 2 * problem + sample) % 4 < step - problem


def tokens(step: int, problem: int, sample: int) -> int:
    return 5 + step + problem + 2 * sample


def asked(problem: int) -> str:
    return f"What is {problem} + 60?"


def said(step: int, problem: int, sample: int) -> str:
    return " ".join(["so"] * (tokens(step, problem, sample) - 1)) + f" {step}{problem}{sample}"


def runs() -> Iterator[tuple[int, int, int]]:
    return ((step, problem, sample) for step in STEPS for problem in PROBLEMS for sample in SAMPLES)


def chat(place: tuple[int, int, int]) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": asked(place[1])},
        {"role": "assistant", "content": said(*place)},
    ]


def lines(path: Path, rows: list[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def nemo_rl(run: Path) -> None:
    for place in runs():
        step, size = place[0], tokens(*place)
        for kind in ("train", *(("val",) if step == 4 else ())):
            row = {
                "content": [[asked(place[1]), said(*place)]],
                "rewards": [float(correct(*place))],
                "input_lengths": [9 + size],
                "token_ids": [[7] * (9 + size)],
                "token_loss_mask": [[0] * 9 + [1] * size],
                "sample_loss_mask": [1.0],
                "advantages": [[0.1] * (9 + size)],
                "idx": place[2],
            }
            lines(run / "exp_001" / f"{kind}_data_step{step}.jsonl", [row])


def prime_rl(run: Path) -> None:
    for place in runs():
        step, problem, _ = place
        nodes = [
            {"message": {"role": "user", "content": asked(problem)}, "sampled": False, "timestamp": 1.0},
            {"parent": 0, "message": {"role": "assistant", "content": said(*place)}, "sampled": True},
        ]
        trace = {
            "version": 3,
            "nodes": nodes,
            "calls": [{"node": 1, "finish_reason": "stop", "usage": {"completion_tokens": tokens(*place)}}],
            "rewards": {
                "correct": {"score": float(correct(*place)), "weight": 1.0},
                "fmt": {"score": 1.0, "weight": 0.2},
            },
            "ok": True,
        }
        row = {
            "id": "x",
            "env": {"id": "gsm8k"},
            "task": {"data": {"question": asked(problem), "answer": "7"}, "key": f"gsm8k-{problem}"},
            "run": {"type": "train", "work": {"type": "train", "step": step}},
            "traces": [trace],
        }
        for part in ("all", *(("effective",) if problem else ())):
            lines(run / f"rollouts/step_{step}/train/{part}/traces.jsonl", [row])
        if step == 4:
            lines(run / f"rollouts/step_{step}/eval/gsm8k/traces.jsonl", [row])


def verifiers(run: Path) -> None:
    for place in runs():
        if place[0] == 4:
            right = float(correct(*place))
            row = {
                "example_id": place[1],
                "prompt": chat(place)[:1],
                "completion": chat(place)[1:],
                "answer": "7",
                "reward": 0.2 + right,
                "is_completed": True,
                "is_truncated": False,
                "metrics": {"correct_answer": right, "format": 1.0},
                "token_usage": {"input_tokens": 9.0, "output_tokens": float(tokens(*place))},
                "correct_answer": right,
                "format": 1.0,
            }
            lines(run / "outputs/evals/gsm8k--qwen/abcd1234/results.jsonl", [row])


def open_instruct(run: Path) -> None:
    lines(run / "run1_metadata.jsonl", [{"run_name": "run1", "git_commit": "c", "model_name": "m"}])
    for number, place in enumerate(runs()):
        row = {
            "step": place[0],
            "sample_idx": number,
            "prompt_tokens": [11, place[1], 13],
            "response_tokens": [1 + place[2]] * tokens(*place),
            "reward": 10.0 * correct(*place),
            "advantage": 0.1,
            "finish_reason": "stop",
            "dataset": "gsm8k",
            "ground_truth": [1, 2],
            "logprobs": [-0.1] * tokens(*place),
        }
        lines(run / f"run1_rollouts_{number // 20:06d}.jsonl", [row])


def skyrl(run: Path) -> None:
    for place in runs():
        size = tokens(*place)
        row = {
            "input_prompt": f"<|im_start|>user\n{asked(place[1])}<|im_end|>\n",
            "output_response": said(*place),
            "score": [0.0] * (size - 1) + [float(correct(*place))] if place[2] else float(correct(*place)),
            "stop_reason": "stop",
            "env_class": "gsm8k",
            "env_extras": {"reward_spec": {"ground_truth": "7"}},
            "data_source": "openai/gsm8k",
        }
        folder = run / f"exports/dumped_evals/global_step_{place[0]}_evals"
        lines(folder / "openai_gsm8k.jsonl", [row])
        (folder / "aggregated_results.jsonl").write_text('{"eval/openai_gsm8k/avg_score": 0.5}\n')


def areal(run: Path) -> None:
    for place in runs():
        row = {
            "task_id": place[1],
            "sample_idx": place[2],
            "seqlen": 9 + tokens(*place),
            "prompt_len": 9,
            "head_version": place[0],
            "tail_version": place[0],
            "reward": float(correct(*place)),
            "prompt": asked(place[1]),
            "completion": said(*place),
        }
        lines(run / f"logs/user/exp/trial/rollout/{place[0]}/{place[1]}.jsonl", [row])


def columns_of(places: list[tuple[int, int, int]], **more: Callable[..., Any]) -> dict[str, list[Any]]:
    return {name: [value(*place) for place in places] for name, value in more.items()}


def roll(run: Path) -> None:
    for step in STEPS:
        places = [place for place in runs() if place[0] == step]
        row = columns_of(
            places,
            id=lambda step, problem, sample: str(problem),
            prompt=lambda step, problem, sample: asked(problem),
            messages=lambda *place: json.dumps(chat(place)[:1]),
            ground_truth=lambda *place: "7",
            responses=said,
            scores=lambda *place: float(correct(*place)),
            global_step=lambda step, problem, sample: step,
        )
        lines(run / f"rollout_dump_data.step_{step}.jsonl", [row])


def ms_swift(run: Path) -> None:
    for step in STEPS:
        row = columns_of(
            [place for place in runs() if place[0] == step],
            step=lambda step, problem, sample: str(step),
            prompt=lambda step, problem, sample: asked(problem),
            completion=said,
            MathAccuracy=lambda *place: float(correct(*place)),
            Format=lambda *place: float(place[2] % 2),
            advantages=lambda *place: 0.1,
        )
        lines(run / "v0-20260101/completions.jsonl", [row])


def ms_swift_ray(run: Path) -> None:
    lines(
        run / "completions.jsonl",
        [
            {
                "gen_step": place[0],
                "prompt": asked(place[1]),
                "completion": said(*place),
                "reward": float(correct(*place)),
            }
            for place in runs()
        ],
    )


def art(run: Path) -> None:
    for step in STEPS:
        for problem in PROBLEMS:
            group = [
                {
                    "reward": float(correct(step, problem, sample)),
                    "metrics": {"acc": float(correct(step, problem, sample))},
                    "metadata": {"qid": problem},
                    "messages_and_choices": [
                        {"role": "user", "content": asked(problem)},
                        {
                            "finish_reason": "stop",
                            "index": 0,
                            "message": {"role": "assistant", "content": said(step, problem, sample)},
                        },
                    ],
                    "tools": None,
                    "logs": [],
                }
                for sample in SAMPLES
            ]
            lines(run / f".art/p/models/m/trajectories/train/{step:04d}.jsonl", [{"trajectories": group}])


def art_parquet(run: Path) -> None:
    import polars as pl

    for step in STEPS:
        rows = [
            {
                "group_index": place[1],
                "reward": float(correct(*place)),
                "metrics": json.dumps({"acc": float(correct(*place))}),
                "metadata": json.dumps({"qid": place[1]}),
                "messages": chat(place),
            }
            for place in runs()
            if place[0] == step
        ]
        path = run / f".art/p/models/m/trajectories/train/{step:04d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(rows).write_parquet(path, compression="zstd")


def atropos(run: Path) -> None:
    for step in STEPS:
        for problem in PROBLEMS:
            places = [(step, problem, sample) for sample in SAMPLES]
            group = {
                "tokens": [[7] * (9 + tokens(*place)) for place in places],
                "masks": [[-100] * 9 + [1] * tokens(*place) for place in places],
                "scores": [1.0 if correct(*place) else -1.0 for place in places],
                "advantages": None,
                "messages": [chat(place) for place in places],
            }
            lines(run / "data/gsm8k.jsonl", [group])


def tinker(run: Path) -> None:
    for place in runs():
        step, problem, sample = place
        right = float(correct(*place))
        row = {
            "schema_version": 1,
            "split": "train",
            "iteration": step,
            "group_idx": problem,
            "traj_idx": sample,
            "tags": ["math"],
            "total_reward": right,
            "final_reward": right,
            "trajectory_metrics": {},
            "steps": [{"ob_len": 9, "ac_len": tokens(*place), "metrics": {"correct": right, "format": 1.0}}],
        }
        lines(run / f"log/iteration_{step:06d}/train_rollout_summaries.jsonl", [row])
    lines(run / "log/metrics.jsonl", [{"step": step, "env/all/reward/total": 0.5} for step in STEPS])


def rllm(run: Path) -> None:
    for place in runs():
        step, problem, sample = place
        episode = {
            "training_step": step,
            "epoch": 0,
            "episode_id": f"{problem}:{sample}",
            "task": {"question": asked(problem), "ground_truth": "7"},
            "task_hash": f"0485e82{problem}",
            "is_correct": correct(*place),
            "termination_reason": "env_done",
            "trajectories": [
                {
                    "name": "solver",
                    "reward": float(correct(*place)),
                    "steps": [{"model_response": said(*place), "chat_completions": chat(place)}],
                }
            ],
        }
        name = f"episodes/train_step_{step}_epoch_0/episode_hash0485e82{problem}_id{problem}_{sample}.json"
        path = run / "logs/p/e" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(episode, indent=2))


def wandb_tables(run: Path) -> None:
    """A table grows: each one holds the rows of those before it."""
    data: list[list[Any]] = []
    for step in STEPS:
        data += [
            [str(step), asked(place[1]), said(*place), float(correct(*place)), 0.1]
            for place in runs()
            if place[0] == step
        ]
        table = {
            "columns": ["step", "prompt", "completion", "accuracy_reward", "advantage"],
            "data": data,
            "ncols": 5,
            "nrows": len(data),
        }
        name = f"completions_{10 * step}_4a44dc15364204a80fe{step}.table.json"
        path = run / "wandb/run-20260101_000000-abcd1234/files/media/table" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(table))


def inspect_logs(run: Path) -> None:
    places = [place for place in runs() if place[0] == 4]
    samples = [
        {
            "id": place[1],
            "epoch": 1 + place[2],
            "input": asked(place[1]),
            "target": "7",
            "messages": chat(place),
            "output": {
                "choices": [{"message": chat(place)[1], "stop_reason": "stop"}],
                "completion": said(*place),
            },
            "scores": {"match": {"value": "C" if correct(*place) else "I", "answer": "7"}},
            "model_usage": {"hf/m": {"input_tokens": 9, "output_tokens": tokens(*place)}},
        }
        for place in places
    ]
    about = {"task": "gsm8k", "model": "hf/out/checkpoint-4", "created": "2026-01-01T00:00:00"}
    log = {"version": 2, "status": "success", "eval": about, "samples": samples}
    run.mkdir(parents=True, exist_ok=True)
    (run / "2026-01-01T00-00-00_gsm8k_Gprr29Mv.json").write_text(json.dumps(log, indent=2))


def inspect_archive(run: Path) -> None:
    inspect_logs(run)
    (path,) = run.glob("*.json")
    log = json.loads(path.read_text())
    path.unlink()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "header.json", json.dumps({name: log[name] for name in ("version", "status", "eval")})
        )
        for sample in log["samples"]:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            archive.writestr(name, json.dumps(sample))
    path.with_suffix(".eval").write_bytes(buffer.getvalue())


def inspect_chunks(run: Path) -> None:
    """Samples in chunks: what is long stands beside them, in lists that are named by their first number."""
    inspect_archive(run)
    (path,) = run.glob("*.eval")
    with zipfile.ZipFile(path) as archive:
        members = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, found in members.items():
            if name == "header.json":
                archive.writestr(name, json.dumps(found | {"version": 3}))
                continue
            folder = name.removesuffix(".json")
            texts = ["a text of an event", found["input"], found["output"]["completion"]]
            found["output"] = {
                "choices": [
                    {
                        "message": {"role": "assistant", "content": "attachment://2"},
                        "stop_reason": "stop",
                    }
                ],
                "completion": "attachment://2",
            }
            found["input"] = [{"role": "user", "content": "attachment://1"}]
            messages = found.pop("messages")
            ends = {"messages": [1, 2], "events": [1], "calls": [], "attachments": [2, 3]}
            shell = found | {"message_refs": [[0, 2]], "sequences": ends}
            archive.writestr(f"{folder}/sample.json", json.dumps(shell))
            archive.writestr(f"{folder}/messages/0.json", json.dumps(messages[:1]))
            archive.writestr(f"{folder}/messages/1.json", json.dumps(messages[1:]))
            archive.writestr(f"{folder}/events/0.json", json.dumps([{"event": "model", "input": []}]))
            archive.writestr(f"{folder}/events/stats.json", "{}")
            archive.writestr(f"{folder}/attachments/0.json", json.dumps(texts[:2]))
            archive.writestr(f"{folder}/attachments/2.json", json.dumps(texts[2:]))
    path.write_bytes(buffer.getvalue())


def lm_eval(run: Path) -> None:
    rows = [
        {
            "doc_id": 10 * place[1],
            "doc": {"question": asked(place[1])},
            "target": "7",
            "arguments": {"gen_args_0": {"arg_0": asked(place[1]), "arg_1": {"until": []}}},
            "resps": [[said(*place)]],
            "filtered_resps": ["7"],
            "filter": name,
            "metrics": ["exact_match"],
            "exact_match": float(correct(*place)),
        }
        for name in ("strict-match", "flexible-extract")
        for place in runs()
        if place[0] == 4
    ]
    lines(run / "out__checkpoint-4/samples_gsm8k_2026-01-01T00-00-00.000000.jsonl", rows)


def slime_samples(step: int) -> dict[str, Any]:
    return {
        "rollout_id": step,
        "samples": [
            {
                "group_index": place[1],
                "index": place[2],
                "prompt": asked(place[1]),
                "tokens": [7] * (9 + tokens(*place)),
                "response": said(*place),
                "response_length": 3 + tokens(*place),
                "label": "7",
                "reward": float(correct(*place)),
                "loss_mask": [1] * tokens(*place) + [0] * 3,
                "status": "truncated" if place[2] == 3 else "completed",
                "metadata": {},
            }
            for place in runs()
            if place[0] == step
        ],
    }
