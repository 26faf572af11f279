"""Loadings against decoders that are linear; the order and the signs of latents change no prediction."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from mmvae_cli.data.formats import read
from mmvae_cli.model.objectives import OBJECTIVES
from mmvae_cli.pipeline.apply import match
from mmvae_cli.pipeline.loadings import _rearrange, loadings
from mmvae_cli.pipeline.variance import explained
from tests.pipeline.helpers import let_latents_through, study, train


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_latents_that_change_places_and_signs_leave_the_model_as_it_is(
    objective: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mdata = study(60, ("rna", "meth", "cnv"))
    run = train(
        mdata, tmp_path_factory.mktemp("run") / "run", label="label", model=objective, supervised=True, replicates=2
    )
    dataset, rows = read(mdata, None, {}), np.arange(60)
    before, layout = match(run, dataset), run.layout(1)
    old = before.replicate(1)
    order = np.arange(run.spec.layout.size)
    for block in (layout.private_block(0), layout.private_block(2), layout.shared_block):
        order[block] = order[block][::-1]
    signs = np.where(np.arange(len(order)) % 2, -1.0, 1.0)
    other = copy.deepcopy(run.model).state_dict()
    _rearrange(run, 1, torch.from_numpy(order), torch.from_numpy(signs).float())
    new = match(run, dataset).replicate(1)
    np.testing.assert_allclose(new.embed(rows), (old.embed(rows) * signs)[:, order], atol=1e-5)
    for sources, target in (([0], 0), ([0, 1], 2), ([0, 1, 2], 1)):
        np.testing.assert_allclose(
            new.predict(sources, target, rows), old.predict(sources, target, rows), rtol=1e-4, atol=1e-5
        )
    for name, value in run.model.state_dict().items():
        assert torch.equal(value[0], other[name][0])  # the other replicate


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    mdata = study(200, ("rna", "meth"))
    return mdata, train(mdata, tmp_path_factory.mktemp("run") / "run", model="mmvaex", latent="3", epochs=40)


def test_written_latents_are_in_the_order_of_what_they_explain_and_load_upwards(trained: tuple) -> None:
    mdata, run = trained
    applied = match(run, read(mdata, None, {})).replicate(0)
    rows, share = np.flatnonzero(run.splits[0] == "train"), np.zeros(run.layout(0).size)
    names = list(mdata.uns["mmvae"]["latents"])
    for target, record in enumerate(run.modalities):
        share += explained(applied, target, rows).latents.mean(1)
        written = mdata.mod[record.name].varm["mmvae_loadings"]
        found = loadings(applied, target, rows)
        block = run.layout(0).private_block(target)
        own = [names.index(f"{record.name}_{index + 1}") for index in range(3)]
        np.testing.assert_allclose(written[:, own], found[block].T, rtol=1e-4, atol=1e-6)
        assert ((found[block] / applied.aligned.modalities[record.name].values[rows].std(0)) ** 3).sum(1).min() > 0
    for block in (run.layout(0).private_block(0), run.layout(0).private_block(1), run.layout(0).shared_block):
        assert (np.diff(share[block]) <= 1e-9).all()


def test_loadings_of_a_linear_decoder_are_its_weights_by_the_sd_of_the_latents(trained: tuple) -> None:
    mdata, run = trained
    applied = match(run, read(mdata, None, {})).replicate(0)
    record, weight = run.modalities[0], let_latents_through(applied)
    rows = np.arange(len(applied.aligned.names))
    sd = applied.embed(rows).std(0)
    owned = applied.model.owned[0, 0].numpy()[: len(sd)]
    expected = sd[:, None] * weight[: len(sd)].numpy() * record.sd[0] * owned[:, None]
    np.testing.assert_allclose(loadings(applied, 0, rows), expected, rtol=1e-3, atol=1e-4)
