"""Whether a completion is whole."""

from collections.abc import Collection, Sequence


def was_cut_off(
    tokens: Sequence[int], limit: int | None, ends: Collection[int | None], own: Sequence[int] | None = None
) -> bool:
    """Whether a completion ended by the length limit, or with what a tool said.

    Parameters
    ----------
    tokens
        Of the completion.
    limit
        Most tokens that it may have, where one is known.
    ends
        Tokens that end a completion.
    own
        1 for each token that the model wrote itself, where tools wrote others.
    """
    if own and not own[-1]:
        return True
    return limit is not None and len(tokens) >= limit and tokens[-1] not in ends
