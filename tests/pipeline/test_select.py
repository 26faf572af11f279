from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mmvae_cli
from mmvae_cli.errors import DataError, UsageError
from tests.pipeline.helpers import permuted, study, train


def correlation(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.abs([np.corrcoef(column, y)[0, 1] for column in x.astype(float).T])


@pytest.mark.parametrize("select_on", ["train", "all"])
def test_the_highest_and_the_lowest_correlations_with_the_label_are_chosen(select_on: str) -> None:
    mdata = permuted(study())
    mmvae_cli.select(mdata, label="label", shared={"rna": 3, "meth": 2}, other=4, select_on=select_on)
    for name, n_shared in (("rna", 3), ("meth", 2)):
        adata = mdata.mod[name]
        looked_at = mdata.obs.loc[adata.obs_names]
        rows = (looked_at["mmvae_split"] == "train").to_numpy() | (select_on == "all")
        strength = correlation(adata.X[rows], (looked_at["label"] == "positive").to_numpy()[rows])
        order = np.argsort(-strength)
        assert list(np.argsort(adata.var["mmvae_rank"])) == list(order)
        assert sorted(adata.var["mmvae_rank"]) == list(range(1, 13))
        sets = adata.var["mmvae_set"].to_numpy()
        assert set(np.flatnonzero(sets == "shared")) == set(order[:n_shared])
        assert set(np.flatnonzero(sets == "other")) == set(order[-4:])


def test_selecting_while_training_is_selecting_before(tmp_path: Path) -> None:
    before, while_training = study(), study()
    options = {"label": "label", "shared": 3, "other": 4}
    mmvae_cli.select(before, **options)
    first = train(before, tmp_path / "a", label="label")
    second = train(while_training, tmp_path / "b", **options)
    for name in ("rna", "meth"):
        assert list(before.mod[name].var["mmvae_set"]) == list(while_training.mod[name].var["mmvae_set"])
        assert list(before.mod[name].var["mmvae_rank"]) == list(while_training.mod[name].var["mmvae_rank"])
    ours, theirs = first.model.state_dict(), second.model.state_dict()
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"shared": 3}, UsageError, "ranked by a label"),
        ({"label": "label"}, UsageError, "nothing to select"),
        ({"label": "label", "shared": 13}, DataError, "features asked for"),
        ({"label": "label", "shared": {"protein": 3}}, DataError, "protein"),
        ({"label": "labl", "shared": 3}, DataError, "labl"),
    ],
)
def test_what_cannot_be_selected_is_said_and_nothing_written(
    options: dict[str, object], error: type[Exception], message: str
) -> None:
    mdata = study()
    with pytest.raises(error, match=message):
        mmvae_cli.select(mdata, **options)
    assert "mmvae" not in mdata.uns
    assert "mmvae_split" not in mdata.obs


def test_check_finds_a_problem_exactly_where_training_would_be_refused(tmp_path: Path) -> None:
    def with_nan(mdata: object) -> object:
        mdata.mod["rna"].X[3, 4] = np.nan
        return mdata

    cases = [
        (study(), {}),
        (study(), {"label": "label", "shared": 3, "other": 2}),
        (study(), {"label": "label", "shared": 30}),
        (study(), {"modalities": "rna"}),
        (study(), {"likelihood": "poisson"}),
        (study(), {"test_fraction": 0.9, "validation_fraction": 0.09}),
        (with_nan(study()), {}),
        (with_nan(study()), {"missing_values": "error"}),
    ]
    refused = []
    for number, (mdata, options) in enumerate(cases):
        found = mmvae_cli.check(mdata, **options)["problems"]
        if not found:
            train(mdata, tmp_path / str(number), **options)
            continue
        with pytest.raises(DataError) as error:
            train(mdata, tmp_path / str(number), **options)
        assert (found[0]["message"], found[0]["exit_code"]) == (error.value.args[0], 65)
        refused.append(number)
    assert refused == [2, 3, 4, 5, 7]
