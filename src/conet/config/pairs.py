"""Changes of settings as they are typed: ``key=value``."""

from typing import Any

from conet.base.errors import ConetError
from conet.config.reading import loads_once


def parse_pairs(pairs: list[str] | None) -> dict[str, Any]:
    """Turn the arguments of ``--set`` into changes of the config; of a key given twice, the last counts."""
    if pairs == []:
        raise ConetError("--set without a pair", "key=value", "for example --set graph.nodes=400")
    changes = dict(parse_pair(pair) for pair in pairs or [])
    if "preset" in changes:
        raise ConetError("--set preset=…", "the option --preset", f"--preset {changes['preset']}")
    return changes


def parse_pair(pair: str) -> tuple[str, Any]:
    """Split ``key=value``; the value is JSON where it reads as JSON, without blanks around it, else text."""
    key, separator, text = pair.partition("=")
    if not separator or not key:
        raise ConetError(f"--set {pair[:100]}", "key=value", "for example --set graph.nodes=400")
    if text.lower() in ("none", "true", "false"):
        return key, {"none": None, "true": True, "false": False}[text.lower()]
    try:
        return key, text if text != text.strip() else loads_once(text)
    except (ValueError, RecursionError):
        return key, text
