"""Training on a language model: a recipe in, a run directory out; resumable."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from conet.base.errors import ConetError
from conet.base.files import write_atomic
from conet.base.lock import Held, exclusive
from conet.llm import checkpoints
from conet.llm.build import build
from conet.llm.changes import changed
from conet.llm.checking import check
from conet.llm.disk import said_when_full
from conet.llm.judge import Judge
from conet.llm.record import Show, silent
from conet.llm.summary import summary
from conet.runs.code import Change, code_of, noted
from conet.runs.directory import created
from conet.runs.endings import leaving_nothing, saying_where
from conet.runs.events import translate
from conet.runs.opening import opened
from conet.runs.provenance import LANGUAGE_MODELS, provenance
from conet.runs.recipe import Recipe
from conet.runs.recorder import Recorder
from conet.runs.restore import restore
from conet.runs.run import Run
from conet.runs.spelling import recipe_with_words

if TYPE_CHECKING:
    import polars

FOLDERS = ("rollouts", "checkpoints")


def run(recipe: Recipe, out: Path | None = None, show: Show = silent) -> Path:
    """Train from the start.

    Parameters
    ----------
    recipe
        The settings.
    out
        A new or empty directory; the next free ``runs/llm-<recipe>-s<seed>-<time>`` where absent.
    show
        Called with the progress: what is counted, how many are done, of how many, how it goes.

    Returns
    -------
    Path
        The run directory.

    Raises
    ------
    ConetError
        When the place is taken, or something the recipe names is not there. A training that fails before
        it has begun leaves nothing behind.
    """
    check_installed()
    check(recipe)
    recipe = recipe_with_words(recipe)
    if not _is_first(recipe):
        return _train(_announced(None), None, silent)
    made = created(out, f"llm-{recipe.name}", recipe.seed, first_files(recipe), FOLDERS)
    with made as held, leaving_nothing(held, _begun):
        return _train(_announced(held.path), held, show)


def go_on(
    path: Path,
    show: Show = silent,
    *,
    trust: bool = False,
    accept_changed_code: bool = False,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Train from the last checkpoint on, or from the start where there is none yet.

    A finished run is left as it is. ``trust`` and ``accept_changed_code`` say which code of the user's own
    may run (see :func:`conet.runs.launch.resume`). ``settings`` are changed from here on (see
    :mod:`conet.llm.changes`); they stand in every checkpoint from the next on, and among the events.

    Raises
    ------
    ConetError
        When the directory is no run, a file of it is damaged, another process works on it, or memory is
        short.
    """
    check_installed()
    directory = opened(path, "language_model")
    if directory.finished:
        if settings:
            raise ConetError(f"{path}, which is finished", "a run that goes on", "begin another run")
        return path
    with code_of(directory, trust, accept_changed_code) as changes:
        if not _is_first(cast(Any, directory.config)):
            return _train(directory.path, None, silent, changes, settings)
        with exclusive(directory.path) as held, saying_where(held):
            if not directory.finished:
                return _train(directory.path, held, show, changes, settings)
    return go_on(path, settings=settings)  # another process has finished it meanwhile


def first_files(recipe: Recipe) -> dict[str, bytes]:
    """Return what a run directory appears with: recipe and provenance."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    code = noted(recipe.model_dump(mode="json"))
    comes_from = provenance(recipe.seed, recipe.content_hash, LANGUAGE_MODELS, device=device, code=code)
    return {
        "recipe.json": recipe.to_json().encode(),
        "provenance.json": (json.dumps(comes_from, indent=2) + "\n").encode(),
    }


def _is_first(recipe: Recipe) -> bool:
    """Whether this is the process that keeps the record, where several train together."""
    from accelerate import PartialState

    return PartialState(cpu=bool(recipe.options().get("use_cpu"))).is_main_process


def _announced(path: Path | None) -> Path:
    """Tell the other processes which directory it is, or be told."""
    from accelerate.utils import broadcast_object_list

    told = [None if path is None else str(path)]
    broadcast_object_list(told)
    return Path(str(told[0]))


def _begun(path: Path) -> bool:
    """Whether a run directory holds something to go on from."""
    return (path / "start/done").exists() or any(path.glob("rollouts/*"))


def _train(
    path: Path,
    held: Held | None,
    show: Show,
    changes: Sequence[Change] = (),
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> Path:
    """Train to the end; one process holds the directory and keeps the record."""
    recipe: Recipe = cast(Any, Run(path).config)
    with ExitStack() as stack:
        checkpoint = checkpoints.last(path)
        kept: dict[str, Any] = {}
        if checkpoint is not None:
            kept = dict(checkpoints.read_state(checkpoint[1]).get("settings", {}))
        settings = kept | dict(settings)
        recipe = changed(recipe, settings)
        asked = recipe.problems
        judge = stack.enter_context(Judge(asked.verifier, asked.verifier_workers, asked.verifier_seconds))
        recorder = None if held is None else stack.enter_context(Recorder(held, _together, evaluates=False))
        if recorder is not None:
            _restore(recorder, checkpoint)
        stack.enter_context(out_of_memory())
        stack.enter_context(said_when_full(path))
        trainer = build(recipe, path, judge, recorder, show)
        trainer.code_changes, trainer.settings = changes, settings
        trainer.new_settings = {key: value for key, value in settings.items() if kept.get(key) != value}
        begun = time.perf_counter()
        trainer.train(resume_from_checkpoint=str(checkpoint[1]) if checkpoint else None)
        _finish(trainer, path, time.perf_counter() - begun)
    trainer.accelerator.wait_for_everyone()  # none reads the summary before it is written
    return path


def _together(tables: "Sequence[polars.DataFrame]") -> "polars.DataFrame":
    import polars as pl

    return pl.concat(tables)


def _restore(recorder: Recorder, checkpoint: tuple[int, Path] | None) -> None:
    """Bring the tables back to the last checkpoint, after checking all that it counts on."""
    if checkpoint is None:
        restore(recorder, None, 0, ())
        return
    step, folder = checkpoint
    state = checkpoints.read_state(folder, check=True)
    restore(recorder, state.get("tables"), step, translate(state["events"]))


def _finish(trainer: Any, path: Path, seconds: float) -> None:
    """Write the model, the whole tables, and last the summary."""
    trainer.check_place()
    trainer.save_model(str(path / "model"))
    judged = trainer.judged_by_all()
    recorder = trainer.recorder
    if recorder is not None:
        recorder.held.check()  # saving takes long
        # The model goes on with the sampling settings that it came with.
        write_atomic(path / "model/generation_config.json", trainer.own_generation.to_json_string())
        recorder.write_tables()
        recorder.commit(trainer.annealing.events)
        names = [
            str(file.relative_to(path)) for file in sorted((path / "model").rglob("*")) if file.is_file()
        ]
        recorder.finish(summary(trainer, judged, seconds), names)


@contextmanager
def out_of_memory() -> Iterator[None]:
    """Turn running out of memory into one line."""
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError):
        raise ConetError(
            "out of memory",
            "a batch that fits",
            "lower training.per_device_train_batch_size (and raise gradient_accumulation_steps) or "
            "training.max_completion_length, or set training.gradient_checkpointing=true",
        ) from None


def check_installed() -> None:
    """Refuse where the extra is missing.

    Raises
    ------
    ConetError
        Naming the package and the command that installs it.
    """
    from importlib.util import find_spec

    missing = [
        name
        for name in ("torch", "transformers", "trl", "accelerate", "peft", "datasets")
        if find_spec(name) is None
    ]
    if missing:
        raise ConetError(
            f"no package {missing[0]}",
            "the extra [llm]",
            "pip install 'conet-rlvr[llm]', or '.[llm]' in the source",
        )
