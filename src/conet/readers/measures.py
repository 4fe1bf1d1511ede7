"""What answers look like: whether they repeat themselves, are made of words, and give the gold answer.

That is measured on some of the answers, at most about a thousand of a chunk of a file, so that reading
stays as fast as it is; which ones does not depend on what they say.
"""

import re
import zlib
from collections.abc import Sequence
from operator import add
from typing import TYPE_CHECKING

from conet.readers.results import is_gold

if TYPE_CHECKING:
    import polars

MOST_A_CHUNK = 1024  # answers that are looked at
TAIL = 2000  # characters at the end of an answer in which repetition is looked for: loops are at the end
SHORTEST = 80  # characters of an answer of which this can be said
COMPRESSED = 400  # characters that are compressed, always as many: of shorter texts more is left
WORDS, CHARACTERS = 4, 12  # of a sequence that may occur again; characters where there are few words
SPREAD = 0x9E3779B1  # multiplier of Fibonacci hashing: Knuth, The Art of Computer Programming 3, 6.4
FEWEST_PAIRS = 30  # of letters in words
TEXT_MEASURES = ("repeated_share", "compressed_share", "symbol_share", "rare_pair_share")
MEASURED = (*TEXT_MEASURES, "gold_hash", "answer_marked", "gold_given")
# Pairs of letters that make up nine tenths of those in English words; of letters drawn at random they are a
# fifth. Other languages in Latin letters have more of the rest, but far from so many. From the counts of
# Mayzner and Tresselt (1965) as repeated by P. Norvig, English Letter Frequency Counts (2012).
COMMON_PAIRS = frozenset(
    """
    th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le ve co me de hi
    ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot il tr ly nc
    et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su id os iv
    ia am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke ui fr oo ag if av
    """.split()  # noqa: SIM905
)
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_LETTERS = re.compile(r"[a-zA-Z0-9\s]+")
_IN_WORDS = re.compile(r"[a-z]+")
_COMMAND = re.compile(r"\\[a-zA-Z]+")
_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_BARE = re.compile(r"[^\s$\\{}]+")
_SAID = re.compile(r"^[*#\s]*(?:final )?answer[*]*\s*:[*]*\s*(\S[^\n]*)", re.IGNORECASE | re.MULTILINE)


def look_at(frame: "polars.DataFrame") -> "polars.DataFrame":
    """Measure some of the answers of a chunk.

    Parameters
    ----------
    frame
        With ``row`` (number in the file), ``completion`` and ``gold`` (texts, or null).

    Returns
    -------
    polars.DataFrame
        The columns ``MEASURED`` of :func:`conet.rollouts.schema.schema`, as many rows as the frame has; null
        where an answer was not looked at, is too short, or there is none.
    """
    import polars as pl

    kinds = dict.fromkeys(TEXT_MEASURES, pl.Float32) | dict(
        zip(MEASURED[len(TEXT_MEASURES) :], (pl.UInt64, pl.Boolean, pl.Boolean))
    )
    if frame["completion"].null_count() == frame.height:
        return pl.DataFrame({name: pl.Series([None] * frame.height, dtype=kinds[name]) for name in MEASURED})
    every = -(-frame.height // MOST_A_CHUNK)
    chosen = (frame["row"].cast(pl.UInt64) * SPREAD) % 2**32 // 2**16 % every == 0
    seen = frame.filter(chosen & (frame["completion"].str.len_bytes() > 0))
    hashed = seen["gold"].hash().set(seen["gold"].is_null(), None)
    rows = [
        (row, *of_text(answer), key, *of_answer(answer, gold))
        for row, answer, gold, key in zip(seen["row"], seen["completion"], seen["gold"], hashed)
    ]
    found = pl.DataFrame(rows, schema={"row": frame.schema["row"], **kinds}, orient="row")
    return frame.select("row").join(found, on="row", how="left", maintain_order="left").drop("row")


def of_text(answer: str) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the shares of repeated words, of what compression leaves, of signs, of rare pairs of letters.

    Returns
    -------
    tuple of float or None
        Of the last part: of the sequences of four words those that occurred before; bytes after compression
        over bytes before; of the characters those that are neither Latin letter nor digit nor space; of the
        pairs of letters in words those that are rare. None of an answer of fewer than 80 characters (the
        second of fewer than 400, the last with fewer than 30 pairs).
    """
    rare = rare_pairs(answer[-COMPRESSED:])
    if len(answer) < SHORTEST:
        return None, None, None, rare
    tail = answer[-TAIL:]
    words: Sequence[str] = tail.split()
    few = len(words) < 2 * WORDS
    words, size = (tail, CHARACTERS) if few else (words, WORDS)
    runs = list(zip(*(words[place:] for place in range(size))))
    left = None
    if len(answer) >= COMPRESSED:
        written = answer[-COMPRESSED:].encode("utf-8", "replace")
        left = len(zlib.compress(written, 1)) / len(written)
    signs = 1 - sum(map(len, _LETTERS.findall(tail))) / len(tail)
    return 1 - len(set(runs)) / len(runs), left, signs, rare


def rare_pairs(text: str) -> float | None:
    """Return the share of the pairs of letters in words that are rare in English; None of a few pairs.

    Commands of LaTeX are no words. Of letters at random four fifths are rare, of English one tenth.
    """
    words = _IN_WORDS.findall(_COMMAND.sub(" ", text).lower())
    total = sum(map(len, words)) - len(words)
    if total < FEWEST_PAIRS:
        return None
    joined = " ".join(words)
    return 1 - sum(map(COMMON_PAIRS.__contains__, map(add, joined, joined[1:]))) / total


def of_answer(answer: str, gold: str | None) -> tuple[bool, bool | None]:
    """Say whether an answer marks its result, and whether that equals the gold answer; None without one."""
    given = final_answer(answer)
    if gold is None or given is None:
        return given is not None, None if gold is None else False
    wanted = final_answer(gold)
    return True, is_gold(given, gold if wanted is None else wanted)


def final_answer(text: str) -> str | None:
    r"""Return the result of a text; None where none is marked.

    The last ``\boxed{…}`` (also fbox), else the last ``<answer>``, what follows the last ``####``, or the
    last line that begins with ``Answer:``, as DAPO's prompt asks for it (arXiv 2503.14476).
    """
    boxes = list(_BOX.finditer(text))
    if boxes:
        return _boxed(text, boxes[-1].end())
    if tagged := _TAGGED.findall(text):
        return str(tagged[-1])
    _, mark, rest = text.rpartition("####")
    if mark:
        return rest.strip().split("\n")[0]
    said = _SAID.findall(text)
    return said[-1].strip(" *") if said else None


def _boxed(text: str, begin: int) -> str | None:
    """Return what stands in a box that opens at a place; None where it is never closed."""
    if text[begin : begin + 1] != "{":
        bare = _BARE.match(text, begin)
        return bare.group().rstrip(".,;") if bare else None
    depth = 0
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if not depth:
            return text[begin + 1 : place]
    return None
