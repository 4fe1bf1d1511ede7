"""``python -m conet``: the command line, where the script is not on the path."""

from conet.cli import main

if __name__ == "__main__":
    main()
