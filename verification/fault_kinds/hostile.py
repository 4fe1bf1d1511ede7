"""Values that are easily taken for something else, and keys that are none."""

import json
import random
import string
from typing import Any

from conet.config import Config, aliases
from conet.config.checking import keys_of

ATOMS = (
    *("true", "True", "TRUE", "false", "none", "None", "null", "y", "yes", "on", "no", "off", "t", "f"),
    *(
        "1_000",
        "1,000",
        "1 000",
        "0x10",
        "0b1",
        "0o7",
        "１２",
        "٣",
        "²",
        "½",
        "1e3",
        "1E3",
        "+5",
        "05",
        "-0",
        "-0.0",
    ),
    *(
        " 5",
        "5 ",
        "5\n",
        "\t5",
        "1.",
        ".5",
        "1e-400",
        "1e400",
        "-1e400",
        "1e",
        "--5",
        "5.",
        "5.0",
        "5.5",
        "1e-3",
    ),
    *(
        "nan",
        "NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "1/2",
        "50%",
        "0",
        "1",
        "2",
        "-1",
        "3",
        "7",
        "0.3",
        "0.999",
    ),
    *(
        "2147483647",
        "2147483648",
        "-2147483649",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
    ),
    *("9" * 400, "9" * 5000, "0." + "0" * 400 + "1", "1" + "0" * 30, "[]", "{}", "[1]", "[0,3]", "[1,2,2]"),
    *(
        "[true]",
        '["1"]',
        "[null]",
        "[[1]]",
        "[1,2",
        "{1}",
        '{"a":1}',
        '{"a":1,"a":2}',
        '{"nodes":40}',
        '"5"',
        '"true"',
    ),
    *(
        '"',
        '""',
        "''",
        "'5'",
        "",
        " ",
        "\\",
        "\\n",
        "=",
        "==",
        "=1+1",
        "@x",
        "-",
        "detector",
        "sgd",
        "adam",
        "grpo",
    ),
    *(
        "shortest",
        "random",
        "regular",
        "graphml",
        "rlvr",
        "annealed_rlvr",
        "sft_then_rlvr",
        "paths",
        "rloo",
        "exact",
    ),
    *(
        "reinforce",
        "sft",
        "file.py:name",
        "nowhere.py:x",
        ":",
        "a:b",
        ".py:",
        "/",
        ".",
        "..",
        "/dev/null",
        "~",
        "$HOME",
    ),
    *(
        "é",
        "e\u0301",
        "😀",
        "\u202e5",
        "\u200b5",
        "5\ufeff",
        "\x1b[31m5",
        "\udcff",
        "\u2028",
        "%s",
        "{0}",
        "${x}",
    ),
    *(
        "[" * 300,
        "[" * 100000,
        '{"a":' * 300,
        "x" * 100000,
        "1" * 30 + ".5",
        "1e308",
        "-1e308",
        "5e-324",
        "1e15",
    ),
)
ODD_KEYS = (
    *("graph", "graph.", ".nodes", ".", "..", "graph.nodes.", "graph..nodes", "graph.nodes.x", "Graph.nodes"),
    *(
        "nodes",
        "graph.node",
        "steps.x",
        "__class__",
        "graph.__class__",
        "model_config",
        "learner.model_extra",
        "seed ",
    ),
    *(
        " seed",
        "sеed",
        "preset",
        "observables.0",
        "snapshots.steps.0",
        "a.b.c.d.e",
        "problems.questions",
        "what",
    ),
    *(
        "learner.beta",
        "learner.clip",
        "schedule.x",
        "graph.x",
        "section",
        "old_names",
        "graph.options",
        "x" * 5000,
    ),
)


def keys() -> list[str]:
    """Return all dotted keys, of today and of version 0.1."""
    return [*keys_of(Config), *(old for old in aliases.SETTINGS if "." in old)]


def value(rng: random.Random) -> str:
    """Draw the text of a value."""
    way = rng.random()
    if way < 0.6:
        return rng.choice(ATOMS)
    if way < 0.75:
        return str(
            rng.choice((rng.randrange(1, 20), rng.randrange(-3, 3), rng.randrange(2**33), rng.random()))
        )
    if way < 0.9:
        text = list(rng.choice(ATOMS)[:40] or "5")
        text.insert(rng.randrange(len(text) + 1), rng.choice("_ .,-+eE0'\"[]{}\u0660\u202e\t"))
        return "".join(text)
    return "".join(rng.choice(string.printable + "éπ😀") for _ in range(rng.randrange(12)))


def meant(text: str) -> Any:
    """Return what a value's text says: JSON where it is JSON in which no key stands twice, else the text."""
    if text.lower() in ("none", "true", "false"):
        return {"none": None, "true": True, "false": False}[text.lower()]
    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        return text


class Twice(ValueError):
    """A key stands twice in one object."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take an object whose keys differ.

    Raises
    ------
    Twice
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Twice
    return found


def same(wanted: Any, found: Any) -> bool:
    """Whether a setting is what was written: as exact, and of no other kind than number for number."""
    if isinstance(wanted, list):
        return isinstance(found, tuple | list) and len(wanted) == len(found) and all(map(same, wanted, found))
    if isinstance(wanted, dict):
        return (
            isinstance(found, dict)
            and set(wanted) == set(found)
            and all(same(wanted[k], found[k]) for k in wanted)
        )
    if isinstance(wanted, bool) or wanted is None:
        return wanted is found
    if wanted != wanted:
        return found != found
    if isinstance(wanted, int | float):
        if isinstance(found, float):  # the nearest there is
            return float(wanted) == found
        return isinstance(found, int) and not isinstance(found, bool) and wanted == found
    return wanted == found or found == (wanted,)


def changed(config: Config, key: str) -> Any:
    """Return the setting of a dotted key.

    Raises
    ------
    KeyError
        When there is none.
    """
    found: Any = config.model_dump()
    for part in aliases.current(key, aliases.SETTINGS).split("."):
        found = found[part]
    return found
