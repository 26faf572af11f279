"""R², pairs and baselines: what is drawn is what the metrics say."""

from __future__ import annotations

import mudata
import numpy as np
import pytest

import mmvae_cli
from mmvae_cli import pl
from mmvae_cli.errors import DataError, UsageError


@pytest.mark.parametrize("kind", ["cross", "self", "joint"])
def test_boxes_have_the_medians_of_the_metrics(evaluated: mudata.MuData, kind: str) -> None:
    axis = pl.r2(evaluated, kind=kind)
    found = mmvae_cli.metrics(evaluated)["r2"]
    medians = {
        (round(float(np.mean(line.get_xdata())), 1), round(float(line.get_ydata()[0]), 6))
        for line in axis.lines
        if line.get_linewidth() == 1.2
    }
    expected = {
        (round(place + shift, 1), round(found[name][kind][part]["median"], 6))
        for place, name in enumerate(evaluated.mod)
        for shift, part in ((-0.2, "shared"), (0.2, "other"))
    }
    assert medians == expected
    assert [text.get_text() for text in axis.get_xticklabels()] == list(evaluated.mod)


def test_features_that_are_cut_off_are_counted(evaluated: mudata.MuData) -> None:
    values = np.concatenate([adata.var["mmvae_r2_cross"].to_numpy() for adata in evaluated.mod.values()])
    for draw in (pl.r2, pl.r2_ranked):
        axis = draw(evaluated, lowest=-0.1)
        assert axis.get_ylim()[0] == -0.1
        n_cut = int((values < -0.1).sum())
        assert n_cut > 0
        title = axis.get_legend().get_title().get_text()
        assert title.endswith(f"{n_cut} of {len(values)} features\nbelow −0.1 cut off")


def test_the_ranked_curve_falls_and_holds_every_feature(evaluated: mudata.MuData) -> None:
    axis = pl.r2_ranked(evaluated)
    for line, adata in zip(axis.lines, evaluated.mod.values(), strict=False):
        np.testing.assert_array_equal(line.get_ydata(), np.sort(adata.var["mmvae_r2_cross"])[::-1])


def test_pairs_have_the_numbers_of_the_metrics_from_row_to_column(evaluated: mudata.MuData) -> None:
    axis = pl.pairs(evaluated)
    found, names = mmvae_cli.metrics(evaluated)["pairs"], list(evaluated.mod)
    assert [text.get_text() for text in axis.get_yticklabels()] == names
    drawn = axis.images[0].get_array()
    for row, source in enumerate(names):
        for column, target in enumerate(names):
            if source != target:
                assert drawn[row, column] == pytest.approx(found[target][source]["r2"]["shared"]["median"])
    assert np.ma.getmaskarray(np.ma.masked_invalid(drawn)).diagonal().all()
    assert len(axis.texts) == 6
    assert axis.texts[0].get_text().splitlines()[1].startswith("r ")


def test_bars_of_baselines_are_the_medians_of_the_metrics(evaluated: mudata.MuData) -> None:
    axis = pl.baselines(evaluated, features="all")
    found = mmvae_cli.metrics(evaluated)["baselines"]
    title = mmvae_cli.metrics(evaluated)["model"]
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axis.containers}
    assert heights.pop(title) == [one["model"]["all"]["median"] for one in found.values()]
    for one in found["meth"]["baselines"].values():
        assert heights[one["title"]][list(found).index("meth")] == one["r2"]["all"]["median"]


def test_what_is_not_there_is_named_with_the_command_that_writes_it(evaluated: mudata.MuData) -> None:
    fresh = mudata.MuData({name: adata[:, :2].copy() for name, adata in evaluated.mod.items()})
    draws = [
        pl.associations,
        pl.r2,
        pl.r2_ranked,
        pl.pairs,
        pl.baselines,
        pl.history,
        pl.roc,
        pl.stability,
        pl.variance_explained,
    ]
    for draw in [*draws, pl.variance_per_latent, pl.latents, lambda mdata: pl.loadings(mdata, "rna")]:
        with pytest.raises(DataError, match="mmvae train"):
            draw(fresh)
    trained = evaluated.copy()
    del trained.uns["mmvae"]["metrics"]
    for draw in (pl.r2, pl.pairs, pl.baselines, pl.roc, pl.stability, pl.variance_explained, pl.variance_per_latent):
        with pytest.raises(DataError, match="mmvae evaluate"):
            draw(trained)
    with pytest.raises(DataError, match="key='mmvae'"):
        pl.r2(evaluated, key="other")
    with pytest.raises(UsageError, match="kind of R²"):
        pl.r2(evaluated, kind="crss")
    with pytest.raises(UsageError, match="MuData"):
        pl.r2(evaluated["rna"])
