"""Figures and axes that a notebook shows. It imports matplotlib, so it is imported when a figure is drawn."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mmvae_cli.plots.saving import save

__all__ = ["new_figure"]


class DisplayedFigure(Figure):
    """A figure that a notebook shows where a cell ends in it, without pyplot."""

    def _repr_png_(self) -> bytes:
        return as_png(self)


class DisplayedAxes(Axes):
    """Axes for which a notebook shows the figure they are on."""

    def _repr_png_(self) -> bytes:
        return as_png(self.figure)


def new_figure(n_rows: int, n_columns: int, width: float, height: float, **more: Any) -> tuple[Figure, Any]:
    """A figure of n_rows × n_columns axes, each of this size in inches, and the array of them."""
    figure = DisplayedFigure((width * n_columns, height * n_rows), layout="constrained")
    displayed = {"axes_class": DisplayedAxes}
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, subplot_kw=displayed, **more)


def as_png(figure: Any) -> bytes:
    """The picture, in the figure's own dots per inch (``rcParams["figure.dpi"]``)."""
    file = io.BytesIO()
    save(figure, file, format="png", dots=figure.dpi)
    return file.getvalue()
