"""What happened in a training, under one set of names for walks and language models."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

Name = Literal[
    "heating_signal",
    "problems_changed",
    "phase_started",
    "heating_waits",
    "heating_started",
    "heating_skipped",
    "heating_ended",
    "resumed",
    "code_changed",
    "steered",
    "settings_changed",
]
NAMES: tuple[str, ...] = get_args(Name)

TRIED: tuple[Name, ...] = ("heating_started", "heating_skipped")

# What version 0.1 called them: trainings of walks first, then those of language models.
_OLD = {
    "heat now": "heating_signal",
    "phase heat": "heating_started",
    "phase rlvr": "phase_started",
    "phase sft": "phase_started",
    "heat_now": "heating_signal",
    "heat": "heating_started",
    "heat_skipped": "heating_skipped",
    "cool": "heating_ended",
}
_SAID_BEFORE = "no problem eligible, phase left out"  # 0.1 wrote it after a "phase heat" without problems


def note(events: list[dict[str, Any]], step: int, event: Name, /, **details: Any) -> None:
    """Append an event.

    Parameters
    ----------
    events
        The events so far.
    step
        Updates done.
    event
        ``heating_signal`` (the detector's heating signal fires), ``problems_changed`` (most problems
        were never asked before, ``since`` a step; the detector begins anew, and ``silent`` says what it
        waits for), ``phase_started`` (``phase``),
        ``heating_waits`` (``reason``; heating is due and no problem is eligible yet), ``heating_started``
        (``reason``, ``eligible``), ``heating_skipped`` (``reason``; no problem was eligible, and with
        ``since`` none from then to the end), ``heating_ended``, ``resumed``,
        ``code_changed`` (``file``, ``sha256``; code that the settings name is no longer what the run began
        with, which was accepted on resuming), ``settings_changed`` (``changes``: settings that were given
        on resuming, by key), or ``steered`` (``action``, ``value``; ``refused`` says why it was not done).
    details
        JSON values beside it.
    """
    events.append({"step": step, "event": event, **details})


def translate(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give events of version 0.1 their names of today; others stay as they are."""
    found: list[dict[str, Any]] = []
    heating = False
    for old in events:
        if old.get("event") == _SAID_BEFORE:
            continue
        new = _translated(old)
        if heating and new["event"] == "phase_started":
            note(found, new["step"], "heating_ended")
        heating = new["event"] == "heating_started" or (
            heating and new["event"] not in ("phase_started", "heating_ended")
        )
        found.append(new)
    return found


def _translated(old: Mapping[str, Any]) -> dict[str, Any]:
    name = str(old.get("event"))
    new = {"step": old["step"], **old, "event": _OLD.get(name, name)}
    if name.startswith("phase "):
        new["phase"] = name.removeprefix("phase ")
    if name == "phase heat":
        new["eligible"] = old.get("demonstrations", 0)
        new["event"] = "heating_started" if new["eligible"] else "heating_skipped"
    return new


def signal_step(events: Iterable[Mapping[str, Any]]) -> int | None:
    """Return the step at which the heating signal fired first; None where it never did."""
    return next((int(event["step"]) for event in events if event["event"] == "heating_signal"), None)


def heatings(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each heating of a run, in order.

    Returns
    -------
    list of dict
        ``step`` (updates done when it began), ``ended_step`` (None where it lasts to the end), ``reason``
        (None where it is not known), ``eligible`` (problems that it was on) and ``problems`` (which; empty
        where it is not known).
    """
    events = list(events)
    ends = [int(event["step"]) for event in events if event["event"] == "heating_ended"]
    return [
        {
            "step": int(event["step"]),
            "ended_step": next((step for step in ends if step > event["step"]), None),
            "reason": event.get("reason"),
            "eligible": int(event.get("eligible", 0)),
            "problems": list(event.get("problems", ())),
        }
        for event in events
        if event["event"] == "heating_started"
    ]


def first_heating(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the event of the first heating, or of the first attempt where none began; None without one."""
    of_kind = {name: [event for event in events if event["event"] == name] for name in TRIED}
    return next((found[0] for found in of_kind.values() if found), None)


def heating(events: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Say when, why and on how many problems a run was heated.

    Returns
    -------
    dict or None
        Of the first heating, or of the first attempt where no problem was ever eligible: ``step``,
        ``reason`` (None in runs of version 0.1 on walks), ``problems`` (0 where it was skipped),
        ``ended_step`` (None where it was skipped, or lasts to the end); and ``times``, how often the run
        was heated. None where heating was never due.
    """
    events = list(events)
    started = [event for event in events if event["event"] == "heating_started"]
    first = first_heating(events)
    if first is None:
        return None
    ends = [event["step"] for event in events if event["event"] == "heating_ended"]
    return {
        "step": first.get("since", first["step"]),
        "reason": first.get("reason"),
        "problems": first.get("eligible", 0),
        "ended_step": next((step for step in ends if started and step >= first["step"]), None),
        "times": len(started),
    }
