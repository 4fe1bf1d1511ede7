"""Judging: what a claim declares, how its rows are judged, and the pages that say so."""
