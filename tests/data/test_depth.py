from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from mmvae_cli.data.depth import at_library_size, library_sizes, log_at_library_size, warn_about_empty

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
