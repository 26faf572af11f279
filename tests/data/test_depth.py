from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data.depth import (
    at_library_size,
    library_sizes,
    log_at_library_size,
    presence_at_library_size,
    warn_about_empty,
)

COUNTS = np.array([[1, 2, 3], [0, 0, 0], [10, 20, 30]], dtype=np.float32)


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix])
def test_totals_and_counts_at_one_size(make) -> None:
    values = make(COUNTS)
    assert library_sizes(values).tolist() == [6, 1, 60]
    scaled = at_library_size(values, 12.0)
    dense = scaled if isinstance(scaled, np.ndarray) else scaled.toarray()
    np.testing.assert_allclose(dense, [[2, 4, 6], [0, 0, 0], [2, 4, 6]])
    logs = log_at_library_size(values, 12.0)
    np.testing.assert_allclose(logs if isinstance(logs, np.ndarray) else logs.toarray(), np.log1p(dense), rtol=1e-6)
    assert sparse.issparse(logs) == sparse.issparse(values)
    np.testing.assert_array_equal(values if isinstance(values, np.ndarray) else values.toarray(), COUNTS)


def test_missing_entries_do_not_count() -> None:
    values = COUNTS.copy()
    values[0, 2] = np.nan
    assert library_sizes(values).tolist() == [3, 1, 60]


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix])
def test_samples_without_a_count_are_named_once(make, caplog) -> None:
    warn_about_empty("rna", make(COUNTS))
    warn_about_empty("rna", make(COUNTS[[0, 2]]))
    assert caplog.text.count("modality 'rna': 1 sample") == 1


@pytest.mark.parametrize("make", [np.array, sparse.csr_matrix])
def test_rare_features_vary_as_much_in_every_sample(make) -> None:
    random, sizes = np.random.default_rng(0), np.repeat([20, 80], 400)
    present = (random.random((800, 2000)) < sizes[:, None] / 2000).astype(np.float32)
    found = presence_at_library_size(make(present), 40.0)
    assert sparse.issparse(found) == (make is sparse.csr_matrix)
    dense = found.toarray() if sparse.issparse(found) else found
    assert dense[:400].var() == pytest.approx(dense[400:].var(), rel=0.05)
    assert dense.dtype == np.float32
