"""Prompts that were logged as text, back to messages: SFT must see the template of the model.

Trainers decode prompts without special tokens, which leaves the names of the roles on lines of their own
(``system``, ``user``, ``assistant``): a text that no template writes. Where such lines, or those of ChatML
with its tokens, tell the messages apart for sure, these are rebuilt; else the prompt is refused. A prompt
without any role marker is plain text.
"""

import re

ROLES = ("system", "user", "assistant", "tool")
_CHATML = re.compile(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>\n?|\Z)", re.DOTALL)
_LINE = re.compile(rf"^({'|'.join(ROLES)})[ \t]*$", re.MULTILINE)
_BEGIN = re.compile(rf"\s*({'|'.join(ROLES)})\n")
_ENDS = re.compile(r"assistant\s*(<think>\s*)?\Z")
_CLOSING = re.compile(r"\s*(?:<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<｜end▁of▁sentence｜>|</s>)\s*\Z")


class Unclear(Exception):
    """Why a prompt cannot be rebuilt."""


def rebuilt(prompt: str, completion: str) -> list[dict[str, str]] | None:
    """Return prompt and completion as messages; None where the prompt is plain text.

    Raises
    ------
    Unclear
        Where the prompt has role markers that do not tell the messages apart.
    """
    if "<|im_start|>" in prompt:
        parts = [(found.group(1), found.group(2)) for found in _CHATML.finditer(prompt)]
        return _with_answer(parts, completion)
    if not _BEGIN.match(prompt) or not _ENDS.search(prompt):
        if _BEGIN.match(prompt) and _LINE.search(prompt):
            raise Unclear("it begins with the name of a role, and does not end with that of the assistant")
        return None
    marks = list(_LINE.finditer(prompt))
    if not marks or prompt[: marks[0].start()].strip():
        raise Unclear("the names of roles are not on lines of their own")
    ends = [mark.start() for mark in marks[1:]] + [len(prompt)]
    parts = [(mark.group(1), prompt[mark.end() + 1 : end]) for mark, end in zip(marks, ends)]
    return _with_answer(parts, completion)


def _with_answer(parts: list[tuple[str, str]], completion: str) -> list[dict[str, str]]:
    """Check that roles follow one another as in a chat, and put the answer behind."""
    *asked, (last, begun) = parts
    roles = [role for role, _ in asked]
    turns = roles[1:] if roles[:1] == ["system"] else roles
    usual = all(role == ("user", "assistant")[place % 2] for place, role in enumerate(turns))
    if last != "assistant" or not turns or not usual or turns[-1] != "user":
        raise Unclear(f"its roles are {', '.join([*roles, last])}, which is no chat that waits for an answer")
    if begun.strip() not in ("", "<think>"):
        raise Unclear("the answer has begun in it")
    answer = _CLOSING.sub("", begun.lstrip() + completion)
    messages = [{"role": role, "content": text.strip("\n")} for role, text in asked]
    return [*messages, {"role": "assistant", "content": answer}]
