"""``evaluate(..., figures=...)``: what is drawn, where it goes, what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli import pl
from mmvae_cli.config import EvaluateConfig
from mmvae_cli.data.atomic import write_file
from mmvae_cli.data.formats import parse_source
from mmvae_cli.errors import CannotCreateError, CannotWriteError, UsageError
from mmvae_cli.pipeline.evaluate import evaluate
from mmvae_cli.pipeline.figures import LIST
from mmvae_cli.plots import pictures
from mmvae_cli.plots.pictures import PICTURES, drawn
from tests.pipeline.helpers import study, train, with_samples

NAMES = ("rna", "meth", "cnv")
ALL = {picture.name for picture in PICTURES}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[mudata.MuData, str]:
    folder = tmp_path_factory.mktemp("figures") / "run"
    mdata = with_samples(study(100, NAMES), {"rna": range(90), "cnv": range(20, 100)})
    mdata.mod["rna"].var["symbol"] = [f"gene {place}" for place in range(mdata.mod["rna"].n_vars)]
    train(mdata, folder, label="label", replicates=2, model="mmvaepp", epochs=8)
    return mdata, str(folder)


def test_every_picture_is_drawn_in_every_format_and_the_summary_names_the_files(
    trained: tuple[mudata.MuData, str], tmp_path: Path
) -> None:
    mdata, run = trained
    config = EvaluateConfig(run=run, figures=str(tmp_path / "figures"), figures_format=("png", "svg"))
    found = evaluate(mdata, config).summary["figures"]
    assert found["left_out"] == {}
    assert set(found["files"]) == {f"{name}.{suffix}" for name in ALL for suffix in ("png", "svg")}
    there = {path.name for path in (tmp_path / "figures").iterdir()}
    assert there == {*found["files"], LIST}
    assert "gene 0" in (tmp_path / "figures" / "loadings.svg").read_text(encoding="utf-8")


def test_pictures_are_those_of_the_object_that_is_written(
    trained: tuple[mudata.MuData, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdata, run = trained
    seen = []
    monkeypatch.setattr("mmvae_cli.pipeline.figures.drawn", lambda results, key: seen.append(results) or iter(()))
    written = mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path / "figures"))
    pairs = zip(drawn(seen[0]), drawn(written), strict=True)
    for (picture, ours), (_, theirs) in pairs:
        one, other = ([line.get_xydata() for axis in figure.axes for line in axis.lines] for figure in (ours, theirs))
        for first, second in zip(one, other, strict=True):
            np.testing.assert_allclose(first, second, atol=1e-6, err_msg=picture.name)
        offsets = [
            [points.get_offsets() for axis in figure.axes for points in axis.collections] for figure in (ours, theirs)
        ]
        for first, second in zip(*offsets, strict=True):
            np.testing.assert_allclose(first, second, atol=1e-5, err_msg=picture.name)
        texts = [sorted(text.get_text() for text in figure.findobj(pictures_text)) for figure in (ours, theirs)]
        assert texts[0] == texts[1], picture.name


def test_of_values_on_disk_some_samples_are_drawn_and_all_are_counted(
    trained: tuple[mudata.MuData, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdata, run = trained
    for number in ("MOST_SAMPLES", "FEWEST_SAMPLES"):
        monkeypatch.setattr(f"mmvae_cli.pipeline.sampling.{number}", 30)
    seen = []
    monkeypatch.setattr("mmvae_cli.pipeline.figures.drawn", lambda results, key: seen.append(results) or iter(()))
    mdata.write(tmp_path / "data.h5mu")
    config = EvaluateConfig(run=run, on_disk=True, baselines=False, figures=str(tmp_path / "figures"))
    evaluate(parse_source([str(tmp_path / "data.h5mu")]), config)
    combinations = pl.overlap(seen[0]).axes[1]
    assert [bar.get_height() for bar in combinations.patches] == [70, 20, 10]
    axis = pl.latents(seen[0], block="rna")
    n_drawn = len(axis.collections[0].get_offsets())
    assert 0 < n_drawn < 90
    assert f"{n_drawn} of 90 samples" in axis.get_title()


def pictures_text(artist: object) -> bool:
    return hasattr(artist, "get_text") and bool(artist.get_text())


def test_figures_that_do_not_apply_any_more_are_removed_and_named(
    trained: tuple[mudata.MuData, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdata, run = trained
    few = [picture for picture in PICTURES if picture.name in ("baselines", "r2")]
    monkeypatch.setattr(pictures, "PICTURES", few)
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(folder))
    assert {path.name for path in folder.iterdir()} == {"notes.txt", LIST, "baselines.png", "r2.png"}
    config = EvaluateConfig(run=run, figures=str(folder), figures_format="pdf", baselines=False)
    found = evaluate(mdata, config).summary["figures"]
    assert found["left_out"].keys() == {"baselines"}
    assert {path.name for path in folder.iterdir()} == {"notes.txt", LIST, "r2.pdf"}
    assert json.loads((folder / LIST).read_text()) == {"figures": ["r2.pdf"]}


def test_what_is_no_figure_of_ours_is_not_replaced(trained: tuple[mudata.MuData, str], tmp_path: Path) -> None:
    mdata, run = trained
    (tmp_path / "r2.png").write_text("mine")
    with pytest.raises(CannotCreateError, match=r"r2\.png exists"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["r2.png"]
    with pytest.raises(CannotCreateError, match="not a folder"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path / "r2.png"))
    with pytest.raises(CannotCreateError, match="there is no folder"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path / "no" / "where"))
    with pytest.raises(UsageError, match="--figures-format"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path), figures_format="jpg")


def test_a_write_that_fails_leaves_no_figure_behind(
    trained: tuple[mudata.MuData, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mdata, run = trained
    few = [picture for picture in PICTURES if picture.name in ("pairs", "r2")]
    monkeypatch.setattr(pictures, "PICTURES", few)

    def fails(path: Path, content: bytes) -> None:
        if path.name.startswith("pairs"):
            raise OSError(28, "No space left on device")
        write_file(path, content)

    monkeypatch.setattr("mmvae_cli.pipeline.figures.write_file", fails)
    with pytest.raises(CannotWriteError, match="No space"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path / "figures"))
    assert not (tmp_path / "figures").exists()
    (tmp_path / "figures").mkdir()
    with pytest.raises(CannotWriteError, match="No space"):
        mmvae_cli.evaluate(mdata.copy(), run=run, figures=str(tmp_path / "figures"))
    assert list((tmp_path / "figures").iterdir()) == []
