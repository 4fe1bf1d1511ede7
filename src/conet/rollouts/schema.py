"""The columns of rollouts, the same for walks, language models and other people's logs: one row a rollout."""

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import polars

Split = Literal["train", "eval", "harvest"]
SPLITS: tuple[Split, ...] = get_args(Split)
PHASES = ("rlvr", "heat", "sft")


def schema(*optional: str) -> "dict[str, polars.DataType | type[polars.DataType]]":
    """Return the columns of a table of rollouts with their types.

    Parameters
    ----------
    optional
        Which of the optional columns to add: "text", "text_hash", "file", "row", "components", and those that
        begin with "repeated_share".

    Returns
    -------
    dict
        By column, in this order:

        ``step``
            Updates of the policy that were done before the rollout was drawn.
        ``problem``
            Number of the problem.
        ``sample``
            0, 1, … within split, step and problem.
        ``reward``
        ``correct``
            Whether the rollout solved its problem.
        ``length``
            Hops of a walk, or tokens (where these are not known, characters) of a completion.
        ``truncated``
            Whether the length limit ended it; null where that is unknown.
        ``split``
            "train", "eval" for what is reported apart, "harvest" for what was drawn for a heating.
        ``phase``
            "rlvr", "heat" or "sft".
        ``text``, ``text_hash``
            The completion, or a hash of it.
        ``file``, ``row``
            Where a log holds it.
        ``family``
            Which problems belong together: a data set, a subject.
        ``components``
            The rewards that a log holds one by one, in the order of the record's ``components``.
        ``repeated_share``, ``compressed_share``, ``symbol_share``, ``rare_pair_share``
            Of some of the completions, in their last part: sequences of four words that occurred before;
            bytes left after compression; characters that are no Latin letter, digit or space; pairs of
            letters in words that are rare.
        ``gold_hash``, ``answer_marked``, ``gold_given``
            Of the same: a hash of the gold answer; whether the completion marks its result (boxed, or in a
            tag); and whether that equals the gold answer.
    """
    import polars as pl

    required: dict[str, pl.DataType | type[pl.DataType]] = {
        "step": pl.Int32,
        "problem": pl.Int32,
        "sample": pl.Int32,
        "reward": pl.Float32,
        "correct": pl.Boolean,
        "length": pl.Int32,
        "truncated": pl.Boolean,
        "split": pl.Enum(SPLITS),
        "phase": pl.Enum(PHASES),
    }
    more: dict[str, pl.DataType | type[pl.DataType]] = {
        "text": pl.String,
        "text_hash": pl.UInt64,
        "file": pl.UInt32,
        "row": pl.UInt32,
        "family": pl.Categorical(),
        "components": pl.List(pl.Float32),
        "repeated_share": pl.Float32,
        "compressed_share": pl.Float32,
        "symbol_share": pl.Float32,
        "rare_pair_share": pl.Float32,
        "gold_hash": pl.UInt64,
        "answer_marked": pl.Boolean,
        "gold_given": pl.Boolean,
    }
    return required | {name: more[name] for name in optional}
