"""The chat template of a tokenizer: messages as the text that a model sees, and what that text leaves out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from conet.base.errors import ConetError

END_OF_THOUGHT = "</think>"
THOUGHT, ANSWER = "a thought of ours", "an answer of ours"
PROBE = f"<think>\n{THOUGHT}\n{END_OF_THOUGHT}\n\n{ANSWER}"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


@dataclass(frozen=True)
class ChatTemplate:
    """A template in Jinja, as tokenizers on the hub have it, and the special tokens that it may name.

    Attributes
    ----------
    source : str
    tokens : mapping
        ``bos_token`` and the like.
    path : Path
        Where it stands.
    """

    source: str
    tokens: Mapping[str, str]
    path: Path

    def render(self, messages: Sequence[Mapping[str, Any]], ask: bool = False) -> str:
        """Return messages as a text.

        Parameters
        ----------
        ask
            Whether it ends with what an answer begins with.

        Raises
        ------
        ConetError
            Where the template refuses these messages, or is none.
        """
        try:
            return self._compiled.render(messages=messages, add_generation_prompt=ask, **self.tokens)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise ConetError(
                f"the chat template in {self.path}: {reason}",
                "one that takes a question and an answer",
                "give another --tokenizer, or none",
            ) from None

    @cached_property
    def _compiled(self) -> Any:
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        world = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_marked_answers(), loopcontrols]
        )
        world.filters["tojson"] = _as_json
        world.globals |= {"raise_exception": _refuse, "strftime_now": _date}
        return world.from_string(self.source)

    def deletes_reasoning(self, *, alone: bool = False) -> bool:
        """Whether what an answer says before ``</think>`` is missing from the text.

        Parameters
        ----------
        alone
            Whether each message is turned into text by itself, as verl's SFT does; some templates then take
            the answer for one of an earlier turn, whose reasoning they delete.
        """
        asked, answered = {"role": "user", "content": "a question"}, {"role": "assistant", "content": PROBE}
        text = self.render([answered] if alone else [asked, answered])
        return THOUGHT not in text and ANSWER in text


def load(path: Path) -> ChatTemplate | None:
    """Return the chat template of a tokenizer; None where it has none.

    Parameters
    ----------
    path
        A folder with a tokenizer, or a file in one.

    Raises
    ------
    ConetError
        When a file of it cannot be read.
    """
    folder = path if path.is_dir() else path.parent
    settings, alone = folder / "tokenizer_config.json", folder / "chat_template.jinja"
    try:
        found = json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {}
        source = alone.read_text(encoding="utf-8") if alone.is_file() else _of(found)
        named = {name: _token(found.get(name)) for name in SPECIAL}
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:150]
        got = f"the tokenizer in {folder}: {reason}"
        raise ConetError(got, "files that can be read", "check --tokenizer") from None
    tokens = {name: token for name, token in named.items() if token is not None}
    return None if source is None else ChatTemplate(source, tokens, alone if alone.is_file() else settings)


def _of(settings: Mapping[str, Any]) -> str | None:
    """Return the template in the settings of a tokenizer; of several the one named ``default``."""
    found = settings.get("chat_template")
    if isinstance(found, list):
        found = {each.get("name"): each.get("template") for each in found}.get("default")
    return found if isinstance(found, str) else None


def _token(written: Any) -> str | None:
    """Return a special token, which is a text, or a mapping with its ``content``."""
    found = written.get("content") if isinstance(written, Mapping) else written
    return found if isinstance(found, str) else None


def _as_json(value: Any, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _refuse(message: str) -> None:
    raise ValueError(message)


def _date(format: str) -> str:
    from datetime import datetime

    return datetime.now().strftime(format)


def _marked_answers() -> type:
    """Return the Jinja extension for ``{% generation %}``, which marks what the model writes itself."""
    from jinja2.ext import Extension
    from jinja2.nodes import Node, Scope

    class MarkedAnswers(Extension):
        tags = {"generation"}

        def parse(self, parser: Any) -> Node:
            line = next(parser.stream).lineno
            return Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)

    return MarkedAnswers
