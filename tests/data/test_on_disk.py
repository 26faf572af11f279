"""Values that stay in their file give what values in memory give."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import anndata
import h5py
import mudata
import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data import features, on_disk
from mmvae_cli.data.aligned import align, input_hash
from mmvae_cli.data.columns import column_moments
from mmvae_cli.data.dataset import Dataset
from mmvae_cli.data.depth import at_library_size, library_sizes, warn_about_empty
from mmvae_cli.data.features import leaking_features
from mmvae_cli.data.formats import Source, read
from mmvae_cli.data.kinds import constant_features, value_kind
from mmvae_cli.data.odd_values import odd_values
from mmvae_cli.data.transforms import TRANSFORMS, fit_scaling
from mmvae_cli.data.validate import problems
from mmvae_cli.errors import DataError

pytestmark = [
    pytest.mark.filterwarnings("ignore:Writing zarr v2 data"),
    pytest.mark.filterwarnings("ignore:zarr v3 autosharding"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata is currently not part"),
]
N, D = 300, 12
STORES = ("file", "gzip file", "zarr 2", "zarr 3")


def counts() -> np.ndarray:
    """Sparse counts with an empty sample, a constant feature, and one that gives the label away."""
    values = np.random.default_rng(0).poisson(0.5, (N, D)).astype(np.float32)
    values[:, 3], values[:, 4] = 2, labels() * 3 + 1
    values[7] = 0
    return values


def labels() -> np.ndarray:
    return np.sort(np.arange(N) % 3).astype(np.float32)


def entries() -> np.ndarray:
    """Continuous values with missing entries, and a sample that has none."""
    values = np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)
    values[np.random.default_rng(2).random((N, D)) < 0.1] = np.nan
    values[11] = np.nan
    return values


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("stores")
    names = [f"s{number}" for number in range(N)]
    backwards = [*reversed(names)]
    modalities = {
        "counts": anndata.AnnData(sparse.csr_matrix(counts())),
        "entries": anndata.AnnData(entries()),
    }
    modalities["counts"].obs_names, modalities["entries"].obs_names = names, backwards
    modalities["counts"].var_names = [f"c{number}" for number in range(D)]
    modalities["entries"].var_names = [f"e{number}" for number in range(D)]
    mdata = mudata.MuData(modalities)
    mdata.write_h5mu(folder / "file.h5mu")
    mdata.write_h5mu(folder / "gzip.h5mu", compression="gzip")
    for version in (2, 3):
        with anndata.settings.override(zarr_write_format=version):
            mdata.write_zarr(folder / f"zarr{version}.zarr")
    paths = ("file.h5mu", "gzip.h5mu", "zarr2.zarr", "zarr3.zarr")
    return {store: folder / path for store, path in zip(STORES, paths, strict=True)}


@pytest.fixture(params=STORES)
def both(
    request: pytest.FixtureRequest, stored: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> tuple[Dataset, Dataset]:
    """The same data on disk, in blocks of a few rows, and in memory."""
    monkeypatch.setattr(on_disk, "BLOCK_ENTRIES", 40 * D)
    source = Source(stored[request.param])
    return read(source, lazily=True), read(source)


def equal(found: object, expected: object) -> bool:
    dense = [each.toarray() if sparse.issparse(each) else np.asarray(each) for each in (found, expected)]
    return type(found) is type(expected) and np.array_equal(*dense, equal_nan=dense[0].dtype.kind == "f")


def test_rows_are_read_in_any_order(both) -> None:
    lazily, in_memory = both
    for name, modality in in_memory.modalities.items():
        values = lazily.modalities[name].values
        assert values.shape == modality.values.shape
        for rows in ([5], [], [250, 3, 4, 5, 3, 299, 0], range(N)):
            at = np.array(rows, dtype=int)
            assert equal(values[at], modality.values[at])
        matrix, places = values.fetch(np.array([-1, 9, 4, -1]))
        assert places.tolist() == [-1, 1, 0, -1]
        assert equal(matrix, modality.values[[4, 9]])
        mask = np.arange(N) % 7 == 0
        assert equal(values[mask], modality.values[mask])


def test_what_is_known_of_the_values_is_the_same(both) -> None:
    lazily, in_memory = both
    rows = np.random.default_rng(3).permutation(N)[:200]
    for name, expected in in_memory.modalities.items():
        found = lazily.modalities[name]
        assert len(list(found.values.blocks())) > 3
        assert value_kind(found.values) == value_kind(expected.values)
        assert odd_values(found, "binary") == odd_values(expected, "binary")
        np.testing.assert_array_equal(constant_features(found.values, rows), constant_features(expected.values, rows))
        one, other = column_moments(found.values, rows), column_moments(expected.values, rows)
        for part in ("count", "mean", "scatter", "constant"):
            np.testing.assert_allclose(getattr(one, part), getattr(other, part), rtol=1e-12)
        columns = np.array([1, 5])
        np.testing.assert_allclose(
            fit_scaling(found.values, rows, columns).sd, fit_scaling(expected.values, rows, columns).sd, rtol=1e-12
        )
        assert [str(one) for one in problems(lazily)] == [str(one) for one in problems(in_memory)]
    assert input_hash(align(lazily), []) == input_hash(align(in_memory), [])
    np.testing.assert_array_equal(align(lazily).rows["entries"], align(in_memory).rows["entries"])
    for columns in (None, np.array([0, -1, 4])):
        samples = np.array([3, 200, 11, 7])
        for name in lazily.modalities:
            assert equal(
                align(lazily).taken(name, columns, samples).astype(np.float32),
                align(in_memory).taken(name, columns, samples).astype(np.float32),
            )


def test_library_sizes_and_transforms_are_the_same(both, caplog: pytest.LogCaptureFixture) -> None:
    found, expected = (dataset.modalities["counts"].values for dataset in both)
    np.testing.assert_array_equal(library_sizes(found), library_sizes(expected))
    np.testing.assert_allclose(
        at_library_size(found, 2.0)[np.arange(N)].toarray(), at_library_size(expected, 2.0).toarray()
    )
    for name in ("lognorm", "clr", "zscore"):
        of_found, of_expected = (TRANSFORMS[name].applied(values, "counts") for values in (found, expected))
        np.testing.assert_allclose(of_found[np.arange(N)].toarray(), of_expected.toarray(), rtol=1e-6)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="mmvae_cli"):
        warn_about_empty("counts", found)
        assert "1 sample without a single count" in caplog.text
        caplog.clear()
        shifted = replace(found, changes=(lambda block: block * 0.3,))
        for _ in TRANSFORMS["lognorm"].applied(shifted, "counts").blocks():
            pass
    assert sum("looks normalised" in record.message for record in caplog.records) == 1, "once, not for each block"


def test_features_that_give_the_label_away_are_found(both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "SUSPECT_SAMPLES", 30)
    found, expected = (dataset.modalities["counts"].values for dataset in both)
    names, known = [f"c{number}" for number in range(D)], np.where(np.arange(N) == 7, np.nan, labels())
    for target, classes in ((known, ("a", "b", "c")), (np.where(known == 2, np.nan, known), ("a", "b"))):
        leaking = leaking_features(found, names, target, classes, "c5")
        assert leaking == leaking_features(expected, names, target, classes, "c5")
        assert [position for position, _ in leaking] == [4, 5]


def test_what_cannot_be_read_by_rows_is_refused(tmp_path: Path, stored: dict[str, Path]) -> None:
    mudata.MuData({"rna": anndata.AnnData(sparse.csc_matrix(counts()))}).write_h5mu(tmp_path / "a.h5mu")
    with pytest.raises(DataError, match="stored by features") as caught:
        read(Source(tmp_path / "a.h5mu"), lazily=True)
    assert "tocsr" in caught.value.hint
    damaged = tmp_path / "b.h5mu"
    damaged.write_bytes(stored["file"].read_bytes())
    with h5py.File(damaged, "r+") as file:
        file["mod/counts/X/indptr"][5] = 10_000
    with pytest.raises(DataError, match="damaged sparse matrix"):
        read(Source(damaged), lazily=True)
    dataset = read(Source(stored["file"]), lazily=True)
    other = tmp_path / "c.h5mu"
    other.write_bytes(stored["file"].read_bytes())
    values = replace(dataset.modalities["counts"].values, path=other, state=on_disk.file_mark(other))
    values[np.array([0])]
    os.utime(other, (1, 1))
    with pytest.raises(DataError, match="has changed since it was read"):
        values[np.array([0])]
