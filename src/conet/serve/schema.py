"""Write the server's OpenAPI description, of which the page's types are made: run it as a module."""

import json
import sys

from conet.serve.app import application
from conet.serve.library import Library


def schema() -> str:
    """Return the description as JSON."""
    return json.dumps(application(Library([])).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
