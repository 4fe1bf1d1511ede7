"""Inspect logs: ``{time}_{task}_{id}.json`` or ``.eval`` (an archive of JSON), an evaluation.

Source: UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_log.py (EvalLog, EvalSample) and
log/_recorders/eval.py: of each sample input, target, epoch, output and scores, of which "C" is correct,
"I" is not, "P" is half. A step in the name of the model or of a folder counts, such as
``checkpoint-120``. Archives are the default since 0.3.43 (_recorders/eval.py), their members compressed with
Zstandard since 0.3.206 (_util/zipfile.py), which Python's zipfile does not unpack before 3.14. A sample in
chunks (_recorders/chunked/format.py and convert.py) is ``samples/{id}_epoch_{epoch}/sample.json``, with its
long texts beside it in ``attachments/{first}.json``; see :mod:`conet.readers.attachments`.
"""

import json
import re
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from conet.readers.attachments import SHELL, Attachments, LookUp, chunks_of, resolved, without_shell
from conet.readers.base import Part, Reader, Skipped
from conet.readers.formats.chunk import Unusable
from conet.readers.formats.records import ZIP, Head, document, known
from conet.readers.memory import at_once
from conet.readers.paths import inside, parts_of
from conet.readers.rewards import correct_among, number_of

ZSTANDARD, LOCAL = (
    93,
    30,
)  # the number of the compression, and bytes of a member's own header: APPNOTE.TXT of ZIP
# An id with slashes makes folders of its own.
SAMPLE = re.compile(r"samples/(?:[^/]+|.+_epoch_\d+)(?:\.json|/sample\.json)", re.DOTALL)
TORN_SAMPLES = "samples of which parts alone are in the archive"
GRADES = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
STEP = re.compile(r"(?:checkpoint|step|iter(?:ation)?)[-_]?(\d{1,9})(?!\d)", re.IGNORECASE)


def begins(head: Head) -> bool:
    """Whether it is a log of an evaluation by Inspect."""
    if head.start[:4] == ZIP:
        return head.path.suffix == ".eval"
    if head.rows:
        return head.document and head.has("eval", "samples")
    return head.document and b'"eval"' in head.start and b'"task"' in head.start


def parts(root: Path, files: list[Path]) -> list[Part]:
    """Return the logs as evaluations, of the step that a folder says, else 0."""
    found = []
    for part in parts_of(root, files):
        said = STEP.search("/".join(inside(root, part.path).parts[:-1]))
        found.append(
            replace(part, split="eval", step=int(said.group(1)) if said else 0, run="", run_of_steps="")
        )
    return found


def rows(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    """Yield the samples."""
    with path.open("rb") as file:
        archived = file.read(4) == ZIP
    if archived:
        yield from _archived(path)
        return
    log = document(path)
    if not isinstance(log, dict):
        return
    step = _step(log.get("eval") or {})
    for sample in log.get("samples") or []:
        yield _rollout(sample, step) if isinstance(sample, dict) else Skipped("samples that are no objects")


def _archived(path: Path) -> Iterator[dict[str, Any] | Skipped]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            header = _member(archive, "header.json") if "header.json" in names else {}
            step = _step(header.get("eval") or {})
            chunks = chunks_of(names)
            for name in filter(SAMPLE.fullmatch, names):
                texts = chunks.get(name.removesuffix(SHELL))
                beside = Attachments(texts, partial(_parsed, archive)) if texts else None
                yield _rollout(_member(archive, name), step, beside.text if beside else None)
            beside_it = [name for name in names if not SAMPLE.fullmatch(name)]
            yield from (Skipped(TORN_SAMPLES) for _ in without_shell(beside_it, names))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise Unusable(f"cannot be read ({' '.join(str(error).split())[:80]})") from None


def _member(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    found = _parsed(archive, name)
    return found if isinstance(found, dict) else {}


def _parsed(archive: zipfile.ZipFile, name: str) -> Any:
    if archive.getinfo(name).file_size > at_once() // 8:
        raise Unusable(f"holds a sample of {archive.getinfo(name).file_size >> 20} MB; raise --memory")
    return json.loads(_unpacked(archive, name))


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the bytes of a member, also of one that is compressed with Zstandard."""
    about = archive.getinfo(name)
    if about.compress_type != ZSTANDARD:
        return archive.read(name)
    import pyarrow as pa

    file = archive.fp
    assert file is not None
    file.seek(about.header_offset)
    header = file.read(LOCAL)
    if len(header) < LOCAL:
        raise Unusable("breaks off within an archive")
    file.seek(sum(struct.unpack("<HH", header[-4:])), 1)  # the name, and what else stands before the data
    packed = file.read(about.compress_size)
    with pa.CompressedInputStream(pa.BufferReader(packed), "zstd") as unpacked:
        return bytes(unpacked.read(about.file_size))


def _step(about: dict[str, Any]) -> int | None:
    said = STEP.search(str(about.get("model") or ""))
    return int(said.group(1)) if said else None


def _rollout(sample: dict[str, Any], step: int | None, look_up: LookUp | None = None) -> dict[str, Any]:
    """Return a sample as a rollout; its long texts are looked up beside it, or in the sample itself."""
    within = sample.get("attachments")
    if look_up is None:
        look_up = within.get if isinstance(within, dict) else lambda key: None
    scores = {
        name: grade_of(score.get("value") if isinstance(score, dict) else score)
        for name, score in (sample.get("scores") or {}).items()
    }
    name = correct_among(scores) or next(iter(scores), None)
    output = sample.get("output") or {}
    choice = (output.get("choices") or [{}])[0]
    used = [part.get("output_tokens") for part in (sample.get("model_usage") or {}).values()]
    return known(
        step=step,
        problem=sample.get("id"),
        prompt=resolved(sample.get("input"), look_up),
        completion=resolved(output.get("completion") or choice.get("message"), look_up),
        reward=scores[name] if name else None,
        length=used[0] if len(used) == 1 else None,
        truncated=choice.get("stop_reason") in ("max_tokens", "model_length")
        if choice.get("stop_reason")
        else None,
        gold=sample.get("target"),
    )


def grade_of(value: Any) -> float | None:
    """Return a grade as a number: "C", "I", "P", "N", a number, or of several the first."""
    if isinstance(value, str):
        return GRADES.get(value, 1.0 if value.lower() in ("true", "yes") else None)
    if isinstance(value, dict):
        value = (
            value.get(correct_among(value) or "")
            if correct_among(value)
            else next(iter(value.values()), None)
        )
        return grade_of(value) if not isinstance(value, dict) else None
    return number_of(value)


READER = Reader(
    name="inspect",
    begins=begins,
    parts=parts,
    rows=rows,
    ids=True,
    files="logs of Inspect, `.eval` (the default since 0.3.43; also with samples in chunks) or `.json`, as"
    " validation",
    trainer="Inspect (inspect_ai)",
    setting="`inspect eval TASK --log-dir DIR`",
)
