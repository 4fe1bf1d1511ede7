"""Named settings: what each is for, and what it changes in the defaults."""

from typing import Any

# What each preset is for, and which of its numbers are ours: docs/paper_index.md has the sources.
PRESETS: dict[str, tuple[str, dict[str, Any]]] = {
    "smoke": (
        "a few seconds: a small web, to see that everything works",
        {
            "steps": 120,
            "graph.nodes": 120,
            "graph.degree": 12,
            "problems.count": 16,
            "problems.max_length": 10,
            "learner.learning_rate": 37.5,
        },
    ),
    "reference": ("the main job: two stages, the V, islands that grow and merge (our calibration)", {}),
    "paper": (
        "what arXiv 2509.23629 states (N=800, K=40, 128 pairs, GRPO, 800 steps); rollouts, rate, longest "
        "walk and threshold are not stated there: our choice",
        {"problems.max_length": 15, "learner.learning_rate": 500.0},
    ),
    "critical": (
        "one exemplar, learning at criticality (M=1, lr=1: the ascent is divided by M·G, so rates do not "
        "carry over between loads)",
        {
            "steps": 400,
            "problems.count": 1,
            "problems.max_length": 200,
            "learner.rollouts": 64,
            "learner.learning_rate": 1.0,
        },
    ),
    "neural": (
        "a transformer in place of the table (the extra `[neural]`; rates from one short look, not tuned)",
        {
            "steps": 400,
            "graph.nodes": 100,
            "graph.degree": 8,
            "problems.count": 40,
            "problems.max_length": 10,
            "policy.kind": "neural",
            "learner.rollouts": 16,
            "learner.learning_rate": 0.002,
            "learner.optimizer": "adam",
            "schedule.sft_learning_rate": 0.01,
            "snapshots.pass_walks": 64,
            "snapshots.checkpoint_every": 50,
        },
    ),
    "large": (
        "throughput at N=1,000,000; not expected to learn",
        {
            "steps": 20,
            "graph.nodes": 1_000_000,
            "problems.count": 4096,
            "problems.max_length": 100,
            "snapshots.steps": (),
            "snapshots.web_every": 0,
            "snapshots.rollouts": False,
        },
    ),
}
