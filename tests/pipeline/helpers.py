"""Tiny studies for the tests of the pipelines, which run through the public functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import anndata
import mudata
import numpy as np
import pandas as pd
import torch

import mmvae_cli
from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.simulate import simulate_mudata
from mmvae_cli.pipeline.apply import Applied
from mmvae_cli.training.run import Run, load_run

QUICK = {"epochs": 3, "batch_size": 32, "threads": 1, "device": "cpu", "latent": "2"}


def study(n_samples: int = 80, modalities: Sequence[str] = ("rna", "meth"), **options: object) -> mudata.MuData:
    """Simulated data of a few features, with a label."""
    return simulate_mudata(
        n_samples=n_samples, modalities=modalities, **{"shared": 6, "other": 6, "seed": 1, **options}
    )


def rebuilt(modalities: Mapping[str, anndata.AnnData], obs: pd.DataFrame) -> mudata.MuData:
    """An object of these modalities; ``obs`` annotates their samples by name."""
    with quiet_mudata():
        mdata = mudata.MuData({name: adata.copy() for name, adata in modalities.items()})
    for column in obs:
        mdata.obs[column] = obs[column].reindex(mdata.obs_names)
    return mdata


def with_samples(mdata: mudata.MuData, keep: Mapping[str, Sequence[int]]) -> mudata.MuData:
    """The data with only these samples of some modalities; samples of none are gone."""
    modalities = {
        name: adata[list(keep[name])].copy() if name in keep else adata.copy() for name, adata in mdata.mod.items()
    }
    return rebuilt(modalities, mdata.obs[["label"]])


def permuted(mdata: mudata.MuData, seed: int = 0) -> mudata.MuData:
    """The data with the modalities in another order, and the samples in another one in each of them and in all."""
    random = np.random.default_rng(seed)
    mods = {name: mdata.mod[name][random.permutation(mdata.mod[name].n_obs)] for name in reversed(mdata.mod)}
    return rebuilt(mods, mdata.obs)


def train(mdata: mudata.MuData, run: Path, **options: object) -> Run:
    """Train into a new run folder and load it again."""
    mmvae_cli.train(mdata, run=str(run), **{**QUICK, **options})
    return load_run(run)


def let_latents_through(applied: Applied) -> torch.Tensor:
    """Make the first modality's decoder linear, without a shared one below; the head's weights, (latents, features)."""
    networks, n_latents = applied.model.networks(0), applied.run.spec.layout.size
    with torch.no_grad():
        networks.decoder.hidden.weight.zero_()
        networks.decoder.hidden.bias.fill_(100.0)  # never below 0, so that the activation is the identity
        for latent in range(n_latents):
            networks.decoder.hidden.weight[0, latent, latent] = 1.0
        for parameter in networks.shared_decoder.parameters():
            parameter.zero_()
    return networks.decoder.head.weight[0, :n_latents].detach()


def assert_same_weights(first: Run, replicate: int, second: Run, other: int) -> None:
    """Weights are the same in a replicate of each run, whose padding to the widest replicate may differ."""
    found = weights(second)
    for name, value in weights(first).items():
        one, two = value[replicate], found[name][other]
        common = tuple(slice(0, min(sizes)) for sizes in zip(one.shape, two.shape, strict=True))
        np.testing.assert_allclose(one[common], two[common], atol=1e-5, err_msg=name)
        for whole in (one, two):
            rest = whole.copy()
            rest[common] = 0.0
            if not name.split(".")[2].startswith("shared_feature"):  # initial values of what is never scored
                assert not rest.any(), name


def weights(run: Run) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in run.model.state_dict().items()}


def assert_same_run(first: Run, second: Run) -> None:
    """The same weights and preparation, bit for bit."""
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], err_msg=name)
    for one, other in zip(first.modalities, second.modalities, strict=True):
        assert one.name == other.name
        assert one.features == other.features
        for field in ("columns", "mean", "sd", "shared_set", "other_set"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field), err_msg=f"{one.name} {field}")


def by_sample(mdata: mudata.MuData, key: str, modality: str | None = None) -> pd.DataFrame:
    """An embedding by sample name."""
    holder = mdata if modality is None else mdata.mod[modality]
    return pd.DataFrame(np.asarray(holder.obsm[key]), index=list(holder.obs_names)).sort_index()
