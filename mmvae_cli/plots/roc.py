"""How well latents tell the classes of a label apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmvae_cli.data.labels import class_names, make_label
from mmvae_cli.errors import DataError
from mmvae_cli.evaluation.metrics import ClassScores, class_scores
from mmvae_cli.plots.record import TRAIN, block_columns, column, matrix, metrics
from mmvae_cli.plots.style import BLUE, GREY, canvas, legend, number, palette, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from mudata import MuData


def roc(
    mdata: MuData, label: str | None = None, *, block: str = "shared", key: str = "mmvae", ax: Axes | None = None
) -> Axes:
    """Draw the ROC of a label on held-out samples, by the logistic regression whose AUC ``evaluate`` gives.

    With more than two classes there is a curve for each, against all others; the AUC of ``evaluate`` is their mean.

    Parameters
    ----------
    mdata
        As ``train`` leaves it.
    label
        Column of the label; that of the evaluation where None.
    block
        Latents of ``"shared"``, of a modality, or ``"all"``.
    key
        Under which results were written.
    ax
        Axes to draw on; new ones on a figure of their own where None.

    Raises
    ------
    DataError
        If there is no label, it has no classes, or too few samples have it.
    """
    label, values, classes = _label(mdata, label, key)
    latents = matrix(mdata, "obsm", f"X_{key}", TRAIN)
    if block != "all":
        latents = latents[:, block_columns(mdata, key, block)]
    train, test = _part(mdata, key, "train"), _part(mdata, key, "test")
    scores = class_scores(latents[train], values[train], latents[test], values[test])
    areas = {} if scores is None else scores.areas()
    if scores is None or not areas:
        raise DataError(
            f"the samples held out say nothing of {label!r}: classes are lacking there or in the training samples",
            hint="name another column, or hold more samples out",
        )
    with canvas(ax, 5.1, 2.8) as axis:
        _curves(axis, scores, areas, classes)
        axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.02)
        axis.set_aspect("equal")
        axis.set_xlabel("false positive rate")
        axis.set_ylabel("true positive rate")
        mean = "" if len(scores.classes) == 2 else f"\nmean AUC {number(float(np.mean(list(areas.values()))))}"
        of = "all latents" if block == "all" else f"{short(block)} latents"
        legend(axis, title=f"{short(label)} from the {of},\n{len(scores.target):,} held-out samples{mean}")
    return axis


def _label(mdata: MuData, asked: str | None, key: str) -> tuple[str, np.ndarray, tuple[str, ...]]:
    """Name, class codes of the samples (nan where unlabelled) and classes, as the evaluation has them where it had."""
    evaluated = {"column": asked} if asked is not None else metrics(mdata, key)["label"]
    if evaluated is None:
        raise DataError("the evaluation has no label", hint="name a column: mmvae evaluate --label COLUMN, or label=")
    name = evaluated["column"]
    found = column(mdata, name).where(_part(mdata, key, "train", "validation", "test"))
    if asked is None:
        kind, classes = evaluated["kind"], tuple(evaluated["classes"])
    else:
        made = make_label(found, name, quietly=True)
        kind, classes = made.kind, made.classes
    if kind != "categorical":
        raise DataError(f"label {name!r} is a number: there is no ROC", hint="name a column of classes")
    codes = pd.Index(classes).get_indexer(pd.Index(class_names(found)))
    return name, np.where(codes < 0, np.nan, codes), classes


def _part(mdata: MuData, key: str, *parts: str) -> np.ndarray:
    """(n_samples,) True for the samples in some parts of the split."""
    name = f"{key}_split"
    if name not in mdata.obs:
        raise DataError(f"there is no obs[{name!r}]", hint=TRAIN)
    return np.asarray(mdata.obs[name].isin(parts))


def _curves(axis: Axes, scores: ClassScores, areas: dict[int, float], classes: tuple[str, ...]) -> None:
    from sklearn.metrics import roc_curve

    binary = len(scores.classes) == 2
    drawn = [code for code in areas if not binary or code == scores.classes[1]]
    colours = [BLUE] if len(drawn) == 1 else palette(len(drawn))
    for code, colour in zip(drawn, colours, strict=True):
        score = scores.scores[:, list(scores.classes).index(code)]
        wrong, right, _ = roc_curve(scores.target == code, score, drop_intermediate=False)
        text = f"{short(classes[code])}: AUC {number(areas[code])}"
        axis.plot(wrong, right, color=colour, linewidth=1.6, label=text)
