"""A figure as a file. matplotlib is imported when one is written."""

from __future__ import annotations

import warnings
from typing import IO, TYPE_CHECKING, Any

from mmvae_cli.evaluation.figures import DOTS

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["save"]

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
        The file; ``png``, ``svg`` or ``pdf``, by default as its suffix says.
    dots
        Per inch, of a PNG and of points that are drawn as an image.
    """
    from pathlib import Path

    from matplotlib import rc_context

    whole: Any = figure if hasattr(figure, "savefig") else figure.figure
    with rc_context(SAVED), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # names in scripts that the font lacks
        format = format or Path(str(path)).suffix.lstrip(".").lower() or "png"
        whole.savefig(path, format=format, dpi=dots, facecolor="white", metadata=NO_DATE.get(format))
