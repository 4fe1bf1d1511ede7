"""The documentation says what the code declares."""

from pathlib import Path

from conet.claims import CLAIMS

ROOT = Path(__file__).parents[1]


def test_the_page_of_results_says_what_the_claims_declare():
    """But for a claim whose run is not in the documentation yet."""
    pages = ("results.md", "results-annealing.md")
    page = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in pages)
    shown = [claim for claim in CLAIMS.values() if claim.title in page]
    assert len(shown) >= 13
    for claim in shown:
        assert claim.method in page, claim.name
