import json
import time

import mudata
import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from mmvae_cli.data.quiet import quiet_mudata
from mmvae_cli.data.simulate import simulate_mudata
from mmvae_cli.errors import DataError


def _covariance_error(values, latents, length_scale=1.0):
    """Largest deviation, over bins of the kernel, of the mean product of two samples from the kernel."""
    kernel = np.exp(-cdist(latents, latents, "sqeuclidean") / (2 * length_scale**2))
    products = values @ values.T / values.shape[1]
    pairs = np.triu_indices(len(values), 1)
    bins = np.digitize(kernel[pairs], np.linspace(0, 1, 11))
    return max(abs((products[pairs] - kernel[pairs])[bins == one].mean()) for one in np.unique(bins))


def test_features_have_the_covariance_of_the_kernel_and_no_other():
    # as the process has it before each feature is centred and scaled over the samples
    from mmvae_cli.data.simulate import _kernel_root

    latents = np.random.default_rng(0).uniform(-2, 2, (120, 2))
    for length_scale in (0.5, 1.0):
        root = _kernel_root(latents, length_scale)
        draws = root @ np.random.default_rng(1).standard_normal((120, 20_000))
        assert _covariance_error(draws, latents, length_scale) < 0.02
        assert _covariance_error(draws, latents, 1.5 - length_scale) > 0.2


def test_simulated_features_follow_the_latents_they_should():
    mdata = simulate_mudata(n_samples=150, shared=4000, other=4000, noise=0.0, seed=1)
    centre = np.eye(150) - 1 / 150
    for table in mdata.mod.values():
        of_set = {kind: table.X[:, table.var["true_set"] == kind].astype(np.float64) for kind in ("shared", "other")}
        latents = {"shared": mdata.obsm["true_shared"], "other": table.obsm["true_private"]}
        for kind, values in of_set.items():
            products = np.corrcoef(values).ravel()
            right, wrong = (
                np.corrcoef(products, np.ravel(centre @ np.exp(-cdist(z, z, "sqeuclidean") / 2) @ centre))[0, 1]
                for z in (latents[kind], latents["other" if kind == "shared" else "shared"])
            )
            assert right > 0.95
            assert wrong < 0.3


def test_features_are_standardised_with_noise_of_the_given_sd_on_top():
    quiet, noisy = (simulate_mudata(n_samples=400, noise=noise, seed=3) for noise in (0, 0.15))
    for name in quiet.mod:
        clean = quiet[name].X.astype(np.float64)
        np.testing.assert_allclose(clean.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(clean.std(axis=0), 1, rtol=1e-5)
        assert np.std(noisy[name].X - clean) == pytest.approx(0.15, rel=0.02)


def test_latents_are_uniform_and_the_label_is_the_sign_of_the_first():
    mdata = simulate_mudata(n_samples=2000, shared=1, other=0, n_shared_latents=3, n_private_latents=1)
    shared = mdata.obsm["true_shared"]
    assert shared.shape == (2000, 3)
    assert np.abs(shared).max() <= 2
    assert np.abs(np.quantile(shared, [0.25, 0.5, 0.75]) - [-1, 0, 1]).max() < 0.1
    assert (mdata.obs["label"].to_numpy() == np.where(shared[:, 0] > 0, "positive", "negative")).all()


def test_sizes_names_and_order_are_those_asked_for():
    mdata = simulate_mudata(
        n_samples=30,
        modalities=("rna", "atac", "adt"),
        shared={"atac": 3, "rna": 2, "adt": 0},
        other={"rna": 4, "atac": 0, "adt": 1},
        n_private_latents={"rna": 1, "atac": 0, "adt": 2},
    )
    assert list(mdata.mod) == ["rna", "atac", "adt"]
    assert mdata["rna"].var_names.tolist() == ["rna_shared_1", "rna_shared_2", *(f"rna_other_{i}" for i in range(1, 5))]
    assert mdata["rna"].var["true_set"].tolist() == ["shared"] * 2 + ["other"] * 4
    assert [mdata[name].shape for name in mdata.mod] == [(30, 6), (30, 3), (30, 1)]
    assert [mdata[name].obsm["true_private"].shape[1] for name in mdata.mod] == [1, 0, 2]
    assert mdata.obs_names[[0, 29]].tolist() == ["s0001", "s0030"]
    assert mdata["rna"].X.dtype == np.float32


def test_another_modality_and_more_features_change_nothing_else():
    two = simulate_mudata(n_samples=50, modalities=("rna", "atac"), shared=3, other=2)
    three = simulate_mudata(n_samples=50, modalities=("adt", "atac", "rna"), shared=5, other=2)
    np.testing.assert_array_equal(two.obsm["true_shared"], three.obsm["true_shared"])
    for name in ("rna", "atac"):
        np.testing.assert_array_equal(two[name].obsm["true_private"], three[name].obsm["true_private"])
        np.testing.assert_allclose(two[name].X[:, :3], three[name].X[:, :3], atol=1e-5)
        np.testing.assert_allclose(two[name].X[:, 3:], three[name].X[:, 5:], atol=1e-5)
    other = simulate_mudata(n_samples=50, modalities=("rna", "atac"), shared=3, other=2, seed=1)
    assert np.abs(other["rna"].X - two["rna"].X).max() > 0.5


def test_what_is_drawn_without_sparsity_stays_as_it_was():
    mdata = simulate_mudata(n_samples=50, seed=3)
    np.testing.assert_allclose(mdata["modality1"].X[0, [0, 9, 10, 109]], [-1.156, -0.821, -1.109, -2.189], atol=1e-3)
    np.testing.assert_allclose(mdata["modality2"].X[49, [0, 9, 10, 109]], [0.416, 1.805, 0.426, 1.054], atol=1e-3)
    assert "sparsity" not in mdata.uns["simulation"]


@pytest.mark.parametrize(("sparsity", "n_zero"), [(0.8, 160), (0.95, 190), (0.999, 199), (0.001, 1)])
def test_sparse_data_are_the_same_draws_cut_off_from_below(sparsity, n_zero):
    dense, cut = (simulate_mudata(n_samples=200, other=5, sparsity=one, seed=1) for one in (0, sparsity))
    for name, member in cut.mod.items():
        assert isinstance(member.X, sparse.csr_matrix)
        assert member.X.dtype == np.float32
        assert member.X.nnz == (200 - n_zero) * member.n_vars
        for x, y in zip(dense[name].X.T, member.X.toarray().T, strict=True):
            assert (y == 0).sum() == n_zero
            stays = y > 0
            assert x[~stays].max() < x[stays].min()
            assert np.ptp(x[stays] - y[stays]) < 1e-5
    assert cut.uns["simulation"]["sparsity"] == sparsity


def test_file_reads_back_with_the_truth_and_the_arguments(tmp_path):
    simulate_mudata(n_samples=20, seed=5, other={"modality1": 7, "modality2": 3}).write_h5mu(
        tmp_path / "simulated.h5mu"
    )
    with quiet_mudata():
        mdata = mudata.read_h5mu(tmp_path / "simulated.h5mu")
    assert mdata.obsm["true_shared"].shape == (20, 2)
    assert set(mdata["modality2"].var["true_set"]) == {"shared", "other"}
    assert list(mdata.obs.columns) == ["label"]
    arguments = mdata.uns["simulation"]
    assert (arguments["n_samples"], arguments["seed"], arguments["noise"]) == (20, 5, 0.15)
    assert json.loads(arguments["other"]) == {"modality1": 7, "modality2": 3}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_samples": 10_001}, ["10001", "10,000"]),
        ({"n_samples": 1}, ["1 samples"]),
        ({"modalities": ("rna",)}, ["rna", "two or more"]),
        ({"modalities": ("rna", "rna")}, ["each once"]),
        ({"modalities": ("a/b", "c")}, ["'/'"]),
        ({"shared": {"modality1": 3}}, ["modality2", "shared features"]),
        ({"other": {"modality1": 3, "modalty2": 3}}, ["'modalty2'", "did you mean 'modality2'"]),
        ({"n_shared_latents": 0}, ["shared latent"]),
        ({"noise": -1.0}, ["noise"]),
        ({"length_scale": 0.0}, ["length"]),
        ({"sparsity": 1.0}, ["sparsity 1"]),
        ({"shared": 0, "other": 0}, ["modality1", "at least one feature"]),
        ({"shared": -1}, ["-1 shared"]),
        ({"n_private_latents": 0}, ["100 other features", "no private latent"]),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, words):
    with pytest.raises(DataError) as raised:
        simulate_mudata(**arguments)
    assert all(word in str(raised.value) for word in words)


def test_a_thousand_samples_take_less_than_two_seconds():
    start = time.process_time()  # of this process, whatever else runs on the machine
    simulate_mudata(n_samples=1000, shared=10, other={"modality1": 1000, "modality2": 90})
    assert time.process_time() - start < 2
