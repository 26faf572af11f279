"""How figures look: sizes, colours, text. matplotlib is imported when one is drawn, and no window is opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Any

from mmvae_cli.evaluation.figures import COLOURS, RC, SETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLUE", "COLOURS", "FAINT", "GREY", "ORANGE", "SETS", "canvas", "grid", "legend", "palette", "short"]

BLUE, ORANGE = COLOURS[:2]
GREY, FAINT = "#888888", "#D9D9D9"
LONGEST = 24  # letters of a name
POINT = 28.0  # points², in a legend
LETTER = 0.068  # inches, the width of one


@contextmanager
def canvas(ax: Axes | None, width: float, height: float) -> Iterator[Axes]:
    """Yield the axes to draw on, new ones on a figure of their own where none are given; sizes in inches."""
    from matplotlib import rc_context

    from mmvae_cli.plots.displayed import new_figure

    with rc_context(RC):
        axis = ax if ax is not None else new_figure(1, 1, width, height)[1][0, 0]
        yield axis
        _keep_plain(axis)


@contextmanager
def grid(n_rows: int, n_columns: int, width: float, height: float, **more: Any) -> Iterator[tuple[Figure, Any]]:
    """Yield a new figure of n_rows × n_columns axes, each of this size in inches, and the array of them."""
    from matplotlib import rc_context

    from mmvae_cli.plots.displayed import new_figure

    with rc_context(RC):
        figure, axes = new_figure(n_rows, n_columns, width, height, **more)
        yield figure, axes
        for axis in figure.axes:
            _keep_plain(axis)


def _keep_plain(axis: Axes) -> None:
    """No text is read as mathematics: names may hold dollar signs."""
    from matplotlib.text import Text
    from matplotlib.ticker import FixedLocator

    sides = (axis.xaxis, axis.yaxis)
    numbers = [side.get_ticklabels() for side in sides if not isinstance(side.get_major_locator(), FixedLocator)]
    left = set(chain.from_iterable(numbers))
    for text in axis.findobj(Text):
        if text not in left:
            text.set_parse_math(False)


def legend(axis: Axes, **more: Any) -> None:
    """Put the legend to the right of the axes."""
    options = {"loc": "upper left", "bbox_to_anchor": (1.03, 1.0), "borderaxespad": 0.0}
    look = {"frameon": False, "alignment": "left", "fontsize": 8, "title_fontsize": 8}
    made = axis.legend(**{**options, **look, **more})
    for handle in made.legend_handles:
        resize = getattr(handle, "set_sizes", None)
        if resize is not None:  # of points, which may be small in the figure
            resize([POINT])


def palette(n_colours: int) -> list[Any]:
    """Colours that can be told apart; from the 21st on they come again."""
    if n_colours <= len(COLOURS):
        return list(COLOURS[:n_colours])
    from matplotlib import colormaps

    many = colormaps["tab10" if n_colours <= 10 else "tab20"].colors  # type: ignore[attr-defined]
    return [many[index % len(many)] for index in range(n_colours)]


def short(name: object, longest: int = LONGEST) -> str:
    """A name on one line, its middle left out where it is long."""
    text = " ".join(str(name).split())
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


def name_columns(axis: Axes, names: Sequence[object], width: float) -> None:
    """Name what stands at 0, 1, … along the horizontal axis, ``width`` inches each; slanted where they are longer."""
    texts = shown(names)
    slanted = max(map(len, texts), default=0) * LETTER > width + 0.05
    slant: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if slanted else {}
    axis.set_xticks(range(len(texts)), texts, **slant)


def shown(names: Sequence[object], longest: int = LONGEST) -> list[str]:
    """``short`` of each."""
    return [short(name, longest) for name in names]


def number(value: float, digits: int = 2) -> str:
    """``0.12``, with a minus sign that is as wide as a plus, and none before 0."""
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")
