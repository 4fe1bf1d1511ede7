"""Where a completion gives its answer: the last box, after the reasoning has been closed."""

import re

BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
# Marks of reasoning, as models write them: <think>, <thinking>, <reasoning>, [THINK], in any case.
MARKS = r"(?:think|thinking|thought|thoughts|reasoning)"
OPEN = re.compile(rf"[<\[]\s*{MARKS}\s*[>\]]", re.IGNORECASE)
CLOSE = re.compile(rf"[<\[]\s*/\s*{MARKS}\s*[>\]]", re.IGNORECASE)


def final_text(completion: str) -> str | None:
    """Return what stands after the last ``</think>``; None where reasoning was opened and never closed.

    A completion without these marks is its own final text. So is one in which ``<think>`` was already
    part of the prompt and which was cut off before it closed: nothing in it tells.
    """
    ends = [found.end() for found in CLOSE.finditer(completion)]
    rest = completion[ends[-1] :] if ends else completion
    return None if OPEN.search(rest) else rest


def has_closed(completion: str) -> bool:
    """Whether reasoning was closed anywhere."""
    return CLOSE.search(completion) is not None


def has_box(text: str) -> bool:
    """Whether a box is opened in a text."""
    return BOX.search(text) is not None


def last_box(text: str) -> str | None:
    r"""Return what stands in the last ``\boxed{…}`` (also fbox), boxes inside it opened.

    Parameters
    ----------
    text
        A completion, or the final part of one (see :func:`final_text`).

    Returns
    -------
    str or None
        None where there is no box, or the last one is never closed: a truncated completion earns
        nothing for an earlier box that it went on to revise. ``\boxed 5`` counts too.
    """
    found, place = None, 0
    while box := BOX.search(text, place):
        found, place = _content(text, box.end())
        if found is None:
            return None
    while found is not None and (inner := BOX.search(found)):
        content, end = _content(found, inner.end())
        if content is None:
            return None
        found = found[: inner.start()] + content + found[end:]
    return found


def _content(text: str, start: int) -> tuple[str | None, int]:
    """Return what a box that opens at ``start`` holds, and where it ends; None where it never closes."""
    if not text.startswith("{", start):
        word = re.compile(r"[^\s$\\{}]+").match(text, start)
        return (word.group().rstrip(".,;") if word else None), (word.end() if word else len(text))
    depth, escaped = 0, False
    for place in range(start, len(text)):
        if not escaped:
            depth += (text[place] == "{") - (text[place] == "}")
        escaped = text[place] == "\\" and not escaped  # of two backslashes, the second is the line's end
        if depth == 0:
            return text[start + 1 : place].strip(), place + 1
    return None, len(text)
