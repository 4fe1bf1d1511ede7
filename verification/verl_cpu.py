"""verl's own training worker on a CPU, by its own extension points: a platform, FSDP 2, one small model."""

import os
import tempfile
import types
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist

os.environ.setdefault("VERL_ENGINE_DEVICE", "cuda")  # the engine that is registered; it works with gloo too

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
RATE = 1e-3


def nothing(*_: object, **__: object) -> None:
    """Do nothing, as a CPU does when an accelerator is asked for something."""


def use_cpu() -> None:
    """Make a platform known to verl whose device is the CPU, and begin a group of processes."""
    from verl.plugin.platform import set_platform
    from verl.plugin.platform.platform_cuda import PlatformCUDA

    memory = dict.fromkeys(("max_memory_allocated", "max_memory_reserved", "memory_allocated"), lambda *_: 0)
    names = ("empty_cache", "synchronize", "set_device", "ipc_collect", "reset_peak_memory_stats")

    class Cpu(PlatformCUDA):
        device_name = "cpu"
        vendor_name = "none"
        device_module = types.SimpleNamespace(
            **memory,
            **dict.fromkeys(names, nothing),
            memory_reserved=lambda *_: 0,
            mem_get_info=lambda *_: (0, 0),
            current_device=lambda: "cpu",
            is_available=lambda: False,
            device_count=lambda: 1,
            get_rng_state=torch.get_rng_state,
            set_rng_state=torch.set_rng_state,
        )
        is_available = is_ipc_supported = lambda self: False
        current_device = lambda self: "cpu"  # noqa: E731
        device_count = lambda self: 1  # noqa: E731
        communication_backend_name = lambda self: "gloo"  # noqa: E731
        set_device = synchronize = empty_cache = set_allocator_settings = nothing

        def manual_seed(self, seed: int) -> None:
            torch.manual_seed(seed)

        manual_seed_all = manual_seed

        @contextmanager
        def nvtx_range(self, msg: str) -> Any:
            yield

    set_platform(Cpu())
    alone = {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1"}
    for name, value in alone.items():
        os.environ.setdefault(name, value)
    if "MASTER_PORT" not in os.environ:
        import socket

        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            os.environ["MASTER_PORT"] = str(found.getsockname()[1])
    dist.init_process_group("gloo")


def model_folder() -> str:
    """Write a small model with random weights, the same each time."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    folder = tempfile.mkdtemp()
    LlamaForCausalLM(LlamaConfig(**SIZES)).save_pretrained(folder)
    return folder


def worker_of(folder: str) -> Any:
    """Return verl's training worker with FSDP 2 and AdamW, in float32."""
    from verl.trainer.config import CheckpointConfig
    from verl.workers.config import FSDPEngineConfig, FSDPOptimizerConfig, HFModelConfig
    from verl.workers.engine_workers import TrainingWorker, TrainingWorkerConfig

    kinds = dict.fromkeys(("param_dtype", "reduce_dtype", "buffer_dtype"), "fp32")
    worker = TrainingWorker(
        TrainingWorkerConfig(
            model_type="language_model",
            model_config=HFModelConfig(
                path=folder,
                load_tokenizer=False,
                use_remove_padding=False,
                enable_gradient_checkpointing=False,
                override_config={"attn_implementation": "sdpa"},
            ),
            engine_config=FSDPEngineConfig(
                strategy="fsdp2",
                use_torch_compile=False,
                mixed_precision=kinds,
                use_dynamic_bsz=False,
                micro_batch_size_per_gpu=1,
                infer_micro_batch_size_per_gpu=1,
            ),
            optimizer_config=FSDPOptimizerConfig(lr=RATE, total_training_steps=100),
            checkpoint_config=CheckpointConfig(),
        )
    )
    worker.reset()
    return worker


def weights_of(worker: Any) -> torch.Tensor:
    """Return all weights as one vector."""
    parts = [
        one.full_tensor() if hasattr(one, "full_tensor") else one for one in worker.engine.module.parameters()
    ]
    return torch.cat([one.detach().flatten() for one in parts])
