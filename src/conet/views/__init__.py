"""Views: the data of one figure each, of a run, a comparison or a diagnosis; plain and JSON-able."""
