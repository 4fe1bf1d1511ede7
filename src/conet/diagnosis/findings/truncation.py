"""Answers that the length limit cut off."""

from conet.diagnosis.declare import Finding, Key, Result
from conet.diagnosis.log import Log

UNKNOWN = (
    "the files do not say which answers were cut off; name a column or a condition with --map, for example "
    "--map 'truncated=response_length>=4096'"
)


def compute(log: Log) -> Result:
    """Measure the share of answers that were cut off."""
    known, cut = (int(log.visits.table[name].sum()) for name in ("truncation_known", "truncated_count"))
    caveats = {} if known else {"truncated_share": UNKNOWN}
    return Result(values={"truncated_share": cut / known if known else None}, caveats=caveats)


FINDING = Finding(
    name="truncation",
    compute=compute,
    keys=(Key("truncated_share", "number or null", "share of the answers that the length limit cut off"),),
    decides="answers cut off, over answers of which that is known",
    view="groups",
)
