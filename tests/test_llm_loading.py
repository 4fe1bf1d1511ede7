"""What a command on language models says while its libraries load; needs none of them."""

import sys

from conet.cli.llm_eval import say_loading


def test_the_seconds_of_loading_are_said_once_and_by_one_process(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setenv("RANK", "1")
    say_loading()
    assert capsys.readouterr().err == ""
    monkeypatch.delenv("RANK")
    say_loading()
    assert capsys.readouterr().err == "loading torch and transformers\n"
    monkeypatch.setitem(sys.modules, "torch", sys)
    say_loading()
    assert capsys.readouterr().err == ""
