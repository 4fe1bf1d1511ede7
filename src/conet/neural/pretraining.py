"""Pretraining on uniform walks, until the transformer knows the edges; kept, so that a sweep does it once.

The target at each place is the uniform distribution over the edges that leave the node, in place of the one
hop that a uniform walk takes there: the same in expectation, with less noise. Question and answer of a walk
say nothing about it, so that nothing is learned about problems.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from conet.base.arrays import read_arrays, write_arrays
from conet.base.errors import ConetError
from conet.base.terminal import tell
from conet.neural.model import one_thread, prefix

if TYPE_CHECKING:
    import torch

    from conet.neural.policy import NeuralPolicy

BATCH = 64  # walks
LOOK_EVERY = 50  # updates between two measurements of the illegal moves
VERSION = 1  # raised when the pretraining changes, so that what is kept counts no more
WARM_UP = 50  # updates


def cache_folder() -> Path:
    """Return where pretrained weights are kept: ``$CONET_CACHE``, or ``conet`` in the user's own cache."""
    own = os.environ.get("CONET_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "conet"


def pretrained(policy: "NeuralPolicy", seed: int) -> None:
    """Pretrain a policy in place, or take its weights from the cache, and note how the pretraining went."""
    path = cache_folder() / f"neural-{_key(policy, seed)}.safetensors"
    try:
        arrays, told = read_arrays(path)
        policy.load(arrays)
        policy.pretraining = json.loads(told["pretraining"])
        return
    except (ConetError, LookupError, ValueError, RuntimeError):
        pass  # none, or a damaged one: made anew
    policy.pretraining = pretrain(policy, seed)
    told = {"pretraining": json.dumps(policy.pretraining)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, policy.state(), told)
    except (ConetError, OSError):
        tell(f"conet: {path.parent} cannot be written, so the pretraining is not kept", once=True)


def pretrain(policy: "NeuralPolicy", seed: int) -> dict[str, float]:
    """Pretrain a policy in place.

    Returns
    -------
    dict
        ``steps``, and ``illegal_moves``: the probability of an illegal move, the mean over the contexts of 64
        walks that it has not seen.
    """
    import torch

    settings, rng = policy.settings, np.random.default_rng([seed, 3])
    look = _batch(policy, np.random.default_rng([seed, 4]))
    optimizer = torch.optim.AdamW(policy.model.parameters(), lr=settings.pretraining_rate, weight_decay=0.0)
    steps, illegal = settings.pretraining_steps, 1.0
    done = 0
    with one_thread():
        for done in range(1, steps + 1):
            share = 1.0 - done / (steps + 1)
            for group in optimizer.param_groups:
                group["lr"] = settings.pretraining_rate * min(1.0, done / WARM_UP) * share
            optimizer.zero_grad()
            _loss(policy, *_batch(policy, rng)).backward()
            torch.nn.utils.clip_grad_norm_(policy.model.parameters(), 1.0)
            optimizer.step()
            if done % LOOK_EVERY == 0 or done == steps:
                illegal = _illegal(policy, *look)
                if illegal <= settings.max_illegal:
                    break
    for weight in policy.model.parameters():
        weight.grad = None
    return {"steps": done, "illegal_moves": illegal}


def _batch(policy: "NeuralPolicy", rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return tokens of uniform walks between any two nodes, and the node at each place of a choice."""
    graph = policy.graph
    nodes = np.empty((BATCH, policy.max_length), np.int64)
    nodes[:, 0], answers = rng.integers(0, graph.nodes, (2, BATCH))
    degrees = np.diff(graph.offsets)
    for hop in range(1, policy.max_length):
        before = nodes[:, hop - 1]
        edge = graph.offsets[before] + (rng.random(BATCH) * degrees[before]).astype(np.int64)
        nodes[:, hop] = graph.targets[edge]
    begin = prefix(policy.settings, graph.nodes, nodes[:, 0], answers)
    return np.concatenate([begin, nodes[:, 1:]], axis=1), nodes


def _logs(policy: "NeuralPolicy", tokens: np.ndarray, nodes: np.ndarray) -> "torch.Tensor":
    """Return log-probabilities of the out-edges at each place, and -inf beyond a node's degree."""
    import torch

    raw = policy.model(torch.from_numpy(tokens), use_cache=False).logits[:, -nodes.shape[1] :]
    log = torch.gather(torch.log_softmax(raw, dim=2), 2, torch.from_numpy(policy.targets[nodes]))
    return log.masked_fill(torch.from_numpy(policy.rows[nodes] < 0), -torch.inf)


def _loss(policy: "NeuralPolicy", tokens: np.ndarray, nodes: np.ndarray) -> "torch.Tensor":
    """Return the mean cross-entropy to the uniform distribution over edges."""
    import torch

    log = _logs(policy, tokens, nodes)
    inside = torch.isfinite(log)
    return -(log.masked_fill(~inside, 0.0).sum(dim=2) / inside.sum(dim=2)).mean()


def _illegal(policy: "NeuralPolicy", tokens: np.ndarray, nodes: np.ndarray) -> float:
    import torch

    with torch.inference_mode():
        return float(1.0 - _logs(policy, tokens, nodes).exp().sum(dim=2).mean())


def _key(policy: "NeuralPolicy", seed: int) -> str:
    """Hash all that the pretraining depends on."""
    from importlib.metadata import version

    versions = [VERSION, version("torch"), version("transformers")]
    told = [policy.settings.model_dump(mode="json"), policy.max_length, seed, versions]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for array in (policy.graph.offsets.astype(np.int64), policy.graph.targets.astype(np.int64)):
        digest.update(array.tobytes())
    return digest.hexdigest()[:24]
