"""A report in a narrow window: no column of its tables is cut off. What is drawn is looked at elsewhere."""

import pytest

pytest.importorskip("playwright")

from logs import rollouts, two_stages
from page_browser import BROWSED, chromium

from conet.cli import main

pytestmark = BROWSED
CUT_OFF = """() => [...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length
    + (document.documentElement.scrollWidth > innerWidth)"""


def test_nothing_of_a_diagnosis_is_cut_off_at_390_pixels(tmp_path):
    folder = tmp_path / "a_name_without_any_space_that_is_long"
    folder.mkdir()
    rollouts(two_stages()).write_parquet(folder / "rows.parquet")
    main(["diagnose", str(folder), "--out", str(tmp_path / "out")])
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto((tmp_path / "out" / "report.html").as_uri())
        assert page.locator(".scroll").count()
        assert page.evaluate(CUT_OFF) == 0
