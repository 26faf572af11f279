"""Latents, what they explain, what they change, what they tell apart."""

from __future__ import annotations

from itertools import pairwise

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

import mmvae_cli
from mmvae_cli import pl
from mmvae_cli.errors import DataError
from mmvae_cli.plots.colours import scatter
from mmvae_cli.plots.style import canvas


def texts(legend: object) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def test_bars_are_the_shares_of_the_metrics(evaluated: mudata.MuData) -> None:
    axis = pl.variance_explained(evaluated, features="shared")
    found = mmvae_cli.metrics(evaluated)["variance"]
    assert [bars.get_label() for bars in axis.containers] == ["shared", "private", "noise"]
    for bars in axis.containers:
        expected = [100 * found[name]["sets"]["shared"][bars.get_label()] for name in evaluated.mod]
        np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
    tops = [bar.get_y() + bar.get_height() for bar in axis.containers[-1]]
    np.testing.assert_allclose(tops, 100)


def test_cells_are_the_shares_of_single_latents_and_hatched_where_they_are_another_modality_s(
    evaluated: mudata.MuData,
) -> None:
    axis = pl.variance_per_latent(evaluated)
    found, names = mmvae_cli.metrics(evaluated)["variance"], list(evaluated.uns["mmvae"]["latents"])
    drawn = np.ma.masked_invalid(axis.images[0].get_array())
    for row, modality in enumerate(evaluated.mod):
        for column, latent in enumerate(names):
            own = latent.rpartition("_")[0] in ("shared", modality)
            assert drawn.mask[row, column] != own
            if own:
                assert drawn[row, column] == pytest.approx(100 * found[modality]["latents"][latent])
    assert len([patch for patch in axis.patches if patch.get_hatch()]) == drawn.mask.sum()


def test_a_latent_that_explains_nothing_is_in_brackets(evaluated: mudata.MuData) -> None:
    changed = evaluated.copy()
    record = changed.uns["mmvae"]["metrics"]
    name = "rna_2"
    share = mmvae_cli.metrics(evaluated)["variance"]["rna"]["latents"][name]
    changed.uns["mmvae"]["metrics"] = record.replace(f'"{name}": {share}', f'"{name}": 0.0009')
    labels = [text.get_text() for text in pl.variance_per_latent(changed).get_xticklabels()]
    assert f"({name})" in labels
    assert "meth_1" in labels or "(meth_1)" in labels


def test_auc_of_the_curve_is_the_one_of_the_evaluation(evaluated: mudata.MuData) -> None:
    axis = pl.roc(evaluated)
    auc = mmvae_cli.metrics(evaluated)["label"]["auc"]["shared"]
    curve = axis.lines[0]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(auc, abs=1e-12)
    assert texts(axis.get_legend()) == [f"positive: AUC {auc:.2f}"]


@pytest.mark.parametrize("block", ["all", "rna"])
def test_auc_of_other_blocks_too(evaluated: mudata.MuData, block: str) -> None:
    found = mmvae_cli.metrics(evaluated)["label"]["auc"]
    curve = pl.roc(evaluated, block=block).lines[0]
    expected = found["private"][block] if block in evaluated.mod else found[block]
    assert np.trapezoid(curve.get_ydata(), curve.get_xdata()) == pytest.approx(expected, abs=1e-12)


def test_each_of_several_classes_has_a_curve_and_a_number_has_none(evaluated: mudata.MuData) -> None:
    several = evaluated.copy()
    several.obs["site"] = np.array(["a$b$", "c", "d"])[np.arange(several.n_obs) % 3]
    axis = pl.roc(several, "site")
    legend = axis.get_legend()
    areas = [np.trapezoid(line.get_ydata(), line.get_xdata()) for line in axis.lines[:3]]
    assert texts(legend) == [f"{name}: AUC {area:.2f}" for name, area in zip(("a$b$", "c", "d"), areas, strict=True)]
    assert f"mean AUC {np.mean(areas):.2f}" in legend.get_title().get_text()
    assert not any(text.get_parse_math() for text in legend.get_texts())
    with pytest.raises(DataError, match="there is no ROC"):
        pl.roc(several, "age")


def test_two_latents_are_the_axes_and_one_is_a_strip(evaluated: mudata.MuData) -> None:
    before = list(evaluated.mod["rna"].obsm)
    axis = pl.latents(evaluated, block="rna")
    np.testing.assert_allclose(axis.collections[0].get_offsets(), evaluated.mod["rna"].obsm["X_mmvae_private"])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("rna_1", "rna_2")
    strip = pl.latents(evaluated, "label", block="meth")
    places = np.concatenate([points.get_offsets()[:, 0] for points in strip.collections])
    np.testing.assert_allclose(np.sort(places), np.sort(evaluated.mod["meth"].obsm["X_mmvae_private"][:, 0]))
    assert list(evaluated.mod["rna"].obsm) == before


def fake_umap(adata: anndata.AnnData, *, random_state: int) -> None:
    """Stands for UMAP itself, whose functions take seconds to compile."""
    assert random_state == 0
    assert adata.obsp["connectivities"].shape == (adata.n_obs, adata.n_obs)
    adata.obsm["X_umap"] = 10 * adata.X[:, 1:]


def test_more_latents_are_a_umap_with_a_fixed_seed_and_classes_have_a_legend(
    evaluated: mudata.MuData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanpy.tl.umap", fake_umap)
    axis = pl.latents(evaluated, "label")
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("UMAP 1", "UMAP 2")
    label = evaluated.obs["label"]
    assert texts(axis.get_legend()) == [f"missing ({label.isna().sum()})", "negative", "positive"]
    chosen = (label == "positive").to_numpy()
    expected = 10 * evaluated.obsm["X_mmvae_shared"][chosen, 1:]
    np.testing.assert_allclose(axis.collections[-1].get_offsets(), expected, rtol=1e-6)


def test_another_basis_is_taken_and_numbers_have_a_bar(evaluated: mudata.MuData) -> None:
    own = evaluated.copy()
    own.obsm["X_own"] = np.random.default_rng(0).normal(size=(own.n_obs, 2))
    axis = pl.latents(own, "age", basis="X_own", most=50)
    assert sum(len(points.get_offsets()) for points in axis.collections) == 50
    assert f"50 of {own.n_obs}" in axis.get_title()
    known = axis.collections[1]
    assert np.isfinite(known.get_array()).all()
    with pytest.raises(DataError, match="unknown column 'lable'"):
        pl.latents(evaluated, "lable")


def test_many_points_are_an_image_and_many_classes_share_a_colour() -> None:
    column = pd.Series([str(number) for number in range(60)] * 100, name="donor")
    with canvas(None, 3, 3) as axis:
        scatter(axis, np.zeros((6000, 2)), column)
    assert all(points.get_rasterized() for points in axis.collections)
    assert len(axis.collections) == 21
    assert texts(axis.get_legend())[0] == "40 other classes"
    with canvas(None, 3, 3) as axis:
        scatter(axis, np.zeros((60, 2)), column[:60])
    assert not axis.collections[0].get_rasterized()


def test_cells_are_the_associations_and_significant_ones_have_their_effect(evaluated: mudata.MuData) -> None:
    tests = mmvae_cli.associations(evaluated)
    axis = pl.associations(evaluated)
    latents = list(evaluated.uns["mmvae"]["latents"])
    assert [text.get_text() for text in axis.get_yticklabels()] == ["label (AUC)", "age (ρ)"]
    drawn = axis.images[0].get_array()
    for one in tests.itertuples():
        row = ["label", "age"].index(one.column)
        strength = 2 * one.effect - 1 if one.measure == "auc" else abs(one.effect)
        assert drawn[row, latents.index(one.latent)] == pytest.approx(strength)
    changed = evaluated.copy()
    changed.uns["mmvae"]["associations"]["q"] = np.where(np.arange(len(tests)) == 1, 0.01, 1.0)
    one = tests.iloc[1]
    axis = pl.associations(changed, most=1)
    (text,) = axis.texts
    assert text.get_text() == f"{one['effect']:.2f}".replace("-", "−")
    assert text.get_position() == (latents.index(one["latent"]), 0)
    assert "1 more not shown" in axis.get_title(loc="left")


def test_the_bar_of_associations_says_what_strength_is_of_the_measures_shown(evaluated: mudata.MuData) -> None:
    assert pl.associations(evaluated).figure.axes[1].get_ylabel() == "strength:\n|2 AUC − 1|, |ρ|"
    one = evaluated.copy()
    tests = one.uns["mmvae"]["associations"]
    tests["q"] = np.where(np.asarray(tests["column"]) == "age", 0.01, 1.0)
    assert pl.associations(one, most=1).figure.axes[1].get_ylabel() == "strength:\n|ρ|"


@pytest.mark.parametrize("scale", [1.0, 1.37e-6, 4.4e4])
def test_numbers_below_bars_do_not_touch(evaluated: mudata.MuData, scale: float) -> None:
    scaled = evaluated.copy()
    scaled.mod["rna"].varm["mmvae_loadings"] = scaled.mod["rna"].varm["mmvae_loadings"] * scale
    axis = pl.loadings(scaled, "rna")
    axis.figure.canvas.draw()
    low, high = axis.get_xlim()
    shown = [text for text in axis.get_xticklabels() if low <= text.get_position()[0] <= high]
    boxes = sorted((text.get_window_extent() for text in shown), key=lambda box: box.x0)
    assert len(boxes) > 1
    assert all(left.x1 + 4 < right.x0 for left, right in pairwise(boxes))


def test_bars_are_the_largest_loadings(evaluated: mudata.MuData) -> None:
    named = evaluated.copy()
    named.mod["rna"].var["symbol"] = [f"$gene_{place}$" for place in range(named.mod["rna"].n_vars)]
    axis = pl.loadings(named, "rna", "shared_2", n=4, names="symbol")
    column = list(named.uns["mmvae"]["latents"]).index("shared_2")
    values = named.mod["rna"].varm["mmvae_loadings"][:, column]
    order = np.argsort(-np.abs(values))[:4]
    np.testing.assert_allclose([bar.get_width() for bar in axis.patches], values[order])
    assert [text.get_text() for text in axis.get_yticklabels()] == [f"$gene_{place}$" for place in order]
    assert not any(text.get_parse_math() for text in axis.get_yticklabels())
    with pytest.raises(DataError, match="unknown latent 'meth_1'"):
        pl.loadings(named, "rna", "meth_1")
