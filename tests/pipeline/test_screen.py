"""Screening through the functions of the package: what it looks at, what it writes, and who uses that."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import mudata
import numpy as np
import pytest
import torch

import mmvae_cli
from mmvae_cli.data import screening
from mmvae_cli.errors import DataError, UsageError
from mmvae_cli.pipeline import screen as pipeline_screen
from mmvae_cli.training.run import load_run
from tests.pipeline.helpers import permuted, study, train, with_samples

COLUMNS = {"mmvae_role", "mmvae_score", "mmvae_q"}


@pytest.fixture
def screenings(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each screening is given, in the order of the calls."""
    calls: list[dict[str, Any]] = []
    screen = pipeline_screen.screen

    def remember(values: Any, rows: Any, usable: Any, **options: Any) -> Any:
        calls.append({"values": values, "rows": rows, "usable": usable, **options})
        return screen(values, rows, usable, **options)

    monkeypatch.setattr(pipeline_screen, "screen", remember)
    return calls


def unrelated(**options: Any) -> mudata.MuData:
    """A study whose modalities share nothing: the samples of the first are permuted."""
    mdata = study(**options)
    values = mdata.mod["rna"].X
    mdata.mod["rna"].X = values[np.random.default_rng(0).permutation(len(values))]
    return mdata


def roles(mdata: mudata.MuData) -> dict[str, list[str]]:
    return {name: member.var["mmvae_role"].tolist() for name, member in mdata.mod.items()}


def training_summary(mdata: mudata.MuData) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(mdata.uns["mmvae"]["training"])
    return found


@pytest.mark.parametrize("modalities", [("rna", "meth"), ("a", "b", "c")])
def test_select_by_screening_needs_no_label_and_finds_what_is_shared(modalities: tuple[str, ...]) -> None:
    mdata = permuted(study(200, modalities, other=30))
    del mdata.obs["label"]
    mmvae_cli.select(mdata, by="screening")
    assert set(mdata.obs["mmvae_split"]) == {"train", "validation", "test"}
    for member in mdata.mod.values():
        shared = member.var["mmvae_role"] == "shared"
        assert set(member.var["mmvae_role"]) == {"shared", "other"}
        assert shared[member.var["true_set"] == "shared"].all()
        assert shared.sum() <= 8
        assert (shared == (member.var["mmvae_q"] <= 0.05)).all()
        assert member.var["mmvae_score"].between(0, 1).all()
        assert not {"mmvae_set", "mmvae_rank"} & set(member.var)
    assert mdata.uns["mmvae"]["screen_fdr"] == 0.05
    assert mdata.uns["mmvae"]["screen_by"] == "pearson"


@pytest.mark.parametrize("complete_only", [False, True])
def test_training_samples_alone_are_screened_and_only_those_that_take_part(
    screenings: list[dict[str, Any]], complete_only: bool
) -> None:
    mdata = with_samples(study(90, ("a", "b", "c")), {"b": range(70)})
    mmvae_cli.select(mdata, by="screening", complete_only=complete_only)
    (found,) = screenings
    observed = np.stack([rows >= 0 for rows in found["rows"].values()])
    assert observed.shape[1] == (mdata.obs["mmvae_split"] == "train").sum()
    assert observed.all() == complete_only
    for name, rows in found["rows"].items():
        looked_at = mdata.mod[name].obs_names[rows[rows >= 0]]
        assert (mdata.obs.loc[looked_at, "mmvae_split"] == "train").all()


def test_a_label_only_stratifies_and_leaves_out_what_gives_it_away() -> None:
    mdata = study(200)
    mdata.mod["rna"].X[:, 2] = mdata.obs["label"] == "positive"
    mmvae_cli.select(mdata, by="screening", label="label")
    var = mdata.mod["rna"].var
    assert var["mmvae_role"].iloc[2] == "unused"
    assert np.isnan(var["mmvae_q"].iloc[2])
    assert "selected_for" not in mdata.uns["mmvae"]


@pytest.mark.parametrize("options", [{"shared": 3}, {"other": {"rna": 3}}, {"select_on": "all"}])
def test_screening_is_refused_with_options_of_the_ranking(options: dict[str, Any]) -> None:
    mdata = study()
    with pytest.raises(UsageError, match="--by screening"):
        mmvae_cli.select(mdata, by="screening", **options)
    assert "mmvae" not in mdata.uns


def test_a_missing_entry_is_refused_in_words_where_that_is_asked_for() -> None:
    mdata = study()
    mdata.mod["rna"].X[3, 4] = np.nan
    with pytest.raises(DataError, match="missing"):
        mmvae_cli.select(mdata, by="screening", missing_values="error")
    assert "mmvae_split" not in mdata.obs
    mmvae_cli.select(mdata, by="screening")
    assert "shared" in set(mdata.mod["rna"].var["mmvae_role"])


@pytest.mark.parametrize(("first", "second"), [("label", "screening"), ("screening", "label")])
@pytest.mark.parametrize("trained_between", [False, True])
def test_the_last_way_to_select_leaves_nothing_of_the_one_before(
    first: str, second: str, trained_between: bool, tmp_path: Path
) -> None:
    options = {"label": {"label": "label", "shared": 3, "other": 4}, "screening": {}}
    left = {"label": {"mmvae_set", "mmvae_rank"}, "screening": COLUMNS}
    mdata = study()
    mmvae_cli.select(mdata, by=first, **options[first])
    split = mdata.obs["mmvae_split"].tolist()
    if trained_between:
        train(mdata, tmp_path / "run", model="mmvaex")
    mmvae_cli.select(mdata, by=second, **options[second])
    assert mdata.obs["mmvae_split"].tolist() == split
    for member in mdata.mod.values():
        own = {column for column in member.var if column.startswith("mmvae_")}
        assert own == left[second]
    assert ("selected_for" in mdata.uns["mmvae"]) == (second == "label")
    assert ("screen_fdr" in mdata.uns["mmvae"]) == (second == "screening")


def test_trainings_use_the_roles_that_select_wrote(screenings: list[dict[str, Any]], tmp_path: Path) -> None:
    mdata = study(150)
    mmvae_cli.select(mdata, by="screening", screen_fdr=0.3)
    written = roles(mdata)
    for number in range(2):  # also after a training has been there
        run = train(mdata, tmp_path / str(number), model="mmvaex", seed=number)
        for record in run.modalities:
            assert np.array_equal(record.role_shared[0], np.array(written[record.name]) == "shared")
    assert roles(mdata) == written
    assert len(screenings) == 1
    found = training_summary(mdata)
    counts = {name: column.count("shared") for name, column in written.items()}
    assert {name: one["n_shared_features"] for name, one in found["modalities"].items()} == counts
    assert found["n_shared_features"] == sum(counts.values())


@pytest.mark.parametrize(
    ("asked", "n_screenings"),
    [({}, 0), ({"screen_fdr": 0.3}, 0), ({"screen_fdr": 0.05}, 1), ({"screen_by": "spearman"}, 1)],
)
def test_training_screens_anew_and_says_so_where_another_screening_is_asked_for(
    asked: dict[str, Any],
    n_screenings: int,
    screenings: list[dict[str, Any]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mdata = study()
    mmvae_cli.select(mdata, by="screening", screen_fdr=0.3)
    screenings.clear()
    with caplog.at_level(logging.INFO, logger="mmvae_cli"):
        train(mdata, tmp_path / "run", model="mmvaex", **asked)
    assert len(screenings) == n_screenings
    assert ("asks for another screening" in caplog.text) == bool(n_screenings)
    if n_screenings:
        assert screenings[0]["fdr"] == asked.get("screen_fdr", 0.05)
        assert screenings[0]["association"] == asked.get("screen_by", "pearson")


def test_roles_beyond_the_false_discovery_rate_are_not_used_where_a_rate_is_asked_for(
    screenings: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="mmvae_cli")
    monkeypatch.setattr(screening, "relaxed", lambda calls, statistics, p: np.ones_like(calls))
    mdata = study()
    mmvae_cli.select(mdata, by="screening")
    strict = {name: int((member.var["mmvae_q"] <= 0.05).sum()) for name, member in mdata.mod.items()}
    assert all(set(member.var["mmvae_role"]) == {"shared"} for member in mdata.mod.values())
    for n_alone in strict.values():
        assert (
            f"{n_alone} of them show it alone, the others together; --screen-fdr 0.05 keeps to the {n_alone}"
            in caplog.text
        )
    train(mdata, tmp_path / "default", model="mmvaex")
    train(mdata, tmp_path / "strict", model="mmvaex", screen_fdr=0.05)
    assert [found["spread"] for found in screenings] == [True, False]
    assert {name: ones.count("shared") for name, ones in roles(mdata).items()} == strict


def test_roles_of_the_users_own_are_used(screenings: list[dict[str, Any]], tmp_path: Path) -> None:
    mdata = study()
    mmvae_cli.select(mdata, label="label", shared=6, other=6)  # a split
    for member in mdata.mod.values():
        member.var["mmvae_role"] = ["shared"] * 2 + ["other"] * 10
    run = train(mdata, tmp_path / "run", model="mmvaex")
    assert [record.role_shared.sum() for record in run.modalities] == [2, 2]
    assert screenings == []


@pytest.mark.parametrize(("splits", "n_screenings"), [("same", 1), ("own", 3)])
def test_each_split_is_screened_once(
    splits: str, n_screenings: int, screenings: list[dict[str, Any]], tmp_path: Path
) -> None:
    seen: list[float] = []
    mdata = study(60)
    train(mdata, tmp_path / "run", model="mmvaex", replicates=3, splits=splits, on_screening=seen.append)
    assert len(screenings) == n_screenings
    assert len({call["seed"] for call in screenings}) == 1
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_roles_screened_on_another_split_are_not_used(
    screenings: list[dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = study(60)
    mmvae_cli.select(mdata, by="screening")
    train(mdata, tmp_path / "run", model="mmvaex", replicates=2, splits="own")
    assert len(screenings) == 3
    assert "screened on another split" in caplog.text


@pytest.mark.parametrize("model", ["mmvaex", "mmvaepp", "mvae"])
def test_where_nothing_is_shared_there_are_no_shared_latents_and_all_commands_work(
    model: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mdata = unrelated(n_samples=100)
    run = str(tmp_path / "run")
    train(mdata, tmp_path / "run", model=model, screen=True, label="label")
    assert "no shared signal was found" in caplog.text
    found = training_summary(mdata)
    assert found["shared_latents"] == 0
    assert found["n_shared_features"] == 0
    assert [one["n_shared_features"] for one in found["modalities"].values()] == [0, 0]
    assert load_run(run).spec.n_shared == 0
    mmvae_cli.embed(mdata, run=run)
    mmvae_cli.predict(mdata, run=run, source="rna", target="meth")
    mmvae_cli.evaluate(mdata, run=run)
    mdata.write(tmp_path / "written.h5mu")
    read = mudata.read_h5mu(tmp_path / "written.h5mu")
    assert read.obsm["X_mmvae_shared"].shape == (100, 0)
    assert read.obsm["X_mmvae"].shape == (100, 4)
    predicted = read.mod["meth"].layers["mmvae_from_rna"]
    np.testing.assert_allclose(predicted, np.broadcast_to(predicted[0], predicted.shape), atol=1e-5)  # of every sample


def test_without_screening_the_summary_says_so(tmp_path: Path) -> None:
    mdata = study()
    train(mdata, tmp_path / "run", model="mmvaex", screen=False)
    found = training_summary(mdata)
    assert found["n_shared_features"] is None
    assert found["shared_latents"] == 2


def test_screening_takes_no_more_threads_than_the_training_is_given(tmp_path: Path) -> None:
    seen: list[int] = []
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        run = str(tmp_path / "run")
        mmvae_cli.train(
            study(), run=run, epochs=1, threads=1, on_screening=lambda _: seen.append(torch.get_num_threads())
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert {*seen} == {1}
