"""`conet heat` for each trainer: what its SFT reads, token ids, and templates that would delete the reasoning."""

import json
from pathlib import Path

import polars as pl
import pytest

import conet
from conet.base.errors import ConetError
from conet.cli import main
from conet.diagnosis import heat_files
from conet.readers import chat_template
from conet.readers.texts import as_token_ids

EVIDENCE = {
    "problem": "p",
    "accuracy": 0.05,
    "correct": 1,
    "correct_count": 1,
    "samples": 20,
    "first_step": 1,
    "last_step": 3,
    "step": 3,
    "length": 4,
}
THOUGHT = "<think>\ntwo and two\n</think>\n\nfour"
# Rules of templates as they are in use: all reasoning is deleted, that before the last question, none.
DELETES = """{{ bos_token }}{% for message in messages %}
{%- if message.role == 'assistant' -%}
{%- set said = message['content'] -%}{%- if '</think>' in said -%}{%- set said = said.split('</think>')[-1] -%}{%- endif -%}
<A>{{ said }}<end>
{%- else -%}<U>{{ message['content'] }}{%- endif -%}
{%- endfor -%}{%- if add_generation_prompt -%}<A><think>
{% endif -%}"""
DELETES_EARLIER = """{%- set place = namespace(last=messages|length - 1) -%}
{%- for message in messages -%}{%- if message.role == 'user' -%}{%- set place.last = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- for message in messages -%}
{%- if message.role == 'assistant' -%}
<A>{%- if loop.index0 > place.last -%}{{ message.content }}{%- else -%}{{ message.content.split('</think>')[-1] }}{%- endif -%}<end>
{%- else -%}<U>{{ message.content }}{%- endif -%}
{%- endfor -%}"""
KEEPS = """{%- for message in messages -%}{%- if message.role == 'system' -%}{{ raise_exception('none') }}{%- endif -%}
<{{ message.role }}>{%- if message.role == 'assistant' -%}{% generation %}{{ message.content }}{% endgeneration %}
{%- else -%}{{ message.content }}{%- endif -%}{%- if loop.last -%}{%- break -%}{%- endif -%}{%- endfor -%}"""


def tokenizer(folder: Path, source: str, **settings: object) -> Path:
    folder.mkdir()
    tokens = {"bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": source, **tokens, **settings}))
    return folder


def messages(answer: str = THOUGHT) -> dict:
    said = [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": answer}]
    return {"messages": said, **EVIDENCE}


@pytest.mark.parametrize(
    ("source", "whole", "alone"),
    [(DELETES, True, True), (DELETES_EARLIER, False, True), (KEEPS, False, False)],
)
def test_a_template_that_deletes_the_reasoning_is_known(source, whole, alone, tmp_path):
    for folder, given in (
        (tmp_path / "a", source),
        (tmp_path / "b", [{"name": "default", "template": source}]),
    ):
        found = chat_template.load(tokenizer(folder, "" if given is source else given))
        if given is source:  # a file of its own comes before the settings
            (folder / "chat_template.jinja").write_text(source)
            found = chat_template.load(folder / "tokenizer.json")
        assert (found.deletes_reasoning(), found.deletes_reasoning(alone=True)) == (whole, alone)


def test_a_tokenizer_without_a_template_and_one_that_is_broken(tmp_path):
    assert chat_template.load(tmp_path / "nowhere" / "tokenizer.json") is None
    assert chat_template.load(tokenizer(tmp_path / "none", "", chat_template=None)) is None
    (tmp_path / "tokenizer_config.json").write_text("[")
    with pytest.raises(ConetError, match="check --tokenizer"):
        chat_template.load(tmp_path)
    for source in ("{% if %}", "{{ raise_exception('no') }}", "{{ messages[7].content.x }}"):
        broken = chat_template.ChatTemplate(source, {}, tmp_path)
        with pytest.raises(ConetError, match="the chat template in"):
            broken.deletes_reasoning()


def test_trl_gets_texts_that_keep_the_reasoning(tmp_path):
    template = chat_template.load(tokenizer(tmp_path / "t", DELETES))
    rows, said = heat_files.as_target([messages()], "trl", template)
    assert (rows[0]["prompt"], rows[0]["completion"]) == ("<s><U>2+2<A><think>\n", THOUGHT)
    assert "messages" not in rows[0]
    assert "deletes all before </think>" in said
    kept, said = heat_files.as_target([messages("four")], "trl", template)  # nothing to lose
    assert (next(iter(kept[0])), said) == ("messages", "")
    kept, said = heat_files.as_target(
        [messages()], "trl", chat_template.load(tokenizer(tmp_path / "k", KEEPS))
    )
    assert (next(iter(kept[0])), said) == ("messages", "")
    kept, said = heat_files.as_target([messages()], "trl", None)
    assert "give the model's folder as --tokenizer" in said


@pytest.mark.parametrize("source", [DELETES, DELETES_EARLIER])
def test_verl_is_not_given_what_it_would_learn_without_reasoning(source, tmp_path):
    template = chat_template.load(tokenizer(tmp_path / "t", source))
    with pytest.raises(ConetError, match="learn answers without their reasoning"):
        heat_files.as_target([messages()], "verl", template)
    assert heat_files.as_target([messages("four")], "verl", template)[1] == ""


def test_verl_reads_messages_of_role_and_content(tmp_path):
    thoughtful = messages("four")
    thoughtful["messages"][-1] |= {"reasoning_content": "two and two", "tool_calls": []}
    plain = {"prompt": "2+2", "completion": "four", **EVIDENCE}
    rows, _ = heat_files.as_target([thoughtful, plain], "verl", None)
    (tmp_path / "heat.parquet").write_bytes(heat_files.file_content(rows, "verl"))
    found = pl.read_parquet(tmp_path / "heat.parquet")
    asked = {"role": "user", "content": "2+2"}
    assert found["messages"].to_list() == [
        [asked, {"role": "assistant", "content": THOUGHT}],
        [asked, {"role": "assistant", "content": "four"}],
    ]
    assert found.drop("messages").row(0, named=True) == EVIDENCE
    with open(tmp_path / "heat.parquet", "rb") as file:
        assert heat_files.are_examples(file)


def test_token_ids_are_labelled_for_trl(tmp_path):
    row = messages() | {"prompt_ids": [5, 6], "completion_ids": [7, 8, 9]}
    rows, said = heat_files.as_target([row], "trl", None)
    assert (rows[0]["input_ids"], rows[0]["labels"]) == ([5, 6, 7, 8, 9], [-100, -100, 7, 8, 9])
    assert rows[0]["loss_mask"] == [0, 0, 1, 1, 1]
    assert said == ""  # ids need no template
    rows, _ = heat_files.as_target([row], "verl", None)
    (tmp_path / "heat.parquet").write_bytes(heat_files.file_content(rows, "verl"))
    assert pl.read_parquet(tmp_path / "heat.parquet")["completion_ids"].to_list() == [[7, 8, 9]]


def test_token_ids_are_taken_where_all_are_there():
    assert as_token_ids([([1], [2, 3]), ("[4]", "[5, 6]")]) == [([1], [2, 3]), ([4], [5, 6])]
    for other in (None, [], "x", [1.5], [True], [-1], ["a"]):
        assert as_token_ids([([1], [2]), ([1], other)]) is None


def log_with_ids(path: Path) -> Path:
    rows = [
        {
            "step": step,
            "prompt": "2+2",
            "completion": f"right {step}" if sample == 0 else "wrong",
            "correct": int(sample == 0),
            "prompt_ids": [1, 2],
            "response_ids": [3, step] if sample == 0 else [4],
        }
        for step in range(4)
        for sample in range(16)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("target", ["trl", "verl"])
def test_token_ids_come_from_the_log(target, tmp_path, capsys):
    log, out = log_with_ids(tmp_path / "log.jsonl"), tmp_path / "heat"
    for kind in ("verl", target, "trl", target):  # an earlier output of either kind may be replaced
        main(["heat", str(log), "--out", str(out), "--target", kind])
    assert f"1 problem with an accuracy of 0.062, for {target}" in capsys.readouterr().out
    if target == "verl":
        row = pl.read_parquet(out).row(0, named=True)
        assert (row["prompt_ids"], row["completion_ids"]) == ([1, 2], [3, 3])
    else:
        row = json.loads(out.read_text())
        assert (row["input_ids"], row["labels"]) == ([1, 2, 3, 3], [-100, -100, 3, 3])


def test_nothing_to_heat_on_is_an_empty_table(tmp_path, capsys):
    log, out = log_with_ids(tmp_path / "log.jsonl"), tmp_path / "heat.parquet"
    main(["heat", str(log), "--out", str(out), "--target", "verl", "--min-samples", "5000"])
    assert pl.read_parquet(out).height == 0
    assert "no problem to heat on" in capsys.readouterr().out


def test_another_table_is_never_replaced(tmp_path, capsys):
    log, out = log_with_ids(tmp_path / "log.jsonl"), tmp_path / "mine.parquet"
    pl.DataFrame({"messages": ["mine"]}).write_parquet(out)
    before = out.read_bytes()
    with pytest.raises(SystemExit):
        main(["heat", str(log), "--out", str(out), "--target", "verl"])
    assert "which is another file" in capsys.readouterr().err
    assert out.read_bytes() == before


@pytest.mark.llm
def test_trl_learns_exactly_the_ids(tmp_path):
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    from conet.llm import models
    from conet.runs.recipe import ModelSettings

    log, out = log_with_ids(tmp_path / "log.jsonl"), tmp_path / "heat.jsonl"
    main(["heat", str(log), "--out", str(out)])
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    settings = ModelSettings(sizes=sizes | {"num_key_value_heads": 1}, tokenizer="characters")
    model, characters = models.load(settings, 0)
    place = str(tmp_path / "sft")
    options = SFTConfig(output_dir=place, max_steps=1, use_cpu=True, bf16=False, report_to="none")
    data = load_dataset("json", data_files=str(out), split="train", cache_dir=str(tmp_path / "cache"))
    trainer = SFTTrainer(model, args=options, train_dataset=data, processing_class=characters)
    batch = next(iter(trainer.get_train_dataloader()))
    assert batch["input_ids"].tolist() == [[1, 2, 3, 3]]
    assert batch["labels"].tolist() == [[-100, -100, 3, 3]]
    trainer.train()


@pytest.mark.parametrize("options", [["--target", "trl"], ["--target", "verl"], ["--no-text"]])
def test_examples_are_no_log(options, tmp_path):
    """They have a step, a prompt and what is called correct, and yet hold a row a problem."""
    log = Path(__file__).parent / "data/trl/plain"
    out = tmp_path / ("heat.parquet" if "verl" in options else "heat.jsonl")
    main(["heat", str(log), "--out", str(out), "--max-accuracy", "0.5", *options])
    with pytest.raises(ConetError, match="holds examples that `conet heat` chose") as refused:
        conet.read(out)
    assert "\n" not in str(refused.value)


def test_what_a_diagnosis_left_is_no_log(tmp_path):
    found = conet.diagnose(Path(__file__).parent / "data/trl/plain")
    for name, table in (("problems", found.problems), ("steps", found.steps)):
        table.write_parquet(tmp_path / f"{name}.parquet")
        with pytest.raises(ConetError, match=f"holds the {name} that `conet diagnose` counted"):
            conet.read(tmp_path / f"{name}.parquet")
    (tmp_path / "diagnosis.json").write_text(json.dumps(found.findings))
    with pytest.raises(ConetError, match="holds what `conet diagnose` found"):
        conet.read(tmp_path / "diagnosis.json")


def test_examples_beside_a_log_are_left_out(tmp_path):
    rows = pl.DataFrame({"step": [1, 2], "prompt": "p", "completion": "c", "correct": [1, 0]})
    rows.write_ndjson(tmp_path / "rollouts.jsonl")
    pl.DataFrame([messages()]).write_ndjson(tmp_path / "heat.jsonl")
    assert [path.name for path in conet.read(tmp_path).files] == ["rollouts.jsonl"]
