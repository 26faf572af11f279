"""A notebook shows what the functions return."""

from __future__ import annotations

import pickle

import matplotlib as mpl
import mudata
import pytest
from matplotlib.figure import Figure

from mmvae_cli import pl

PNG = b"\x89PNG\r\n\x1a\n"
MORE = {"latents": {"block": "rna"}, "loadings": {"modality": "rna"}}  # one private block needs no UMAP
DRAWN = [name for name in pl.__all__ if name != "save"]


def width(png: bytes) -> int:
    return int.from_bytes(png[16:20], "big")


@pytest.mark.parametrize("name", DRAWN)
def test_what_a_function_returns_is_shown_as_a_picture(evaluated: mudata.MuData, name: str) -> None:
    returned = getattr(pl, name)(evaluated, **MORE.get(name, {}))
    assert returned._repr_png_().startswith(PNG)
    assert returned.figure._repr_png_().startswith(PNG)


def test_the_picture_has_the_dots_that_the_user_set(evaluated: mudata.MuData) -> None:
    with mpl.rc_context({"figure.dpi": 50}):
        small = pl.r2(evaluated)
    with mpl.rc_context({"figure.dpi": 150}):
        large = pl.r2(evaluated)
    assert width(large._repr_png_()) == pytest.approx(3 * width(small._repr_png_()), abs=3)


def test_axes_of_the_user_stay_what_they_are(evaluated: mudata.MuData) -> None:
    own = Figure().subplots()
    kind = type(own)
    assert pl.r2(evaluated, ax=own) is own
    assert type(own) is kind
    assert not hasattr(own, "_repr_png_")


def test_a_figure_can_be_pickled(evaluated: mudata.MuData) -> None:
    again = pickle.loads(pickle.dumps(pl.r2(evaluated)))
    assert again._repr_png_().startswith(PNG)
