"""Hidden states of a language model as embeddings: those after one layer, averaged over the tokens of a text.

For all-MiniLM-L6-v2 the last layer, so averaged, is what sentence-transformers computes from it; so one
loader serves it and every other model that transformers knows. Needs the extra [traces].
"""

from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import digest, digest_all

BATCH = 128  # texts
LONGEST = 256  # tokens of a text that count, as all-MiniLM-L6-v2 has it
PARTS = ("*.safetensors", "*.bin", "tokenizer.json", "config.json")  # what the vectors depend on


class HiddenStates:
    """A model, loaded when it is first asked.

    Parameters
    ----------
    folder
        As transformers saves one; nothing is looked for elsewhere.
    layer
        After how many layers; after the last one where absent.

    Raises
    ------
    ConetError
        When the model has no such layer, or cannot be loaded.
    """

    def __init__(self, folder: Path, layer: int | None = None) -> None:
        self.folder, self.layer = folder, layer
        self._loaded: tuple[Any, Any] | None = None
        self.half = _computes_bfloat16()

    @property
    def identity(self) -> str:
        """What the vectors depend on: the files of the model, the layer, the precision."""
        files = sorted({file for part in PARTS for file in self.folder.glob(part)})
        found = digest_all(files)
        of_files = digest("".join(found[file] for file in files).encode())
        return f"{of_files} layer {self.layer} {'bf16' if self.half else 'fp32'}"

    def vectors(self, texts: list[str]) -> np.ndarray:
        """Embed texts, float32, shape (texts, dimensions); those of like length together."""
        import torch

        tokenizer, model = self._load()
        order = np.argsort([len(text) for text in texts], kind="stable")
        made: list[Any] = [None] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                places = order[start : start + BATCH].tolist()
                inputs = tokenizer(
                    [texts[place] for place in places],
                    padding=True,
                    truncation=True,
                    max_length=LONGEST,
                    return_tensors="pt",
                )
                hidden = model(**inputs, output_hidden_states=True).hidden_states[
                    -1 if self.layer is None else self.layer
                ]
                counts = inputs["attention_mask"][..., None].float()
                mean = (hidden.float() * counts).sum(1) / counts.sum(1)
                for place, row in zip(places, mean.numpy()):
                    made[place] = row
        return np.stack(made)

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            self._loaded = self._read()
        return self._loaded

    def _read(self) -> tuple[Any, Any]:
        import torch
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        kind = torch.bfloat16 if self.half else torch.float32
        place = str(self.folder)
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(place, local_files_only=True)
            model = transformers.AutoModel.from_pretrained(place, dtype=kind, local_files_only=True).eval()
        except (OSError, ValueError, KeyError) as error:
            got = f"--embedding {self.folder}: {type(error).__name__}: {error}"
            raise ConetError(got[:300], "a model that transformers can load", "check the folder") from error
        layers = int(model.config.num_hidden_layers)
        if self.layer is not None and not 0 <= self.layer <= layers:
            got = f"--layer {self.layer} of a model with {layers}"
            raise ConetError(got, f"0 to {layers}", "leave it out for the last one")
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer, model


def _computes_bfloat16() -> bool:
    """Whether this processor multiplies matrices of bfloat16: four times as fast, cosines right to 1e-4.

    Elsewhere that is emulated, and slower than float32.
    """
    import torch

    check = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(check is not None and check())
