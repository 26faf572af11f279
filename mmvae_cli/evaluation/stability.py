"""Whether replicates find the same shared latents, however each of them turns and scales its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

LEAST_VARIANCE = 0.01  # of that of the strongest component; weaker ones the decoders do not use
FEWEST_MEASURED = 10  # samples; the standard error of a correlation of 0 is 0.3 there
FEWEST_FITTED = 5  # samples for each latent of the two blocks


def mean_canonical_correlation(first: np.ndarray, second: np.ndarray, fit: np.ndarray, measure: np.ndarray) -> float:
    """Mean correlation of the canonical variates of two blocks of latents.

    Directions are fitted on some samples and the correlations measured on others: on the samples they were fitted
    on, two blocks of noise correlate as well, the more the fewer samples there are. Components with less than 1 % of
    the variance of the block's strongest are unused latents and left out; where one block then has more components
    than the other, each one more counts as a correlation of 0.

    Parameters
    ----------
    first, second
        Latents of the same samples, (n_samples, n_latents); the numbers of latents may differ. Samples with nan in
        either are left out.
    fit, measure
        (n_samples,) True for the samples on which directions are fitted and correlations are measured.

    Returns
    -------
    At most 1; near 0, and possibly below, for unrelated blocks. nan with fewer than 10 samples to measure, with fewer
    than 5 per latent to fit, or where all latents of both are constant.

    Source: Hotelling, Relations between two sets of variates, 1936.
    """
    known = ~np.isnan(first).any(axis=1) & ~np.isnan(second).any(axis=1)
    fit, measure = fit & known, measure & known
    if measure.sum() < FEWEST_MEASURED or fit.sum() < FEWEST_FITTED * (first.shape[1] + second.shape[1]):
        return float("nan")
    fitted_first, measured_first = _whitened(first, fit, measure)
    fitted_second, measured_second = _whitened(second, fit, measure)
    n_most = max(fitted_first.shape[1], fitted_second.shape[1])
    if n_most == 0:
        return float("nan")
    left, _, right = np.linalg.svd(fitted_first.T @ fitted_second, full_matrices=False)
    return float(_correlations(measured_first @ left, measured_second @ right.T).sum() / n_most)


def stability(blocks: Sequence[np.ndarray], learned: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """Mean canonical correlation of the shared blocks of all pairs of replicates.

    For each pair the directions are fitted on samples that both were trained on, and measured on samples that at
    least one of the two has never seen: what agrees there, the two have not learned by heart from the same sample.

    Parameters
    ----------
    blocks
        Shared latents of each replicate, (n_samples, n_latents).
    learned, held
        (n_replicates, n_samples) True for the training samples and for the held-out samples of each replicate.

    Returns
    -------
    ``median`` and ``min`` over the pairs for which it is defined, None where there is none; ``pairs``, their number;
    ``by_pair``, of every pair the two replicates and their correlation, None where it is not defined.
    """
    both = list(combinations(range(len(blocks)), 2))
    values = np.array(
        [mean_canonical_correlation(blocks[a], blocks[b], learned[a] & learned[b], held[a] | held[b]) for a, b in both]
    )
    found = values[~np.isnan(values)]
    by_pair = [[*pair, None if np.isnan(value) else float(value)] for pair, value in zip(both, values, strict=True)]
    if len(found) == 0:
        return {"median": None, "min": None, "pairs": 0, "by_pair": by_pair}
    return {"median": float(np.median(found)), "min": float(found.min()), "pairs": len(found), "by_pair": by_pair}


def _whitened(block: np.ndarray, fit: np.ndarray, measure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Uncorrelated components of equal variance on the samples of the fit, and the same of the others."""
    block = np.asarray(block, dtype=np.float64)
    mean = block[fit].mean(axis=0)
    components, lengths, axes = np.linalg.svd(block[fit] - mean, full_matrices=False)
    largest = np.abs(block[fit]).max(initial=0.0)
    varies = lengths > 1e-9 * largest * np.sqrt(len(components))  # the mean of equal values may be off by rounding
    used = varies & (np.square(lengths) >= LEAST_VARIANCE * np.square(lengths).max(initial=0.0))
    return components[:, used], (block[measure] - mean) @ axes[used].T / lengths[used]


def _correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson's r of each column of one with that of the other; 0 where one is constant."""
    first, second = first - first.mean(axis=0), second - second.mean(axis=0)
    length = np.sqrt(np.square(first).sum(axis=0) * np.square(second).sum(axis=0))
    return np.divide((first * second).sum(axis=0), length, out=np.zeros_like(length), where=length > 0)
