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
# What the vectors depend on.
PARTS = ("*.safetensors", "*.bin", "config.json", "tokenizer*", "vocab*", "merges.txt", "*.model")
UNUSED = ("pooler.",)  # weights that no hidden state depends on, and that some models come without


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
        """Embed texts, float32, shape (texts, dimensions); those of like length together.

        Raises
        ------
        ConetError
            When the model cannot be loaded, or cannot read texts.
        """
        tokenizer, model = self._load()
        try:
            made = self._read_texts(tokenizer, model, texts)
        except (ConetError, MemoryError):
            raise
        except Exception as error:  # of somebody else's code on somebody else's files
            raise self._unfit(error) from error
        if not np.isfinite(made).all():
            got = f"--embedding {self.folder}, whose hidden states are not finite"
            raise ConetError(got, "a model with finite weights", "take another one, or another --layer")
        return made

    def _read_texts(self, tokenizer: Any, model: Any, texts: list[str]) -> np.ndarray:
        import torch

        longest = min(LONGEST, getattr(model.config, "max_position_embeddings", None) or LONGEST)
        order = np.argsort([len(text) for text in texts], kind="stable")
        made: list[Any] = [None] * len(texts)
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                places = order[start : start + BATCH].tolist()
                inputs = tokenizer(
                    [texts[place] for place in places],
                    padding=True,
                    truncation=True,
                    max_length=longest,
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
            model, told = transformers.AutoModel.from_pretrained(
                place, dtype=kind, local_files_only=True, output_loading_info=True
            )
        except MemoryError:
            raise
        except Exception as error:  # what it raises for a damaged file depends on the file
            raise self._unfit(error) from error
        self._check_whole(tokenizer, told)
        layers = int(model.config.num_hidden_layers)
        if self.layer is not None and not 0 <= self.layer <= layers:
            got = f"--layer {self.layer} of a model with {layers}"
            raise ConetError(got, f"0 to {layers}", "leave it out for the last one")
        if tokenizer.pad_token is None:  # any token: it is masked
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
        tokenizer.padding_side = "right"  # so that no text depends on how long its neighbours are
        return tokenizer, model.eval()

    def _check_whole(self, tokenizer: Any, told: dict[str, Any]) -> None:
        """Refuse what transformers makes up in silence: weights and words that are not in the folder."""
        missing = sorted(name for name in told["missing_keys"] if not name.startswith(UNUSED))
        if missing:
            got = f"--embedding {self.folder}, without {len(missing)} of the weights, such as {missing[0]}"
            raise ConetError(got, "all weights that its config.json asks for", "save the whole model there")
        if len(tokenizer) <= len(tokenizer.all_special_ids):
            got = f"--embedding {self.folder}, whose tokenizer knows no word"
            raise ConetError(got, "a model with its tokenizer", "save the tokenizer there too")

    def _unfit(self, error: Exception) -> ConetError:
        got = f"--embedding {self.folder}: {type(error).__name__}: {error}"
        return ConetError(got[:300], "a model that transformers can load", "check the folder")


def _computes_bfloat16() -> bool:
    """Whether this processor multiplies matrices of bfloat16: four times as fast, cosines right to 1e-4.

    Elsewhere that is emulated, and slower than float32.
    """
    import torch

    check = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(check is not None and check())
