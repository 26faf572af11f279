"""A figure as a file. matplotlib is imported when one is written."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mmvae_cli.data.atomic import check_place, write_file
from mmvae_cli.errors import UsageError, listed, pick
from mmvae_cli.evaluation.figures import DOTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["save"]

FORMATS = ("png", "svg", "pdf")
PAPER_DOTS = 2 * DOTS  # per inch, of what is printed
SAVED: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "mmvae",  # the same figure is the same file
    "pdf.fonttype": 42,  # TrueType: fonts are embedded and text can be edited
}
NO_DATE = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def save(figure: Figure | Axes, path: Path | str | IO[bytes], *, format: str = "", dots: int = PAPER_DOTS) -> None:
    """Write a figure, with text as text.

    Parameters
    ----------
    figure
        A figure, or axes of it.
    path, format
        The file, or what is open for writing bytes; ``png``, ``svg`` or ``pdf``, by default as the name ends.
        What is open and has no name gets ``png``.
    dots
        Per inch, of a PNG and of points that are drawn as an image.

    Raises
    ------
    UsageError
        If the format is another one or a file's name has no ending that says it, or ``figure`` is something else.
    CannotCreateError, CannotWriteError
        As ``data.atomic.write_file``: the file is whole, or not there.
    """
    from matplotlib import rc_context

    whole = _whole_figure(figure)
    place = Path(path) if isinstance(path, str | os.PathLike) else None
    format = _format(format, place or Path(str(getattr(path, "name", ""))), named=place is not None)
    if place is not None:
        check_place(place)
    content = io.BytesIO()
    with rc_context(SAVED), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # names in scripts that the font lacks
        whole.savefig(content, format=format, dpi=dots, facecolor="white", metadata=NO_DATE.get(format))
    if isinstance(path, str | os.PathLike):
        write_file(path, content.getvalue())
    else:
        path.write(content.getvalue())


def _whole_figure(given: Any) -> Any:
    whole = given if hasattr(given, "savefig") else getattr(given, "figure", None)
    if hasattr(whole, "savefig"):
        return whole
    raise UsageError(
        f"pl.save takes a figure or axes, not a {type(given).__name__}",
        hint='draw one first: pl.save(pl.r2(mdata), "r2.pdf")',
    )


def _format(asked: str, path: Path, *, named: bool) -> str:
    if named and not asked and not path.suffix:
        raise UsageError(
            f"{str(path)!r} does not say in which format the figure is to be",
            hint=f"end it with one of {listed(f'.{one}' for one in FORMATS)}, or give format",
        )
    format = (asked or path.suffix).lstrip(".").lower() or FORMATS[0]
    return pick(format, FORMATS, "format of a figure", where="" if asked else str(path), error=UsageError)
