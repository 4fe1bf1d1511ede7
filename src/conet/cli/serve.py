"""The page: where one looks first."""

from functools import partial
from pathlib import Path

from conet.base.errors import ConetError
from conet.base.terminal import tell
from conet.cli.options import Count, Flag, say
from conet.cli.reading import Format, Map

PORT = 8577  # no service that we know of listens there (our choice)
RUNS = Path("runs")


def serve(
    *paths: Path,
    port: Count = PORT,
    host: str = "127.0.0.1",
    open_: Flag = False,
    format: Format = "auto",
    map_: Map = None,
    export: Path | None = None,
    no_text: Flag = False,
) -> None:
    """Show runs on a page, while they train and afterwards; its address is the first line.

    Ctrl-C, or SIGTERM, closes the page at once: exit code 0.

    Parameters
    ----------
    paths
        Runs, logs of other trainers, or directories of such; runs/ by default.
    port
        Where it listens; 0 for any port that is free.
    host
        An address of this machine. Beyond 127.0.0.1 others can see the page, and whoever opens it needs the
        token that its address holds.
    open_
        Open the page in the browser.
    map_
        As for `conet diagnose`, of all logs.
    export
        Write the page as one file of HTML, which needs no server, and serve nothing; an earlier one may be
        replaced. /dev/stdout prints it.
    no_text
        Show no prompts and answers, and call problems by digests.
    """
    if not 0 <= port <= 65535:
        raise ConetError(f"--port {port}", "0 to 65535", "leave it out for the usual one")
    places = list(paths) or [RUNS]
    for place in places:
        if not place.exists():
            remedy = "`conet run` makes one under runs/, or name another place"
            raise ConetError(f"{place}, which does not exist", "a run, a log, or a directory of them", remedy)
    mapping = ",".join(map_ or [])
    if export is not None:
        _say_left_out(places)
        _export(places, export, format, mapping, not no_text)
        return
    try:
        from conet.serve.library import Library
        from conet.serve.start import serve as start
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("fastapi", "starlette", "uvicorn"):
            raise
        got = f"`conet serve {' '.join(map(str, paths))}`, but {error.name} is not installed"
        remedy = "pip install 'conet-rlvr[microscope]', or '.[microscope]' in the source"
        raise ConetError(got, "the extra [microscope]", remedy) from None
    _say_left_out(places)
    try:
        start(Library(places, format, mapping, not no_text), host, port, open_)
    except KeyboardInterrupt:
        tell("the page is closed")


def _say_left_out(places: list[Path]) -> None:
    """Say which files of logs are not shown."""
    from conet.serve.library import left_out

    for place in places:
        for said in left_out(place):
            tell(f"conet: {said}")


def _export(places: list[Path], out: Path, format: str, mapping: str, with_texts: bool) -> None:
    """Write the page as one file."""
    from conet.base.places import check_file, write_output
    from conet.serve.library import Library
    from conet.serve.saved import is_saved_page, saved_page

    check = partial(check_file, out, "an earlier page", is_saved_page)
    check()
    page = saved_page(Library(places, format, mapping, with_texts))
    write_output(out, page.html, check)
    for what in page.left_out:
        tell(f"conet: the page is incomplete, without {what}")
    say(f"{len(page.html.encode()) / 1e6:.1f} MB: {out}", out)
