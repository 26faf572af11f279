"""Variance explained against what simulated data were made of, and against linear decoders, where it is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import mmvae_cli
from mmvae_cli.data.formats import read
from mmvae_cli.pipeline.apply import Applied, match
from mmvae_cli.pipeline.variance import explained
from tests.pipeline.helpers import let_latents_through, study, train

NOISE = 0.15


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("variance") / "run"
    mdata = study(500, ("rna", "meth"), shared=10, other=30, noise=NOISE, length_scale=2.0)
    run = train(mdata, folder, label="label", model="mmvaex", latent="4", epochs=150, batch_size=64)
    mmvae_cli.evaluate(mdata, run=str(folder), baselines=False)
    return mdata, run


def test_shares_are_those_of_the_simulation(trained: tuple) -> None:
    mdata, _ = trained
    noise = NOISE**2 / (1 + NOISE**2)
    for name, one in mmvae_cli.metrics(mdata)["variance"].items():
        shared, other = one["sets"]["shared"], one["sets"]["other"]
        assert shared == {
            "shared": pytest.approx(1 - noise, abs=0.05),
            "private": pytest.approx(0, abs=0.05),
            "noise": pytest.approx(noise, abs=0.05),
        }
        assert other == {
            "shared": pytest.approx(0, abs=0.05),
            "private": pytest.approx(1 - noise, abs=0.05),
            "noise": pytest.approx(noise, abs=0.05),
        }
        var = mdata.mod[name].var
        assert var["mmvae_variance_shared"][var["true_set"] == "shared"].mean() == pytest.approx(shared["shared"])
        assert var["mmvae_variance_private"][var["true_set"] == "other"].mean() == pytest.approx(other["private"])


def test_latents_of_other_modalities_explain_nothing_and_names_are_those_written(trained: tuple) -> None:
    mdata, _ = trained
    found = mmvae_cli.metrics(mdata)["variance"]["rna"]["latents"]
    assert list(found) == list(mdata.uns["mmvae"]["latents"])
    assert all(value == 0 for name, value in found.items() if name.startswith("meth_"))
    assert all(value > 0 for name, value in found.items() if name.startswith("rna_"))


@pytest.fixture
def linear(trained: tuple) -> Applied:
    """A model whose first modality is decoded by a hidden layer that lets numbers through, as they are."""
    mdata, run = trained
    applied = match(run, read(mdata, None, {})).replicate(0)
    let_latents_through(applied)
    with torch.no_grad():
        applied.model.networks(0).decoder.head.bias.zero_()
    return applied


def test_of_a_linear_decoder_each_latent_explains_its_own_variance(linear: Applied) -> None:
    layout, rows = linear.run.layout(0), np.arange(len(linear.aligned.names))
    head = linear.model.networks(0).decoder.head.weight
    z = linear.embed(rows).astype(float)
    record, private, shared = linear.run.modalities[0], layout.private_block(0), layout.shared_block
    expected = (z.std(0)[:, None] * head[0, : layout.size].detach().double().numpy()) ** 2 * record.sd[0] ** 2
    found = explained(linear, 0, rows)
    total = linear.aligned.modalities[record.name].values.astype(float).var(0)
    assert found is not None
    for index in (*range(private.start, private.stop), *range(shared.start, shared.stop)):
        np.testing.assert_allclose(
            found.latents[index], expected[index] / total, atol=0.2 * expected.max() / total.min()
        )
    whole = ((z[:, shared] - z[:, shared].mean(0)) @ head[0, shared].detach().double().numpy()).var(0)
    np.testing.assert_allclose(found.shared, whole * record.sd[0] ** 2 / total, rtol=0.2, atol=0.02)
    np.testing.assert_allclose(found.noise, 1 - found.shared - found.private)


def test_a_latent_that_changes_nothing_explains_nothing_however_few_the_samples(linear: Applied) -> None:
    first, *others = range(*linear.run.layout(0).shared_block.indices(linear.run.layout(0).size))
    with torch.no_grad():
        linear.model.networks(0).decoder.head.weight[0, first] = 0.0
    found = explained(linear, 0, np.arange(30))
    assert found is not None
    assert found.latents[first].max() < 1e-9
    assert found.latents[others].mean(1).min() > 1e-3


def test_too_few_samples_have_no_variance(linear: Applied) -> None:
    assert explained(linear, 0, np.arange(2)) is None
