from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmvae_cli.evaluation import figures
from mmvae_cli.evaluation.figures import Panels, Series

SERIES = [Series("mvae", "MVAE", "mvae", False), Series("sup-mvae", "sup-MVAE", "mvae", True)]
FACTORS = ["other_rna", "latent"]


def frames(latents: tuple[str, ...] = ("2+2+2",)) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(0)
    settings = [
        {"model": one.name, "other_rna": other, "latent": latent, "replicate": replicate}
        for one in SERIES
        for other in (5, 50)
        for latent in latents
        for replicate in range(3)
    ]
    places = [
        ("auc", "", "shared"),
        *(("r2_cross_median", name, part) for name in "ab" for part in ("shared", "other")),
    ]
    results = [
        {**setting, "metric": metric, "modality": name, "part": part, "value": random.uniform()}
        for setting in settings
        for metric, name, part in places
    ]
    features = [
        {**setting, "modality": name, "part": part, "r2_cross": random.uniform(-2, 1)}
        for setting in settings
        for name in "ab"
        for part in ("shared", "shared", "other")
    ]
    return pd.DataFrame(results), pd.DataFrame(features)


def test_the_number_of_features_is_the_axis_and_what_else_varies_has_panels() -> None:
    assert figures.panels(frames()[0], FACTORS) == Panels("other_rna", ())
    assert figures.panels(frames(("2+2+2", "4+4+4"))[0], FACTORS) == Panels("other_rna", ("latent",))
    one = frames()[0][lambda frame: frame["other_rna"] == 5]
    assert figures.panels(one, FACTORS) == Panels(None, ())


@pytest.mark.parametrize("latents", [("2+2+2",), ("2+2+2", "4+4+4")])
def test_lines_go_through_the_medians(latents: tuple[str, ...]) -> None:
    results, _ = frames(latents)
    figure = figures.lines(results, ("r2_cross_median",), figures.panels(results, FACTORS), SERIES)
    assert figure is not None
    assert len(figure.axes) == 2 * 2 * len(latents)
    first = results[(results["part"] == "shared") & (results["modality"] == "a") & (results["latent"] == latents[0])]
    for container, one in zip(figure.axes[0].containers, SERIES, strict=True):
        expected = first[first["model"] == one.name].groupby("other_rna")["value"].median()
        np.testing.assert_allclose(np.asarray(container.lines[0].get_ydata(), dtype=float), expected)
        assert container.lines[0].get_linestyle() == ("--" if one.dashed else "-")
    assert figure.axes[0].containers[0].lines[0].get_color() == figure.axes[0].containers[1].lines[0].get_color()


def test_a_figure_says_what_is_on_its_axes_and_how_many_replicates_there_are() -> None:
    results, features = frames()
    layout = figures.panels(results, FACTORS)
    for figure in (figures.lines(results, ("auc",), layout, SERIES), figures.boxes(features, layout, SERIES)):
        assert figure is not None
        (legend,) = figure.legends
        assert "3 replicates" in legend.get_title().get_text()
        assert figure.axes[0].get_ylabel()
    auc = figures.lines(results, ("auc",), layout, SERIES)
    assert auc is not None
    assert auc.axes[0].get_xlabel() == "number of other rna features"
    assert [text.get_text() for text in auc.legends[0].get_texts()] == ["MVAE", "sup-MVAE"]


def test_a_model_without_a_value_is_not_in_the_legend() -> None:
    results, _ = frames()
    results = results[(results["metric"] != "auc") | (results["model"] != "sup-mvae")]
    assert "sup-mvae" in set(results["model"])
    figure = figures.lines(results, ("auc",), figures.panels(results, FACTORS), SERIES)
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["MVAE"]
    (container,) = figure.axes[0].containers
    np.testing.assert_array_equal(container.lines[0].get_xdata(), [0, 1])  # no room is left for it


def test_boxes_stand_for_each_model_and_set() -> None:
    results, features = frames()
    figure = figures.boxes(features, figures.panels(results, FACTORS), SERIES)
    assert figure is not None
    assert [axis.get_title() for axis in figure.axes] == [f"{name} (other rna {n})" for n in (5, 50) for name in "ab"]
    assert all(len(axis.patches) == len(SERIES) * 2 for axis in figure.axes)


def test_boxes_of_all_features_where_models_differ_in_their_sets() -> None:
    results, features = frames()
    features.loc[features["model"] == "mvae", "part"] = "all"
    figure = figures.boxes(features, figures.panels(results, FACTORS), SERIES)
    assert figure is not None
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["all features"]
    assert all(len(axis.patches) == len(SERIES) for axis in figure.axes)


def test_what_is_not_there_has_no_figure() -> None:
    results, features = frames()
    layout = figures.panels(results, FACTORS)
    assert figures.lines(results[results["metric"] != "auc"], ("auc",), layout, SERIES) is None
    assert figures.boxes(features[:0], layout, SERIES) is None


def test_a_saved_figure_is_not_blank(tmp_path: Path) -> None:
    from matplotlib.image import imread

    results, _ = frames()
    figure = figures.lines(results, ("auc",), figures.panels(results, FACTORS), SERIES)
    assert figure is not None
    figures.save(figure, tmp_path / "label.png")
    pixels = imread(tmp_path / "label.png")
    assert pixels.shape[1] > 600
    assert 0.001 < (pixels[..., :3].min(axis=2) < 0.5).mean() < 0.5
