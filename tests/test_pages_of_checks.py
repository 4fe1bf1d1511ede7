"""The long checks put their tables between two marks of a page, and break no page."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "verification"))

from pages import put


def test_a_table_goes_between_its_marks_and_the_rest_stays(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n", encoding="utf-8")
    put(page, "<!-- a -->", "<!-- end of a -->", "new\n")
    assert page.read_text(encoding="utf-8") == "before\n<!-- a -->\nnew\n<!-- end of a -->\nafter\n"


@pytest.mark.parametrize(
    "text", ["no mark\n", "<!-- a -->\nno end, and all of this was lost\n", "<!-- end of a -->\n<!-- a -->\n"]
)
def test_a_page_without_its_marks_is_said_and_left_as_it_is(text, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit, match="has no <!-- a --> with <!-- end of a --> behind it"):
        put(page, "<!-- a -->", "<!-- end of a -->", "new\n")
    assert page.read_text(encoding="utf-8") == text
