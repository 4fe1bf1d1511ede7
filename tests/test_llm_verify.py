"""Verifiers: boxes, numbers, hanging and crashing ones, and the proof over real problems."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conet.base.errors import ConetError
from conet.llm import answers, evaluate, problems, verify
from conet.llm.answers import boxes
from conet.llm.judge import Judge
from conet.runs.recipe_problems import ProblemSettings

DATA = Path(__file__).parents[2] / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"no {DATA}: the verifiers were not proved on real problems"
)

# Rows of minerva.jsonl whose `answer` is not what their own solution arrives at. The first kind carries
# the answer of an earlier part (it stands in a box of the problem's own text), the second another value.
EARLIER_PART = frozenset(
    map(
        str,
        (
            57,
            61,
            68,
            74,
            75,
            76,
            81,
            87,
            93,
            101,
            104,
            110,
            112,
            114,
            118,
            129,
            134,
            139,
            145,
            151,
            162,
            167,
            198,
            211,
            223,
            226,
            227,
            242,
            246,
            247,
            251,
            254,
            268,
        ),
    )
)
OTHER_VALUE = {
    "149": "the answer of an earlier part (there the box lacks the power of ten)",
    "126": "solution box has a sign error (t + ½ sin 2t), the answer is the mended one",
    "155": "solution box lacks the power of ten (4.4677)",
    "165": "solution box lacks the power of ten (0.822)",
    "173": "solution box says 1, the answer 2",
    "201": "solution box 361 pm, the answer 353 pm",
    "240": "solution box is erf's complement, the answer the concentration",
}


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (r"so \boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed 5.", "5"),
        (r"\fbox{7} \framebox{8}", "7"),
        (r"\boxed{5\\}", r"5\\"),
        (r"\boxed{\} 5", None),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{1} and then \boxed{2 cut off", None),
        ("no box 42", None),
        (r"\boxedness{3}", None),
    ],
)
def test_last_box(text: str, box: str | None) -> None:
    assert answers.last_box(text) == box


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"7 \times 10^{37}", 7e37),
        ("-3 x 10^5", -3e5),
        ("10^{-3}", 1e-3),
        ("8.7e8 cm", 8.7e8),
        ("025", 25),
        (r"4.4677 \times 10^{14} Hz", 4.4677e14),
        (r"0.003^{\prime \prime}", 0.003),
        (r"1950^\circ C", 1950),
        (r"15000 \text{ kcal m}^{-2} \text{yr}^{-1}", 15000),
        ("-3./2", -1.5),
        (r"\frac{270}7", 270 / 7),
        (r"\$32,\!348", 32348),
        (r"10,\!080", 10080),
        ("50\\%", 50),
        (r"\textbf{(211) }", 211),
        ("2x", None),
        ("7.6Z", None),
        ("100, 200", None),
        ("(100,200)", None),
        ("1e9999", None),
        ("1/0", None),
        (r"1\frac{4}{5}", 1.8),
        ("4210_{5}", None),
    ],
)
def test_number(text: str, value: float | None) -> None:
    found = answers.number(text)
    assert (None if found is None else float(found.value)) == (
        None if value is None else pytest.approx(value)
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(1)(2)", "12"),
        (r"4\cdot", "4"),
        (r"2\cdot 3", "23"),
        (r"1\frac45", r"\frac{14}{5}"),
        ("3 5", "35"),
        (r"\frac{1}{2x}", r"\frac12x"),
    ],
)
def test_different_formulas_stay_different(one: str, other: str) -> None:
    assert answers.compact(one) != answers.compact(other)


def test_plain_verifiers() -> None:
    assert verify.exact("3+4=7", "7")
    assert not verify.exact("3+4=07", "7")
    assert verify.numeric("3+4=07", "7")
    assert not verify.numeric("3+4=8", "7")
    assert not verify.numeric("", "7")
    assert not verify.numeric(r"so 7. \boxed{", "7")  # cut off in its box


CASES = Path(__file__).parent / "data" / "verifier_cases.jsonl"


CASE = [json.loads(line) for line in CASES.read_text().splitlines()]


@pytest.mark.llm
@pytest.mark.parametrize("family", sorted({case["family"] for case in CASE}))
def test_every_known_case_is_judged_right(family: str) -> None:
    """In this process: a process for each would be slow, and times no verdict of them."""
    cases = [case for case in CASE if case["family"] == family]
    assert [case for case in cases if verify.math(case["completion"], case["gold"]) != case["right"]] == []


@pytest.mark.llm
@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("2024", "2040", False),
        ("2024", "2024.5", True),
        ("3.14", "3.15", True),
        ("3.14", r"\pi", True),
        ("1.0, 2.5", "2.51, 1.005", True),
        ("100, 200", "101, 200", False),
        ("3.14x", "3.15x", False),
        ("5040", "7!+4", False),
        ("3e8", "299792458", True),
    ],
)
def test_minerva_allows_one_percent_of_what_is_not_whole(gold: str, answer: str, right: bool) -> None:
    assert verify.minerva(rf"\boxed{{{answer}}}", gold) == right


def test_the_known_cases_are_many_and_of_both_kinds() -> None:
    assert len(CASE) > 2280
    assert len({(case["gold"], case["completion"]) for case in CASE}) == len(CASE)
    assert 200 < sum(case["right"] for case in CASE) < len(CASE) - 200


@pytest.mark.llm
def test_what_loads_late_costs_no_sample_and_the_processor_time_ends_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Units, formulas, matrices: the first of each, in one second of processor time; the last has no end."""
    from conet.cli import main

    cases = [
        ("3 hours", "180 minutes", 1),
        (r"\cos 60^\circ", "1/2", 1),
        (r"\frac12\begin{pmatrix}2\end{pmatrix}", r"\begin{pmatrix}1\end{pmatrix}", 1),
        ("x<3", "y<3", 0),
        ("7", "9^{9^{9}}+x", 0),
    ]
    file = tmp_path / "cases.jsonl"
    file.write_text(
        "".join(
            json.dumps({"gold": gold, "completion": rf"\boxed{{{box}}}", "right": right}) + "\n"
            for gold, box, right in cases
        )
    )
    main(["llm", "verify", str(file), "--seconds", "1", "--json"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["verdicts"] == [1, 1, 1, 0, 0]
    assert result["status"] == {"ok": 4, "timeout": 1}
    assert result["ended"] == {"timeout": [5]}
    assert result["correct"] == 5


def test_an_audit_names_the_cases_that_timed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from conet.cli import main

    (tmp_path / "mine.py").write_text(HOSTILE)
    file = tmp_path / "cases.jsonl"
    file.write_text("".join(json.dumps({"gold": "a", "completion": text}) + "\n" for text in ("a", "hang")))
    main(["llm", "verify", str(file), "--verifier", f"{tmp_path / 'mine.py'}:judge", "--seconds", "1"])
    assert "1 ended by timeout, which counts as rejected: case 2" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["llm", "verify", str(file), "--seconds", "0"])
    assert "--seconds 0; expected more than 0" in capsys.readouterr().err


def test_an_audit_names_what_it_disagrees_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from conet.cli import main

    file = tmp_path / "cases.jsonl"
    file.write_text(
        '{"gold": 7, "completion": "= 7", "right": 0}\n\n{"gold": "7", "completion": "= 8", "right": 1}\n'
        '{"gold": "7", "completion": "= 7"}\n'
    )
    main(["llm", "verify", str(file), "--verifier", "numeric", "--json"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result["verdicts"] == [1, 0, 1]
    assert (result["accepted_wrong"], result["rejected_right"], result["known"]) == ([1], [2], 2)
    main(["llm", "verify", str(file), "--verifier", "numeric"])
    printed = capsys.readouterr().out
    assert "2 of 3 completions accepted" in printed
    assert "of 2 whose verdict is known, 0 judged correctly" in printed
    assert "accepted, but wrong: case 1" in printed
    assert "rejected, but right: case 2" in printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("7\n", "line 1"),
        ('{"gold": "7"}\n', "without a text 'completion'"),
        ('{"gold": "7", "completion": ["7"]}\n', "without a text 'completion'"),
        ('{"gold": "7", "completion": "7", "right": 2}\n', "right=2"),
        ('{"gold": "7", "completion": "7", "right": 1.0}\n', r"right=1\.0"),
        ('{"gold": "7", "completion": "7", "right": "1"}\n', "right='1'"),
        ('{"gold": "7", "completion": "7", "right": []}\n', r"right=\[\]"),
        ('{"gold": "7", "gold": "8", "completion": "8"}\n', "line 1, where a key stands twice"),
        ('{"gold": "7", "completion": "8", "right": 1, "right": 0}\n', "where a key stands twice"),
        ('{"gold": NaN, "completion": "nan"}\n', "without a text 'gold'"),
        ('{"gold": 1e400, "completion": "inf"}\n', "without a text 'gold'"),
    ],
)
def test_lines_that_are_no_cases(tmp_path: Path, text: str, message: str) -> None:
    from conet.cli.verify import read_cases

    file = tmp_path / "cases.jsonl"
    file.write_text(text)
    with pytest.raises(ConetError, match=message):
        read_cases(file)


def test_a_line_ends_at_a_line_feed_alone_and_right_may_be_a_truth_value(tmp_path: Path) -> None:
    from conet.cli.verify import read_cases

    file = tmp_path / "cases.jsonl"
    text = "a\u2028b\x85c 7"
    rows = [{"gold": 7, "completion": text, "right": right, "id": 1} for right in (True, 0, None)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_bytes("\r\n".join(lines).encode())
    found = read_cases(file)
    assert [(case["gold"], case["completion"]) for case in found] == [("7", text)] * 3
    assert [type(case["right"]) for case in found[:2]] == [int, int]
    assert [case["right"] for case in found] == [1, 0, None]


HOSTILE = """
import os, time

def judge(completion, answer):
    if completion == "hang":
        while True:
            time.sleep(1)
    if completion == "die":
        os._exit(9)
    if completion == "raise":
        raise ValueError("no")
    if completion == "odd":
        return 7
    print("noise on stdout")
    return completion == answer
"""


def test_a_hostile_verifier_costs_its_samples_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(HOSTILE)
    pairs = [(text, "a") for text in ("a", "hang", "a", "die", "raise", "odd", "b", "a")]
    with Judge(f"{tmp_path / 'mine.py'}:judge", workers=2, seconds=2.0) as judge:
        verdicts = judge.judge(pairs)
        assert [verdict.status for verdict in verdicts] == [
            "ok",
            "timeout",
            "ok",
            "crash",
            "crash",
            "crash",
            "ok",
            "ok",
        ]
        assert [verdict.reward for verdict in verdicts] == [1, 0, 1, 0, 0, 0, 0, 1]
        assert judge.judge([("a", "a")])[0].reward == 1
        assert judge.counts == {"ok": 5, "timeout": 1, "crash": 3}


def test_many_samples_in_any_order_keep_their_places(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import random, time\ndef judge(completion, answer):\n"
        "    time.sleep(0.01 * random.random())\n    return completion == answer\n"
    )
    pairs = [(str(number), str(number - number % 3)) for number in range(200)]
    with Judge(f"{tmp_path / 'mine.py'}:judge", workers=3) as judge:
        assert [verdict.reward for verdict in judge.judge(pairs)] == [
            number % 3 == 0 for number in range(200)
        ]
        assert judge.judge([]) == []


def test_a_verifier_that_takes_too_much_memory_costs_its_sample(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def judge(completion, answer):\n    return len(bytearray(int(completion) << 30)) > 0\n"
    )
    with Judge(f"{tmp_path / 'mine.py'}:judge", workers=1) as judge:
        verdicts = judge.judge([("64", ""), ("0", "")])
    assert [verdict.status for verdict in verdicts] == ["crash", "ok"]


@pytest.mark.parametrize("signal", ["SIGKILL", "SIGSEGV"])
def test_a_verifier_whose_process_is_killed_costs_its_sample(tmp_path: Path, signal: str) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, signal\ndef judge(completion, answer):\n"
        f"    os.kill(os.getpid(), signal.{signal}) if completion == 'die' else None\n    return 1\n"
    )
    with Judge(f"{tmp_path / 'mine.py'}:judge", workers=1) as judge:
        verdicts = judge.judge([("die", ""), ("", ""), ("die", ""), ("", "")])
    assert [verdict.status for verdict in verdicts] == ["crash", "ok", "crash", "ok"]


def test_a_verifier_that_cannot_be_ended_kindly_is_ended(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import signal, time\ndef judge(completion, answer):\n"
        "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(600)\n"
    )
    with Judge(f"{tmp_path / 'mine.py'}:judge", workers=1, seconds=1.0) as judge:
        assert [verdict.status for verdict in judge.judge([("", "")])] == ["timeout"]


def test_processes_that_never_start_are_an_error_and_no_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("conet.llm.judge.READY_SECONDS", 3.0)
    monkeypatch.setattr("conet.llm.judge.QUIET_SECONDS", 0.5)
    for name, text in (("ends", "import os\nos._exit(3)\n"), ("hangs", "import time\ntime.sleep(600)\n")):
        (tmp_path / f"{name}.py").write_text(text)
        judge = Judge(f"{tmp_path / name}.py:judge", workers=1, seconds=1.0)
        with judge, pytest.raises(ConetError, match="ended or did not answer"):
            judge.judge([("a", "a")])
    said = capsys.readouterr().err.splitlines()
    assert any("hangs.py:judge: waiting for it to load and to judge, 4 s at most" in line for line in said)


def test_no_process_outlives_one_that_was_killed(tmp_path: Path) -> None:
    """Also one that hangs, and does not see that nobody waits for it."""
    (tmp_path / "mine.py").write_text(
        "import os, time\ndef judge(completion, answer):\n"
        f"    open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n    time.sleep(600)\n"
    )
    mine = str(tmp_path / "mine.py")
    code = f"from conet.llm.judge import Judge\nJudge({mine!r} + ':judge').judge([('', '')])"
    parent = subprocess.Popen([sys.executable, "-c", code])
    limit = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        assert time.monotonic() < limit
        time.sleep(0.1)
    child = int((tmp_path / "pid").read_text())
    parent.kill()
    parent.wait()
    while Path(f"/proc/{child}/stat").exists() and " Z " not in Path(f"/proc/{child}/stat").read_text():
        assert time.monotonic() < limit
        time.sleep(0.1)


def test_the_program_that_asks_is_not_run_again(tmp_path: Path) -> None:
    """A script without `if __name__ == "__main__"` is no reason to begin it anew in every process."""
    (tmp_path / "mine.py").write_text("def judge(completion, answer): return True\n")
    script = tmp_path / "script.py"
    script.write_text(
        "from conet.llm.judge import Judge\nprint('begun')\n"
        f"with Judge({str(tmp_path / 'mine.py')!r} + ':judge') as judge:\n"
        "    print(judge.judge([('a', 'a')])[0].reward)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.stdout.split() == ["begun", "1.0"], done.stderr


def test_verifiers_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ConetError, match="did you mean 'numeric'"):
        Judge("numerik")
    with pytest.raises(ConetError, match="a file that exists"):
        Judge(f"{tmp_path / 'none.py'}:judge")
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    with (
        pytest.raises(ConetError, match="nothing_of_this_name"),
        Judge(f"{tmp_path / 'broken.py'}:judge") as judge,
    ):
        judge.judge([("a", "a")])


def same(one: str, other: str) -> bool:
    return answers.same_answer(one, other, 0.0)


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


@needs_data
@pytest.mark.llm
def test_gold_agrees_with_its_own_solution() -> None:
    known = {f"minerva/{number}" for number in (*EARLIER_PART, *OTHER_VALUE)}
    real = [row for row in rows("minerva") + rows("aime24") if answers.last_box(row["solution"]) is not None]
    with Judge("minerva", seconds=60.0) as judge:
        verdicts = judge.judge([(row["solution"], row["answer"]) for row in real])
        refused = {row["id"] for row, verdict in zip(real, verdicts) if verdict.reward < 1}
        assert judge.counts["ok"] == len(real) == 297  # one more is in a \framebox, which is no box
    for row in real:
        if row["id"].removeprefix("minerva/") in EARLIER_PART:
            earlier = [answers.last_box(rf"\boxed{part}") for part in boxes.BOX.split(row["problem"])[1:]]
            assert any(box is not None and same(box, row["answer"]) for box in earlier), row["id"]
    assert refused == known  # all that is sound is accepted, and what is not is refused


@needs_data
@pytest.mark.llm
@pytest.mark.long
def test_answers_of_other_problems_are_rejected() -> None:
    generator = random.Random(0)
    pairs = []
    for name in ("minerva", "aime24", "math500", "math_train_512"):
        real = [row["answer"] for row in rows(name)]
        for gold in real:
            pairs.append((rf"\boxed{{{generator.choice([other for other in real if other != gold])}}}", gold))
    with Judge("minerva", seconds=60.0) as judge:
        accepted = [pair for pair, verdict in zip(pairs, judge.judge(pairs)) if verdict.reward]
        itself = judge.judge([(rf"\boxed{{{gold}}}", gold) for _, gold in pairs])
    assert len(pairs) == 1314
    assert len(accepted) <= 0.005 * len(pairs), accepted
    assert all(verdict.reward == 1 for verdict in itself)


@needs_data
@pytest.mark.llm
@pytest.mark.parametrize("name", ["minerva", "aime24", "math500", "math_train_512"])
@pytest.mark.long
def test_evaluation_of_real_problems(tmp_path: Path, name: str) -> None:
    """A model that is right in every second sample, and one that never is."""
    settings = ProblemSettings(
        source=str(DATA / f"{name}.jsonl"), verifier="minerva", limit=9, template="Solve: {problem}"
    )
    asked = problems.load(settings)
    golds = {f"Solve: {problem.question}": problem.answer for problem in asked}
    assert [problem.answer for problem in asked] == [row["answer"] for row in rows(name)[:9]]

    def half(prompts: list[str], seed: int) -> list[tuple[list[int], str, bool]]:
        return [
            ([1, 2], rf"so \boxed{{{golds[text] if place % 2 else 'none'}}}", False)
            for place, text in enumerate(prompts)
        ]

    def never(prompts: list[str], seed: int) -> list[tuple[list[int], str, bool]]:
        return [([1], "I do not know", True) for _ in prompts]

    found = evaluate.evaluate(half, asked, settings, {"samples": 4}, tmp_path / "half")
    assert found["problems"] == 9
    assert found["mean"] == {"value": 0.5, "low": None, "high": None}  # all alike: resampling cannot tell
    assert found["pass_at_k"]["2"]["value"] == pytest.approx(
        1 - 1 / 6
    )  # of six pairs of samples one is all wrong
    assert found["pass_at_k"]["4"]["value"] == 1.0
    found = evaluate.evaluate(never, asked, settings, {"samples": 4}, tmp_path / "never")
    # Nine failures of nine: up to a third may be solvable (Clopper and Pearson).
    assert found["pass_at_k"]["4"] == {"value": 0.0, "low": 0.0, "high": pytest.approx(0.336, abs=5e-4)}
    assert found["truncated_share"] == 1.0
