"""All rollouts of a run, with where they came from and what was passed over."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from conet.base.errors import ConetError
from conet.base.text import counted
from conet.rollouts.aggregate import credit, per_problem
from conet.rollouts.schema import SPLITS

if TYPE_CHECKING:
    import polars

Texts = list[tuple[Any, Any]]  # prompt and completion: text, or a list of messages
TokenIds = list[tuple[list[int], list[int]]]  # of prompt and completion


@dataclass(frozen=True, kw_only=True)
class RolloutRecord:
    """All rollouts of a run that could be read whole; what :func:`conet.read` returns.

    Attributes
    ----------
    rows : polars.DataFrame
        One row a rollout, in the order of the files, with the columns of
        :func:`conet.rollouts.schema.schema` and ``text_hash``, ``file`` (place in ``files``) and ``row``
        (in that file, counted from 0). ``step`` is as the trainer counts; ``problem`` is a place in
        ``names``, and the problems of :attr:`main_split` come first.
    names : list of str
        Of the problems: their prompts, or ids.
    path : Path
        What was read.
    format : str
        Name of the reader.
    files : tuple of Path
    sources : dict of str to str
        Where step, problem, correct, length and truncated come from, in words.
    skipped : dict of str to int
        Rows that were not taken, by reason.
    skipped_files : dict of str to str
        Files that were not taken, or not to their end, and why.
    remarks : tuple of str
        What else the user should know of the files.
    components : tuple of str
        Names of the rewards in the column ``components`` of ``rows``.
    scalars : polars.DataFrame or None
        What the trainer logged by step beside the rollouts, or without any: one row a logged step,
        ascending. ``step``, then quantities under the names of
        :data:`conet.readers.scalars.names.KNOWN` (reward, length, entropy, …), then all numbers under
        the names that the trainer gave them.
    asked : tuple of str
        The options with which it was read, for commands on the same log.
    shows_texts : bool
        Whether prompts and completions may be shown and written.
    follows : bool
        Whether problems can be followed over the steps; else ``problem`` is a group of one batch.
    scalar_names : dict of str to str
        Which of the trainer's names each quantity was taken from.
    """

    rows: "polars.DataFrame"
    names: list[str]
    path: Path
    format: str
    files: tuple[Path, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    skipped_files: dict[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    scalars: "polars.DataFrame | None" = None
    scalar_names: dict[str, str] = field(default_factory=dict)
    asked: tuple[str, ...] = ()
    shows_texts: bool = True
    follows: bool = True
    read_texts: "Callable[..., Texts] | None" = None
    read_token_ids: "Callable[[RolloutRecord, polars.DataFrame], TokenIds | None] | None" = None

    def __repr__(self) -> str:
        steps = self.rows["step"].n_unique()
        return (
            f"RolloutRecord({str(self.path)!r}, format={self.format!r}, "
            f"{counted(self.rows.height, 'rollout')} of {counted(len(self.names), 'problem')} at "
            f"{counted(steps, 'step')})"
        )

    @property
    def main_split(self) -> str:
        """The split that is diagnosed: the training, or where there is none what there is."""
        return main_split(self.rows)

    @property
    def has_rollouts(self) -> bool:
        """Whether there is any rollout, and not the scalars of a trainer alone."""
        return self.rows.height > 0

    @property
    def partial_credit(self) -> bool:
        """Whether rewards are no judgements: nothing is called correct, and the mean reward is diagnosed."""
        return self.has_rollouts and self.rows["correct"].null_count() == self.rows.height

    @property
    def has_lengths(self) -> bool:
        """Whether the length of any rollout is known."""
        return self.rows["length"].null_count() < self.rows.height

    def per_problem(self, split: str | None = None) -> "polars.DataFrame":
        """Count the rollouts of each step and problem.

        Parameters
        ----------
        split
            "train", "eval" or "harvest"; :attr:`main_split` where absent.

        Returns
        -------
        polars.DataFrame
            See :func:`conet.rollouts.per_problem`.
        """
        rows = self.rows.with_columns(correct=credit(self.rows)) if self.partial_credit else self.rows
        return per_problem(rows, [self.main_split if split is None else split])

    def without_texts(self) -> "RolloutRecord":
        """Return the same without any text of a prompt or completion: problems are called by digests."""
        digests = [
            blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest() for name in self.names
        ]
        names = [f"problem {digest}" for digest in digests]
        return replace(self, names=names, read_texts=None, read_token_ids=None, shows_texts=False)

    def texts(self, rows: "polars.DataFrame") -> Texts:
        """Read the prompts and completions of some rollouts again.

        Parameters
        ----------
        rows
            Rows of :attr:`rows`.

        Returns
        -------
        list of tuple
            Prompt and completion of each row: text, or a list of messages.

        Raises
        ------
        ConetError
            When the files have no prompts or no completions, or have changed since.
        """
        return self._reading("prompts and completions")(self, rows)

    def completions(self, rows: "polars.DataFrame") -> list[Any]:
        """Read the completions of some rollouts again; as :meth:`texts`, but there may be no prompts."""
        read_texts = self._reading("completions")
        return [completion for completion, _ in read_texts(self, rows, ("completion", "completion"))]

    def _reading(self, wanted: str) -> "Callable[..., Texts]":
        """Return what reads texts again, or say why nothing does."""
        if self.read_texts is None:
            remedy = "log them" if self.shows_texts else "leave --no-text out"
            raise ConetError(f"{self.path} without texts", wanted, remedy)
        return self.read_texts

    def token_ids(self, rows: "polars.DataFrame") -> TokenIds | None:
        """Read the token ids of some rollouts again.

        Parameters
        ----------
        rows
            Rows of :attr:`rows`.

        Returns
        -------
        list of tuple or None
            Of prompt and completion of each row; None where the files do not have them for every one.

        Raises
        ------
        ConetError
            When the files have changed since.
        """
        return None if self.read_token_ids is None else self.read_token_ids(self, rows)


def main_split(rows: "polars.DataFrame") -> str:
    """Return the split that is diagnosed: the training, or where there is none what there is."""
    there = rows["split"].unique().to_list()
    return next((name for name in SPLITS if name in there), SPLITS[0])
