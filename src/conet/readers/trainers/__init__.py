"""One module for each trainer or format, with its reader as ``READER``."""

from collections.abc import Mapping

from conet.base.registry import Table
from conet.readers.base import Reader

# In the order in which they are tried; the last one takes whatever is a table. A new reader is one line here.
READERS: Mapping[str, Reader] = Table(
    {
        "conet": "conet.readers.trainers.conet:READER",
        "trl": "conet.readers.trainers.trl:READER",
        "verl-v1": "conet.readers.trainers.verl_turns:READER",
        "verl": "conet.readers.trainers.verl:READER",
        "nemo-rl": "conet.readers.trainers.nemo_rl:READER",
        "prime-rl": "conet.readers.trainers.prime_rl:READER",
        "open-instruct": "conet.readers.trainers.open_instruct:READER",
        "slime": "conet.readers.trainers.slime:READER",
        "areal": "conet.readers.trainers.areal:READER",
        "skyrl": "conet.readers.trainers.skyrl:READER",
        "tinker-cookbook": "conet.readers.trainers.tinker:READER",
        "rllm": "conet.readers.trainers.rllm:READER",
        "art": "conet.readers.trainers.art:READER",
        "atropos": "conet.readers.trainers.atropos:READER",
        "columns": "conet.readers.trainers.columns:READER",
        "wandb-tables": "conet.readers.trainers.wandb_tables:READER",
        "nested": "conet.readers.trainers.nested:READER",
        "verifiers": "conet.readers.trainers.verifiers:READER",
        "inspect": "conet.readers.trainers.inspect_logs:READER",
        "lm-eval": "conet.readers.trainers.lm_eval:READER",
        "table": "conet.readers.trainers.table:READER",
    }
)
