"""Curves of the training, replicates, overlap; files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli import pl
from mmvae_cli.errors import CannotCreateError, DataError, MmvaeError, UsageError


def test_curves_are_those_of_the_run_folder(evaluated: mudata.MuData) -> None:
    record = evaluated.uns["mmvae"]
    with (Path(record["run"]) / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for replicate in range(2):
        own = [row for row in rows if int(row["replicate"]) == replicate]
        for name in ("loss", "validation_score", "validation_r2"):
            curve = record["history"][name][replicate, : len(own)]
            np.testing.assert_allclose(curve, [float(row[name]) for row in own], rtol=1e-5)
    figure = pl.history(evaluated)
    assert len(figure.axes) == 3
    written = record["replicate"]
    best = json.loads(record["training"])["replicates"][written]["best_epoch"]
    for axis, name in zip(figure.axes, ("loss", "validation_score", "validation_r2"), strict=True):
        curves = {line.get_linewidth(): line.get_ydata() for line in axis.lines if len(line.get_ydata()) > 2}
        np.testing.assert_array_equal(curves[1.5], record["history"][name][written])
        np.testing.assert_array_equal(curves[0.8], record["history"][name][1 - written])
        assert [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "o"] == [best]
    assert f"epoch {best}" in figure.legends[0].get_texts()[-1].get_text()


def test_curves_are_in_the_file_too(evaluated: mudata.MuData, tmp_path: Path) -> None:
    evaluated.write(tmp_path / "data.h5mu")
    read = mudata.read_h5mu(tmp_path / "data.h5mu")
    assert len(pl.history(read).axes) == 3


def test_cells_are_the_correlations_of_replicates(evaluated: mudata.MuData) -> None:
    found = mmvae_cli.metrics(evaluated)["uncertainty"]["stability"]
    assert found["by_pair"] == [[0, 1, found["median"]]]
    axis = pl.stability(evaluated)
    assert axis.images[0].get_array()[0, 0] == found["median"]
    assert axis.get_xticklabels()[0].get_text() == "1"
    assert axis.get_yticklabels()[0].get_text() == "2"


def test_a_single_replicate_has_no_stability(evaluated: mudata.MuData) -> None:
    one = evaluated.copy()
    found = mmvae_cli.metrics(one)
    found["uncertainty"]["stability"] = None
    one.uns["mmvae"]["metrics"] = json.dumps(found)
    with pytest.raises(DataError, match="--replicates"):
        pl.stability(one)


def test_bars_count_the_samples_of_every_combination_and_modality(evaluated: mudata.MuData) -> None:
    figure = pl.overlap(evaluated)
    _, combinations, totals, dots = figure.axes
    assert [bar.get_height() for bar in combinations.patches] == [90, 20, 10]
    assert [bar.get_width() for bar in totals.patches] == [evaluated.mod[name].n_obs for name in evaluated.mod]
    connected = [list(line.get_ydata()) for line in dots.lines if line.get_linestyle() == "-"]
    assert connected == [[0, 1, 2], [0, 1], [1, 2]]
    fresh = mudata.MuData({"rna": evaluated["rna"].copy(), "cnv": evaluated["cnv"].copy()})
    few = pl.overlap(fresh, most=2)
    assert "1 more combination" in few.axes[1].get_title(loc="right")


def test_axes_that_are_given_are_drawn_on(evaluated: mudata.MuData) -> None:
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert pl.r2(evaluated, ax=ax) is ax
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_figure_is_written_as_its_suffix_says_and_the_same_each_time(
    evaluated: mudata.MuData, tmp_path: Path, suffix: str, start: bytes
) -> None:
    paths = [tmp_path / f"{place}.{suffix}" for place in range(2)]
    for path in paths:
        pl.save(pl.variance_explained(evaluated), path)
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    assert first.startswith(start)
    if suffix == "svg":
        assert b">private</text>" in first
    if suffix == "pdf":
        assert b"/Type0" in first or b"/TrueType" in first


@pytest.mark.parametrize(
    ("options", "start"), [({}, b"\x89PNG"), ({"format": "svg"}, b"<?xml"), ({"format": "PDF"}, b"%PDF")]
)
def test_a_figure_is_written_into_an_open_file(
    evaluated: mudata.MuData, tmp_path: Path, options: dict[str, str], start: bytes
) -> None:
    memory = io.BytesIO()
    pl.save(pl.r2(evaluated), memory, **options)
    assert memory.getvalue().startswith(start)
    with (tmp_path / "r2.svg").open("wb") as file:
        pl.save(pl.r2(evaluated), file)
    assert (tmp_path / "r2.svg").read_bytes().startswith(b"<?xml")


@pytest.mark.parametrize(
    ("name", "error", "said", "hint"),
    [
        ("nowhere/r2.png", CannotCreateError, "there is no folder", "create it first"),
        ("folder.png", CannotCreateError, "is not a file", "another place"),
        ("r2", UsageError, "does not say in which format", "end it with one of .png, .svg, .pdf"),
        ("r2.gif", UsageError, "'gif' in ", "allowed: png, svg, pdf"),
        ("r2.jpg", UsageError, "'jpg' in ", "did you mean 'png'?"),
    ],
)
def test_a_figure_that_cannot_be_written_is_refused_before_anything_is_there(
    evaluated: mudata.MuData, tmp_path: Path, name: str, error: type[MmvaeError], said: str, hint: str
) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(error, match=said) as refused:
        pl.save(pl.r2(evaluated), str(tmp_path / name))
    assert hint in refused.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.parametrize("given", [None, "r2", 3])
def test_what_is_no_figure_is_refused(given: object, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"a figure or axes, not a {type(given).__name__}") as refused:
        pl.save(given, tmp_path / "r2.pdf")
    assert "draw one first" in refused.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_is_no_figure(evaluated: mudata.MuData, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a MuData"):
        pl.save(evaluated, tmp_path / "r2.pdf")


def test_a_name_without_an_ending_is_fine_with_a_format(evaluated: mudata.MuData, tmp_path: Path) -> None:
    pl.save(pl.r2(evaluated), tmp_path / "r2", format="svg")
    assert (tmp_path / "r2").read_bytes().startswith(b"<?xml")


def test_importing_the_package_or_its_figures_loads_no_matplotlib() -> None:
    code = "import mmvae_cli, sys; print(*{'numpy', 'pandas'} & sys.modules.keys()); mmvae_cli.pl.r2; "
    code += "print(*{'matplotlib', 'scanpy', 'torch', 'sklearn'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
